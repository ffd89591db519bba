package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"time"

	"postern/internal/fault"
)

// SignedConfiguration is how a Configuration travels. Gateways carry it, but cannot make one: it is
// signed by an issuing key of our CA, which only the control plane holds, so that a gateway that
// fell into other hands can give a connector neither a target nor a grant key nor another service.
type SignedConfiguration struct {
	Payload   []byte `json:"payload"`   // JSON of StatedConfiguration
	Issuer    []byte `json:"issuer"`    // DER of the issuing certificate
	Signature []byte `json:"signature"` // ECDSA (ASN.1, SHA-256) over a prefix and the payload
}

// StatedConfiguration is the signed part: what is in force, and when that was said.
type StatedConfiguration struct {
	Configuration Configuration `json:"configuration"`
	Time          time.Time     `json:"time"`
}

// ConfigurationAge is how old a signed configuration may be, or how far ahead of the connector's
// clock. It only bounds how long an old one can be shown again.
const ConfigurationAge = 24 * time.Hour

const configurationPrefix = "postern-configuration/1\n" // what is signed: this and the payload

// SignConfiguration signs a configuration with the key of an issuing certificate.
func SignConfiguration(c Configuration, now time.Time, issuer *x509.Certificate, key crypto.Signer) (SignedConfiguration, error) {
	payload, err := json.Marshal(StatedConfiguration{c, now})
	if err != nil {
		return SignedConfiguration{}, fault.Internal(err, "encode configuration")
	}
	sum := configurationSum(payload)
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return SignedConfiguration{}, fault.Internal(err, "sign configuration")
	}
	return SignedConfiguration{Payload: payload, Issuer: issuer.Raw, Signature: signature}, nil
}

// Open gives the configuration if it is signed by a certificate authority under the pinned roots. A
// certificate that may not issue others, such as a gateway's, may not sign either.
func (s SignedConfiguration) Open(roots *x509.CertPool, now time.Time) (Configuration, error) {
	deny := func(why string) (Configuration, error) {
		return Configuration{}, fault.Forbidden("the configuration %s", why)
	}
	issuer, err := x509.ParseCertificate(s.Issuer)
	if err != nil {
		return deny("names no issuer")
	}
	if !issuer.BasicConstraintsValid || !issuer.IsCA || issuer.KeyUsage&x509.KeyUsageCertSign == 0 {
		return deny("is not signed by a certificate authority")
	}
	_, err = issuer.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return deny("is not signed by this service's authority")
	}
	key, ok := issuer.PublicKey.(*ecdsa.PublicKey)
	sum := configurationSum(s.Payload)
	if !ok || !ecdsa.VerifyASN1(key, sum[:], s.Signature) {
		return deny("has a wrong signature")
	}
	stated, err := Decode[StatedConfiguration](s.Payload)
	if err != nil {
		return deny("is malformed")
	}
	if age := now.Sub(stated.Time); age > ConfigurationAge || age < -ConfigurationAge {
		return deny("was signed more than a day ago, or this machine's clock is wrong")
	}
	return stated.Configuration, nil
}

func configurationSum(payload []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(configurationPrefix), payload...))
}
