package tunnel

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// tcpPair returns the two ends of a loopback connection.
func tcpPair(t testing.TB) (dialled, accepted net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialled, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close(); accepted.Close() })
	return dialled, accepted
}

var testCertificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tunnel"}, DNSNames: []string{"tunnel.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
})

// mutualTLS puts TLS 1.3 with certificates at both ends over a connection, as the product does.
func mutualTLS(t testing.TB, dialled, accepted net.Conn) (client, server *tls.Conn) {
	t.Helper()
	cert, err := testCertificate()
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	client = tls.Client(dialled, &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool, ServerName: "tunnel.test",
		MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true})
	server = tls.Server(accepted, &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true})
	handshake := make(chan error, 1)
	go func() { handshake <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-handshake); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// running is a session whose Run is under way.
type running struct {
	*Session
	outcome chan error
}

// run starts a session and ends it with the test, which fails if the session does not end then.
func run(t testing.TB, cfg Config) *running {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{s, make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.outcome <- s.Run(context.Background())
	}()
	t.Cleanup(func() {
		s.Close()
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			t.Error("Run did not return")
		}
	})
	return r
}

// result waits for Run to return.
func (r *running) result(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r.outcome:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("Run did not return")
		return nil
	}
}

// pair returns two sessions that talk over mutual TLS on loopback. change, if not nil, changes their configurations.
func pair(t testing.TB, accept func(*Stream), change func(client, server *Config)) (client, server *running) {
	t.Helper()
	dialled, accepted := tcpPair(t)
	c, s := mutualTLS(t, Coalesce(dialled), Coalesce(accepted))
	ccfg := Config{Conn: c, Dialler: true, Hello: Hello{Instance: "client"}}
	scfg := Config{Conn: s, Hello: Hello{Instance: "server"}, Accept: accept}
	if change != nil {
		change(&ccfg, &scfg)
	}
	return run(t, ccfg), run(t, scfg)
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
