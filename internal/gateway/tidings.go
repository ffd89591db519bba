package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"postern/internal/tunnel"
	"postern/internal/wire"
)

const (
	tellPause   = 100 * time.Millisecond // between two tidings: news of a moment go together
	tellState   = 5 * time.Second        // how often a gateway tells how it is, without news
	tidingsPart = 100                    // of tunnels or connectors in one line
)

// teller remembers what a peer was told, so that it is told only what is new.
type teller struct {
	g        *Gateway
	held     map[uint64]string
	presence map[instanceKey]wire.Presence
	stated   time.Time
	state    wire.GatewayState
}

// tell tells the other gateway what this one holds, all of it first and then what changes, until the tunnel ends.
func (p *peer) tell() {
	s, err := p.session.Open(p.g.life, wire.Encode(wire.Open{Kind: wire.KindTell}))
	if err != nil {
		return
	}
	defer s.Close()
	t := &teller{g: p.g, held: map[uint64]string{}, presence: map[instanceKey]wire.Presence{}}
	timer := time.NewTimer(tellState)
	defer timer.Stop()
	for {
		news := p.g.peers.waiting() // before the look, so that nothing is missed
		for _, part := range t.tidings() {
			part.Now = p.g.now()
			if _, err := s.Write(append(wire.Encode(part), '\n')); err != nil {
				return
			}
		}
		pause := time.NewTimer(tellPause)
		select {
		case <-pause.C:
		case <-p.session.Going():
			pause.Stop()
			return
		}
		timer.Reset(tellState)
		select {
		case <-news:
		case <-timer.C:
		case <-p.session.Going():
			return
		}
	}
}

// tidings gives what is new since the last time, in parts.
func (t *teller) tidings() []wire.Tidings {
	held, presence := t.g.holding()
	var parts []wire.Tidings
	part := func() *wire.Tidings {
		if n := len(parts); n > 0 && sizeOf(&parts[n-1]) < tidingsPart {
			return &parts[n-1]
		}
		parts = append(parts, wire.Tidings{})
		return &parts[len(parts)-1]
	}
	for number := range t.held {
		if _, still := held[number]; !still {
			p := part()
			p.Gone = append(p.Gone, number)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(held)) {
		if _, known := t.held[number]; !known {
			p := part()
			p.Up = append(p.Up, wire.Held{Tunnel: number, Connector: held[number]})
		}
	}
	for key, now := range presence {
		if before, known := t.presence[key]; !known || before.Tunnels != now.Tunnels || before.Address != now.Address || !before.Echo.Equal(now.Echo) || !slices.Equal(before.Unreached, now.Unreached) {
			p := part()
			p.Presence = append(p.Presence, now)
		}
	}
	for key, before := range t.presence {
		if _, still := presence[key]; !still {
			before.Tunnels, before.Streams = 0, 0
			p := part()
			p.Presence = append(p.Presence, before)
		}
	}
	t.held, t.presence = held, presence
	if state := t.g.state(); t.stated.IsZero() || time.Since(t.stated) >= tellState || !sameState(state, t.state) {
		t.state, t.stated = state, time.Now()
		part().Gateway = &state
	}
	return parts
}

// sizeOf counts what a part tells of.
func sizeOf(t *wire.Tidings) int {
	n := len(t.Up) + len(t.Gone) + len(t.Presence)
	for i := range t.Presence {
		n += len(t.Presence[i].Unreached)
	}
	return n
}

// sameState compares what is told at once when it changes.
func sameState(a, b wire.GatewayState) bool {
	return a.Version == b.Version && a.Draining == b.Draining && a.Tunnels == b.Tunnels &&
		slices.Equal(a.Peers, b.Peers) && slices.Equal(a.Unreached, b.Unreached)
}

// holding gives the tunnels here that take streams, none when this gateway drains, and what is known of the connectors.
func (g *Gateway) holding() (map[uint64]string, map[instanceKey]wire.Presence) {
	held, presence := map[uint64]string{}, map[instanceKey]wire.Presence{}
	for _, l := range g.links.all() {
		if l.usable() && !g.draining.Load() {
			held[l.number] = string(l.connector)
		}
		key := instanceKey{string(l.connector), l.instance}
		if _, done := presence[key]; !done {
			presence[key] = g.presenceOf(l)
		}
	}
	return held, presence
}

// state says how this gateway is.
func (g *Gateway) state() wire.GatewayState {
	s := wire.GatewayState{
		Gateway: g.cfg.ID, Address: g.cfg.Address, Program: g.cfg.Program, Started: g.started.UTC(), Version: uint64(g.version()),
		Draining: g.draining.Load(), Tunnels: len(g.links.all()), Exchanges: g.live.count(), Forwarded: g.forwards.count(),
	}
	s.Peers, s.Unreached = g.peers.reach(g.cfg.ID)
	return s
}

// reportState tells the control plane of this process how its gateway is.
func (g *Gateway) reportState() {
	if g.cfg.Presence != nil {
		g.cfg.Presence.ReportGateway(g.state())
	}
}

// keepStated tells the control plane of this process how its gateway is, when something changes and regularly.
func (g *Gateway) keepStated(ctx context.Context) {
	timer := time.NewTimer(tellState)
	defer timer.Stop()
	for {
		news := g.peers.waiting()
		g.reportState()
		timer.Reset(tellState)
		select {
		case <-news:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(tellPause):
		case <-ctx.Done():
			return
		}
	}
}

// hear takes what the other gateway tells, until it ends.
func (p *peer) hear(s *tunnel.Stream) {
	if !p.hearing.CompareAndSwap(false, true) {
		refuse(s, wire.PhaseForward, "told-twice", "this gateway is being told already")
		return
	}
	if s.Accept(nil) != nil {
		return
	}
	defer s.Close()
	lines := bufio.NewScanner(s)
	lines.Buffer(make([]byte, 0, 4<<10), wire.MaxTidings)
	for lines.Scan() {
		var t wire.Tidings
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			p.log.Warn("another gateway tells what cannot be read", "error", err)
			_ = p.session.Close()
			return
		}
		p.take(t)
	}
	if !p.session.Draining() {
		p.log.Debug("another gateway stopped telling", "error", lines.Err())
		_ = p.session.Close() // without it nobody knows what may be forwarded
	}
}

// take puts tidings in force.
func (p *peer) take(t wire.Tidings) {
	for _, number := range t.Gone {
		p.mu.Lock()
		l := p.held[number]
		delete(p.held, number)
		p.mu.Unlock()
		if l != nil {
			p.g.farGone(l)
		}
	}
	for _, held := range t.Up {
		p.up(held)
	}
	for _, told := range t.Presence {
		p.present(told, t.Now)
	}
	if t.Gateway != nil && p.g.cfg.Presence != nil {
		t.Gateway.Gateway = p.id // whatever it says
		p.g.cfg.Presence.ReportGateway(*t.Gateway)
	}
}

func (p *peer) up(held wire.Held) {
	if len(held.Connector) > maxWord {
		return
	}
	p.mu.Lock()
	_, known := p.held[held.Tunnel]
	full := len(p.held) >= p.g.limits.PeerTunnels
	var l *link
	if !known && !full && !p.ended {
		l = p.far(held)
		p.held[held.Tunnel] = l
	}
	p.mu.Unlock()
	if full && !known {
		p.g.metrics.refused.WithLabelValues("peer-tunnels").Inc()
	}
	if l != nil {
		p.g.links.addFar(l)
	}
}

// maxWord bounds the words that a gateway tells of a connector.
const maxWord = 256

// present passes on what the other gateway knows of a connector. Times are told by its clock.
func (p *peer) present(told wire.Presence, now time.Time) {
	if p.g.cfg.Presence == nil || len(told.Connector) > maxWord || len(told.Instance) > maxWord || len(told.Address) > maxWord {
		return
	}
	told.Gateway, told.Report = p.id, nil
	if !told.Echo.IsZero() && !now.IsZero() {
		told.Echo = told.Echo.Add(p.g.now().Sub(now))
	}
	p.g.hearUnreached(p.id, told)
	key := instanceKey{told.Connector, told.Instance}
	p.mu.Lock()
	_, known := p.told[key]
	full := !known && len(p.told) >= p.g.limits.PeerTunnels
	switch {
	case told.Tunnels <= 0:
		delete(p.told, key)
	case !full && !p.ended:
		p.told[key] = told
	}
	ended := p.ended
	p.mu.Unlock()
	if full {
		p.g.metrics.refused.WithLabelValues("peer-tunnels").Inc()
	}
	if full || ended {
		return
	}
	p.g.cfg.Presence.Report(told)
}

// forget takes back, at the tunnel's end, what the other gateway told, unless another tunnel with it tells the same.
func (p *peer) forget() {
	p.g.peers.leave(p)
	p.mu.Lock()
	held, told := p.held, p.told
	p.ended, p.held, p.told = true, map[uint64]*link{}, map[instanceKey]wire.Presence{}
	p.mu.Unlock()
	for _, l := range held {
		p.g.farGone(l)
	}
	others := p.g.peers.all()
	for key, last := range told {
		if !slices.ContainsFunc(others, func(other *peer) bool { return other.id == p.id && other.tells(key) }) {
			last.Tunnels, last.Streams = 0, 0
			p.g.cfg.Presence.Report(last)
		}
	}
	p.g.peers.news()
}

func (p *peer) tells(key instanceKey) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.told[key]
	return ok
}
