// Package saml starts a real SAML identity provider for tests: Debian's lemonldap-ng, as a process of its own, behind
// TLS. It is for the proof alone, since it brings a hundred packages along.
package saml

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Host is the provider's name.
const Host = "llng.localhost"

const psgi = "/usr/share/lemonldap-ng/portal/htdocs/index.psgi"

// Main runs the tests of a package that needs the provider. Where it is not installed they do not run, and Main says
// so aloud; with CI=true that is a failure.
func Main(m *testing.M) int {
	if _, err := os.Stat(psgi); err == nil {
		return m.Run()
	}
	fmt.Fprintln(os.Stderr, "NOT RUN: the SAML provider needs lemonldap-ng and liblasso-perl (Debian)")
	if os.Getenv("CI") == "true" {
		return 1
	}
	return 0
}

// Provider is one that runs until its test ends. Its users are those of its demonstration: dwho, rtyler, msmith; each
// one's password is the name.
type Provider struct {
	URL   string
	Roots *x509.CertPool
	CA    string

	t    testing.TB
	dir  string
	conf map[string]any
	next string // where plackup listens
	out  bytes.Buffer
}

// New prepares a provider: its address is known, and it answers once Start was called.
func New(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{t: t, dir: t.TempDir(), Roots: x509.NewCertPool()}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.next = free.Addr().String()
	free.Close()
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: p.next})
			r.Out.Host = r.In.Host
		},
		ErrorLog: log.New(io.Discard, "", 0),
	})
	key, certificate := p.certificate(Host)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	p.Roots.AddCert(certificate)
	p.CA = encode("CERTIFICATE", certificate.Raw)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p.URL = "https://" + Host + ":" + port
	return p
}

// Start starts it, knowing a service provider by its metadata.
func (p *Provider) Start(metadata string) {
	p.t.Helper()
	p.configure(metadata)
	p.write("lemonldap-ng.ini", `[all]
logLevel = notice
checkTime = 1
[configuration]
type=File
dirName = `+p.dir+`/conf
localStorage=Cache::FileCache
localStorageOptions={ 'namespace' => 'c', 'default_expires_in' => 600, 'cache_root' => '`+p.dir+`/cache', 'cache_depth' => 3 }
[portal]
staticPrefix = /static
templateDir  = /usr/share/lemonldap-ng/portal/templates
languages    = en
`)
	cmd := exec.Command("plackup", "-s", "HTTP::Server::PSGI", "-E", "deployment", "--listen", p.next, psgi)
	cmd.Env = append(os.Environ(), "LLNG_DEFAULTCONFFILE="+filepath.Join(p.dir, "lemonldap-ng.ini"))
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start lemonldap-ng: %v", err)
	}
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("lemonldap-ng said:\n%s", &p.out)
		}
	})
	for deadline := time.Now().Add(2 * time.Minute); ; {
		resp, err := http.Get("http://" + p.next + "/saml/metadata")
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("lemonldap-ng does not answer: %v\n%s", err, &p.out)
		}
	}
}

func (p *Provider) configure(metadata string) {
	p.t.Helper()
	text, err := os.ReadFile("/var/lib/lemonldap-ng/conf/lmConf-1.json")
	if err != nil {
		p.t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p.conf); err != nil {
		p.t.Fatal(err)
	}
	key, certificate := p.certificate("lemonldap")
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	for name, value := range map[string]any{
		"cfgNum": 1, "portal": p.URL + "/", "domain": Host, "securedCookie": 1, "authentication": "Demo", "userDB": "Same", "requireToken": 0, "captcha_login_enabled": 0, "captcha_mail_enabled": 0, "captcha_register_enabled": 0, "portalDisplayResetPassword": 0, "portalDisplayRegister": 0, "portalCheckLogins": 0,
		"issuerDBSAMLActivation": 1, "samlEntityID": p.URL + "/saml/metadata", "samlServiceSignatureMethod": "RSA_SHA256",
		"samlServicePrivateKeySig": encode("PRIVATE KEY", private), "samlServicePublicKeySig": encode("CERTIFICATE", certificate.Raw),
		"samlServicePrivateKeyEnc": encode("PRIVATE KEY", private), "samlServicePublicKeyEnc": encode("CERTIFICATE", certificate.Raw),
		"samlServiceUseCertificateInResponse": 1,
		"globalStorageOptions":                map[string]any{"Directory": p.dir + "/sessions", "LockDirectory": p.dir + "/sessions/lock", "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"},
		"localSessionStorageOptions":          map[string]any{"cache_root": p.dir + "/cache", "namespace": "s", "default_expires_in": 600, "directory_umask": "007", "cache_depth": 3},
		"persistentStorageOptions":            map[string]any{"Directory": p.dir + "/psessions", "LockDirectory": p.dir + "/psessions/lock"},
		"samlSPMetaDataXML":                   map[string]any{"postern": map[string]any{"samlSPMetaDataXML": metadata}},
		"samlSPMetaDataOptions": map[string]any{"postern": map[string]any{"samlSPMetaDataOptionsNameIDFormat": "persistent", "samlSPMetaDataOptionsSignSSOMessage": 1,
			"samlSPMetaDataOptionsCheckSSOMessageSignature": 1, "samlSPMetaDataOptionsSignSLOMessage": 1, "samlSPMetaDataOptionsCheckSLOMessageSignature": 1,
			"samlSPMetaDataOptionsEncryptionMode": "assertion"}},
		"samlSPMetaDataExportedAttributes": map[string]any{"postern": map[string]any{"mail": "1;mail;;mail", "uid": "1;uid;;uid"}},
	} {
		p.conf[name] = value
	}
	for _, dir := range []string{"conf", "cache", "sessions/lock", "psessions/lock"} {
		if err := os.MkdirAll(filepath.Join(p.dir, dir), 0o700); err != nil {
			p.t.Fatal(err)
		}
	}
	out, err := json.Marshal(p.conf)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("conf/lmConf-1.json", string(out))
}

func (p *Provider) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *Provider) certificate(name string) (*rsa.PrivateKey, *x509.Certificate) {
	p.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	if strings.Contains(name, ".") {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		p.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}
	return key, certificate
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
