package gateway

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"postern/internal/access"
	h2 "postern/internal/http2/backend"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

const (
	// keepIdle2 is how long an HTTP/2 connection without requests is kept. Its backend says when it closes, and which requests it
	// has not looked at, so that it may be longer than keepIdle.
	keepIdle2 = time.Minute
	// renew2 is after how long a connection takes no new requests: names are looked up again, and the grant it was opened
	// with (an hour at most) is long good still.
	renew2 = 15 * time.Minute
	// maxConns2 bounds the connections of a pool, each with its own bound of requests at once.
	maxConns2 = 64
	// remember1 is how long a backend that chose HTTP/1.1 is not asked again.
	remember1 = 10 * time.Minute
	// windows2 is by how much the receive windows of all HTTP/2 backends' streams may grow together.
	windows2 = 64 << 20
)

// errHTTP1 says that the backend chose HTTP/1.1, as it may.
var errHTTP1 = errors.New("the backend speaks HTTP/1.1")

// A pool2 keeps the HTTP/2 connections of a key, each a stream of the link that carries many exchanges at once.
type pool2 struct {
	link *link

	mu      sync.Mutex // guards the fields below; never held over one of a connection
	conns   []*conn2   // copied when it changes
	dialing *dialing2  // under way; nil: none is
	changed chan struct{}
	plain   time.Time // until when HTTP/1.1 is spoken, which the backend chose
	retired bool
}

// A conn2 is a connection of a pool.
type conn2 struct {
	*h2.Conn
	opened time.Time
	rested time.Time // since when it was seen without requests; of the sweep alone
}

// A dialing2 is the opening of a connection, for which all exchanges of a pool wait that have no other.
type dialing2 struct {
	done chan struct{}
	err  error // good after done
	over bool  // the exchange that did it was cut: others try anew
}

// speaks2 reports whether the exchange goes to its backend by HTTP/2. WebSockets and backends that authenticate connections have
// connections of their own.
func (x *exchange) speaks2(r route, private string) bool {
	return (r.BackendProtocol == access.BackendHTTP2 || r.BackendProtocol == access.BackendAuto) && !x.upgrade && private == ""
}

// two gives the pool of HTTP/2 connections of a key.
func (s *pools) two(key poolKey) *pool2 {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.open2[key]
	if !ok {
		p = &pool2{link: s.link}
		if s.open2 == nil {
			s.open2 = map[poolKey]*pool2{}
		}
		s.open2[key] = p
	}
	return p
}

// retire2 takes pools out of use (nil: all of them): their connections close when their exchanges end.
func (s *pools) retire2(condition func(poolKey) bool) {
	var gone []*pool2
	s.mu.Lock()
	for key, p := range s.open2 {
		if condition == nil || condition(key) {
			gone = append(gone, p)
			delete(s.open2, key)
		}
	}
	s.mu.Unlock()
	for _, p := range gone {
		for _, c := range p.retire() {
			c.Retire()
		}
	}
}

// sweep2 retires connections that are old, or had nothing to do for too long.
func (s *pools) sweep2(now time.Time) {
	s.mu.Lock()
	all := make([]*pool2, 0, len(s.open2))
	for _, p := range s.open2 {
		all = append(all, p)
	}
	s.mu.Unlock()
	for _, p := range all {
		for _, c := range p.list() {
			if c.Active() > 0 {
				c.rested = time.Time{}
			} else if c.rested.IsZero() {
				c.rested = now
			}
			if c.Gone() || now.Sub(c.opened) >= renew2 || !c.rested.IsZero() && now.Sub(c.rested) >= keepIdle2 {
				p.remove(c)
				c.Retire()
			}
		}
	}
}

func (p *pool2) list() []*conn2 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns
}

func (p *pool2) remove(c *conn2) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(slices.Clone(p.conns), func(other *conn2) bool { return other == c })
}

func (p *pool2) retire() []*conn2 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	return p.conns
}

// kick wakes who waits for room on a connection.
func (p *pool2) kick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// speaks1 reports whether the backend chose HTTP/1.1 lately.
func (p *pool2) speaks1() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.plain)
}

// open sends the head of a request on a connection that has room; kept: it carried others before. The others of the pool wait
// for one dial, not each for its own.
func (p *pool2) open(x *exchange, req *h2.Request) (s *h2.Stream, kept bool, err error) {
	for fresh := false; ; {
		if s, err = p.try(req); s != nil || err != nil {
			return s, !fresh, err
		}
		wait, mine := p.wait()
		if s, err = p.try(req); s != nil || err != nil { // again: now no change is missed
			if mine != nil {
				p.dialed(mine, nil, nil)
			}
			return s, !fresh, err
		}
		if mine != nil {
			c, err := p.dial(x)
			mine.over = err != nil && x.why() != nil
			if p.dialed(mine, c, err); err != nil {
				return nil, false, err
			}
			fresh = true
			continue
		}
		if err = wait.until(x); err != nil {
			return nil, false, err
		}
	}
}

// try takes the first connection that has room.
func (p *pool2) try(req *h2.Request) (*h2.Stream, error) {
	for _, c := range p.list() {
		s, err := c.Open(req)
		if err == h2.ErrUnusable {
			if c.Gone() {
				p.remove(c)
			}
			continue
		}
		if err == nil && p.isRetired() {
			c.Retire()
		}
		return s, err
	}
	return nil, nil
}

func (p *pool2) isRetired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.retired
}

// waiting2 is what an exchange waits for that finds no room.
type waiting2 struct {
	room    <-chan struct{}
	dial    <-chan struct{}
	dialing *dialing2
}

// until waits, as long as the exchange lasts and its backend may take to answer.
func (w waiting2) until(x *exchange) error {
	patience := time.NewTimer(x.patience)
	defer patience.Stop()
	select {
	case <-w.room:
	case <-w.dial:
		if w.dialing.err != nil && !w.dialing.over {
			return w.dialing.err
		}
	case <-x.context().Done():
		return x.cause(context.Cause(x.context()))
	case <-patience.C:
		f := overloaded2
		return &f
	}
	return nil
}

// wait says what to wait for, or that the caller is to dial.
func (p *pool2) wait() (w waiting2, mine *dialing2) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dialing == nil && len(p.conns) < maxConns2 {
		p.dialing = &dialing2{done: make(chan struct{})}
		return w, p.dialing
	}
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	w.room = p.changed
	if p.dialing != nil {
		w.dial, w.dialing = p.dialing.done, p.dialing
	}
	return w, nil
}

// dialed ends a dial.
func (p *pool2) dialed(d *dialing2, c *h2.Conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d.err, p.dialing = err, nil
	if errors.Is(err, errHTTP1) {
		p.plain = time.Now().Add(remember1)
	}
	if c != nil {
		p.conns = append(slices.Clone(p.conns), &conn2{Conn: c, opened: time.Now()})
	}
	close(d.done)
}

// dial opens a stream and begins HTTP/2 on it.
func (p *pool2) dial(x *exchange) (*h2.Conn, error) {
	l, app := p.link, x.app
	secure := app.internal.Scheme == "https"
	offer := []string{"h2"}
	if app.BackendProtocol == access.BackendAuto {
		offer = append(offer, "http/1.1")
	}
	stream, opened, err := l.dialOffering(x, nil, offer)
	if err != nil {
		return nil, err
	}
	if secure && opened.ALPN != "h2" {
		_ = stream.Close() // nothing was sent
		if app.BackendProtocol == access.BackendAuto {
			return nil, errHTTP1
		}
		return nil, &dialError{opened.SpeaksHTTP2()}
	}
	ctx, cancel := context.WithTimeout(x.context(), openTimeout)
	defer cancel()
	c, err := h2.Dial(ctx, stream, h2.Config{Limits: h2.Limits{HeaderBytes: int(l.g.limits.ResponseHeaderBytes)}, Budget: l.g.windows2, Changed: p.kick})
	if preface, ok := errors.AsType[*h2.PrefaceError](err); ok && !lost(err) {
		return nil, &dialError{&wire.Refusal{Phase: wire.PhaseTLS, Code: wire.CodeNoHTTP2, Message: preface.Error()}}
	}
	if err != nil {
		stream.Reset(tunnel.CodeCancelled)
		return nil, &dialError{err}
	}
	return c, nil
}
