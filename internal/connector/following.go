package connector

import (
	"context"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/agent"
	"postern/internal/fault"
	"postern/internal/wire"
)

const (
	pollWait     = 2 * time.Minute        // how long the service may hold the question for the configuration
	pollSlack    = 15 * time.Second       // beyond it, until the question counts as lost
	askAgain     = 3 * time.Second        // at most, after a question that failed
	hurryEvery   = 100 * time.Millisecond // how often streams that are ahead may make us ask
	olderFor     = 10 * time.Second       // how long an older configuration is taken for that of a gateway that lags behind
	reportEvery  = 30 * time.Second
	questionTime = 10 * time.Second // for a question that is answered at once
)

// following keeps the configuration that is in force and asks for newer ones.
type following struct {
	c       *Connector
	current atomic.Pointer[settings]
	hurry   chan struct{} // holds one element while somebody wants a newer configuration at once

	mu        sync.Mutex    // guards the fields below
	changed   chan struct{} // closed and replaced when current changes
	applied   time.Time     // when current came into force
	confirmed time.Time     // when the service last said that it is current
	olderFrom time.Time     // since when only older configurations are answered; zero: they are not
}

func newFollowing(c *Connector) *following {
	return &following{c: c, hurry: make(chan struct{}, 1), changed: make(chan struct{})}
}

func (f *following) hash() string {
	if s := f.current.Load(); s != nil {
		return s.Hash
	}
	return ""
}

// run asks one question after the other until ctx ends: the service answers when there is something new, or after
// pollWait.
func (f *following) run(ctx context.Context) {
	for ctx.Err() == nil {
		before, asked := f.hash(), time.Now()
		err := f.ask(ctx, pollWait)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errMoved):
		case err != nil:
			f.c.note("ask for the configuration", err)
			pause(ctx, time.Duration(rand.Int64N(int64(askAgain))))
		case f.hash() == before && time.Since(asked) < askAgain:
			pause(ctx, askAgain) // a service that does not wait shall not be asked in a loop
		default:
			pause(ctx, hurryEvery)
		}
	}
}

// runHurry asks at once when somebody is waiting, not more often than hurryEvery.
func (f *following) runHurry(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.hurry:
		}
		if err := f.ask(ctx, 0); err != nil && !errors.Is(err, errMoved) && ctx.Err() == nil {
			f.c.note("ask for the configuration at once", err)
		}
		pause(ctx, hurryEvery)
	}
}

// newer waits for a configuration other than s and has it asked for.
func (f *following) newer(ctx context.Context, s *settings) (*settings, error) {
	for {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if next := f.current.Load(); next != s {
			return next, nil
		}
		select {
		case f.hurry <- struct{}{}:
		default: // somebody asked for it already
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ask asks over any tunnel and puts the answer in force.
func (f *following) ask(ctx context.Context, wait time.Duration) error {
	l, err := f.c.fleet.any(ctx)
	if err != nil {
		return err
	}
	slack := pollSlack
	if wait == 0 {
		slack = 2 * catchUp // somebody waits: if this tunnel is dead, the next question goes over another
	}
	ctx, cancel := context.WithTimeout(ctx, wait+slack)
	defer cancel()
	defer context.AfterFunc(l.asking, cancel)()
	answer, err := agent.Ask[wire.SignedConfiguration](ctx, l.session, wire.QuestionConfiguration, wire.AskConfiguration{Hash: f.hash(), Wait: wait})
	switch {
	case err == nil:
		return f.open(answer)
	case l.asking.Err() != nil:
		return errMoved
	}
	return err
}

var (
	errOlder = errors.New("the gateway answered with an older configuration")
	errMoved = errors.New("the tunnel is to go: ask over another one")
)

// open checks who signed an answer before anything in it counts: the gateway that carried it is not believed.
func (f *following) open(answer wire.SignedConfiguration) error {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(f.c.identity().cred.Connection.Roots) {
		return fault.Internal(nil, "the pinned roots cannot be read")
	}
	c, err := answer.Open(roots, f.c.cfg.Now())
	if err != nil {
		return err
	}
	return f.apply(c)
}

// apply puts a configuration in force as a whole, or refuses it as a whole.
func (f *following) apply(answer wire.Configuration) error {
	id := f.c.identity().cred.Identity
	next, err := newSettings(answer, id.ID, id.TrustDomain)
	if err != nil {
		return fault.New(fault.KindOf(err), "the service's configuration is refused: %s", err).Because(err)
	}
	f.mu.Lock()
	before := f.current.Load()
	now := f.c.cfg.Now()
	if err := f.order(before, next, now); err != nil {
		f.mu.Unlock()
		return err
	}
	f.confirmed = now
	same := before != nil && before.Hash == next.Hash
	if same {
		f.mu.Unlock()
		return nil
	}
	f.applied = now
	f.current.Store(next)
	close(f.changed)
	f.changed = make(chan struct{})
	f.mu.Unlock()
	f.c.configured(before, next)
	return nil
}

// order refuses a configuration that is older than the one in force: gateways learn of a change one after the other.
// When nothing but older ones comes for a while, the service itself went back, to a backup perhaps, and is followed.
// f.mu is held.
func (f *following) order(before, next *settings, now time.Time) error {
	if before == nil || next.Version >= before.Version || next.Hash == before.Hash {
		f.olderFrom = time.Time{}
		return nil
	}
	if f.olderFrom.IsZero() {
		f.olderFrom = now
	}
	if now.Sub(f.olderFrom) < olderFor {
		return errOlder
	}
	f.olderFrom = time.Time{}
	return nil
}

// times gives when the configuration came into force and when it was last confirmed.
func (f *following) times() (applied, confirmed time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied, f.confirmed
}

// runReports tells the service about this process, soon after the first tunnel and then regularly.
func (c *Connector) runReports(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.report(ctx); err != nil && ctx.Err() == nil {
			c.note("report", err)
		}
		pause(ctx, jitter(min(reportEvery, c.cfg.Sample/2), 0.1))
	}
}

func (c *Connector) report(ctx context.Context) error {
	l, err := c.fleet.any(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	load, samples := c.measuring.tell()
	_, err = agent.Ask[struct{}](ctx, l.session, wire.QuestionReport, wire.Report{
		Host: c.cfg.Host, Started: c.started, Streams: c.flows.count(), Time: c.cfg.Now(),
		Serial: c.identity().cred.Serial, Hash: c.following.hash(), Way: c.fleet.way(), Diagnosis: c.lastDiagnosis(),
		Instance: c.instance, Load: load, Samples: samples,
	})
	if err == nil {
		c.measuring.confirmed(samples)
	}
	return err
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// jitter gives d, changed by up to the part either way, so that many connectors do not act at the same moment.
func jitter(d time.Duration, part float64) time.Duration {
	return d + time.Duration((2*rand.Float64()-1)*part*float64(d))
}
