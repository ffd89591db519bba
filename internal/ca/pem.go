package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"

	"postern/internal/fault"
)

const (
	typeCertificate = "CERTIFICATE"
	typeKey         = "PRIVATE KEY" // PKCS #8 (RFC 5958)
)

// Marshal gives certificate and private key as PEM. It is a secret.
func (r Root) Marshal() ([]byte, error) { return marshal(r.Cert, r.Key) }

// ParseRoot reads what Root.Marshal gave.
func ParseRoot(data []byte) (Root, error) {
	cert, key, err := parse(data)
	if err != nil {
		return Root{}, err
	}
	if cert.MaxPathLen != 1 || cert.CheckSignatureFrom(cert) != nil {
		return Root{}, fault.New(fault.KindInvalid, "the stored certificate is not a root")
	}
	return Root{cert, key}, nil
}

// Marshal gives certificate and private key as PEM. It is a secret.
func (i Issuer) Marshal() ([]byte, error) { return marshal(i.Cert, i.Key) }

// ParseIssuer reads what Issuer.Marshal gave.
func ParseIssuer(data []byte) (Issuer, error) {
	cert, key, err := parse(data)
	if err != nil {
		return Issuer{}, err
	}
	if cert.MaxPathLen != 0 || !cert.MaxPathLenZero {
		return Issuer{}, fault.New(fault.KindInvalid, "the stored certificate is not an issuing one")
	}
	return Issuer{cert, key}, nil
}

func marshal(cert *x509.Certificate, key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fault.Internal(err, "encode the authority's key")
	}
	data := pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: cert.Raw})
	return append(data, pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: der})...), nil
}

// parse reads exactly one certificate of an authority and its key.
func parse(data []byte) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	bad := func(why string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
		return nil, nil, fault.New(fault.KindInvalid, "the stored authority %s", why)
	}
	first, rest := pem.Decode(data)
	if first == nil || first.Type != typeCertificate {
		return bad("has no certificate")
	}
	second, rest := pem.Decode(rest)
	if second == nil || second.Type != typeKey || len(bytes.TrimSpace(rest)) > 0 {
		return bad("must be one certificate and one key")
	}
	cert, err := x509.ParseCertificate(first.Bytes)
	if err != nil {
		return bad("has a certificate that cannot be read")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(second.Bytes)
	if err != nil {
		return bad("has a key that cannot be read")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return bad("has a key that is not its certificate's")
	}
	if !cert.IsCA || cert.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		return bad("has a certificate that may not sign others")
	}
	if _, err := trustDomain(cert); err != nil {
		return nil, nil, err
	}
	return cert, key, nil
}
