package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// fronts are the connections of clients that speak HTTP/1.1 with application hosts.
type fronts struct {
	draining atomic.Bool

	mu    sync.Mutex // guards the fields below
	open  map[*front1]struct{}
	told  bool
	ended chan struct{} // closed when draining and none is left
}

func newFronts() *fronts { return &fronts{open: map[*front1]struct{}{}, ended: make(chan struct{})} }

// enter registers a connection, unless no more are taken.
func (s *fronts) enter(f *front1) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.open[f] = struct{}{}
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
	if s.draining.Load() && len(s.open) == 0 && !s.told {
		s.told = true
		close(s.ended)
	}
}

// sweep ends the connections whose time is over.
func (s *fronts) sweep() { s.expire(sinceStart(), false) }

// expire ends the connections that something was due of before now; idle: all that wait for a request.
func (s *fronts) expire(now int64, idle bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.open {
		if f.due.over(now, idle) {
			f.expire()
		}
	}
}

// drain ends idle connections now and the others after their exchange, and waits for that.
func (s *fronts) drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining.Store(true) // whoever rests after this sees it, and who rested before is found
	s.tell()
	s.mu.Unlock()
	s.expire(0, true)
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A due is when something must have come on a connection. Setting it costs next to nothing, unlike a deadline of the connection, of
// which each request would take three: all are looked at four times a second instead.
type due struct {
	at atomic.Int64 // as sinceStart, even; odd: of a connection that waits for a request; or one of these
}

const (
	dueNever = 0
	dueOver  = -1 // and it stays so: the connection is being ended
)

// rest, expect and none say what is awaited: a request, the rest of one, nothing. They report whether the connection goes on.
func (d *due) rest(limit time.Duration) bool   { return d.set((sinceStart() + int64(limit)) | 1) }
func (d *due) expect(limit time.Duration) bool { return d.set((sinceStart() + int64(limit)) &^ 1) }
func (d *due) none() bool                      { return d.set(dueNever) }

func (d *due) set(at int64) bool {
	last := d.at.Load()
	return last != dueOver && d.at.CompareAndSwap(last, at) // it fails only against over
}

// over reports whether the connection must be ended, and says so to it; idle: because it waits for a request.
func (d *due) over(now int64, idle bool) bool {
	at := d.at.Load()
	late := at > 0 && at <= now || idle && at > 0 && at&1 == 1
	return late && d.at.CompareAndSwap(at, dueOver)
}

var processStart = time.Now()

// sinceStart gives the time since this process began, in nanoseconds by the monotonic clock.
func sinceStart() int64 { return int64(time.Since(processStart)) }
