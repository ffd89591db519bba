package control

import (
	"context"
	"encoding/pem"
	"errors"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/store"
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

// readIssuers reads the issuing certificates and checks that our root signed them.
func (c *Control) readIssuers(ctx context.Context, tx *store.Tx) ([]ca.Issuer, error) {
	data, err := tx.Secret(ctx, secretIssuing)
	if err != nil {
		return nil, err
	}
	list, err := parseIssuers(data, c.now())
	if err != nil {
		return nil, err
	}
	for _, issuer := range list {
		if err := issuer.Cert.CheckSignatureFrom(c.instance.root.Cert); err != nil {
			return nil, fault.Internal(err, "an issuing certificate is not signed by the root")
		}
	}
	return list, nil
}

// issuer gives the issuing certificate that signs now.
func (c *Control) issuer() ca.Issuer { return (*c.issuers.Load())[0] }

// renewIssuing makes the next issuing certificate when half of the newest one's life is over, so
// that it outlives every leaf it signs. Replicas learn of it with the new version.
func (c *Control) renewIssuing(ctx context.Context) error {
	if !halfOver(c.issuer().Cert, c.now()) {
		return nil
	}
	system := access.Actor{Kind: access.ActorSystem}
	err := c.act(ctx, request{by: system, perm: renewAuthority}, func(ch *change) error {
		list, err := c.readIssuers(ctx, ch.tx)
		if err != nil {
			return err
		}
		if !halfOver(list[0].Cert, ch.now) {
			return errOther
		}
		next, err := ca.CreateIssuing(c.instance.root, ch.now)
		if err != nil {
			return err
		}
		var data []byte
		for _, issuer := range append([]ca.Issuer{next}, list...) {
			text, err := issuer.Marshal()
			if err != nil {
				return err
			}
			data = append(data, text...)
		}
		ch.audit(renewAuthority, object{name: next.Cert.Subject.CommonName}, nil, nil)
		return ch.tx.PutSecret(ctx, secretIssuing, data)
	})
	if errors.Is(err, errOther) {
		return nil
	}
	return err
}
