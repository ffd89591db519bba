package gateway

import (
	"context"
	"time"
)

// lookEvery bounds how long the watch on time sleeps, so that a clock that was set is noticed.
const lookEvery = time.Second

// until notes when an exchange must be decided again because of time alone: its assignment ends, or
// a window of a policy closes. The zero time is never.
func (s *live) until(x *exchange, at time.Time) {
	if at.IsZero() {
		x.until.Store(0)
		return
	}
	x.until.Store(at.UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due.IsZero() || at.Before(s.due) {
		s.due = at
		select {
		case s.sooner <- struct{}{}:
		default: // told already
		}
	}
}

// overdue gives the exchanges whose time has come, and notes when that of the next will.
func (s *live) overdue(now time.Time) []*exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due.IsZero() || now.Before(s.due) {
		return nil
	}
	var list []*exchange
	s.due = time.Time{}
	for x := range s.all {
		at := time.Unix(0, x.until.Load())
		switch {
		case x.until.Load() == 0:
		case !now.Before(at):
			list = append(list, x)
		case s.due.IsZero() || at.Before(s.due):
			s.due = at
		}
	}
	return list
}

// next tells how long nothing is due, as far as is known.
func (s *live) next(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due.IsZero() {
		return lookEvery
	}
	return min(max(s.due.Sub(now), 0), lookEvery)
}

// watchTime decides exchanges again at the moment at which time alone may have changed the answer:
// no new configuration tells of that.
func (g *Gateway) watchTime(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.live.sooner:
		case <-timer.C:
		}
		now, v := g.now(), g.view.Load()
		for _, x := range g.live.overdue(now) {
			if v != nil && x.decided.Load() {
				g.decideOne(v, x, now)
			}
		}
		timer.Reset(g.live.next(g.now()))
	}
}
