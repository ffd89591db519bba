package gateway

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/match"
	"postern/internal/policy"
	"postern/internal/tunnel"
	"postern/internal/web"
	"postern/internal/wire"
)

// A flow is one connection, or exchange of datagrams, of a device with a destination in a private network.
type flow struct {
	d       *device
	id      string // the reference
	from    *tunnel.Stream
	target  flowTarget
	opening context.Context // while it is opened; ends when it is cut
	opened  context.CancelFunc
	started time.Time
	record  wire.Record
	entered bool                         // is registered
	why     atomic.Pointer[wire.Refusal] // that cut it

	// guarded by the device's mu
	app     access.ID      // whose the destination is
	segment string         // by which
	link    *link          // that carries it; nil before
	to      *tunnel.Stream // to the connector; nil before
	until   time.Time      // when to decide again, since time alone may change the answer; zero for never
}

// cut ends the flow, whatever it is doing.
func (f *flow) cut(why *wire.Refusal) {
	f.d.log.Info("flow cut", "reference", f.id, "to", f.target.String(), "reason", why.Code)
	f.d.g.metrics.cut.WithLabelValues(why.Code).Inc()
	f.why.CompareAndSwap(nil, why)
	f.opened()
	f.d.mu.Lock()
	to := f.to
	f.d.mu.Unlock()
	if to != nil {
		f.reset(to)
	}
}

func (f *flow) reset(to *tunnel.Stream) {
	f.from.Reset(tunnel.CodeCancelled)
	to.Reset(tunnel.CodeCancelled)
}

// serveFlow carries a flow from the device's word to its record.
func (d *device) serveFlow(s *tunnel.Stream, open wire.Open) {
	g := d.g
	f := &flow{d: d, id: web.NewRequestID(), from: s, started: time.Now()}
	f.record = wire.Record{Time: g.now().UTC(), Request: f.id, Gateway: g.cfg.ID, Client: d.client.String(), Protocol: open.Network, Action: "allow",
		Host: clipped(open.Host, 253), Device: string(d.id), Process: wire.CleanProcess(open.Process)}
	f.opening, f.opened = context.WithCancel(s.Context())
	to, opened, refusal := f.open(open)
	f.opened()
	if refusal != nil {
		refusal.Request = f.id
		_ = s.Refuse(wire.Encode(refusal)) // an error means that the device is gone, or has been answered
		f.end(refusal)
		return
	}
	if f.accept(to, opened) {
		f.carry(to)
		return
	}
	f.end(nil)
}

// open finds whose the destination is and reaches it, or says why not.
func (f *flow) open(open wire.Open) (*tunnel.Stream, wire.Opened, *wire.Refusal) {
	g := f.d.g
	var err error
	if f.target, err = parseFlowTarget(open); err != nil {
		return nil, wire.Opened{}, decided(wire.CodeMalformed, err.Error())
	}
	f.record.Host = f.target.String()
	if limit := g.devices.enterFlow(f); limit != "" {
		g.metrics.refused.WithLabelValues(limit).Inc()
		return nil, wire.Opened{}, &wire.Refusal{Phase: wire.PhaseLimit, Code: "too-many-flows", Message: "Postern carries as many flows at the moment as it may; try again later"}
	}
	f.entered = true
	v, who, refusal := f.admit()
	if who != nil {
		f.told(who)
	}
	if refusal != nil {
		return nil, wire.Opened{}, refusal
	}
	l, to, opened, refusal := f.reach(v, who)
	if refusal != nil {
		return nil, wire.Opened{}, cmp.Or(f.why.Load(), refusal)
	}
	f.d.mu.Lock()
	f.link = l
	f.d.mu.Unlock()
	if now := g.view.Load(); now != v { // what changed before it was noted which link it took
		if refusal := f.decide(now, f.d.user(), g.now()); refusal != nil {
			to.Reset(tunnel.CodeCancelled)
			return nil, wire.Opened{}, refusal
		}
	}
	return to, opened, nil
}

// admit decides about a flow that is registered already: whoever changes something afterwards finds it, what changed before is seen here. Who
// asked is told with a refusal too, if anybody is signed in.
func (f *flow) admit() (*view, *access.Principal, *wire.Refusal) {
	g := f.d.g
	for {
		v, now := g.view.Load(), g.now()
		f.d.mu.Lock()
		who, until := f.d.who, f.d.until
		f.d.mu.Unlock()
		switch {
		case v == nil:
			return nil, nil, &wire.Refusal{Phase: wire.PhaseLimit, Code: "not-ready", Message: "this gateway has no configuration yet"}
		case who != nil && now.After(until.Add(tokenGrace)):
			return nil, who, decided(wire.CodeNoSession, "the token that this device showed has ended: it must show a newer one")
		}
		if refusal := f.decide(v, who, now); refusal != nil {
			return nil, who, refusal
		}
		if g.view.Load() == v && f.d.user() == who {
			return v, who, nil
		}
	}
}

// decide says whether somebody may have the flow: whose its destination is, and whether they may use that. It holds at the beginning and
// whenever something changes.
func (f *flow) decide(v *view, who *access.Principal, now time.Time) *wire.Refusal {
	if who == nil {
		return decided(wire.CodeNoSession, "nobody is signed in on this device")
	}
	owner, segment, refusal := v.destinations.owner(f.target)
	if refusal != nil {
		return refusal
	}
	f.d.mu.Lock()
	before, l := f.app, f.link
	if before == "" {
		f.app, f.segment = owner, segment.String()
	}
	f.d.mu.Unlock()
	app, _ := v.snap.Application(owner)
	switch {
	case before != "" && before != owner:
		return decided(wire.CodeNobodys, "the destination belongs to another application now")
	case l != nil && !v.carries(l, app):
		return &wire.Refusal{Phase: wire.PhaseForward, Code: "wrong-connector", Message: "the connector does not carry the application any more"}
	}
	d := policy.Decide(v.snap, app, policy.Request{Who: who, Address: who.Address, Now: now})
	f.d.mu.Lock()
	f.until = d.Until
	f.d.mu.Unlock()
	if !d.Allow {
		return decided(d.Reason, d.Message)
	}
	return nil
}

// told notes in the record who asked for the flow, and whose its destination is if it is anybody's.
func (f *flow) told(who *access.Principal) {
	f.d.mu.Lock()
	f.record.Application, f.record.Segment = string(f.app), f.segment
	f.d.mu.Unlock()
	f.record.User, f.record.UserID, f.record.Session = who.Name, string(who.User), string(who.Session)
	f.record.UserAgent, f.record.DeviceName = bounded(who.Device.Program), who.Device.Name
}

// reach opens the flow through one connector after another of the application, as long as another one may do better. The load of the
// link that took it stays taken.
func (f *flow) reach(v *view, who *access.Principal) (*link, *tunnel.Stream, wire.Opened, *wire.Refusal) {
	g := f.d.g
	app, _ := v.snap.Application(access.ID(f.record.Application)) // it was there when the flow was decided
	var tried map[*link]bool
	var last *wire.Refusal
	for {
		grown := g.links.grown() // before the look
		l := g.links.choose(g.view.Load().snap, wanted{app, sticky(app, who, f.d.client.Addr()), tried}).link
		if l == nil {
			if (last == nil || last.Phase == wire.PhaseForward) && g.hold(f.opening, app, grown, comeBack-time.Since(f.started)) {
				continue
			}
			if last == nil {
				last = &wire.Refusal{Phase: wire.PhaseConnect, Code: wire.CodeNoConnector, Message: "none of the application's connectors is connected to Postern at the moment"}
			}
			return nil, nil, wire.Opened{}, last
		}
		l.active.Add(1)
		f.record.Connector, f.record.Via = string(l.connector), ""
		if l.via != nil {
			f.record.Via = l.via.id
		}
		to, opened, refusal := f.dial(l, app, who)
		if refusal == nil {
			return l, to, opened, nil
		}
		l.active.Add(-1)
		if tried == nil {
			tried = map[*link]bool{}
		}
		tried[l] = true
		if last == nil || refusal.Phase != wire.PhaseForward { // what failed first says more than that its tunnel is gone
			last = refusal
		}
		if !movableFlow(refusal) || f.opening.Err() != nil || time.Since(f.started) > openTimeout {
			return nil, nil, opened, last
		}
		g.metrics.moved.Inc()
	}
}

// movableFlow reports whether another connector may do better: what a destination itself answered, it will answer again.
func movableFlow(r *wire.Refusal) bool {
	switch r.Phase {
	case wire.PhaseDecide:
		return false
	case wire.PhaseConnect:
		return r.Code != codeConnectionRefused
	}
	return true
}

const codeConnectionRefused = "connection-refused" // of a connector: the destination answered that nobody listens

// dial opens the flow's stream on a link.
func (f *flow) dial(l *link, app *access.Application, who *access.Principal) (*tunnel.Stream, wire.Opened, *wire.Refusal) {
	ctx, cancel := context.WithTimeout(f.opening, openTimeout)
	defer cancel()
	grant, err := l.g.grants.grant(ctx, app.ID, who)
	if err != nil {
		if isAway(err) {
			return nil, wire.Opened{}, &wire.Refusal{Phase: wire.PhaseDecide, Code: "no-grant", Message: "the service cannot decide at the moment; try again later"}
		}
		return nil, wire.Opened{}, decided("grant-denied", err.Error())
	}
	began := time.Now()
	open := wire.Open{Kind: wire.KindDial, Application: string(app.ID), Version: app.Version, Request: f.id,
		User: who.Name, Host: f.target.host.String(), Port: f.target.port, Network: f.target.protocol.String()}
	if app.ProxyProtocol != access.NoProxyProtocol { // nobody else in the private network need know it
		open.Client = f.d.client.String()
	}
	to, answer, err := l.openShown(ctx, l.forwarding(open, who), grant)
	if err == nil {
		f.record.Open = time.Since(began)
		opened, err := wire.Decode[wire.Opened](answer)
		if err == nil {
			return to, opened, nil
		}
		to.Reset(tunnel.CodeCancelled)
	}
	refusal, refused := errors.AsType[*wire.Refusal](err)
	switch {
	case f.opening.Err() != nil:
		refusal = &wire.Refusal{Phase: wire.PhaseLimit, Code: reasonClientGone, Message: "the device gave up"}
	case refused && refusal.Phase == wire.PhaseGrant:
		l.g.grants.drop(app.ID, who) // the next attempt brings a new one
	case errors.Is(err, context.DeadlineExceeded):
		refusal = &wire.Refusal{Phase: wire.PhaseConnect, Code: "connector-timeout", Timeout: true, Message: "the connector did not say in time whether it reached the destination"}
	case !refused:
		refusal = &wire.Refusal{Phase: wire.PhaseForward, Code: "connector-lost", Message: "the connection with the connector was lost"}
	}
	return nil, wire.Opened{}, refusal
}

// accept tells the device that its flow is open. It gives false if the device is gone.
func (f *flow) accept(to *tunnel.Stream, opened wire.Opened) bool {
	f.record.Destination, f.record.FirstByte = opened.Address, max(time.Since(f.started), 1)
	if f.from.Accept(wire.Encode(wire.FlowOpened{Request: f.id, Application: f.record.Application, Address: opened.Address})) != nil {
		to.Reset(tunnel.CodeCancelled)
		return false
	}
	return true
}

// carry joins both streams. It returns at once; the flow ends when they are over.
func (f *flow) carry(to *tunnel.Stream) {
	release := f.from.Keep()
	f.d.mu.Lock()
	f.to = to
	f.d.mu.Unlock()
	if f.why.Load() != nil { // whoever cut it before did not find the stream
		f.reset(to)
	}
	splice := splice
	if f.target.protocol == match.UDP {
		splice = spliceDatagrams
	}
	splice(f.from, to, func(up, down int64) {
		f.record.Received, f.record.Sent = up, down
		f.record.Complete = !f.wasCut(f.from) && !f.wasCut(to)
		f.end(nil)
		release()
	})
}

// wasCut reports whether a stream ended by force. A peer that closes one of datagrams says only that it is over.
func (f *flow) wasCut(s *tunnel.Stream) bool {
	cut := cutOf(s)
	return cut != nil && (cut.Code != tunnel.CodeClosed || cut.Remote && f.target.protocol == match.TCP)
}

// end lets go of the flow and records it.
func (f *flow) end(refusal *wire.Refusal) {
	g, r := f.d.g, &f.record
	if f.link != nil {
		f.link.active.Add(-1)
	}
	if f.entered {
		g.devices.leaveFlow(f)
	}
	if cut := f.why.Load(); cut != nil {
		refusal, r.Complete = cut, false
	}
	r.Duration = time.Since(f.started)
	r.Outcome = wire.OutcomeForwarded
	if refusal != nil {
		r.Reason = refusal.Code
		switch {
		case refusal.Phase == wire.PhaseDecide:
			r.Action, r.Hop = "deny", hopGateway
		case refusal.Code == reasonClientGone:
			r.Hop = hopYou
		case r.FirstByte == 0:
			r.Hop = phaseFailures[refusal.Phase].hop
		}
		if r.FirstByte == 0 {
			r.Outcome = wire.OutcomeFailed
			if r.Action == "deny" {
				r.Outcome = wire.OutcomeRefused
			}
		}
	}
	g.metrics.flow(r)
	if g.cfg.Recorder != nil {
		g.cfg.Recorder.Record(*r)
	}
}

// enterFlow registers a flow, or names the limit that it met.
func (s *devices) enterFlow(f *flow) (limit string) {
	s.mu.Lock()
	full := s.flows >= s.g.limits.Flows || s.g.live.full.Load()
	if !full {
		s.flows++
	}
	s.mu.Unlock()
	if full {
		return limitFlows
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.flows[f] = struct{}{}
	return ""
}

func (s *devices) leaveFlow(f *flow) {
	f.d.mu.Lock()
	delete(f.d.flows, f)
	f.d.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flows--
}

// byApp adds the flows under way to what is under way of each application.
func (s *devices) byApp(apps map[access.ID]int) {
	for _, d := range s.list(anyDevice) {
		d.mu.Lock()
		for f := range d.flows {
			if f.app != "" {
				apps[f.app]++
			}
		}
		d.mu.Unlock()
	}
}

// cutFlows ends all flows, since the gateway does.
func (s *devices) cutFlows() {
	why := &wire.Refusal{Phase: wire.PhaseLimit, Code: "shutting-down", Message: "the gateway is shutting down"}
	for _, d := range s.list(anyDevice) {
		d.mu.Lock()
		flows := make([]*flow, 0, len(d.flows))
		for f := range d.flows {
			flows = append(flows, f)
		}
		d.mu.Unlock()
		for _, f := range flows {
			f.cut(why)
		}
	}
}
