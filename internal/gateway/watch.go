package gateway

import (
	"context"
	"math/rand/v2"
	"time"

	"postern/internal/access"
)

const (
	watchRetry   = 500 * time.Millisecond // after an error of the control plane, doubling to watchPause
	watchPause   = 5 * time.Second
	sweepEvery   = 500 * time.Millisecond // for links whose connector drains, and for backend connections that are idle
	endingsPause = 100 * time.Millisecond
	recheckAfter = time.Minute // a long exchange's session is looked up again, since sessions expire
)

// retry calls step until ctx ends, waiting longer after each error in a row.
func (g *Gateway) retry(ctx context.Context, what string, step func(context.Context) error) {
	wait := watchRetry
	for ctx.Err() == nil {
		err := step(ctx)
		if err == nil {
			wait = watchRetry
			continue
		}
		if ctx.Err() != nil {
			return
		}
		g.log.Warn(what, "error", err, "again", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(2*wait, watchPause)
	}
}

// watchSnapshots puts each new snapshot in force.
func (g *Gateway) watchSnapshots(ctx context.Context) {
	g.retry(ctx, "wait for a snapshot", func(ctx context.Context) error {
		after := uint64(0)
		if v := g.view.Load(); v != nil {
			after = v.snap.Version
		}
		snap, err := g.cfg.Snapshots.Snapshot(ctx, after)
		if err != nil {
			return err
		}
		if snap != nil && snap.Version > after {
			g.install(snap)
		}
		return nil
	})
}

// install puts a snapshot in force: for what comes, and for what is under way.
func (g *Gateway) install(snap *access.Snapshot) {
	v := newView(snap, g.view.Load())
	before := g.view.Swap(v)
	g.metrics.keep(before, v)
	g.connectionAuth.keep(v)
	g.decideAgain(v)
	g.grants.forget(func(k grantKey) bool { _, ok := v.apps[k.app]; return !ok })
	for _, l := range g.links.all() {
		g.review(l)
		l.pools.retire(v.overFor(l))
	}
	for _, l := range g.links.allFar() {
		l.pools.retire(v.overFor(l))
	}
	for _, p := range g.peers.all() {
		p.review()
	}
	g.decideForwards(v)
	g.devices.decideAgain(v)
	g.links.askSoon(func(k *condition) bool {
		app, ok := v.apps[k.app]
		return ok && before != nil && before.apps[k.app] != nil && before.apps[k.app].Version != app.Version // perhaps its address was corrected
	})
	g.peers.news() // they are told the version
	// Last: whoever waits for this view finds everything done.
	if before == nil {
		close(g.first)
		return
	}
	close(before.changed)
}

// overFor tells which pools of a link are of no use by the view: those of other applications than it has, or of other versions of
// them, or whose applications the link's connector does not carry any more. What one client's connection has signed in with stays
// while the connector drains.
func (v *view) overFor(l *link) func(poolKey) bool {
	connector, known := v.snap.Connector(l.connector)
	return func(k poolKey) bool {
		app, ok := v.apps[k.app]
		return !ok || app.Version != k.version || !known || !v.snap.Serves(connector.GroupID, app.Application) || connector.Draining && k.private == ""
	}
}

// carries reports whether a link's connector may carry an application.
func (v *view) carries(l *link, app *access.Application) bool {
	connector, known := v.snap.Connector(l.connector)
	return known && !connector.Disabled && v.snap.Serves(connector.GroupID, app)
}

// watchEndings applies what ended to sessions, exchanges and tunnels.
func (g *Gateway) watchEndings(ctx context.Context) {
	var after uint64
	g.retry(ctx, "wait for endings", func(ctx context.Context) error {
		list, err := g.cfg.Sessions.Ended(ctx, after)
		if err != nil {
			return err
		}
		before := after
		for _, ending := range list {
			after = max(after, ending.Seq)
			g.ended(ctx, ending)
		}
		if after == before {
			// Nothing ever ended, so there was nothing to wait after.
			select {
			case <-ctx.Done():
			case <-time.After(endingsPause):
			}
		}
		return nil
	})
}

// ended applies one ending. One of no kind says that others were missed: where to go on from at the
// start, or after a gap. All that depends on endings is then looked at again.
func (g *Gateway) ended(ctx context.Context, e access.Ending) {
	var about func(access.Principal) bool
	switch e.Kind {
	case "":
		about = func(access.Principal) bool { return true }
		g.devices.closeWhere(func(d *device) bool { return g.cfg.Keys.Revoked(d.serial) })
		for _, l := range g.links.all() {
			g.review(l)
		}
	case access.EndingUsers:
		about = func(access.Principal) bool { return true }
	case access.EndingSession:
		about = func(who access.Principal) bool { return string(who.Session) == e.ID }
		g.forwards.sessionEnded(access.ID(e.ID))
	case access.EndingUser:
		about = func(who access.Principal) bool { return string(who.User) == e.ID }
	case access.EndingConnector:
		g.links.closeWhere(func(l *link) bool { return string(l.connector) == e.ID })
		return
	case access.EndingCertificate:
		g.links.closeWhere(func(l *link) bool { return l.serial == e.ID })
		g.devices.closeWhere(func(d *device) bool { return d.serial == e.ID })
		for _, p := range g.peers.all() {
			p.review()
		}
		return
	default:
		return
	}
	g.sessions.end(about)
	g.grants.forget(func(k grantKey) bool {
		return k.session != "" && (e.Kind != access.EndingSession || string(k.session) == e.ID)
	})
	g.lookAgain(ctx, g.live.list(func(x *exchange) bool {
		who := x.who.Load()
		return who != nil && about(*who)
	}))
	g.devices.lookAgain(ctx, about)
}

// keep does what has to be done from time to time.
func (g *Gateway) keep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	recheck := time.Now().Add(recheckAfter)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			g.sweep()
			g.devices.sweep(ctx, g.now())
			if now.After(recheck) {
				recheck = now.Add(recheckAfter / 4)
				g.lookAgain(ctx, g.live.list(func(x *exchange) bool {
					return x.since()-time.Duration(x.checked.Load()) > recheckAfter
				}))
			}
		}
	}
}
