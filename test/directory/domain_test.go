//go:build linux

package directory

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	goldap "github.com/go-ldap/ldap/v3"
)

const (
	adminPassword = "Adm1n-Passw0rd!"
	readerSecret  = "Re4der-Passw0rd!"
	userPassword  = "Us3r-Passw0rd!!"
	patience      = 10 * time.Minute // for a domain to come up
)

// domain is one Active Directory with a domain controller of its own.
type domain struct {
	realm, netbios, base string
	ip, ca               string
	roots                *x509.CertPool
}

// newDomain makes a domain. number tells those of one run apart.
func newDomain(t *testing.T, realm, netbios string, number int) *domain {
	t.Helper()
	began := time.Now()
	dir := t.TempDir()
	// A /30 of its own in the range for benchmarks (RFC 2544), which no network has.
	net4 := os.Getpid()%8000*8 + number*4
	address := func(n int) string { return fmt.Sprintf("198.18.%d.%d", (net4+n)>>8&0xff, (net4+n)&0xff) }
	d := &domain{realm: realm, netbios: netbios, ip: address(2), base: "DC=" + strings.ReplaceAll(strings.ToLower(realm), ".", ",DC=")}
	d.certify(t, dir)
	env := append(os.Environ(), fmt.Sprintf("NS=ad%d-%d", os.Getpid()%100000, number), "DIR="+dir, "IP="+d.ip, "GATEWAY="+address(1), "REALM="+realm, "NETBIOS="+netbios,
		"TLS="+dir, "ADMIN_PASSWORD="+adminPassword)
	run := func(what string) error {
		cmd := exec.Command("./domain.sh", what)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(dir, "provision.log"))
			return fmt.Errorf("%w\n%s\n%s", err, out, log)
		}
		return nil
	}
	t.Cleanup(func() {
		if err := run("down"); err != nil {
			t.Error(err)
		}
	})
	if err := run("up"); err != nil {
		t.Fatal(err)
	}
	d.await(t, filepath.Join(dir, "samba.log"))
	t.Logf("%s is up after %v", realm, time.Since(began).Round(time.Second))
	return d
}

// certify makes an authority and the domain controller's certificate; the one that Samba makes itself
// has a negative serial number, which Go refuses.
func (d *domain) certify(t *testing.T, dir string) {
	t.Helper()
	caKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	from, until := time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: d.realm + " CA"}, NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "dc1." + strings.ToLower(d.realm)}, NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.ParseIP(d.ip)}}
	caDER := must(x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey))(t)
	leafDER := must(x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey))(t)
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: caDER}, "cert.pem": {Type: "CERTIFICATE", Bytes: leafDER},
		"key.pem": {Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(key))(t)},
	} {
		check(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	d.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}))
	d.roots = x509.NewCertPool()
	d.roots.AppendCertsFromPEM([]byte(d.ca))
}

func (d *domain) url() string { return "ldaps://" + d.ip }

// await waits until the domain controller takes the administrator's password.
func (d *domain) await(t *testing.T, log string) {
	t.Helper()
	deadline, tick := time.Now().Add(patience), time.NewTicker(200*time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		conn, err := d.dial()
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log)
			t.Fatalf("%s did not come up: %v\n%s", d.realm, err, text)
		}
	}
}

func (d *domain) dial() (*goldap.Conn, error) {
	conn, err := goldap.DialURL(d.url(), goldap.DialWithTLSConfig(&tls.Config{RootCAs: d.roots, ServerName: d.ip}), goldap.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(time.Minute)
	if err := conn.Bind("Administrator@"+d.realm, adminPassword); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (d *domain) do(t *testing.T, do func(*goldap.Conn) error) {
	t.Helper()
	conn := must(d.dial())(t)
	defer conn.Close()
	check(t, do(conn))
}

func (d *domain) dn(name string) string { return "CN=" + name + ",CN=Users," + d.base }

// user adds somebody and gives their distinguished name.
func (d *domain) user(t *testing.T, name, password string) string {
	t.Helper()
	add := goldap.NewAddRequest(d.dn(name), nil)
	add.Attribute("objectClass", []string{"user"})
	add.Attribute("sAMAccountName", []string{name})
	add.Attribute("userPrincipalName", []string{name + "@" + strings.ToLower(d.realm)})
	add.Attribute("displayName", []string{"The " + name})
	add.Attribute("mail", []string{name + "@" + strings.ToLower(d.realm)})
	d.do(t, func(c *goldap.Conn) error { return c.Add(add) })
	d.set(t, d.dn(name), "unicodePwd", quoted(password))
	d.set(t, d.dn(name), "userAccountControl", "512")
	return d.dn(name)
}

// group adds a group with members.
func (d *domain) group(t *testing.T, name string, members ...string) string {
	t.Helper()
	add := goldap.NewAddRequest(d.dn(name), nil)
	add.Attribute("objectClass", []string{"group"})
	add.Attribute("sAMAccountName", []string{name})
	if len(members) > 0 {
		add.Attribute("member", members)
	}
	d.do(t, func(c *goldap.Conn) error { return c.Add(add) })
	return d.dn(name)
}

func (d *domain) set(t *testing.T, dn, attribute string, values ...string) {
	t.Helper()
	change := goldap.NewModifyRequest(dn, nil)
	change.Replace(attribute, values)
	d.do(t, func(c *goldap.Conn) error { return c.Modify(change) })
}

func (d *domain) attribute(t *testing.T, dn, name string) (value []byte) {
	t.Helper()
	d.do(t, func(c *goldap.Conn) error {
		found, err := c.Search(goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, goldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{name}, nil))
		if err == nil {
			value = found.Entries[0].GetRawAttributeValue(name)
		}
		return err
	})
	return value
}

// quoted is how Active Directory takes a password.
func quoted(password string) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return string(out)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must gives a value or ends the test: must(f())(t).
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return value
	}
}
