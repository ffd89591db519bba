package control

import (
	"context"
	"encoding/pem"
	"errors"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/fault"
)

// The issuing certificates are one sealed secret: PEM, the newest first. Older ones stay while a
// leaf that they signed may be in force.

// parseIssuers reads the secret and drops those that have ended.
func parseIssuers(data []byte, now time.Time) ([]ca.Issuer, error) {
	var list []ca.Issuer
	for {
		cert, rest := pem.Decode(data)
		if cert == nil {
			break
		}
		key, rest := pem.Decode(rest)
		if key == nil {
			return nil, fault.Internal(nil, "an issuing certificate has no key")
		}
		issuer, err := ca.ParseIssuer(append(pem.EncodeToMemory(cert), pem.EncodeToMemory(key)...))
		if err != nil {
			return nil, err
		}
		if len(list) == 0 || now.Before(issuer.Cert.NotAfter) {
			list = append(list, issuer)
		}
		data = rest
	}
	if len(list) == 0 {
		return nil, fault.Internal(nil, "there is no issuing certificate")
	}
	return list, nil
}

// issuer gives the issuing certificate that signs now.
func (c *Control) issuer() ca.Issuer { return c.authority.Load().issuers[0] }

// renewIssuing makes the next issuing certificate when half of the newest one's life is over, so
// that it outlives every leaf it signs. Replicas learn of it with the new version.
func (c *Control) renewIssuing(ctx context.Context) error {
	if a := c.authority.Load(); !halfOver(a.issuers[0].Cert, c.now()) || a.next != nil {
		return nil // an exchange has made one, and ends before it does
	}
	system := access.Actor{Kind: access.ActorSystem}
	err := c.act(ctx, request{by: system, perm: renewAuthority}, func(ch *change) error {
		a, err := c.readAuthority(ctx, ch.tx)
		if err != nil {
			return err
		}
		if !halfOver(a.issuers[0].Cert, ch.now) || a.next != nil {
			return errOther
		}
		next, err := ca.CreateIssuing(a.root, ch.now)
		if err != nil {
			return err
		}
		data, err := marshalIssuers(append([]ca.Issuer{next}, a.issuers...))
		if err != nil {
			return err
		}
		ch.audit(renewAuthority, object{name: next.Cert.Subject.CommonName}, nil, nil)
		return ch.tx.PutSecret(ctx, secretIssuing, data)
	})
	if errors.Is(err, errOther) {
		return nil
	}
	return err
}
