// Package slapd starts a private OpenLDAP server for tests: a real one, from nothing, with a
// certificate of an authority of its own, LDAPS and StartTLS, group membership kept by the server
// and a password policy. It is gone when the test ends.
package slapd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
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

	goldap "github.com/go-ldap/ldap/v3"
)

// What every directory of a test is called and has.
const (
	Base     = "dc=example,dc=test"
	People   = "ou=people," + Base
	Groups   = "ou=groups," + Base
	Manager  = "cn=manager," + Base // may everything
	BindDN   = "cn=reader," + Base  // may search
	Password = "directory horse"    // of the two
)

// patience is how long a server may take to start or to end.
const patience = 60 * time.Second

// Server is a directory of one test's own.
type Server struct {
	URL   string // ldaps://
	Plain string // ldap://, for StartTLS
	CA    string // PEM

	dir   string
	roots *x509.CertPool
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has
}

// New makes a directory, starts its server, and ends it with the test. It fails the test where
// OpenLDAP is not installed.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir()}
	must(t, os.Mkdir(filepath.Join(s.dir, "data"), 0o700))
	host := hostOf()
	s.certify(t, host)
	must(t, os.WriteFile(filepath.Join(s.dir, "slapd.conf"), fmt.Appendf(nil, configuration, s.dir, Base, Manager, Password, BindDN, People, Base), 0o600))
	s.start(t, host)
	t.Cleanup(func() { s.end(t) })
	s.Add(t, Base, "objectClass", "dcObject", "objectClass", "organization", "dc", "example", "o", "Example")
	s.Add(t, "ou=policies,"+Base, "objectClass", "organizationalUnit")
	s.Add(t, "cn=default,ou=policies,"+Base, "objectClass", "device", "objectClass", "pwdPolicy",
		"pwdAttribute", "userPassword", "pwdLockout", "TRUE", "pwdMaxFailure", "5", "pwdMustChange", "TRUE")
	s.Add(t, People, "objectClass", "organizationalUnit")
	s.Add(t, Groups, "objectClass", "organizationalUnit")
	s.Add(t, BindDN, "objectClass", "applicationProcess", "objectClass", "simpleSecurityObject", "userPassword", Password)
	return s
}

// configuration is filled with: directory, suffix, root's name, root's password, the bind account,
// the people and the suffix.
const configuration = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
moduleload back_mdb
moduleload memberof
moduleload ppolicy
pidfile %[1]s/pid
argsfile %[1]s/args
TLSCACertificateFile %[1]s/ca.pem
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
TLSVerifyClient never
sizelimit 1000
database mdb
suffix "%[2]s"
rootdn "%[3]s"
rootpw "%[4]s"
directory %[1]s/data
maxsize 67108864
dbnosync
index objectClass,uid,member,memberUid,entryUUID eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="%[5]s" read by * none
overlay memberof
overlay ppolicy
ppolicy_default "cn=default,ou=policies,%[7]s"
ppolicy_hash_cleartext
ppolicy_use_lockout
`

// hostOf gives an address of loopback that most likely nobody else uses.
func hostOf() string {
	var b [3]byte
	rand.Read(b[:])
	return fmt.Sprintf("127.%d.%d.%d", b[0], b[1], max(b[2], 1))
}

// start starts the server on free ports: somebody may take them in between, then on others.
func (s *Server) start(t testing.TB, host string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		private, plain := freePort(t, host), freePort(t, host)
		s.URL, s.Plain = "ldaps://"+private, "ldap://"+plain
		s.run(t)
		if s.answers(deadline) {
			return
		}
	}
	t.Fatalf("slapd did not start\n%s", s.log())
}

func freePort(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	out, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer out.Close() // the server has its own
	s.cmd = exec.Command(find(t), "-d", "0", "-h", s.URL+"/ "+s.Plain+"/", "-f", filepath.Join(s.dir, "slapd.conf"))
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = endsWithUs()
	must(t, s.cmd.Start())
	ended := make(chan struct{})
	s.ended = ended
	go func(cmd *exec.Cmd) {
		defer close(ended)
		_ = cmd.Wait() // how it ended stands in its log
	}(s.cmd)
}

// answers waits until the server takes its manager's password, or has ended, or the deadline is over.
func (s *Server) answers(deadline time.Time) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		if conn, err := s.dial(); err == nil {
			conn.Close()
			return true
		}
		select {
		case <-s.ended:
			return false
		case <-tick.C:
		}
	}
	return false
}

func (s *Server) dial() (*goldap.Conn, error) {
	conn, err := goldap.DialURL(s.URL, goldap.DialWithTLSConfig(&tls.Config{RootCAs: s.roots}))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(patience)
	if err := conn.Bind(Manager, Password); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// Do does something as the manager.
func (s *Server) Do(t testing.TB, do func(*goldap.Conn) error) {
	t.Helper()
	conn, err := s.dial()
	must(t, err)
	defer conn.Close()
	must(t, do(conn))
}

// Add adds an entry: names of attributes and values in turn.
func (s *Server) Add(t testing.TB, dn string, pairs ...string) {
	t.Helper()
	request := goldap.NewAddRequest(dn, nil)
	values := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = append(values[pairs[i]], pairs[i+1])
	}
	for name, list := range values {
		request.Attribute(name, list)
	}
	s.Do(t, func(c *goldap.Conn) error { return c.Add(request) })
}

// Set replaces an attribute's values; none removes it.
func (s *Server) Set(t testing.TB, dn, attribute string, values ...string) {
	t.Helper()
	request := goldap.NewModifyRequest(dn, nil)
	request.Replace(attribute, values)
	s.Do(t, func(c *goldap.Conn) error { return c.Modify(request) })
}

// Person adds somebody below People and gives their distinguished name. Their address is their name
// with what no address may hold left out.
func (s *Server) Person(t testing.TB, uid, password string, pairs ...string) string {
	t.Helper()
	dn := "uid=" + goldap.EscapeDN(uid) + "," + People
	plain := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, uid)
	s.Add(t, dn, append([]string{"objectClass", "inetOrgPerson", "objectClass", "extensibleObject", "uid", uid, "cn", uid, "sn", uid,
		"mail", plain + "@example.test", "userPassword", password}, pairs...)...)
	return dn
}

// Group adds a group below Groups and gives its distinguished name.
func (s *Server) Group(t testing.TB, name string, members ...string) string {
	t.Helper()
	dn := "cn=" + goldap.EscapeDN(name) + "," + Groups
	pairs := []string{"objectClass", "groupOfNames", "cn", name}
	for _, m := range members {
		pairs = append(pairs, "member", m)
	}
	s.Add(t, dn, pairs...)
	return dn
}

// Stop ends the server as the end of its machine does; Start starts it again at the same place.
func (s *Server) Stop(t testing.TB) { t.Helper(); s.end(t) }

// Start starts the server again where it was.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		s.run(t)
		if s.answers(deadline) {
			return
		}
	}
	t.Fatalf("slapd did not start again\n%s", s.log())
}

func (s *Server) end(t testing.TB) {
	t.Helper()
	_ = s.cmd.Process.Kill() // it may have ended already, which is what is wanted
	select {
	case <-s.ended:
	case <-time.After(patience):
		t.Errorf("slapd did not end\n%s", s.log())
	}
}

func (s *Server) log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// certify makes an authority and the server's certificate.
func (s *Server) certify(t testing.TB, host string) {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Directory CA"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "directory"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.ParseIP(host)}}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(t, err)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: caDER}, "cert.pem": {Type: "CERTIFICATE", Bytes: leafDER}, "key.pem": {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		must(t, os.WriteFile(filepath.Join(s.dir, name), pem.EncodeToMemory(block), 0o600))
	}
	s.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}))
	s.roots = x509.NewCertPool()
	s.roots.AppendCertsFromPEM([]byte(s.CA))
}

// find looks on PATH and where Debian keeps programs of the system.
func find(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"slapd", "/usr/sbin/slapd", "/usr/lib/openldap/slapd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no program \"slapd\": install OpenLDAP (Debian package slapd)")
	return ""
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
