package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"postern/internal/access"
	"postern/internal/wire"
)

// A far link is a tunnel of a connector at another gateway: a link whose streams go there by a tunnel
// between the two gateways, forwarded once. It has its own pools, as every link, so that its streams end when the
// tunnel behind them is to go.

// far gives a link for a tunnel that the peer told of.
func (p *peer) far(held wire.Held) *link {
	l := &link{
		g: p.g, connector: access.ID(held.Connector), number: held.Tunnel, via: p, session: p.session,
		log: p.log.With("connector", held.Connector),
	}
	l.pools.link = l
	return l
}

// forwarding says in an Open where the other gateway is to pass the stream on to.
func (l *link) forwarding(open wire.Open, who *access.Principal) wire.Open {
	if l.via == nil {
		return open
	}
	f := &wire.Forward{Connector: string(l.connector), Tunnel: l.number}
	if v := l.g.view.Load(); v != nil {
		f.Version = v.snap.Version
		f.Who = spell(v.snap, access.ID(open.Application), who, l.g.now())
	}
	open.Forward = f
	return open
}

// maxWho bounds what is told of a user, so that it fits into the message that opens a stream.
const maxWho = 8 << 10

// spell writes a principal. Of somebody in very many groups it names those that the application is assigned
// to: the receiver then knows less of them and can only be stricter.
func spell(snap *access.Snapshot, app access.ID, who *access.Principal, now time.Time) json.RawMessage {
	if who == nil {
		return nil
	}
	if text := wire.Encode(who); len(text) <= maxWho {
		return text
	}
	less := *who
	less.Groups = slices.DeleteFunc(slices.Clone(who.Groups), func(g access.ID) bool {
		_, assigned := snap.Assigned(app, &access.Principal{Groups: []access.ID{g}}, now)
		return !assigned
	})
	return wire.Encode(less)
}

// gone takes a far link out of use: what runs in it finishes, nothing new begins.
func (g *Gateway) farGone(l *link) {
	l.gone.Store(true)
	g.links.removeFar(l)
	l.pools.retire(nil)
}

// comeBack is how long a connector or a gateway that restarts may take to be back: so long after its last tunnel was
// lost, or after the start of this gateway, requests for it wait instead of failing.
const comeBack = 15 * time.Second

// hold waits for a tunnel of the group's connectors where one was there a moment ago, or this gateway has
// just started and they are on their way, not longer than the patience that is left. It reports whether it is worth
// looking again.
func (g *Gateway) hold(ctx context.Context, app *access.Application, grown <-chan struct{}, patience time.Duration) bool {
	var until time.Time
	snap := g.view.Load().snap
	backup, _ := snap.Backup(app.GroupID)
	for _, group := range []access.ID{app.GroupID, backup} {
		for _, c := range snap.Members(group) {
			since, lost := g.links.lostSince(c.ID)
			if !lost {
				since = g.started
			}
			if end := since.Add(comeBack); !c.Disabled && !c.Draining && end.After(until) {
				until = end
			}
		}
	}
	wait := min(time.Until(until), patience)
	if wait <= 0 {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-grown:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// Ask asks a connector a question over a tunnel of its, here or at another gateway. KindUnavailable: it
// has none.
func (g *Gateway) Ask(ctx context.Context, connector access.ID, question string, body []byte) ([]byte, error) {
	var last error = errNoTunnel
	for _, list := range [][]*link{g.links.of(connector), g.links.farOf(connector)} {
		for _, l := range list {
			if !l.usable() {
				continue
			}
			answer, err := l.ask(ctx, question, body)
			if err == nil || ctx.Err() != nil {
				return answer, err
			}
			last = err
		}
	}
	return nil, last
}
