// Package ca is the instance's own certificate authority: a root, which signs issuing certificates,
// which sign the certificates of connectors, gateways and faces without a public certificate.
//
// It promises that a certificate holds what its profile says and nothing that was asked for beside
// that: one SPIFFE URI as the identity, exact key usages, a positive random serial, a life within its
// bounds and within its issuer's. It knows no database: who reserves serials and remembers what was
// issued is package control.
package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"postern/internal/fault"
)

// How long the certificates of the authority itself are good.
const (
	RootLife    = 5 * 365 * 24 * time.Hour
	IssuingLife = 365 * 24 * time.Hour
)

// backdate is how far behind the clocks of those who check a certificate may be.
const backdate = 5 * time.Minute

// Root is the trust anchor: what agents pin. It signs issuing certificates only.
type Root struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// Issuer signs leaf certificates and the revocation list. It is immutable.
type Issuer struct {
	Cert *x509.Certificate // signed by the root
	Key  crypto.Signer
}

// trustDomains are host names without a port, as in section 2.1 of the SPIFFE ID standard, short of
// the underscore: name constraints know only host names (RFC 5280, section 4.2.1.10).
var trustDomains = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// CreateRoot makes the root of a new instance, good for RootLife.
func CreateRoot(trustDomain string, now time.Time) (Root, error) {
	if !trustDomains.MatchString(trustDomain) || len(trustDomain) > 64 { // 64: upper bound of organization names (RFC 5280, appendix A)
		return Root{}, fault.Invalid("trustDomain", "must be a host name in lower case of at most 64 characters")
	}
	template := authority(trustDomain, "Postern root CA", now)
	template.NotAfter = now.Add(RootLife).UTC()
	template.MaxPathLen = 1
	key, cert, err := create(template, nil, nil)
	if err != nil {
		return Root{}, fmt.Errorf("create root certificate: %w", err)
	}
	return Root{cert, key}, nil
}

// CreateIssuing makes an issuing certificate, good for IssuingLife or as long as its root if that is
// shorter. It signs only identities of the root's trust domain, whatever its key is made to sign.
func CreateIssuing(root Root, now time.Time) (Issuer, error) {
	domain, err := trustDomain(root.Cert)
	if err != nil {
		return Issuer{}, err
	}
	if now.Before(root.Cert.NotBefore) || !now.Before(root.Cert.NotAfter) {
		return Issuer{}, fault.Conflict("the root certificate is not in force at %s", now.UTC().Format(time.RFC3339))
	}
	template := authority(domain, "Postern issuing CA", now)
	template.NotAfter = earlier(now.Add(IssuingLife), root.Cert.NotAfter)
	template.MaxPathLenZero = true
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.PermittedURIDomains = []string{domain}
	template.PermittedDNSDomainsCritical = true // marks the whole extension critical
	key, cert, err := create(template, root.Cert, root.Key)
	if err != nil {
		return Issuer{}, fmt.Errorf("create issuing certificate: %w", err)
	}
	return Issuer{cert, key}, nil
}

// CrossIssuing makes another certificate for an issuer's name and key, signed by another root of the
// same trust domain: what the issuer signs leads to either root.
func CrossIssuing(root Root, issuer Issuer, now time.Time) (Issuer, error) {
	domain, err := trustDomain(root.Cert)
	if err != nil {
		return Issuer{}, err
	}
	if domain != issuer.TrustDomain() {
		return Issuer{}, fault.Conflict("the root is of the trust domain %s, not of %s", domain, issuer.TrustDomain())
	}
	template := *issuer.Cert
	template.SerialNumber = NewSerial()
	template.NotAfter = earlier(issuer.Cert.NotAfter, root.Cert.NotAfter)
	template.AuthorityKeyId, template.Extensions, template.ExtraExtensions = nil, nil, nil
	der, err := x509.CreateCertificate(rand.Reader, &template, root.Cert, issuer.Key.Public(), root.Key)
	if err != nil {
		return Issuer{}, fault.Internal(err, "sign an issuing certificate")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return Issuer{}, fault.Internal(err, "read a signed certificate")
	}
	return Issuer{cert, issuer.Key}, nil
}

// TrustDomain gives the trust domain whose identities the issuer signs.
func (i Issuer) TrustDomain() string {
	domain, err := trustDomain(i.Cert)
	if err != nil {
		return ""
	}
	return domain
}

func authority(domain, name string, now time.Time) *x509.Certificate {
	serial := NewSerial()
	return &x509.Certificate{
		SerialNumber: serial,
		// The serial tells two issuing certificates apart where people see only names.
		Subject:               pkix.Name{Organization: []string{domain}, CommonName: name + " " + serial.Text(16)[:8]},
		NotBefore:             now.Add(-backdate).UTC(),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

// create makes a key and its certificate, signed by parent or by itself.
func create(template, parent *x509.Certificate, signer crypto.Signer) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, fmt.Errorf("sign: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("read back: %w", err)
	}
	return key, cert, nil
}

func trustDomain(cert *x509.Certificate) (string, error) {
	if names := cert.Subject.Organization; len(names) == 1 && trustDomains.MatchString(names[0]) {
		return names[0], nil
	}
	return "", fault.New(fault.KindInvalid, "the authority's certificate names no trust domain")
}

// NewSerial gives a positive serial of 127 random bits: within the 20 octets of RFC 5280, section
// 4.1.2.2, and nothing to guess.
func NewSerial() *big.Int {
	var raw [16]byte
	for {
		rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
		raw[0] &= 0x7f
		// 64 bits at least, so that its text is never mistaken for a short one.
		if serial := new(big.Int).SetBytes(raw[:]); serial.BitLen() > 64 {
			return serial
		}
	}
}

// SerialText gives a serial as everything but certificates spells it: lower-case hex without
// leading zeros.
func SerialText(serial *big.Int) string { return serial.Text(16) }

// ParseSerial reads what SerialText gave and nothing else.
func ParseSerial(text string) (*big.Int, error) {
	serial, ok := new(big.Int).SetString(text, 16)
	if !ok || len(text) > 40 || serial.Sign() <= 0 || serial.Text(16) != text {
		return nil, fault.Invalid("serial", "must be a positive number in lower-case hex")
	}
	return serial, nil
}

// Fingerprint gives the SHA-256 of a certificate's DER in lower-case hex: what enrolment tokens pin.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// KeyHash gives the SHA-256 of a public key's SubjectPublicKeyInfo in lower-case hex.
func KeyHash(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fault.Invalid("key", "is of an unknown kind")
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		a = b
	}
	return a.UTC()
}
