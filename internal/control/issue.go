package control

import (
	"context"
	"math/big"
	"time"

	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/store"
)

// The kinds of certificate, as the store names them.
const (
	kindConnector = "connector"
	kindGateway   = "gateway"
	kindServer    = "server"
	kindClient    = "client" // the migration of devices names it, too
)

// reserved gives the row of a certificate to be: it is committed before anything is signed, so that
// a crash never leaves a certificate that nobody knows.
func (c *Control) reserved(req ca.Request, subject string) (store.IssuedCertificate, error) {
	hash, err := ca.KeyHash(req.Public)
	if err != nil {
		return store.IssuedCertificate{}, err
	}
	now := c.now()
	notAfter := now.Add(req.Lifetime)
	if end := c.issuer().Cert.NotAfter; notAfter.After(end) {
		notAfter = end
	}
	kind := map[ca.Profile]string{ca.ProfileConnector: kindConnector, ca.ProfileGateway: kindGateway, ca.ProfileServer: kindServer, ca.ProfileClient: kindClient}[req.Profile]
	return store.IssuedCertificate{
		Serial:    ca.SerialText(ca.NewSerial()),
		Kind:      kind,
		Subject:   subject,
		KeyHash:   hash,
		NotBefore: now,
		NotAfter:  notAfter.Truncate(time.Second).UTC(), // as certificates have it
		State:     store.CertificateReserved,
	}, nil
}

// certify signs a reserved certificate and stores it. If somebody else has signed it meanwhile,
// theirs is the one.
func (c *Control) certify(ctx context.Context, row store.IssuedCertificate, req ca.Request) ([]byte, error) {
	if len(row.DER) > 0 {
		return row.DER, nil
	}
	serial, err := ca.ParseSerial(row.Serial)
	if err != nil {
		return nil, fault.Internal(err, "read a reserved serial")
	}
	req.Serial, req.Now = serial, row.NotBefore
	req.Lifetime = row.NotAfter.Sub(row.NotBefore)
	der, err := c.issuer().Issue(req)
	if err != nil {
		return nil, err
	}
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		err := tx.SetIssued(ctx, row.Serial, der)
		if err == nil || !fault.Is(err, fault.KindConflict) && !fault.Is(err, fault.KindNotFound) {
			return err
		}
		other, err := tx.IssuedBySerial(ctx, row.Serial)
		if err != nil {
			return err
		}
		if other.State == store.CertificateRevoked || len(other.DER) == 0 {
			return fault.Forbidden("the certificate was revoked before it was issued")
		}
		der = other.DER
		return nil
	})
	return der, err
}

// crlNumber grows with the time, in all replicas alike (RFC 5280, section 5.2.3).
func crlNumber(now time.Time) *big.Int { return big.NewInt(now.UnixMilli()) }
