package connector

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"postern/internal/wire"
)

// backend records every byte and every connection that reaches it.
type testBackend struct {
	listener net.Listener
	port     uint16
	running  sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	conns []net.Conn
	got   bytes.Buffer
}

// newBackend serves connections with serve, which reads through the recording connection it gets.
func newBackend(t *testing.T, serve func(*recorded)) *testBackend {
	t.Helper()
	b := &testBackend{listener: must(net.Listen("tcp", "127.0.0.1:0"))(t)}
	b.port = uint16(b.listener.Addr().(*net.TCPAddr).Port)
	b.running.Go(func() {
		for {
			conn, err := b.listener.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.conns = append(b.conns, conn)
			b.mu.Unlock()
			b.running.Go(func() { serve(&recorded{conn.(*net.TCPConn), b}) })
		}
	})
	t.Cleanup(func() {
		b.listener.Close()
		b.mu.Lock()
		for _, c := range b.conns {
			c.Close()
		}
		b.mu.Unlock()
		b.running.Wait()
	})
	return b
}

// seen gives how many connections came and what they sent.
func (b *testBackend) seen() (connections int, data string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns), b.got.String()
}

type recorded struct {
	*net.TCPConn
	b *testBackend
}

func (r *recorded) Read(p []byte) (int, error) {
	n, err := r.TCPConn.Read(p)
	r.b.mu.Lock()
	if r.b.got.Len() < 1<<20 {
		r.b.got.Write(p[:n])
	}
	r.b.mu.Unlock()
	return n, err
}

// echo sends back what it gets until the end, then ends.
func echo(r *recorded) {
	_, _ = io.Copy(struct{ io.Writer }{r.TCPConn}, struct{ io.Reader }{r})
	r.Close()
}

// hold keeps the connection until the other side ends it.
func hold(r *recorded) {
	_, _ = io.Copy(io.Discard, struct{ io.Reader }{r})
	r.Close()
}

// authority is a private network's own CA with one server certificate.
type authority struct {
	pem  []byte
	cert tls.Certificate
}

func newAuthority(t *testing.T, until time.Time, names ...string) authority {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private"}, NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	return authority{
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
	}
}

// overTLS serves TLS on a backend's connections.
func (a authority) overTLS(serve func(*tls.Conn, *recorded)) func(*recorded) {
	return func(r *recorded) {
		serve(tls.Server(r, &tls.Config{Certificates: []tls.Certificate{a.cert}, NextProtos: []string{"http/1.1"}}), r)
	}
}

// publish adds a target to the configuration before the connector starts.
func (w *world) publish(t wire.Target) {
	if t.Version == 0 {
		t.Version = 1
	}
	w.set(func(c *wire.Configuration) { c.Targets = append(append([]wire.Target{}, c.Targets...), t) })
}
