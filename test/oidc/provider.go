// Package oidc starts a real OpenID provider for tests: the certified npm package oidc-provider, as a process of its
// own, over TLS.
package oidc

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Host is the name under which the provider is reached; every name under localhost is this machine.
const Host = "idp.localhost"

// Client is a relying party as the provider knows it, in the words of OpenID Connect Dynamic Client Registration.
type Client struct {
	ID                     string   `json:"client_id"`
	Secret                 string   `json:"client_secret,omitempty"`
	RedirectURIs           []string `json:"redirect_uris"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	BackChannelLogoutURI   string   `json:"backchannel_logout_uri,omitempty"`
	BackChannelNeedsSID    bool     `json:"backchannel_logout_session_required,omitempty"`
	AuthMethod             string   `json:"token_endpoint_auth_method,omitempty"` // client_secret_basic if empty
	Keys                   any      `json:"jwks,omitempty"`                       // for private_key_jwt
	KeyAlgorithm           string   `json:"token_endpoint_auth_signing_alg,omitempty"`
}

// Accounts are the provider's users: their claims by subject. Any password is theirs.
type Accounts map[string]map[string]any

// Provider is one that runs until its test ends.
type Provider struct {
	Issuer string
	Roots  *x509.CertPool // the authority of the provider's certificate
	CA     string         // the same, in PEM

	t       testing.TB
	key     *ecdsa.PrivateKey
	root    *x509.Certificate
	mu      sync.Mutex // guards the two below
	input   io.WriteCloser
	output  *bufio.Reader
	process *exec.Cmd
}

// Missing says why the provider cannot be started here, if it cannot.
func Missing() error {
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("the OpenID provider needs node (Debian: nodejs npm)")
	}
	if _, err := os.Stat(filepath.Join(directory(), "node_modules", "oidc-provider")); err != nil {
		return errors.New("the OpenID provider is not installed: run npm ci in test/oidc")
	}
	return nil
}

// Main runs the tests of a package that needs the provider and returns the code for os.Exit. Where it cannot be
// started the tests do not run, and Main says so aloud; with CI=true that is a failure.
func Main(m *testing.M) int {
	err := Missing()
	if err == nil {
		return m.Run()
	}
	fmt.Fprintf(os.Stderr, "NOT RUN: %v\n", err)
	if os.Getenv("CI") == "true" {
		return 1
	}
	return 0
}

func directory() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// Start starts a provider with those clients and accounts.
func Start(t testing.TB, clients []Client, accounts Accounts) *Provider {
	t.Helper()
	p := &Provider{t: t, Roots: x509.NewCertPool()}
	p.authority()
	certificate := p.Certificate(Host)
	der, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	p.process = exec.Command("node", filepath.Join(directory(), "provider.mjs"))
	var log bytes.Buffer
	p.process.Stderr = &log
	if p.input, err = p.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := p.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.output = bufio.NewReader(output)
	if err := p.process.Start(); err != nil {
		t.Fatalf("start the OpenID provider: %v", err)
	}
	t.Cleanup(func() {
		p.input.Close() // it ends with its input
		_ = p.process.Wait()
		if t.Failed() {
			t.Logf("the OpenID provider said:\n%s", &log)
		}
	})
	var started struct{ Issuer string }
	p.tell(map[string]any{
		"host": Host, "certificate": pemOf("CERTIFICATE", certificate.Certificate[0]), "key": pemOf("PRIVATE KEY", der), "ca": p.CA,
		"clients": orNone(clients), "accounts": accounts,
	}, &started)
	p.Issuer = started.Issuer
	return p
}

func orNone(clients []Client) []Client {
	if clients == nil {
		return []Client{}
	}
	return clients
}

// Clients replaces the clients that the provider knows. Sessions and grants stay.
func (p *Provider) Clients(clients ...Client) {
	p.tell(map[string]any{"clients": orNone(clients)}, nil)
}

// Accounts replaces its users: who is not among them any more is as good as disabled.
func (p *Provider) Accounts(accounts Accounts) { p.tell(map[string]any{"accounts": accounts}, nil) }

// Trust makes the provider trust another authority, too, when it calls others.
func (p *Provider) Trust(roots string) { p.tell(map[string]any{"ca": p.CA + roots}, nil) }

// Audience makes the provider take proofs of clients' keys only for its "issuer", or only for its "token" endpoint.
func (p *Provider) Audience(only string) { p.tell(map[string]any{"audience": only}, nil) }

// Rotate makes the provider sign with a new key and forget the old one.
func (p *Provider) Rotate() { p.tell(map[string]any{"rotate": true}, nil) }

func (p *Provider) tell(what map[string]any, answer any) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	line, err := json.Marshal(what)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.input.Write(append(line, '\n')); err != nil {
		p.t.Fatalf("tell the OpenID provider: %v", err)
	}
	said, err := p.output.ReadBytes('\n')
	if err != nil {
		p.t.Fatalf("the OpenID provider ended: %v", err)
	}
	if answer == nil {
		answer = &struct{}{}
	}
	if err := json.Unmarshal(said, answer); err != nil {
		p.t.Fatalf("the OpenID provider said %q", said)
	}
}

func (p *Provider) authority() {
	p.t.Helper()
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority of the OpenID provider"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, p.key.Public(), p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.root, err = x509.ParseCertificate(der); err != nil {
		p.t.Fatal(err)
	}
	p.Roots.AddCert(p.root)
	p.CA = pemOf("CERTIFICATE", der)
}

// Certificate gives one for a name, from the authority that the provider trusts, too: for whoever it calls.
func (p *Provider) Certificate(name string) tls.Certificate {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.root, key.Public(), p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
