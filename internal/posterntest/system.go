// Package posterntest starts a whole real Postern in one line, for tests: the very wiring of
// `postern serve` with real TLS on loopback and a real database, real connectors, backends that
// remember every byte they get, and browsers with cookies. It has no mocks.
package posterntest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/posterntest/fresh"
	"postern/internal/service"
)

// Patience is how long tests wait for what must happen. It is generous: machines are slow at times.
const Patience = 30 * time.Second

// Password is that of every user that a System makes.
const Password = "correct horse battery"

// System is a running service with what belongs to it.
type System struct {
	T         testing.TB
	Service   *service.Service // nil for an attached one
	PortalURL string
	AdminURL  string
	API       *api.Client // signed in as an Owner
	Key       string      // the Owner's API key
	Roots     *x509.CertPool
	RootsPEM  []byte
	Dir       string
	Log       *slog.Logger

	port int
	stop func() error
}

// Option changes how a System is made.
type Option func(*service.Config)

// WithDatabase uses a PostgreSQL instead of SQLite.
func WithDatabase(url string) Option { return func(c *service.Config) { c.Database = url } }

// With changes any setting.
func With(change func(*service.Config)) Option { return Option(change) }

// New starts a service on free ports of loopback, claims it, and stops it when the test ends. Its
// hosts lie under localhost: portal.test.localhost, admin.test.localhost, and for applications
// whatever Publish is told.
func New(t testing.TB, options ...Option) *System {
	t.Helper()
	port := FreePort(t) // Restart listens there again
	s := Attach(t, t.TempDir(), port)
	s.start(must(net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))))(t), options)
	t.Cleanup(func() { s.Stop() })
	s.claim()
	return s
}

// Attach gives a System for a service that runs elsewhere, on a port of loopback under the same
// names; its keeper claims it and fills in what is known afterwards.
func Attach(t testing.TB, dir string, port int) *System {
	return &System{
		T: t, Dir: dir, Log: testLog(t), port: port,
		PortalURL: fmt.Sprintf("https://portal.test.localhost:%d", port),
		AdminURL:  fmt.Sprintf("https://admin.test.localhost:%d", port),
	}
}

func (s *System) start(listener net.Listener, options []Option) {
	s.T.Helper()
	cfg := service.Config{
		Data:           filepath.Join(s.Dir, "service"),
		URL:            s.PortalURL,
		AdminURL:       s.AdminURL,
		Listen:         listener.Addr().String(),
		ListenPlain:    "127.0.0.1:0",
		MetricsListen:  service.Off,
		GatewayAddress: listener.Addr().String(),
		Drain:          2 * time.Second,
		Log:            s.Log,
		Listener: func(name, address string) (net.Listener, error) {
			if name == "listen" {
				return listener, nil
			}
			return net.Listen("tcp", address)
		},
	}
	for _, option := range options {
		option(&cfg)
	}
	if path := filepath.Join(cfg.Data, "postern.db"); cfg.Database == "" && !exists(path) {
		if err := fresh.At(path); err != nil {
			s.T.Fatal(err)
		}
	}
	var err error
	if s.Service, err = service.New(s.T.Context(), cfg); err != nil {
		s.T.Fatalf("make the service: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Service.Run(ctx) }()
	s.stop = sync.OnceValue(func() error { cancel(); return <-done })
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Stop stops the service as SIGTERM does and waits for its end.
func (s *System) Stop() {
	s.T.Helper()
	if err := s.stop(); err != nil && !errors.Is(err, context.Canceled) {
		s.T.Errorf("the service ended: %v", err)
	}
}

// Restart stops the service and starts it on the same port and database.
func (s *System) Restart(options ...Option) {
	s.T.Helper()
	address := s.Service.Address().String()
	s.Stop()
	s.start(must(net.Listen("tcp", address))(s.T), options)
}

// claim uses the set-up code as the first administrator does, and signs in to the API.
func (s *System) claim() {
	s.T.Helper()
	ctx := s.T.Context()
	link := must(s.Service.SetupLink(ctx))(s.T)
	_, code, _ := strings.Cut(link, "#")
	var err error
	s.Key, err = s.Service.Control().Setup(ctx, access.Actor{Kind: access.ActorAnyone, Address: "127.0.0.1"},
		control.SetupRequest{Code: code, User: access.User{Name: "owner"}, Password: Password})
	if err != nil {
		s.T.Fatalf("claim the service: %v", err)
	}
	snap := must(s.Service.Control().Snapshot(ctx, 0))(s.T)
	s.Trust(snap.Roots)
	s.API = s.Client(s.Key)
}

// Trust makes clients and browsers trust the service's own authority.
func (s *System) Trust(roots []byte) {
	s.Roots, s.RootsPEM = x509.NewCertPool(), roots
	if !s.Roots.AppendCertsFromPEM(roots) {
		s.T.Fatal("the authority's certificate cannot be read")
	}
}

// Client gives a client of the admin API with a key.
func (s *System) Client(key string) *api.Client {
	s.T.Helper()
	client := must(api.NewClient(api.Config{URL: s.AdminURL, Key: key, Roots: s.Roots}))(s.T)
	s.T.Cleanup(client.Close)
	return client
}

// Port gives the port of the service.
func (s *System) Port() int { return s.port }

// Address gives where the service listens: 127.0.0.1 and its port.
func (s *System) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL gives the external URL of a host below test.localhost: URL("wiki", "/x").
func (s *System) URL(name, path string) string {
	return fmt.Sprintf("https://%s.test.localhost:%d%s", name, s.port, path)
}

// Await waits until ready says true, looking again whenever the configuration may have changed
// and every few milliseconds.
func (s *System) Await(what string, ready func() bool) {
	s.T.Helper()
	s.AwaitFor(Patience, what, ready)
}

// AwaitFor is Await with a patience of its own, for what takes its time also on a fast machine.
func (s *System) AwaitFor(patience time.Duration, what string, ready func() bool) {
	s.T.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-deadline.C:
			if ready() { // this process may have stood still itself
				return
			}
			s.T.Fatalf("waited %v for: %s", patience, what)
		}
	}
}

// AwaitSnapshot waits until the gateway's configuration has all that was changed so far.
func (s *System) AwaitSnapshot(ready func(*access.Snapshot) bool) {
	s.T.Helper()
	if s.Service == nil {
		return // of a service elsewhere nobody can tell; what follows has to wait
	}
	s.Await("the configuration", func() bool {
		snap, err := s.Service.Control().Snapshot(s.T.Context(), 0)
		return err == nil && ready(snap)
	})
}

// must gives a value or ends the test: must(f())(t).
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// testLog logs to the file of POSTERN_TEST_LOG, or nowhere: what a test needs to know it asks.
func testLog(t testing.TB) *slog.Logger {
	path := os.Getenv("POSTERN_TEST_LOG")
	if path == "" {
		return slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	f := must(os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600))(t)
	t.Cleanup(func() { f.Close() })
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug})).With("test", t.Name())
}
