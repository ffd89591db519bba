package control

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// PublicCertificates lists uploaded certificates and gives the cursor of the next page, empty at
// the end.
func (c *Control) PublicCertificates(ctx context.Context, by access.Actor, page access.Page) (list []access.PublicCertificate, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readCertificate}, func(tx *store.Tx) error {
		list, next, err = tx.PublicCertificates(ctx, c.timed(page))
		return err
	})
	return list, next, err
}

// PublicCertificate gives one uploaded certificate, without its key.
func (c *Control) PublicCertificate(ctx context.Context, by access.Actor, id access.ID) (p access.PublicCertificate, err error) {
	err = c.read(ctx, request{by: by, perm: readCertificate, object: id}, func(tx *store.Tx) error {
		p, err = tx.PublicCertificate(ctx, id)
		return err
	})
	return p, err
}

// PutPublicCertificate adds or replaces the certificate of a domain (exact or "*.parent"). Gateways
// present it within a second.
func (c *Control) PutPublicCertificate(ctx context.Context, by access.Actor, domain, chainPEM, keyPEM string) (access.PublicCertificate, error) {
	domain = strings.ToLower(strings.TrimSpace(domain))
	var cert access.PublicCertificate
	err := c.act(ctx, request{by: by, perm: putCertificate, name: domain}, func(ch *change) error {
		var err error
		if cert, err = readCertificatePair(domain, chainPEM, keyPEM, ch.now); err != nil {
			return err
		}
		old, err := ch.tx.PublicCertificateByDomain(ctx, domain)
		if fault.Is(err, fault.KindNotFound) {
			cert.Meta = ch.fresh(access.PrefixCertificate)
			if err := ch.tx.InsertPublicCertificate(ctx, &cert, []byte(keyPEM)); err != nil {
				return err
			}
			ch.audit(putCertificate, object{cert.Meta, domain}, nil, cert)
			return nil
		}
		if err != nil {
			return err
		}
		cert.Meta = old.Meta
		cert.Updated = ch.now
		if err := ch.tx.UpdatePublicCertificate(ctx, &cert, []byte(keyPEM)); err != nil {
			return err
		}
		ch.audit(putCertificate, object{cert.Meta, domain}, old, cert)
		return nil
	})
	return cert, err
}

// DeletePublicCertificate deletes an uploaded certificate; our own CA's takes its place.
func (c *Control) DeletePublicCertificate(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteCertificate, object: id}, func(ch *change) error {
		old, err := ch.tx.PublicCertificate(ctx, id)
		if err != nil {
			return err
		}
		if err := ch.tx.DeletePublicCertificate(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteCertificate, object{old.Meta, old.Domain}, old, nil)
		return nil
	})
}

const maxPEM = 256 << 10

// readCertificatePair checks what was uploaded: everything that would make browsers refuse it is
// said here, not found out by visitors.
func readCertificatePair(domain, chainPEM, keyPEM string, now time.Time) (access.PublicCertificate, error) {
	var none access.PublicCertificate
	host, wildcard := strings.CutPrefix(domain, "*.")
	if err := access.CheckHost(host); err != nil || wildcard && !strings.Contains(host, ".") {
		return none, fault.Invalid("domain", "must be a host name, or *. and a domain of at least two labels")
	}
	if len(chainPEM) > maxPEM || len(keyPEM) > maxPEM {
		return none, fault.New(fault.KindTooLarge, "a certificate or key is larger than %d KiB", maxPEM>>10)
	}
	pair, err := tls.X509KeyPair([]byte(chainPEM), []byte(keyPEM))
	if err != nil {
		return none, pairError(err)
	}
	var p fault.Problems
	for i, der := range pair.Certificate {
		cert, err := x509.ParseCertificate(der)
		switch {
		case err != nil:
			p.Add("chain", "has a certificate that cannot be read (number %d)", i+1)
		case !now.Before(cert.NotAfter):
			p.Add("chain", "has a certificate that ended at %s (number %d)", cert.NotAfter.UTC().Format(time.RFC3339), i+1)
		}
	}
	leaf := pair.Leaf
	p.Check("chain", checkPublicKey(leaf))
	probe := domain
	if wildcard {
		probe = "any." + host
	}
	if leaf.VerifyHostname(probe) != nil {
		p.Add("chain", "has a leaf that is not for %s", domain)
	}
	sum := sha256.Sum256(leaf.Raw)
	return access.PublicCertificate{
		Domain: domain, Chain: chainPEM, NotAfter: leaf.NotAfter.UTC(), Issuer: short(leaf.Issuer.String(), 256), SHA256: hex.EncodeToString(sum[:]),
	}, p.Err()
}

// pairError says which half of a pair is wrong.
func pairError(err error) error {
	why := strings.TrimPrefix(err.Error(), "tls: ")
	if strings.Contains(why, "key input") || strings.Contains(why, "private key") && !strings.Contains(why, "certificate input") {
		return fault.Invalid("key", "must be the PEM private key of the chain's first certificate: %s", why)
	}
	return fault.Invalid("chain", "must be PEM certificates, leaf first: %s", why)
}

// checkPublicKey accepts the keys that browsers accept (CA/Browser Forum baseline requirements,
// section 6.1.5) and Ed25519.
func checkPublicKey(leaf *x509.Certificate) error {
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= 2048 {
			return nil
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	}
	return fault.New(fault.KindInvalid, "has a leaf whose key is neither RSA of at least 2048 bits, ECDSA on P-256 or P-384, nor Ed25519")
}
