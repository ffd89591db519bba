package http2

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
)

// A Server serves connections.
type Server struct {
	limits  Limits
	log     *slog.Logger
	tell    func(string)
	workers workers

	mu       sync.Mutex // guards the fields below
	conns    map[*conn]struct{}
	draining bool
}

// NewServer makes one. It starts nothing.
func NewServer(cfg Config) *Server {
	s := &Server{limits: cfg.Limits.orDefaults(), log: cfg.Log, tell: cfg.Refused, conns: map[*conn]struct{}{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.workers.handle = func(st *Stream) { s.handle(cfg.Handle, st) }
	return s
}

// Serve serves one connection, over which HTTP/2 was agreed on, until it is over or ctx ends, which cuts it. It closes the
// connection, and returns when all its requests have been handled. nil: it ended as it should; a ConnError: for what the
// client did.
func (s *Server) Serve(ctx context.Context, conn net.Conn) error {
	c := s.newConn(conn)
	s.mu.Lock()
	s.conns[c] = struct{}{}
	draining := s.draining
	s.mu.Unlock()
	if draining {
		c.drain()
	}
	err := c.run(ctx)
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	return err
}

// Drain ends all connections, now and to come, gracefully: what they have begun is finished, and clients learn what is not.
// It does not wait.
func (s *Server) Drain() {
	s.mu.Lock()
	s.draining = true
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.drain()
	}
}

// Close ends what is kept for connections to come. No connection is served any more.
func (s *Server) Close() { s.workers.close() }

func (c *conn) drain() {
	c.mu.Lock()
	c.leave()
	c.mu.Unlock()
	c.flush()
}

func (s *Server) refused(reason string) {
	if s.tell != nil {
		s.tell(reason)
	}
}

// handle handles one request. What it breaks is its own.
func (s *Server) handle(handle func(*Stream), st *Stream) {
	defer st.finish()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("request handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	handle(st)
}

// workers are goroutines that handle requests and are used again: their stacks have grown to what a request needs.
type workers struct {
	handle func(*Stream)
	all    sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	idle   []chan *Stream
	closed bool
}

// maxIdleWorkers is how many wait for work.
const maxIdleWorkers = 256

// do has a stream handled.
func (w *workers) do(st *Stream) {
	w.mu.Lock()
	n := len(w.idle)
	if n == 0 {
		w.mu.Unlock()
		w.all.Go(func() { w.run(st) })
		return
	}
	next := w.idle[n-1]
	w.idle = w.idle[:n-1]
	w.mu.Unlock()
	next <- st
}

func (w *workers) run(st *Stream) {
	next := make(chan *Stream, 1)
	for st != nil {
		w.handle(st)
		w.mu.Lock()
		if w.closed || len(w.idle) == maxIdleWorkers {
			w.mu.Unlock()
			return
		}
		w.idle = append(w.idle, next)
		w.mu.Unlock()
		st = <-next
	}
}

func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	for _, next := range w.idle {
		close(next)
	}
	w.idle = nil
	w.mu.Unlock()
	w.all.Wait()
}
