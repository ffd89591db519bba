package http2_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"postern/internal/http2"
	"postern/internal/tunnel"
)

// within is how long a test waits for what must come.
const within = time.Minute

// A site is a server with a listener of its own.
type site struct {
	*http2.Server
	addr  string
	roots *x509.CertPool

	mu      sync.Mutex
	refused map[string]int
	ends    []error // of connections
}

// certificate is httptest's: for example.com and loopback.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates[0], roots
})

// serve serves over TLS, with writes gathered, as the gateway does.
func serve(t testing.TB, cfg http2.Config) *site {
	t.Helper()
	s := &site{refused: map[string]int{}}
	cfg.Refused = func(reason string) {
		s.mu.Lock()
		s.refused[reason]++
		s.mu.Unlock()
	}
	s.Server = http2.NewServer(cfg)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	chain, roots := certificate()
	s.roots = roots
	config := &tls.Config{Certificates: []tls.Certificate{chain}, NextProtos: []string{"h2"}, DynamicRecordSizingDisabled: true}
	ctx, cancel := context.WithCancel(context.Background())
	var open sync.WaitGroup
	open.Go(func() {
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				conn := tls.Server(tunnel.Coalesce(raw), config)
				if err := conn.HandshakeContext(ctx); err != nil {
					_ = raw.Close()
					return
				}
				err := s.Serve(ctx, conn)
				s.mu.Lock()
				s.ends = append(s.ends, err)
				s.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		cancel()
		open.Wait()
		s.Close()
	})
	return s
}

// count tells how often a reason was given.
func (s *site) count(reason string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[reason]
}

// until waits for a condition.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); !done(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// connReason gives why a connection ended.
func connReason(err error) string {
	var broken *http2.ConnError
	if errors.As(err, &broken) {
		return broken.Reason
	}
	return ""
}

// trust is how a client trusts the site.
func (s *site) trust() *tls.Config {
	return &tls.Config{RootCAs: s.roots, ServerName: "example.com"}
}

// pipe gives both ends of a TCP connection.
func pipe(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if theirs, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if ours, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}
