package saml

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"

	"postern/internal/fault"
)

// ourKey is the key with which we sign and to which assertions are encrypted, and the certificate that names it.
type ourKey struct {
	private     *rsa.PrivateKey
	certificate []byte
}

// readKey reads an RSA key in PEM, PKCS #8 or PKCS #1, and the certificate beside it. Without one it makes its own,
// always the same: providers know the key by it and look at nothing else of it.
func readKey(text, name string) (*ourKey, error) {
	k := &ourKey{}
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" && k.certificate == nil {
			k.certificate = block.Bytes
			continue
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			parsed, _ = x509.ParsePKCS1PrivateKey(block.Bytes)
		}
		if key, ok := parsed.(*rsa.PrivateKey); ok && key != nil && k.private == nil {
			k.private = key
		}
	}
	if k.private == nil || k.private.N.BitLen() < 2048 {
		return nil, fault.Invalid("secret", "must be an RSA private key of at least 2048 bits in PEM, without a password")
	}
	if k.certificate != nil {
		c, err := x509.ParseCertificate(k.certificate)
		if public, ok := k.private.Public().(*rsa.PublicKey); err != nil || !ok || !public.Equal(c.PublicKey) {
			return nil, fault.Invalid("secret", "holds a certificate that is not of its private key")
		}
		return k, nil
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: commonName(name)}, SignatureAlgorithm: x509.SHA256WithRSA,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	var err error
	if k.certificate, err = x509.CreateCertificate(rand.Reader, template, template, k.private.Public(), k.private); err != nil {
		return nil, fault.Internal(err, "make a certificate of our SAML key")
	}
	return k, nil
}

// commonName fits a name into a certificate.
func commonName(name string) string {
	if len(name) > 64 {
		name = name[:64]
	}
	return name
}
