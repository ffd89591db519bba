package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/policy"
)

// live are the exchanges under way. What changes is applied to them too.
type live struct {
	limits Limits
	full   atomic.Bool // memory is short

	mu     sync.Mutex // guards the fields below
	all    map[*exchange]struct{}
	apps   map[access.ID]int
	from   map[netip.Prefix]int // by the network of the client
	due    time.Time            // when the first of all must be decided again, since time changes it; zero for never
	sooner chan struct{}        // told when due is earlier than it was
}

func newLive(limits Limits) *live {
	return &live{limits: limits, all: map[*exchange]struct{}{}, apps: map[access.ID]int{}, from: map[netip.Prefix]int{}, sooner: make(chan struct{}, 1)}
}

const limitAddress = "address-exchanges"

// enter registers an exchange, or names the limit that it met.
func (s *live) enter(x *exchange) (limit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.full.Load():
		return limitMemory
	case len(s.all) >= s.limits.Exchanges:
		return "exchanges"
	case s.apps[x.app.ID] >= s.limits.AppExchanges:
		return "application-exchanges"
	case s.from[x.conn.network] >= s.limits.AddressExchanges:
		return limitAddress
	}
	s.from[x.conn.network]++
	s.all[x] = struct{}{}
	s.apps[x.app.ID]++
	return ""
}

func (s *live) leave(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[x]; !ok {
		return
	}
	delete(s.all, x)
	if s.from[x.conn.network]--; s.from[x.conn.network] <= 0 {
		delete(s.from, x.conn.network)
	}
	if s.apps[x.app.ID]--; s.apps[x.app.ID] <= 0 {
		delete(s.apps, x.app.ID)
	}
}

// list gives the exchanges for which a condition is true.
func (s *live) list(condition func(*exchange) bool) []*exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*exchange
	for x := range s.all {
		if condition(x) {
			list = append(list, x)
		}
	}
	return list
}

func (s *live) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// closePolicy and closeRestart are what a WebSocket is told when it is cut (RFC 6455, section 7.4.1,
// and the registry of close codes).
const (
	closePolicy  = 1008
	closeRestart = 1012
)

// decideAgain applies a new view to what is under way.
func (g *Gateway) decideAgain(v *view) {
	now := g.now()
	for _, x := range g.live.list(func(x *exchange) bool { return x.decided.Load() }) {
		g.decideOne(v, x, now)
	}
}

// asks gives what is to be decided about an exchange.
func (x *exchange) asks(who *access.Principal, now time.Time) policy.Request {
	return policy.Request{Who: who, Address: x.client.Addr(), Now: now}
}

// decideOne decides an exchange that is under way again.
func (g *Gateway) decideOne(v *view, x *exchange, now time.Time) {
	d := policy.Decide(v.snap, x.app.Application, x.asks(x.who.Load(), now))
	if x.keysOff(v) && x.who.Load() != nil {
		d = policy.Decision{Reason: "credential-refused", Message: "This application takes no access keys any more."}
	}
	if !d.Allow {
		g.deny(x, d)
		return
	}
	g.live.until(x, d.Until)
}

func (g *Gateway) deny(x *exchange, d policy.Decision) {
	g.log.Info("exchange cut", "reference", x.id, "application", x.app.ID, "reason", d.Reason)
	g.metrics.cut.WithLabelValues(d.Reason).Inc()
	x.cut(&errDenied{d.Reason, d.Message}, closePolicy)
}

// lookAgain looks up the sessions of exchanges once more, each session once, and cuts those that are over.
func (g *Gateway) lookAgain(ctx context.Context, list []*exchange) {
	bySession := map[sessionKey][]*exchange{}
	for _, x := range list {
		if x.decided.Load() && x.who.Load() != nil {
			key := x.sessionKey()
			bySession[key] = append(bySession[key], x)
		}
	}
	var each sync.WaitGroup
	turns := make(chan struct{}, 32)
	for _, same := range bySession {
		turns <- struct{}{}
		each.Go(func() {
			g.lookOnce(ctx, same)
			<-turns
		})
	}
	each.Wait()
}

func (g *Gateway) lookOnce(ctx context.Context, same []*exchange) {
	who, err := g.sessions.look(func() context.Context { return ctx }, same[0], true)
	d := policy.Decision{Reason: "session-ended", Message: "You have been signed out."}
	v := g.view.Load()
	for _, x := range same {
		if err == nil {
			d = policy.Decide(v.snap, x.app.Application, x.asks(who, g.now()))
		}
		if !d.Allow {
			g.deny(x, d)
			continue
		}
		x.who.Store(who) // a later decision is about who they are now
		g.live.until(x, d.Until)
		x.checked.Store(int64(x.since()))
	}
}

// decide says whether the exchange may go on and registers it. The order matters: whoever changes
// something afterwards finds it in the register; what changed before is seen here.
func (g *Gateway) decide(x *exchange) error {
	if limit := g.live.enter(x); limit != "" {
		g.metrics.refused.WithLabelValues(limit).Inc()
		if limit == limitAddress {
			return &failure{status: http.StatusTooManyRequests, reason: "too-many-requests", hop: hopYou, retry: time.Second, title: "Too many requests at once",
				message: "Too many requests from your address are under way at the same time.", advice: "Let some of them finish first."}
		}
		return &failure{status: http.StatusServiceUnavailable, reason: "overload", hop: hopGateway, retry: time.Second,
			title: "Too many requests at once", message: "Postern is carrying as many requests as it may.", advice: "Try again in a moment."}
	}
	for {
		v, endings := g.view.Load(), g.sessions.endings()
		if x.keysOff(v) {
			return fault.Unauthenticated("this application takes no access keys")
		}
		if x.secret != "" && x.app.PreAuthentication != access.Passthrough {
			who, err := g.sessions.look(x.context, x, false)
			if err != nil && (x.credential || !fault.Is(err, fault.KindUnauthenticated)) {
				return err
			}
			x.who.Store(who)
		}
		x.decided.Store(true)
		d := policy.Decide(v.snap, x.app.Application, x.asks(x.who.Load(), g.now()))
		x.found(&d)
		if !d.Allow {
			return &denial{d}
		}
		g.live.until(x, d.Until)
		if g.view.Load() == v && g.sessions.endings() == endings {
			return nil
		}
	}
}
