package gateway

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/http1"
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

// A backend is a connection to an application's backend: a stream of a link, on which HTTP/1.1 is spoken, one exchange at a
// time.
type backend struct {
	stream *tunnel.Stream
	in     *http1.Reader
	out    *http1.Writer
	res    http1.Response
	pool   *pool
	kept   bool      // it carried another exchange before
	since  time.Time // when it was put back
}

// drop ends the connection, whatever it is doing. It may be called from any goroutine.
func (b *backend) drop() { b.stream.Reset(tunnel.CodeCancelled) }

// close ends one that nobody uses.
func (b *backend) close() {
	_ = b.stream.Close() // it is of no use any more, whatever it says
	b.in.Close()
}

// A pool keeps the idle connections of a key, the one used last at the end: those at the front are the first to be too old.
type pool struct {
	idle    []*backend
	lent    int
	retired bool
}

// pools are a link's.
type pools struct {
	link *link

	mu    sync.Mutex // guards the fields below
	open  map[poolKey]*pool
	open2 map[poolKey]*pool2
}

// get gives a connection for an exchange: the one that was used last, or a new one. fresh: a new one, since those that
// are kept are likely to be stale.
func (s *pools) get(x *exchange, key poolKey, fresh bool) (*backend, error) {
	p, b, stale := s.take(x, key, fresh)
	for _, old := range stale {
		old.close()
	}
	if b != nil {
		return b, nil
	}
	who := x.who.Load()
	switch {
	case key.private == "":
		who = nil
	case who != nil:
		here := *who
		here.Address = x.client.Addr()
		who = &here
	}
	stream, err := s.link.dial(x, who)
	if err != nil {
		s.leave(p)
		return nil, err
	}
	limits := http1.Limits{Head: int(s.link.g.limits.ResponseHeaderBytes), Fields: maxResponseFields}
	return &backend{stream: stream, in: http1.NewReader(stream, limits), out: http1.NewWriter(stream), pool: p}, nil
}

const maxResponseFields = 256

// take takes an idle connection, and those that turned out to be of no use.
func (s *pools) take(x *exchange, key poolKey, fresh bool) (p *pool, b *backend, stale []*backend) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.open[key]
	if !ok {
		p = &pool{}
		if s.open == nil {
			s.open = map[poolKey]*pool{}
		}
		s.open[key] = p
		if key.private != "" && x.conn != nil {
			x.conn.onClose(func() { s.retire(func(k poolKey) bool { return k == key }) })
		}
	}
	p.lent++
	if fresh {
		stale, p.idle = p.idle, nil
		return p, nil, stale
	}
	for n := len(p.idle) - 1; n >= 0; n-- {
		b, p.idle[n] = p.idle[n], nil
		p.idle = p.idle[:n]
		if b.stream.Idle() && time.Since(b.since) < keepFor(key) {
			b.kept = true
			return p, b, stale
		}
		stale = append(stale, b)
	}
	return p, nil, stale
}

func keepFor(key poolKey) time.Duration {
	if key.private != "" {
		return keepPrivate
	}
	return keepIdle
}

func (s *pools) leave(p *pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.lent--
}

// put takes a connection back; reusable: its exchange is over on both sides.
func (s *pools) put(b *backend, reusable bool) {
	if reusable {
		b.in.Release()
		reusable = b.in.Buffered() == 0
	}
	s.mu.Lock()
	p := b.pool
	p.lent--
	if reusable = reusable && !p.retired && len(p.idle) < s.link.g.limits.IdleStreams; reusable {
		b.since = time.Now()
		p.idle = append(p.idle, b)
	}
	s.mu.Unlock()
	if !reusable {
		b.drop()
		b.close()
	}
}

// retire takes pools out of use (nil: all of them): their idle connections close now, the others
// when their exchange ends.
func (s *pools) retire(condition func(poolKey) bool) {
	var gone []*backend
	s.mu.Lock()
	for key, p := range s.open {
		if condition == nil || condition(key) {
			gone = append(gone, p.idle...)
			p.idle, p.retired = nil, true
			delete(s.open, key)
		}
	}
	s.mu.Unlock()
	for _, b := range gone {
		b.close()
	}
	s.retire2(condition)
}

// sweep closes what was idle for too long, or what its backend ended.
func (s *pools) sweep(now time.Time) {
	var gone []*backend
	s.mu.Lock()
	for key, p := range s.open {
		p.idle = slices.DeleteFunc(p.idle, func(b *backend) bool {
			old := now.Sub(b.since) >= keepFor(key) || !b.stream.Idle()
			if old {
				gone = append(gone, b)
			}
			return old
		})
		if p.lent == 0 && len(p.idle) == 0 && key.private == "" { // a private one goes with its connection
			p.retired = true
			delete(s.open, key)
		}
	}
	s.mu.Unlock()
	for _, b := range gone {
		b.close()
	}
	s.sweep2(now)
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
func (l *link) dial(x *exchange, who *access.Principal) (*tunnel.Stream, error) {
	s, _, err := l.dialOffering(x, who, nil)
	return s, err
}

// dialOffering does so and says what is spoken to a backend with TLS; nil: HTTP/1.1.
func (l *link) dialOffering(x *exchange, who *access.Principal, alpn []string) (*tunnel.Stream, wire.Opened, error) {
	var opened wire.Opened
	began, app := time.Now(), x.app
	ctx, cancel := context.WithTimeout(x.context(), openTimeout)
	defer cancel()
	grant, err := l.g.grants.grant(ctx, app.ID, who)
	if err != nil {
		return nil, opened, &dialError{fmt.Errorf("ask for a grant: %w", err)}
	}
	open := wire.Open{Kind: wire.KindDial, Application: string(app.ID), Version: app.Version, Request: x.id, ALPN: alpn}
	if who := x.who.Load(); who != nil {
		open.User = who.Name
	}
	s, answer, err := l.openShown(ctx, l.forwarding(open, who), grant)
	if err != nil {
		if refusal, ok := err.(*wire.Refusal); ok && refusal.Phase == wire.PhaseGrant {
			l.g.grants.drop(app.ID, who) // the next attempt brings a new one
		}
		return nil, opened, &dialError{err}
	}
	x.record.Open = time.Since(began)
	if alpn != nil {
		opened, _ = wire.Decode[wire.Opened](answer) // one that cannot be read says nothing of ALPN, which is dealt with
	}
	return s, opened, nil
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
