package store

import (
	"context"
	"encoding/hex"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// CertificateState says how far a certificate of our own CA has come.
type CertificateState string

// The states.
const (
	CertificateReserved CertificateState = "reserved" // the serial is kept, nothing is signed yet
	CertificateIssued   CertificateState = "issued"
	CertificateReplaced CertificateState = "replaced" // its holder has a newer one
	CertificateRevoked  CertificateState = "revoked"
)

// IssuedCertificate is one certificate of our own CA, from the moment its serial is reserved.
type IssuedCertificate struct {
	Serial     string // lower-case hexadecimal
	Kind       string // "connector", "gateway", "server", "client"
	Subject    string // the SPIFFE ID, or the host name
	KeyHash    string // SHA-256 of the public key, lower-case hexadecimal
	NotBefore  time.Time
	NotAfter   time.Time
	DER        []byte // empty while reserved
	State      CertificateState
	ReplacedAt time.Time
	ReplacedBy string // serial of its successor
	RevokedAt  time.Time
	Reason     string // of the revocation
}

const issuedColumns = "serial, kind, subject, key_hash, not_before, not_after, der, state, replaced, replaced_by, revoked, reason"

func scanIssued(row scanner, c *IssuedCertificate) (err error) {
	var der string
	var notBefore, notAfter, replaced, revoked int64
	err = row.Scan(&c.Serial, &c.Kind, &c.Subject, &c.KeyHash, &notBefore, &notAfter, &der, &c.State, &replaced, &c.ReplacedBy, &revoked, &c.Reason)
	if err != nil {
		return err
	}
	c.NotBefore, c.NotAfter, c.ReplacedAt, c.RevokedAt = moment(notBefore), moment(notAfter), moment(replaced), moment(revoked)
	c.DER, err = unhex(der)
	return err
}

// ReserveSerial stores a certificate to be. It is committed before anything is signed, so that a
// crash never leaves a certificate that nobody knows.
func (t *Tx) ReserveSerial(ctx context.Context, c *IssuedCertificate) error {
	_, err := t.exec(ctx, `INSERT INTO issued_certificates (`+issuedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, '', $7, 0, '', 0, '')`,
		c.Serial, c.Kind, c.Subject, c.KeyHash, micros(c.NotBefore), micros(c.NotAfter), string(CertificateReserved))
	return err
}

// SetIssued stores the signed certificate of a reserved serial; fault.KindConflict if it is not
// merely reserved any more.
func (t *Tx) SetIssued(ctx context.Context, serial string, der []byte) error {
	n, err := t.exec(ctx, "UPDATE issued_certificates SET der = $1, state = $2 WHERE serial = $3 AND state = $4",
		hex.EncodeToString(der), string(CertificateIssued), serial, string(CertificateReserved))
	if err == nil && n == 0 {
		return fault.Conflict("the certificate %s is not waiting to be issued", serial)
	}
	return err
}

// IssuedBySerial gives a certificate of our own CA.
func (t *Tx) IssuedBySerial(ctx context.Context, serial string) (IssuedCertificate, error) {
	return t.oneIssued(ctx, "serial = $1", serial)
}

// IssuedByKeyHash gives the certificate of a subject for a public key. It is not for devices, which keep their key.
func (t *Tx) IssuedByKeyHash(ctx context.Context, subject, keyHash string) (IssuedCertificate, error) {
	return t.oneIssued(ctx, "subject = $1 AND key_hash = $2", subject, keyHash)
}

func (t *Tx) oneIssued(ctx context.Context, where string, args ...any) (IssuedCertificate, error) {
	list, err := rows(ctx, t, scanIssued, "SELECT "+issuedColumns+" FROM issued_certificates WHERE "+where, args...)
	if err != nil {
		return IssuedCertificate{}, err
	}
	if len(list) == 0 {
		return IssuedCertificate{}, fault.NotFound("there is no such certificate")
	}
	return list[0], nil
}

// Replace marks a certificate as replaced by the one with serial by, unless it is already.
func (t *Tx) Replace(ctx context.Context, serial, by string, at time.Time) error {
	_, err := t.exec(ctx, `UPDATE issued_certificates SET state = $1, replaced = $2, replaced_by = $3 WHERE serial = $4 AND state = $5`,
		string(CertificateReplaced), micros(at), by, serial, string(CertificateIssued))
	return err
}

// RevokeSubject revokes all certificates of a subject and gives their serials.
func (t *Tx) RevokeSubject(ctx context.Context, subject string, at time.Time, reason string) ([]string, error) {
	return rows(ctx, t, func(row scanner, serial *string) error { return row.Scan(serial) },
		`UPDATE issued_certificates SET state = $1, revoked = $2, reason = $3 WHERE subject = $4 AND state <> $1 RETURNING serial`,
		string(CertificateRevoked), micros(at), reason, subject)
}

// RevokedCertificates gives the revoked certificates; those that expired long ago are deleted.
func (t *Tx) RevokedCertificates(ctx context.Context) ([]IssuedCertificate, error) {
	return rows(ctx, t, scanIssued, "SELECT "+issuedColumns+" FROM issued_certificates WHERE state = $1 ORDER BY revoked, serial",
		string(CertificateRevoked))
}

// DeleteExpiredCertificates removes certificates that expired before a time, at most limit. That of a connector stays as long as the
// connector does: with it, however long it was away, it renews.
func (t *Tx) DeleteExpiredCertificates(ctx context.Context, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, `DELETE FROM issued_certificates WHERE serial IN
		(SELECT serial FROM issued_certificates WHERE not_after < $1 AND serial NOT IN (SELECT serial FROM connectors) ORDER BY not_after LIMIT $2)`, micros(before), limit)
}

var publicCertificates = table[access.PublicCertificate]{
	name:    "public_certificates",
	what:    "certificate",
	columns: []string{"domain", "chain", "not_after", "issuer", "sha256"},
	filters: map[string]condition{"over": over("not_after"), "good": good("not_after")},
	search:  "domain",
	sorted:  "domain",
	meta:    func(c *access.PublicCertificate) *access.Meta { return &c.Meta },
	values: func(c *access.PublicCertificate) []any {
		return []any{c.Domain, c.Chain, micros(c.NotAfter), c.Issuer, c.SHA256}
	},
	into: func(c *access.PublicCertificate) ([]any, func() error) {
		var notAfter int64
		return []any{&c.Domain, &c.Chain, &notAfter, &c.Issuer, &c.SHA256}, func() error {
			c.NotAfter = moment(notAfter)
			return nil
		}
	},
}

// PublicCertificate gives an uploaded certificate, without its key.
func (t *Tx) PublicCertificate(ctx context.Context, id access.ID) (access.PublicCertificate, error) {
	return publicCertificates.one(ctx, t, "id", string(id))
}

// PublicCertificateByDomain gives the uploaded certificate of a domain.
func (t *Tx) PublicCertificateByDomain(ctx context.Context, domain string) (access.PublicCertificate, error) {
	return publicCertificates.one(ctx, t, "domain", domain)
}

// PublicCertificates gives a page of the uploaded certificates and the cursor of the next one.
func (t *Tx) PublicCertificates(ctx context.Context, p access.Page) ([]access.PublicCertificate, string, error) {
	return publicCertificates.page(ctx, t, p)
}

// AllPublicCertificates gives every uploaded certificate.
func (t *Tx) AllPublicCertificates(ctx context.Context) ([]access.PublicCertificate, error) {
	return publicCertificates.all(ctx, t)
}

func keyPlace(id access.ID) string { return "public_certificates/sealed/" + string(id) }

// InsertPublicCertificate stores an uploaded certificate with its private key, which is sealed.
func (t *Tx) InsertPublicCertificate(ctx context.Context, c *access.PublicCertificate, key []byte) error {
	m := &c.Meta
	if m.Version == 0 {
		m.Version = 1
	}
	_, err := t.exec(ctx, `INSERT INTO public_certificates (id, version, created, updated, domain, chain, not_after, issuer, sha256, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, string(m.ID), m.Version, micros(m.Created), micros(m.Updated),
		c.Domain, c.Chain, micros(c.NotAfter), c.Issuer, c.SHA256, t.sealer.seal(keyPlace(m.ID), key))
	return err
}

// UpdatePublicCertificate replaces certificate and key of a row that is still at its version.
func (t *Tx) UpdatePublicCertificate(ctx context.Context, c *access.PublicCertificate, key []byte) error {
	if err := publicCertificates.update(ctx, t, c); err != nil {
		return err
	}
	_, err := t.exec(ctx, "UPDATE public_certificates SET sealed = $1 WHERE id = $2", t.sealer.seal(keyPlace(c.ID), key), string(c.ID))
	return err
}

// PublicCertificateKey gives the private key of an uploaded certificate.
func (t *Tx) PublicCertificateKey(ctx context.Context, id access.ID) ([]byte, error) {
	var sealed string
	err := t.row(ctx, "there is no such certificate", "SELECT sealed FROM public_certificates WHERE id = $1", []any{string(id)}, &sealed)
	if err != nil {
		return nil, err
	}
	return t.sealer.open(keyPlace(id), sealed)
}

// DeletePublicCertificate removes an uploaded certificate with its key.
func (t *Tx) DeletePublicCertificate(ctx context.Context, id access.ID, version int64) error {
	return publicCertificates.remove(ctx, t, id, version)
}
