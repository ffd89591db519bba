package connector

import (
	"context"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/connector/journal"
	"postern/internal/wire"
)

// logging switches the Session log and debug messages on and off, as the configuration says and for as long as it says.
type logging struct {
	c       *Connector
	journal *journal.Journal
	session atomic.Bool
	changed chan struct{} // holds one element when there is something new

	mu                        sync.Mutex // guards the fields below
	sessionUntil, debugUntil  time.Time
	missed                    uint64 // transactions that the service had no room for
	sessionLogged, debugShown time.Time
}

func (l *logging) follow(s *settings) {
	l.mu.Lock()
	l.sessionUntil, l.debugUntil = s.SessionLogUntil, s.DebugLogUntil
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default: // it is looked at soon
	}
}

// run switches until ctx ends.
func (l *logging) run(ctx context.Context) {
	for ctx.Err() == nil {
		next := l.look()
		timer := time.NewTimer(min(next, renewLook)) // the clock may be set meanwhile
		select {
		case <-ctx.Done():
		case <-l.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// look does what is due and gives when to look again.
func (l *logging) look() time.Duration {
	now := l.c.cfg.Now()
	l.mu.Lock()
	session, debug := l.sessionUntil, l.debugUntil
	newSession, newDebug := !session.Equal(l.sessionLogged), !debug.Equal(l.debugShown)
	l.sessionLogged, l.debugShown = session, debug
	l.mu.Unlock()
	next := renewLook
	on := session.After(now)
	switch was := l.session.Swap(on); {
	case on && (!was || newSession):
		l.c.log.Info("session log switched on", "until", session.UTC().Format(time.RFC3339))
	case !on && was:
		l.c.log.Info("session log switched off")
	}
	if on {
		next = min(next, session.Sub(now))
	}
	on = debug.After(now)
	switch was := l.journal.Debug(on); {
	case on && (!was || newDebug):
		l.c.log.Info("debug log switched on", "until", debug.UTC().Format(time.RFC3339))
	case !on && was:
		l.c.log.Info("debug log switched off")
	}
	if on {
		next = min(next, debug.Sub(now))
	}
	return max(next, time.Millisecond)
}

// records takes the transactions that the service tells of. Who is not to keep them forgets them.
func (l *logging) records(all wire.Records) {
	if !l.session.Load() {
		return
	}
	l.mu.Lock()
	l.missed += all.Missed
	l.mu.Unlock()
	s := l.c.following.current.Load()
	for _, r := range all.Records {
		if s != nil && s.targets[r.Application] != nil {
			t := s.targets[r.Application]
			r.ApplicationName, r.Destination = t.Name, net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
		}
		l.journal.Transaction(r)
	}
}
