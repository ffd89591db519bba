// Package credential keeps an agent's key and certificate on disk and checks the other side's.
//
// The private key is made on the machine and never leaves it. A renewal keeps two generations, so
// that a crash at any point leaves a credential that works. An identity comes only from the leaf
// certificate whose key the peer has just proven, never from another certificate it sent, nor from
// anything it says; the check also runs on resumed sessions.
package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/url"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/wire"
)

// Connection is what an agent remembers of its service, beside its credential.
type Connection struct {
	Connector   string         `json:"connector"`
	TrustDomain string         `json:"trustDomain"`
	ServiceURL  string         `json:"serviceUrl"`
	Roots       []byte         `json:"roots"` // PEM, pinned
	Gateways    []wire.Gateway `json:"gateways"`
	Serial      string         `json:"serial"`     // of the certificate that RenewAfter is about
	RenewAfter  time.Time      `json:"renewAfter"` // by the service's word
}

// Credential is what an agent proves itself with. It is immutable.
type Credential struct {
	Identity   wire.Identity
	Serial     string // lower-case hex
	Leaf       *x509.Certificate
	Key        *ecdsa.PrivateKey
	Connection Connection
	RenewAfter time.Time // when to renew; in the past when a renewal was interrupted
}

// Certificate gives the leaf and its key for TLS. Agents present nothing but their leaf.
func (c *Credential) Certificate() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.Leaf.Raw}, PrivateKey: c.Key, Leaf: c.Leaf}
}

const (
	maxRoots    = 16
	maxGateways = 64
)

// check says what is wrong with a connection that the service told us.
func (c Connection) check() error {
	var p fault.Problems
	if c.Connector == "" {
		p.Add("connector", "must not be empty")
	}
	if c.TrustDomain == "" {
		p.Add("trustDomain", "must not be empty")
	}
	if u, err := url.Parse(c.ServiceURL); err != nil || u.Scheme != "https" || u.Host == "" {
		p.Add("serviceUrl", "must start with https:// and name a host")
	}
	if _, err := parseRoots(c.Roots); err != nil {
		p.Check("roots", err)
	}
	if len(c.Gateways) == 0 || len(c.Gateways) > maxGateways {
		p.Add("gateways", "must be 1 to %d", maxGateways)
	}
	for _, g := range c.Gateways {
		if host, port, err := net.SplitHostPort(g.Address); err != nil || host == "" || port == "" {
			p.Add("gateways", "has %q, which is not host:port", g.Address)
		}
	}
	return p.Err()
}

// parseRoots reads the pinned roots: certificates of authorities and nothing else.
func parseRoots(data []byte) (*x509.CertPool, error) {
	bad := func(why string) (*x509.CertPool, error) { return nil, fault.Invalid("roots", "%s", why) }
	pool := x509.NewCertPool()
	for count := 0; len(bytes.TrimSpace(data)) > 0; count++ {
		block, rest := pem.Decode(data)
		if block == nil || block.Type != typeCertificate || count == maxRoots {
			return bad("must be a few certificates in PEM")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !cert.IsCA {
			return bad("must be certificates of authorities")
		}
		pool.AddCert(cert)
		data = rest
	}
	if pool.Equal(x509.NewCertPool()) {
		return bad("must not be empty")
	}
	return pool, nil
}

const (
	typeCertificate = "CERTIFICATE"
	typeKey         = "PRIVATE KEY" // PKCS #8 (RFC 5958)
)

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fault.Internal(err, "encode the private key")
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: der}), nil
}

// decodeKey reads the key that data starts with and gives what follows it.
func decodeKey(data []byte) (key *ecdsa.PrivateKey, rest []byte, ok bool) {
	block, rest := pem.Decode(data)
	if block == nil || block.Type != typeKey {
		return nil, nil, false
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, false
	}
	key, ok = parsed.(*ecdsa.PrivateKey)
	return key, rest, ok && key.Curve == elliptic.P256()
}

// decodeGeneration reads a key and the one certificate that is its own.
func decodeGeneration(data []byte) (*ecdsa.PrivateKey, *x509.Certificate, bool) {
	key, rest, ok := decodeKey(data)
	if !ok {
		return nil, nil, false
	}
	block, rest := pem.Decode(rest)
	if block == nil || block.Type != typeCertificate || strings.TrimSpace(string(rest)) != "" {
		return nil, nil, false
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !key.PublicKey.Equal(leaf.PublicKey) {
		return nil, nil, false
	}
	return key, leaf, true
}

// halfLife is when a certificate is to be renewed if the service says nothing else.
func halfLife(leaf *x509.Certificate) time.Time {
	return leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
}
