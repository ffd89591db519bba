package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"time"

	"postern/internal/fault"
)

// MaxCSR bounds a certificate request, in bytes. One for a P-256 key has about 200.
const MaxCSR = 4 << 10

// Revoked is one line of a revocation list.
type Revoked struct {
	Serial *big.Int
	At     time.Time
	Reason int // RFC 5280, section 5.3.1; 0 is unspecified and left out
}

// CRL describes a revocation list.
type CRL struct {
	Number  *big.Int // grows with every list
	Now     time.Time
	Next    time.Time // when the next list comes at the latest
	Revoked []Revoked
}

// CRL signs a revocation list (RFC 5280, section 5) and gives its DER.
func (i Issuer) CRL(list CRL) ([]byte, error) {
	if list.Number == nil || list.Number.Sign() <= 0 {
		return nil, fault.Invalid("number", "must be positive")
	}
	if !list.Next.After(list.Now) {
		return nil, fault.Invalid("next", "must be after now")
	}
	template := &x509.RevocationList{
		Number:     list.Number,
		ThisUpdate: list.Now.Add(-backdate).UTC(),
		NextUpdate: list.Next.UTC(),
	}
	for _, r := range list.Revoked {
		if r.Serial == nil || r.Serial.Sign() <= 0 || r.Reason < 0 || r.Reason > 10 || r.Reason == 7 {
			return nil, fault.Invalid("revoked", "has an entry without a serial or with an unknown reason")
		}
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: r.Serial, RevocationTime: r.At.UTC(), ReasonCode: r.Reason})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, i.Cert, i.Key)
	if err != nil {
		return nil, fault.Internal(err, "sign the revocation list")
	}
	return der, nil
}

// ParseCSR gives the public key of a PKCS #10 request (RFC 2986) whose signature proves that the
// asker has the private key. Everything else in it is ignored.
func ParseCSR(der []byte) (*ecdsa.PublicKey, error) {
	if len(der) == 0 || len(der) > MaxCSR {
		return nil, fault.Invalid("csr", "must be a certificate request of at most %d bytes", MaxCSR)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fault.Invalid("csr", "must be a certificate request in DER")
	}
	key, ok := request.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fault.Invalid("csr", "must be for an ECDSA key on P-256")
	}
	if request.CheckSignature() != nil {
		return nil, fault.Invalid("csr", "does not prove possession of its key")
	}
	return key, nil
}
