package control

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
)

// proof is what a signed request of a connector proves: which certificate's key signed it, and what.
type proof struct {
	payload   wire.RenewPayload
	connector access.ID
	row       store.IssuedCertificate // of the key that signed
}

// Renew gives a connector its next certificate. Asked again for the same new key, it answers the
// same. A key that was replaced longer ago than the overlap was copied: it is refused, and that is
// reported.
func (c *Control) Renew(ctx context.Context, by access.Actor, req wire.SignedRequest) (wire.Credential, error) {
	p, err := c.prove(ctx, req, wire.PurposeRenew)
	r := request{by: asConnector(by, p.connector), perm: renewConnector, object: p.connector}
	if err != nil {
		c.refused(ctx, r, err)
		return wire.Credential{}, err
	}
	public, err := ca.ParseCSR(p.payload.CSR)
	if err != nil {
		c.refused(ctx, r, err)
		return wire.Credential{}, err
	}
	issue := ca.Request{Profile: ca.ProfileConnector, Public: public, Lifetime: c.cfg.Settings.Certificate}
	row, err := c.reserved(issue, p.row.Subject)
	if err != nil {
		return wire.Credential{}, err
	}
	known, err := c.renewedBefore(ctx, p, row)
	switch {
	case err != nil:
		c.refused(ctx, r, err)
		return wire.Credential{}, err
	case known.Serial != "":
		row = known
	default:
		err = c.act(ctx, r, func(ch *change) error { return ch.renew(p, &row) })
		if err != nil {
			return wire.Credential{}, err
		}
	}
	return c.credential(ctx, p.connector, row, issue)
}

// asConnector makes the actor that the proof says, or leaves the stranger it was.
func asConnector(by access.Actor, id access.ID) access.Actor {
	if id != "" {
		by.Kind, by.ID = access.ActorConnector, id
	}
	return by
}

// prove checks the signature of a request against the key of the certificate that it names. It
// writes nothing, and says the same of every reason, since a stranger asks.
func (c *Control) prove(ctx context.Context, req wire.SignedRequest, purpose string) (proof, error) {
	bad := fault.Unauthenticated("the request is not signed by a key of a connector of this service")
	var p proof
	var err error
	p.payload, _, err = credential.OpenRequest(req, purpose, func(serial string) (*x509.Certificate, error) {
		if _, err := ca.ParseSerial(serial); err != nil {
			return nil, bad
		}
		err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
			p.row, err = tx.IssuedBySerial(ctx, serial)
			return err
		})
		if err != nil {
			return nil, orElse(err, fault.KindNotFound, bad)
		}
		cert, err := x509.ParseCertificate(p.row.DER)
		if err != nil {
			return nil, bad
		}
		return cert, nil
	})
	if err != nil {
		return proof{}, orElse(err, fault.KindUnauthenticated, bad)
	}
	p.connector = access.ID(p.payload.Connector)
	if p.row.Kind != kindConnector || p.row.Subject != c.identityOf(p.connector).String() {
		return proof{}, bad // another connector's name over its own key
	}
	return p, c.checkProof(ctx, p)
}

// checkProof says whether the connector that has proven its key may still ask.
func (c *Control) checkProof(ctx context.Context, p proof) error {
	return c.store.Read(ctx, func(tx *store.Tx) error { return standing(ctx, tx, p) })
}

func standing(ctx context.Context, tx *store.Tx, p proof) error {
	k, err := tx.Connector(ctx, p.connector)
	if fault.Is(err, fault.KindNotFound) {
		return fault.New(fault.KindGone, "this connector was deleted; enrol it again with a new token")
	}
	if err != nil {
		return err
	}
	if k.Disabled && p.payload.Purpose == wire.PurposeRenew {
		return fault.Forbidden("this connector is disabled")
	}
	if p.row.State == store.CertificateRevoked {
		return fault.Forbidden("this connector's certificate is revoked; enrol it again with a new token")
	}
	return nil
}

// renewedBefore gives the certificate that the new key has already, if it has one, and refuses a key
// that was replaced too long ago.
func (c *Control) renewedBefore(ctx context.Context, p proof, row store.IssuedCertificate) (known store.IssuedCertificate, err error) {
	if row.KeyHash == p.row.KeyHash {
		return known, fault.Invalid("csr", "must be of a new key")
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		known, err = tx.IssuedByKeyHash(ctx, p.row.Subject, row.KeyHash)
		if err == nil && known.State == store.CertificateRevoked {
			return fault.Forbidden("the new key's certificate is revoked")
		}
		if fault.Is(err, fault.KindNotFound) {
			known, err = store.IssuedCertificate{}, nil
		}
		return err
	})
	if err != nil || known.Serial != "" {
		return known, err
	}
	return known, c.checkOverlap(p.connector, p.row)
}

// checkOverlap refuses a key that was replaced longer ago than the overlap: the connector has had
// its new key for that long, so somebody else uses the old one.
func (c *Control) checkOverlap(connector access.ID, row store.IssuedCertificate) error {
	if row.State != store.CertificateReplaced || c.now().Sub(row.ReplacedAt) <= c.cfg.Settings.Overlap {
		return nil
	}
	c.log.Error("cloned credential: a connector's old key asked to renew", "connector", connector, "serial", row.Serial,
		"replaced", row.ReplacedAt.Format(time.RFC3339), "by", row.ReplacedBy)
	c.happened(Finding{Code: "credential-cloned", Severity: SeverityError, Object: connector,
		Sentence: fmt.Sprintf("A key of the connector %s that was replaced at %s asked to renew: a copy of it is in use.", c.titleOf(connector), row.ReplacedAt.UTC().Format(time.RFC3339)),
		Cure:     "Find out who has the copy (a restored image of the machine?), delete the connector and enrol it again."})
	return fault.Forbidden("cloned credential: this key was replaced at %s, so a copy of it is in use; enrol this connector again",
		row.ReplacedAt.Format(time.RFC3339))
}

// renew reserves the next certificate and marks the one before as replaced.
func (ch *change) renew(p proof, row *store.IssuedCertificate) error {
	if err := standing(ch.ctx, ch.tx, p); err != nil {
		return err
	}
	signer, err := ch.tx.IssuedBySerial(ch.ctx, p.row.Serial)
	if err != nil {
		return err
	}
	if err := ch.c.checkOverlap(p.connector, signer); err != nil {
		return err
	}
	if known, err := ch.tx.IssuedByKeyHash(ch.ctx, row.Subject, row.KeyHash); err == nil {
		*row = known // the same request twice at once: the first has done it
		ch.audit(renewConnector, object{access.Meta{ID: p.connector}, ""}, nil, nil)
		return nil
	} else if !fault.Is(err, fault.KindNotFound) {
		return err
	}
	old, err := ch.tx.Connector(ch.ctx, p.connector)
	if err != nil {
		return err
	}
	if err := ch.tx.ReserveSerial(ch.ctx, row); err != nil {
		return err
	}
	if err := ch.tx.Replace(ch.ctx, signer.Serial, row.Serial, ch.now); err != nil {
		return err
	}
	renewed := old
	renewed.Updated = ch.now
	renewed.Serial, renewed.NotAfter, renewed.Host = row.Serial, row.NotAfter, hostFacts(p.payload.Host)
	if err := ch.tx.UpdateConnector(ch.ctx, &renewed); err != nil {
		return err
	}
	ch.audit(renewConnector, object{renewed.Meta, renewed.Name}, old, renewed)
	return nil
}

// Deregister deletes the connector that asks.
func (c *Control) Deregister(ctx context.Context, by access.Actor, req wire.SignedRequest) error {
	p, err := c.prove(ctx, req, wire.PurposeDeregister)
	r := request{by: asConnector(by, p.connector), perm: deregisterConnector, object: p.connector}
	if err == nil {
		err = c.checkOverlap(p.connector, p.row)
	}
	if err != nil {
		c.refused(ctx, r, err)
		return err
	}
	return c.act(ctx, r, func(ch *change) error { return ch.deleteConnector(deregisterConnector, p.connector, 0) })
}
