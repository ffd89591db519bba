package ca_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/ca"
	"postern/internal/wire"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func authorities(t *testing.T) (ca.Root, ca.Issuer) {
	t.Helper()
	root, err := ca.CreateRoot("postern-1.example", now)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := ca.CreateIssuing(root, now)
	if err != nil {
		t.Fatal(err)
	}
	return root, issuer
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func request(t *testing.T, profile ca.Profile) ca.Request {
	req := ca.Request{Profile: profile, Serial: ca.NewSerial(), Public: newKey(t).Public(), Now: now}
	switch profile {
	case ca.ProfileConnector:
		req.Identity = wire.Identity{TrustDomain: "postern-1.example", Role: wire.RoleConnector, ID: "con_1"}
	case ca.ProfileClient:
		req.Identity = wire.Identity{TrustDomain: "postern-1.example", Role: wire.RoleClient, ID: "dev_1"}
	case ca.ProfileGateway:
		req.Identity = wire.Identity{TrustDomain: "postern-1.example", Role: wire.RoleGateway, ID: "gtw_1"}
		req.Names = []string{"gw.example.com", "192.0.2.7", "2001:db8::7"}
	case ca.ProfileServer:
		req.Names = []string{"*.apps.example.com", "portal.example.com"}
	}
	return req
}

func issue(t *testing.T, issuer ca.Issuer, req ca.Request) *x509.Certificate {
	t.Helper()
	der, err := issuer.Issue(req)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

var profiles = []ca.Profile{ca.ProfileConnector, ca.ProfileClient, ca.ProfileGateway, ca.ProfileServer}

func TestIssuedIsItsProfileAndNoOther(t *testing.T) {
	root, issuer := authorities(t)
	for _, profile := range profiles {
		for range 20 {
			req := request(t, profile)
			cert := issue(t, issuer, req)
			for _, other := range profiles {
				if err := ca.Check(other, cert); (err == nil) != (other == profile) {
					t.Errorf("Check(%s, a %s's) = %v", other, profile, err)
				}
			}
			if ca.SerialText(cert.SerialNumber) != ca.SerialText(req.Serial) {
				t.Errorf("serial %x, want %x", cert.SerialNumber, req.Serial)
			}
			if !cert.NotBefore.Equal(now.Add(-5 * time.Minute)) {
				t.Errorf("not before %s: clocks that are five minutes behind would refuse it", cert.NotBefore)
			}
			verify(t, root, issuer, cert)
		}
	}
	if err := ca.Check("admin", issue(t, issuer, request(t, ca.ProfileServer))); err == nil {
		t.Error("an unknown profile passes")
	}
}

// verify checks the chain, and that each usage is good only if the profile has it.
func verify(t *testing.T, root ca.Root, issuer ca.Issuer, cert *x509.Certificate) {
	t.Helper()
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root.Cert)
	intermediates.AddCert(issuer.Cert)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageCodeSigning} {
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
		want := false
		for _, u := range cert.ExtKeyUsage {
			want = want || u == usage
		}
		if (err == nil) != want {
			t.Errorf("verify for usage %v: %v, want good: %v", usage, err, want)
		}
	}
}

func TestExactNames(t *testing.T) {
	_, issuer := authorities(t)
	gateway := issue(t, issuer, request(t, ca.ProfileGateway))
	if diff := cmp.Diff([]string{"gw.example.com"}, gateway.DNSNames); diff != "" {
		t.Error(diff)
	}
	if len(gateway.IPAddresses) != 2 || !gateway.IPAddresses[0].Equal(net.ParseIP("192.0.2.7")) {
		t.Errorf("addresses %v", gateway.IPAddresses)
	}
	if len(gateway.URIs) != 1 || gateway.URIs[0].String() != "spiffe://postern-1.example/gateway/gtw_1" {
		t.Errorf("URIs %v", gateway.URIs)
	}
	for _, e := range gateway.Extensions {
		if e.Id.String() == "2.5.29.17" && !e.Critical {
			t.Error("the only name of a certificate without a subject is not critical (RFC 5280, section 4.2.1.6)")
		}
	}
}

func TestIssueRefuses(t *testing.T) {
	_, issuer := authorities(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		profile ca.Profile
		change  func(*ca.Request)
		want    string
	}{
		{"unknown profile", "admin", func(*ca.Request) {}, "no certificate profile"},
		{"RSA", ca.ProfileConnector, func(r *ca.Request) { r.Public = rsaKey.Public() }, "key must be ECDSA"},
		{"P-384", ca.ProfileConnector, func(r *ca.Request) { r.Public = p384.Public() }, "key must be ECDSA"},
		{"no key", ca.ProfileConnector, func(r *ca.Request) { r.Public = nil }, "key must be ECDSA"},
		{"serial zero", ca.ProfileConnector, func(r *ca.Request) { r.Serial = big.NewInt(0) }, "serial must be positive"},
		{"serial negative", ca.ProfileConnector, func(r *ca.Request) { r.Serial = big.NewInt(-5) }, "serial must be positive"},
		{"no serial", ca.ProfileConnector, func(r *ca.Request) { r.Serial = nil }, "serial must be positive"},
		{"life too long", ca.ProfileConnector, func(r *ca.Request) { r.Lifetime = 91 * 24 * time.Hour }, "lifetime must be"},
		{"negative life", ca.ProfileConnector, func(r *ca.Request) { r.Lifetime = -time.Hour }, "lifetime must be"},
		{"connector with a name", ca.ProfileConnector, func(r *ca.Request) { r.Names = []string{"a.example.com"} }, "names must be empty"},
		{"connector without identity", ca.ProfileConnector, func(r *ca.Request) { r.Identity = wire.Identity{} }, "identity must be a connector"},
		{"connector as gateway", ca.ProfileConnector, func(r *ca.Request) { r.Identity.Role = wire.RoleGateway }, "identity must be a connector"},
		{"gateway as connector", ca.ProfileGateway, func(r *ca.Request) { r.Identity.Role = wire.RoleConnector }, "identity must be a gateway"},
		{"client as connector", ca.ProfileConnector, func(r *ca.Request) { r.Identity.Role = wire.RoleClient }, "identity must be a connector"},
		{"connector as client", ca.ProfileClient, func(r *ca.Request) { r.Identity.Role = wire.RoleConnector }, "identity must be a client"},
		{"client with a name", ca.ProfileClient, func(r *ca.Request) { r.Names = []string{"a.example.com"} }, "names must be empty"},
		{"other trust domain", ca.ProfileConnector, func(r *ca.Request) { r.Identity.TrustDomain = "postern-2.example" }, "identity must be a connector of postern-1"},
		{"id with a slash", ca.ProfileConnector, func(r *ca.Request) { r.Identity.ID = "a/b" }, "identity must be"},
		{"id of dots", ca.ProfileConnector, func(r *ca.Request) { r.Identity.ID = ".." }, "identity must be"},
		{"server with identity", ca.ProfileServer, func(r *ca.Request) { r.Identity.ID = "x" }, "identity must be empty"},
		{"server without a name", ca.ProfileServer, func(r *ca.Request) { r.Names = nil }, "names must not be empty"},
		{"upper case", ca.ProfileServer, func(r *ca.Request) { r.Names = []string{"A.example"} }, "neither a host name"},
		{"star of everything", ca.ProfileServer, func(r *ca.Request) { r.Names = []string{"*.com"} }, "neither a host name"},
		{"bare star", ca.ProfileServer, func(r *ca.Request) { r.Names = []string{"*"} }, "neither a host name"},
		{"inner star", ca.ProfileServer, func(r *ca.Request) { r.Names = []string{"a.*.example.com"} }, "neither a host name"},
		{"NUL", ca.ProfileServer, func(r *ca.Request) { r.Names = []string{"a\x00.example.com"} }, "neither a host name"},
		{"trailing dot", ca.ProfileServer, func(r *ca.Request) { r.Names = []string{"a.example.com."} }, "neither a host name"},
		{"address with a zone", ca.ProfileServer, func(r *ca.Request) { r.Names = []string{"fe80::1%eth0"} }, "neither a host name"},
		{"issuer expired", ca.ProfileServer, func(r *ca.Request) { r.Now = now.Add(366 * 24 * time.Hour) }, "not in force"},
		{"issuer not yet valid", ca.ProfileServer, func(r *ca.Request) { r.Now = now.Add(-time.Hour) }, "not in force"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := request(t, test.profile)
			test.change(&req)
			if _, err := issuer.Issue(req); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Issue = %v, want %q", err, test.want)
			}
		})
	}
}

func TestNeverOutlivesItsIssuer(t *testing.T) {
	root, issuer := authorities(t)
	req := request(t, ca.ProfileServer)
	req.Now = issuer.Cert.NotAfter.Add(-time.Hour)
	if cert := issue(t, issuer, req); !cert.NotAfter.Equal(issuer.Cert.NotAfter) {
		t.Errorf("not after %s, the issuer's is %s", cert.NotAfter, issuer.Cert.NotAfter)
	}
	late, err := ca.CreateIssuing(root, root.Cert.NotAfter.Add(-time.Hour))
	if err != nil || !late.Cert.NotAfter.Equal(root.Cert.NotAfter) {
		t.Errorf("late issuer: %v, %v", late.Cert, err)
	}
	if _, err := ca.CreateIssuing(root, root.Cert.NotAfter); err == nil {
		t.Error("an expired root signs")
	}
}

func TestSerials(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		serial := ca.NewSerial()
		text := ca.SerialText(serial)
		if serial.Sign() <= 0 || serial.BitLen() > 127 || seen[text] {
			t.Fatalf("serial %s", text)
		}
		seen[text] = true
		if back, err := ca.ParseSerial(text); err != nil || back.Cmp(serial) != 0 {
			t.Fatalf("ParseSerial(%s) = %v, %v", text, back, err)
		}
	}
	for _, bad := range []string{"", "0", "-1", "+1", "0a", "A1", "1_0", "0x1", " 1", "zz", strings.Repeat("f", 41)} {
		if serial, err := ca.ParseSerial(bad); err == nil {
			t.Errorf("ParseSerial(%q) = %v", bad, serial)
		}
	}
}

// TestWishesOfARequestAreIgnored gives a CSR that asks to be a gateway and an authority.
func TestWishesOfARequestAreIgnored(t *testing.T) {
	_, issuer := authorities(t)
	key := newKey(t)
	wish := &url.URL{Scheme: "spiffe", Host: "postern-1.example", Path: "/gateway/gtw_1"}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "root"}, DNSNames: []string{"portal.example.com"}, URIs: []*url.URL{wish},
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ca.ParseCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	req := request(t, ca.ProfileConnector)
	req.Public = public
	if err := ca.Check(ca.ProfileConnector, issue(t, issuer, req)); err != nil {
		t.Error(err)
	}
}

func TestParseCSRRefuses(t *testing.T) {
	csr := func(key crypto.Signer) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	good := csr(newKey(t))
	flipped := append([]byte{}, good...)
	flipped[len(flipped)-1] ^= 1
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, edwards, _ := ed25519.GenerateKey(nil)
	tests := []struct {
		name string
		der  []byte
		want string
	}{
		{"good", good, ""},
		{"empty", nil, "of at most"},
		{"huge", make([]byte, 5<<10), "of at most"},
		{"noise", []byte("hello"), "in DER"},
		{"trailing bytes", append(append([]byte{}, good...), 0), "in DER"},
		{"not proven", flipped, "possession"},
		{"P-384", csr(p384), "P-256"},
		{"Ed25519", csr(edwards), "P-256"},
	}
	for _, test := range tests {
		_, err := ca.ParseCSR(test.der)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func FuzzParseCSR(f *testing.F) {
	f.Add([]byte("hello"))
	f.Fuzz(func(t *testing.T, der []byte) {
		if key, err := ca.ParseCSR(der); err == nil && key.Curve != elliptic.P256() {
			t.Error("another curve")
		}
	})
}

func TestCRL(t *testing.T) {
	root, issuer := authorities(t)
	serial := ca.NewSerial()
	der, err := issuer.CRL(ca.CRL{Number: big.NewInt(7), Now: now, Next: now.Add(24 * time.Hour),
		Revoked: []ca.Revoked{{Serial: serial, At: now.Add(-time.Hour), Reason: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(issuer.Cert); err != nil {
		t.Error(err)
	}
	if list.CheckSignatureFrom(root.Cert) == nil {
		t.Error("the list is the root's too")
	}
	if list.Number.Int64() != 7 || !list.NextUpdate.Equal(now.Add(24*time.Hour)) || len(list.RevokedCertificateEntries) != 1 ||
		list.RevokedCertificateEntries[0].SerialNumber.Cmp(serial) != 0 || list.RevokedCertificateEntries[0].ReasonCode != 1 {
		t.Errorf("list %+v", list)
	}
	for name, bad := range map[string]ca.CRL{
		"no number":      {Now: now, Next: now.Add(1)},
		"no next":        {Number: big.NewInt(1), Now: now},
		"unknown reason": {Number: big.NewInt(1), Now: now, Next: now.Add(1), Revoked: []ca.Revoked{{Serial: serial, Reason: 7}}},
		"no serial":      {Number: big.NewInt(1), Now: now, Next: now.Add(1), Revoked: []ca.Revoked{{}}},
	} {
		if _, err := issuer.CRL(bad); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

func TestAuthoritiesSignNoMoreThanTheyMay(t *testing.T) {
	root, issuer := authorities(t)
	if root.Cert.MaxPathLen != 1 || !issuer.Cert.MaxPathLenZero || issuer.TrustDomain() != "postern-1.example" {
		t.Errorf("path lengths %d, %d", root.Cert.MaxPathLen, issuer.Cert.MaxPathLen)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root.Cert)
	between.AddCert(issuer.Cert)
	good := func(cert *x509.Certificate) bool {
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err == nil
	}
	sign := func(template, parent *x509.Certificate, signer, key crypto.Signer) *x509.Certificate {
		template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(9), now.Add(-time.Hour), now.Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	foreign := &url.URL{Scheme: "spiffe", Host: "postern-2.example", Path: "/connector/con_1"}
	if good(sign(&x509.Certificate{URIs: []*url.URL{foreign}}, issuer.Cert, issuer.Key, newKey(t))) {
		t.Error("an identity of another trust domain verifies")
	}
	key := newKey(t)
	below := sign(&x509.Certificate{Subject: pkix.Name{CommonName: "below"}, IsCA: true, BasicConstraintsValid: true}, issuer.Cert, issuer.Key, key)
	between.AddCert(below)
	if good(sign(&x509.Certificate{DNSNames: []string{"a.example"}}, below, key, newKey(t))) {
		t.Error("an authority below the issuing one verifies")
	}
	for _, bad := range []string{"", "UPPER", "a b", "a/b", "-a", "a..b", "a:1", strings.Repeat("a", 65)} {
		if _, err := ca.CreateRoot(bad, now); err == nil {
			t.Errorf("trust domain %q accepted", bad)
		}
	}
}

func TestMarshalAndParse(t *testing.T) {
	root, issuer := authorities(t)
	rootPEM, err := root.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	issuerPEM, err := issuer.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	root2, err := ca.ParseRoot(rootPEM)
	if err != nil || ca.Fingerprint(root2.Cert) != ca.Fingerprint(root.Cert) || len(ca.Fingerprint(root.Cert)) != 64 {
		t.Errorf("ParseRoot = %v", err)
	}
	issuer2, err := ca.ParseIssuer(issuerPEM)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, root2, issuer2, issue(t, issuer2, request(t, ca.ProfileGateway)))
	cert := func(data []byte) []byte { b, _ := pem.Decode(data); return pem.EncodeToMemory(b) }
	key := func(data []byte) []byte { return data[len(cert(data)):] }
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "root for issuer": rootPEM, "no key": cert(issuerPEM), "no certificate": key(issuerPEM),
		"other key": join(cert(issuerPEM), key(rootPEM)), "twice": join(issuerPEM, issuerPEM), "trailing": join(issuerPEM, []byte("x")),
	} {
		if _, err := ca.ParseIssuer(bad); err == nil {
			t.Errorf("ParseIssuer(%s): accepted", name)
		}
	}
	if _, err := ca.ParseRoot(issuerPEM); err == nil {
		t.Error("an issuing certificate is taken for a root")
	}
	a, err := ca.KeyHash(root.Key.Public())
	b, err2 := ca.KeyHash(root2.Key.Public())
	if err != nil || err2 != nil || a != b || len(a) != 64 {
		t.Errorf("key hashes %s, %s", a, b)
	}
}
