package gateway

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// That a connector has a tunnel says nothing of whether it reaches an application. What says something are requests and, without
// them, questions to the connector: after a failure soon and again, else now and then. A connector that does not
// reach an application gets no requests for it as long as another one does; one that does again gets few at first.

const (
	reachEvery    = 5 * time.Minute // between two questions without a reason
	reachAgain    = time.Second     // after the first failure, doubling to
	reachPause    = 30 * time.Second
	reachTimeout  = 15 * time.Second
	reachTick     = 500 * time.Millisecond
	reachSweep    = 2 * time.Second // between two questions of the regular kind to one connector
	reachAtOnce   = 64              // questions of all connectors together
	returnSlowly  = 8 * time.Second
	measuredFor   = 30 * time.Second // after which a latency is not believed any more
	fadesEvery    = 4 * time.Second  // it counts half as much, since who looks slow gets nothing that would show otherwise
	failuresInRow = 5                // of requests that had reached the backend's connection
	weightOfOne   = 4096             // of an exchange where nothing is known of latency: microseconds that do not count
	longestWeight = int64(10 * time.Second / time.Microsecond)
)

// A condition is how one connector reaches one application.
type condition struct {
	connector, app access.ID
	weight         atomic.Int64 // what an exchange costs here, against others; 0: it is out. Changed under mu
	latency        atomic.Int64 // microseconds until an answer begins, at best; 0: not known
	measured       atomic.Int64 // when, in nanoseconds of started
	streak         atomic.Int32 // requests in a row that failed behind the connector

	mu       sync.Mutex // guards the fields below
	refusal  *wire.Refusal
	since    time.Time // when it went out
	returned time.Time // when it came back
	tries    int       // questions in a row that were answered badly
	next     time.Time // when it is asked again
	asking   bool
	told     string // the gateway that told of it; empty: found out here
}

// conditionOf gives how a connector reaches an application, from now on.
func (s *links) conditionOf(connector, app access.ID) *condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conditions[app] == nil {
		s.conditions[app] = map[access.ID]*condition{}
	}
	c := s.conditions[app][connector]
	if c == nil {
		c = &condition{connector: connector, app: app}
		c.weight.Store(weightOfOne)
		s.conditions[app][connector] = c
	}
	return c
}

// out reports whether the connector does not reach the application, as far as is known.
func (c *condition) out() bool { return c.weight.Load() <= 0 }

// measure notes how long an answer took to begin. What is kept is near the fastest ones: it falls soon and rises slowly, from nothing, too.
// Applications have slow pages, which say nothing of the connector that happens to carry them; one that is slow is so with all of them.
func (c *condition) measure(took, now time.Duration) {
	const falls, rises = 2, 32
	old, fresh := c.believed(now), took.Microseconds()
	if fresh < old {
		fresh = old + (fresh-old)/falls
	} else {
		fresh = old + (fresh-old)/rises
	}
	c.latency.Store(max(fresh, 1))
	c.measured.Store(int64(now))
}

// believed gives the latency as far as it is believed now, in microseconds; 0: not known.
func (c *condition) believed(now time.Duration) int64 {
	age := now - time.Duration(c.measured.Load())
	if age >= measuredFor {
		return 0
	}
	return c.latency.Load() >> (max(age, 0) / fadesEvery)
}

// weigh brings the weight up to date. It reports whether the condition is as good as it can be.
func (c *condition) weigh(now time.Time, since time.Duration) bool {
	if c.out() {
		return false
	}
	weight := weightOfOne + min(c.believed(since), longestWeight)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusal != nil { // since a moment
		return false
	}
	if c.returned.IsZero() {
		c.weight.Store(weight)
		return true
	}
	ago := now.Sub(c.returned)
	if ago >= returnSlowly {
		c.returned = time.Time{}
		c.weight.Store(weight)
		return true
	}
	c.weight.Store(weight << (4 - 4*ago/returnSlowly)) // a sixteenth of the requests, an eighth, …
	return false
}

// served notes that an exchange of the application went well by a choice.
func (g *Gateway) served(c choice, app access.ID, began time.Time) {
	k := c.condition
	if k == nil {
		if began.IsZero() {
			return
		}
		k = g.links.conditionOf(c.link.connector, app)
	}
	if !began.IsZero() {
		k.measure(time.Since(began), time.Since(g.started))
	}
	if k.streak.Load() != 0 {
		k.streak.Store(0)
	}
	if k.out() {
		g.back(k)
	}
}

// failed notes what an exchange met behind a connector, as far as it tells something of the way from there to the application.
func (g *Gateway) failed(l *link, app access.ID, err error) {
	dial, opening := errors.AsType[*dialError](err)
	refusal, refused := errors.AsType[*wire.Refusal](err)
	wrong, told := errors.AsType[*failure](err)
	switch {
	case told && wrong.hop == hopYou: // a client's own mistakes say nothing of the application
	case opening && refused:
		switch refusal.Phase {
		case wire.PhaseLocal, wire.PhaseResolve, wire.PhaseConnect, wire.PhaseTLS, wire.PhaseTarget:
			g.putOut(g.links.conditionOf(l.connector, app), refusal, "")
		}
	case opening && errors.Is(dial.err, context.DeadlineExceeded):
		g.putOut(g.links.conditionOf(l.connector, app), &wire.Refusal{Phase: wire.PhaseConnect, Code: "open-timeout", Timeout: true,
			Message: "the connector did not say within " + openTimeout.String() + " whether it reaches the application"}, "")
	case opening, refused, lost(err), l.still.Load(), errors.Is(err, errClientGone), errors.Is(err, tunnel.ErrClosed):
	default:
		k := g.links.conditionOf(l.connector, app)
		if k.streak.Add(1) >= failuresInRow {
			g.putOut(k, &wire.Refusal{Phase: wire.PhaseConnect, Code: "requests-fail", Message: "several requests in a row failed behind it"}, "")
		}
	}
}

// putOut takes a connector out of the choice for an application. told is the gateway that says so; empty: this one found out.
func (g *Gateway) putOut(k *condition, why *wire.Refusal, told string) {
	now := time.Now()
	k.mu.Lock()
	was := k.refusal
	changed := was == nil || was.Code != why.Code
	if was == nil {
		k.since = g.now().UTC().Truncate(time.Millisecond)
		k.next = now.Add(jittered(reachAgain))
		k.tries = 0
	}
	k.refusal, k.returned = why, time.Time{}
	if told == "" || was == nil {
		k.told = told
	}
	k.weight.Store(0)
	k.mu.Unlock()
	g.links.trouble(k)
	if was == nil {
		g.log.Warn("connector does not reach the application", "connector", k.connector, "application", k.app, "reason", why.Code, "error", why.Message)
	}
	if changed {
		g.tellReach(k.connector)
	}
}

// back takes a connector into the choice for an application again, with little at first.
func (g *Gateway) back(k *condition) {
	now := time.Now()
	k.mu.Lock()
	was := k.refusal
	k.refusal, k.tries, k.told = nil, 0, ""
	k.next = now.Add(jittered(g.reachEvery()))
	if was != nil {
		k.returned = now
		k.streak.Store(0)
		k.weight.Store(weightOfOne << 4)
	}
	k.mu.Unlock()
	if was == nil {
		return
	}
	g.log.Info("connector reaches the application again", "connector", k.connector, "application", k.app)
	g.tellReach(k.connector)
}

// trouble has a condition looked at soon, unless it was forgotten meanwhile.
func (s *links) trouble(k *condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conditions[k.app][k.connector] == k {
		s.troubled[k] = struct{}{}
	}
}

// tellReach tells the control plane and other gateways what changed of a connector whose tunnel is here.
func (g *Gateway) tellReach(connector access.ID) {
	for _, l := range g.links.of(connector) {
		g.presence(l)
		g.peers.news()
		return
	}
}

// toldUnreached bounds of how many applications a gateway tells that a connector does not reach them.
const toldUnreached = 16

// unreached lists the applications that a connector is known not to reach.
func (g *Gateway) unreached(connector access.ID) []wire.Unreached {
	var list []wire.Unreached
	for _, k := range g.links.troubles() {
		if k.connector != connector || len(list) == toldUnreached {
			continue
		}
		k.mu.Lock()
		if k.refusal != nil && k.told == "" {
			list = append(list, wire.Unreached{Application: string(k.app), Phase: k.refusal.Phase, Code: clipped(k.refusal.Code, 64),
				Message: clipped(k.refusal.Message, 200), Since: k.since})
		}
		k.mu.Unlock()
	}
	sortUnreached(list)
	return list
}

func (s *links) troubles() []*condition {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*condition, 0, len(s.troubled))
	for k := range s.troubled {
		list = append(list, k)
	}
	return list
}

func (g *Gateway) reachEvery() time.Duration { return orDefault(g.cfg.ReachEvery, reachEvery) }

// jittered spreads a time by a quarter either way.
func jittered(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }
