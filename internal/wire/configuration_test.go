package wire_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"

	"postern/internal/wire"
)

type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certify makes a certificate, an authority or not, signed by parent or by itself.
func certify(t *testing.T, parent *signer, authority bool) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(100 * 24 * time.Hour),
		BasicConstraintsValid: true, IsCA: authority, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if authority {
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	if parent == nil {
		parent = &signer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, key.Public(), parent.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{cert, key}
}

// TestAGatewayCannotSpeakForTheControlPlane: whoever carries a configuration cannot make one
// (OpenZiti GHSA-7868-235p-7497 is of that kind: the router spoke for the controller).
func TestAGatewayCannotSpeakForTheControlPlane(t *testing.T) {
	root := certify(t, nil, true)
	issuing := certify(t, root, true)
	gateway := certify(t, issuing, false)
	gatewayOfRoot := certify(t, root, false)
	stranger := certify(t, nil, true)
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	sign := func(by *signer, at time.Time) wire.SignedConfiguration {
		s, err := wire.SignConfiguration(wire.Configuration{Connector: "con_1", Version: 7}, at, by.cert, by.key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	with := func(change func(*wire.SignedConfiguration)) wire.SignedConfiguration {
		s := sign(issuing, now)
		change(&s)
		return s
	}
	tests := []struct {
		name string
		in   wire.SignedConfiguration
		want string // part of the error; empty: good
	}{
		{"good", sign(issuing, now), ""},
		{"an hour old", sign(issuing, now.Add(-time.Hour)), ""},
		{"a gateway's own", sign(gateway, now), "not signed by a certificate authority"},
		{"a gateway's under the root", sign(gatewayOfRoot, now), "not signed by a certificate authority"},
		{"another authority's", sign(stranger, now), "not signed by this service's authority"},
		{"claims the issuer", with(func(s *wire.SignedConfiguration) { s.Signature = sign(gateway, now).Signature }), "wrong signature"},
		{"changed", with(func(s *wire.SignedConfiguration) {
			s.Payload = []byte(strings.Replace(string(s.Payload), "con_1", "con_2", 1))
		}), "wrong signature"},
		{"no issuer", with(func(s *wire.SignedConfiguration) { s.Issuer = nil }), "names no issuer"},
		{"not signed", wire.SignedConfiguration{}, "names no issuer"},
		{"two days old", sign(issuing, now.Add(-48*time.Hour)), "more than a day ago"},
		{"from the future", sign(issuing, now.Add(48*time.Hour)), "more than a day ago"},
	}
	for _, test := range tests {
		c, err := test.in.Open(roots, now)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if err == nil && c.Version != 7 {
			t.Errorf("%s: got %+v", test.name, c)
		}
	}
}
