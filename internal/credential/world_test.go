package credential_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"postern/internal/ca"
	"postern/internal/credential"
	"postern/internal/wire"
)

const domain = "postern-1.example"

// world is a service's authority and its gateway.
type world struct {
	root   ca.Root
	issuer ca.Issuer
}

func newWorld(t testing.TB, trustDomain string) world {
	t.Helper()
	root, err := ca.CreateRoot(trustDomain, time.Now().Add(-100*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := ca.CreateIssuing(root, time.Now().Add(-100*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return world{root, issuer}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// leaf issues a certificate of a role, with its key.
func (w world) leaf(t testing.TB, role wire.Role, id string) tls.Certificate {
	t.Helper()
	return w.leafAt(t, role, id, time.Now())
}

func (w world) leafAt(t testing.TB, role wire.Role, id string, now time.Time) tls.Certificate {
	t.Helper()
	key := newKey(t)
	der, err := w.issuer.Issue(ca.Request{
		Profile: ca.Profile(role), Serial: ca.NewSerial(), Public: key.Public(), Now: now,
		Identity: wire.Identity{TrustDomain: w.issuer.TrustDomain(), Role: role, ID: id},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// forge signs whatever the template says with the world's issuing key.
func (w world) forge(t testing.TB, template *x509.Certificate, parent *x509.Certificate, signer crypto.Signer) tls.Certificate {
	t.Helper()
	key := newKey(t)
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	template.SerialNumber = big.NewInt(77)
	template.BasicConstraintsValid = true
	if template.KeyUsage == 0 {
		template.KeyUsage = x509.KeyUsageDigitalSignature
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func uris(t testing.TB, texts ...string) (all []*url.URL) {
	t.Helper()
	for _, text := range texts {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	return all
}

// with appends certificates to what is presented.
func with(cert tls.Certificate, more ...[]byte) tls.Certificate {
	cert.Certificate = append(append([][]byte{}, cert.Certificate...), more...)
	return cert
}

// gateway gives what a gateway presents: leaf, issuing and root.
func (w world) gateway(t testing.TB) tls.Certificate {
	return with(w.leaf(t, wire.RoleGateway, "gtw_1"), w.issuer.Cert.Raw, w.root.Cert.Raw)
}

func (w world) rootsPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.root.Cert.Raw})
}

// issuing is what the service trusts connectors by.
func (w world) issuing() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(w.issuer.Cert)
	return pool
}

// tunnelFace is a service's tunnel face for connectors; change alters whom it accepts.
func (w world) tunnelFace(t testing.TB, change func(*credential.Peer)) *tls.Config {
	peer := credential.Peer{
		TrustDomain: domain, Roots: w.issuing(), Roles: []wire.Role{wire.RoleConnector},
		Usage: x509.ExtKeyUsageClientAuth, Protocol: wire.ProtocolTunnel,
	}
	if change != nil {
		change(&peer)
	}
	own := w.gateway(t)
	return credential.ServeTunnel(func() (*tls.Certificate, error) { return &own, nil }, credential.VerifyPeer(peer))
}

// enrolled gives a credential as an agent of this world holds it.
func (w world) enrolled(t testing.TB, id string) *credential.Credential {
	t.Helper()
	cert := w.leaf(t, wire.RoleConnector, id)
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return &credential.Credential{
		Identity: wire.Identity{TrustDomain: w.issuer.TrustDomain(), Role: wire.RoleConnector, ID: id},
		Serial:   ca.SerialText(leaf.SerialNumber), Leaf: leaf, Key: cert.PrivateKey.(*ecdsa.PrivateKey),
		Connection: credential.Connection{Roots: w.rootsPEM()},
	}
}

// clientTLS is a client that checks nothing and presents cert.
func clientTLS(cert *tls.Certificate, protocols ...string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, NextProtos: protocols, MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil },
	}
}

// met is what came of a meeting.
type met struct {
	server, client error
	resumed        bool
	seen           tls.ConnectionState // by the server
}

// meet lets a server and a client shake hands over loopback. The server says a word to the client, so
// that both know the other's verdict and the client has its session ticket.
func meet(t testing.TB, server, client *tls.Config) met {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan met, 1)
	go func() {
		raw, err := listener.Accept()
		if err != nil {
			done <- met{server: err}
			return
		}
		defer raw.Close()
		conn := tls.Server(raw, server)
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		err = conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("welcome"))
			conn.CloseWrite()
			io.Copy(io.Discard, conn) // until the client has read it all
		}
		done <- met{server: err, seen: conn.ConnectionState()}
	}()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	config := client.Clone()
	config.ServerName = "portal.example.com"
	conn := tls.Client(raw, config)
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	word, err := io.ReadAll(conn)
	if err == nil && string(word) != "welcome" {
		t.Errorf("the server said %q", word)
	}
	conn.Close()
	result := <-done
	result.client, result.resumed = err, conn.ConnectionState().DidResume
	return result
}
