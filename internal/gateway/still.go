package gateway

import (
	"context"
	"errors"
	"time"

	"postern/internal/wire"
)

// A tunnel whose connector stands still (its process is stopped, its machine hangs or is starved) is not lost: the connection stands, and
// what runs may go on in a moment. But nobody has to wait for that who need not. Where a question is not answered and nothing else comes either,
// the tunnel gets nothing new until something comes, what waits to be connected is told so, and requests that may be repeated
// go to another connector if there is one. A tunnel that stays silent ends by itself (tunnel.Limits.Silence).

// stillAfter is how long nothing may come although something was asked. Who waits looks after lookAfter, so they notice after three seconds.
const stillAfter = 1500 * time.Millisecond

// echoed asks the connector to return something, and marks the tunnel as still if nothing at all comes within stillAfter.
func (l *link) echoed(ctx context.Context) (took time.Duration, err error) {
	before := l.session.Stats().BytesIn
	soon, cancel := context.WithTimeout(ctx, stillAfter)
	took, err = l.echoOnce(soon)
	cancel()
	if err == nil {
		l.setStill(false)
		return took, nil
	}
	if !errors.Is(err, context.DeadlineExceeded) && soon.Err() == nil {
		return 0, err
	}
	l.setStill(l.session.Stats().BytesIn == before)
	if took, err = l.echoOnce(ctx); err == nil {
		l.setStill(false)
	}
	return took, err
}

var errOtherEcho = errors.New("the echo is not what was sent")

func (l *link) echoOnce(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	want := wire.Encode(start.UnixNano())
	got, err := l.ask(ctx, wire.QuestionProbe, want)
	if err == nil && string(got) != string(want) {
		err = errOtherEcho
	}
	return time.Since(start), err
}

// setStill notes whether the tunnel stands still, and tells who is concerned.
func (l *link) setStill(still bool) {
	if l.still.Swap(still) == still {
		return
	}
	if still {
		l.log.Warn("the connector stands still: its tunnel gets nothing new until it answers", "address", l.address)
		l.g.metrics.still.Inc()
		l.session.GiveUp()
		l.lookAround() // at its other tunnels
		return
	}
	l.log.Info("the connector answers again", "address", l.address)
	l.g.links.again()
}

// again tells who waits for a link that there is one.
func (s *links) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// waits is told of an exchange that has waited for so long, several times: its link is looked at, and when that stands still, the exchange
// goes on by another one, if nothing of it was sent, or if it may be repeated and there is another.
func (l *link) waits(x *exchange, quiet time.Duration) {
	if !l.still.Load() {
		if quiet < lookAfter+2*lookEach { // later on the regular probes find out
			l.lookAround()
		}
		return
	}
	switch phase := x.phase.Load(); {
	case phase == phaseOpening:
		l.session.GiveUp()
		return
	case phase != phaseWaiting || !x.repeatable() || x.touched.Load():
		return
	}
	other := l.g.links.choose(l.g.view.Load().snap, wanted{x.app.Application, x.sticksTo(x.app.Application), nil})
	if other.link == nil || other.out {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over && !x.answered && x.reason == nil && x.backend != nil && l.still.Load() {
		x.backend.drop()
	}
}
