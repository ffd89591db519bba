package gateway

import (
	"context"
	"sync"
)

// fronts are the connections of clients that speak HTTP/1.1 with application hosts.
type fronts struct {
	mu       sync.Mutex       // guards the fields below
	open     map[*front1]bool // whether it is idle
	draining bool
	told     bool
	ended    chan struct{} // closed when draining and none is left
}

func newFronts() *fronts { return &fronts{open: map[*front1]bool{}, ended: make(chan struct{})} }

// enter registers a connection, unless no more are taken.
func (s *fronts) enter(f *front1) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.open[f] = false
	return true
}

// leave forgets a connection that has ended, or that speaks something else now. It may be called again.
func (s *fronts) leave(f *front1) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, f)
	s.tell()
}

// tell says when the last one has ended. mu is held.
func (s *fronts) tell() {
	if s.draining && len(s.open) == 0 && !s.told {
		s.told = true
		close(s.ended)
	}
}

// rests notes that a connection waits for a request, and reports whether it may.
func (s *fronts) rests(f *front1) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[f] = true
	return !s.draining
}

// works notes that it has one.
func (s *fronts) works(f *front1) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[f] = false
}

// drain ends idle connections now and the others after their exchange, and waits for that.
func (s *fronts) drain(ctx context.Context) error {
	s.mu.Lock()
	if !s.draining {
		s.draining = true
		s.tell()
	}
	for f, idle := range s.open {
		if idle {
			f.halt()
		}
	}
	s.mu.Unlock()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
