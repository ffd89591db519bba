package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

const (
	// keepIdle is how long a backend connection is kept for the next request. It is shorter than
	// the keep-alive of common servers (5 s: Apache, Node.js), so that a request does not meet a
	// connection that its backend is just closing.
	keepIdle = 4 * time.Second
	// keepPrivate is the same for connections that carry their user's authentication.
	keepPrivate = 2 * time.Minute
	// openTimeout is how long a connector may take to connect to the backend.
	openTimeout = 20 * time.Second
)

// A poolKey says whose backend connections may be shared: requests of one version of an application,
// and where backends authenticate the connection, of one user on one connection of theirs.
type poolKey struct {
	app     access.ID
	version int64
	private string
}

// A pool keeps backend connections: streams of one link.
type pool struct {
	transport *http.Transport
	users     int
	retired   bool
}

// pools are a link's.
type pools struct {
	link *link

	mu   sync.Mutex // guards the fields below
	open map[poolKey]*pool
}

// use gives the pool of a key and how to leave it.
func (s *pools) use(key poolKey, x *exchange) (*pool, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.open[key]
	if !ok {
		p = &pool{transport: s.link.transport(key, x)}
		if s.open == nil {
			s.open = map[poolKey]*pool{}
		}
		s.open[key] = p
		if key.private != "" && x.conn != nil {
			x.conn.onClose(func() { s.retire(func(k poolKey) bool { return k == key }) })
		}
	}
	p.users++
	return p, func() {
		s.mu.Lock()
		p.users--
		last := p.retired && p.users == 0
		s.mu.Unlock()
		if last {
			p.transport.CloseIdleConnections()
		}
	}
}

// retire takes pools out of use (nil: all of them): their idle connections close now, the others
// when their exchange ends.
func (s *pools) retire(condition func(poolKey) bool) {
	var gone []*pool
	s.mu.Lock()
	for key, p := range s.open {
		if condition == nil || condition(key) {
			p.retired = true
			gone = append(gone, p)
			delete(s.open, key)
		}
	}
	s.mu.Unlock()
	for _, p := range gone {
		p.transport.CloseIdleConnections()
	}
}

// transport makes what speaks HTTP/1.1 over streams of the link.
func (l *link) transport(key poolKey, x *exchange) *http.Transport {
	app, who := x.app, x.who.Load()
	switch {
	case key.private == "":
		who = nil
	case who != nil:
		here := *who
		here.Address = x.client.Addr()
		who = &here
	}
	idle := keepIdle
	if key.private != "" {
		idle = keepPrivate
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return l.dial(ctx, app, who)
		},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    l.g.limits.IdleStreams,
		IdleConnTimeout:        idle,
		ResponseHeaderTimeout:  orDefault(app.BackendTimeout, access.DefaultBackendTimeout),
		ExpectContinueTimeout:  5 * time.Second,
		MaxResponseHeaderBytes: l.g.limits.ResponseHeaderBytes,
		Protocols:              http1Only(),
		WriteBufferSize:        4 << 10,
		ReadBufferSize:         4 << 10,
	}
}

func http1Only() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	return &p
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// A dialError says that no stream to the backend came about: nothing of the request was sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return "open stream: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dial opens a stream to the application's backend, for everybody (who is nil) or for one user.
func (l *link) dial(ctx context.Context, app *published, who *access.Principal) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	grant, err := l.g.grants.grant(ctx, app.ID, who)
	if err != nil {
		return nil, &dialError{fmt.Errorf("ask for a grant: %w", err)}
	}
	open := wire.Open{Kind: wire.KindDial, Application: string(app.ID), Version: app.Version}
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		open.Request = x.id
		if who := x.who.Load(); who != nil {
			open.User = who.Name
		}
	}
	s, _, err := l.openShown(ctx, l.forwarding(open, who), grant)
	if err != nil {
		if refusal, ok := err.(*wire.Refusal); ok && refusal.Phase == wire.PhaseGrant {
			l.g.grants.drop(app.ID, who) // the next attempt brings a new one
		}
		return nil, &dialError{err}
	}
	return s, nil
}

// openShown opens a stream with a grant: in full the first time, then by its hash.
func (l *link) openShown(ctx context.Context, open wire.Open, grant string) (*tunnel.Stream, []byte, error) {
	hash := wire.GrantHash(grant)
	if open.Grant, open.GrantHash = "", hash; !l.shown.has(hash) {
		open.Grant, open.GrantHash = grant, ""
	}
	s, answer, err := l.open(ctx, open)
	if refusal, ok := err.(*wire.Refusal); ok && refusal.UnknownGrant && open.Grant == "" {
		open.Grant, open.GrantHash = grant, ""
		s, answer, err = l.open(ctx, open)
	}
	if err == nil {
		l.shown.add(hash)
	}
	return s, answer, err
}

// open opens a stream and waits until the connector says that it is connected, and gives what it said.
func (l *link) open(ctx context.Context, open wire.Open) (*tunnel.Stream, []byte, error) {
	s, err := l.session.Open(ctx, wire.Encode(open))
	if err != nil {
		return nil, nil, err
	}
	answer, err := s.Opened(ctx)
	if err != nil {
		s.Reset(tunnel.CodeCancelled)
		return nil, nil, refusalOf(err)
	}
	return s, answer, nil
}

// shown remembers which grants a connector has seen in full on a link.
type shown struct {
	mu     sync.Mutex // guards hashes
	hashes map[string]struct{}
}

const maxShown = 4096

func (s *shown) has(hash string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.hashes[hash]
	return ok
}

func (s *shown) add(hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hashes == nil || len(s.hashes) >= maxShown {
		s.hashes = map[string]struct{}{} // they are shown once more
	}
	s.hashes[hash] = struct{}{}
}
