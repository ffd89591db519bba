package control

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/wire"
)

// Label says in a word how a connector is.
type Label string

// The labels.
const (
	LabelActive   Label = "active"   // it echoed a probe within 30 s
	LabelDegraded Label = "degraded" // Why says why
	LabelInactive Label = "inactive" // no tunnel for 60 s
	LabelDisabled Label = "disabled"
	LabelArchived Label = "archived" // put away after long absence
	LabelWaiting  Label = "waiting"  // for an administrator's approval
)

// Labels lists them.
func Labels() []Label {
	return []Label{LabelActive, LabelDegraded, LabelDraining, LabelInactive, LabelDisabled, LabelArchived, LabelWaiting}
}

// Status is how a connector is, as the gateways know it.
type Status struct {
	Label     Label
	Why       string // a sentence, empty when active
	Tunnels   int
	Streams   int
	Echo      time.Time // last echo of a probe; zero: never
	RoundTrip time.Duration
	Address   string
	LastSeen  time.Time
	Unreached []wire.Unreached // applications that it does not reach, as far as gateways know
	Skew      time.Duration    // of its clock against this one, while it is connected
	Way       string           // how its tunnels go, as it tells; empty: the plain way
	Load      *wire.Load       // what it uses of what it has, as it tells; nil: nobody knows
}

const (
	echoFresh     = 30 * time.Second
	inactiveAfter = 60 * time.Second
)

// presence is what gateways tell of connectors. It is soft state: it fills again by itself.
type presence struct {
	mu    sync.Mutex // guards both
	seen  map[access.ID]*sighting
	fresh map[access.ID]bool // seen since the last batch was written
}

// sighting is what is known of one connector.
type sighting struct {
	tunnels  map[string]wire.Presence // by gateway and instance; only with tunnels
	lost     time.Time                // when the last tunnel was lost
	lastSeen time.Time
	address  string
	host     access.HostFacts
	way      string
	skew     time.Duration // of its clock
}

// maxWay bounds what a connector says of its way, in bytes.
const maxWay = 500

// tunnelsKept bounds the instances of one connector that are remembered.
const tunnelsKept = 64

// of gives the connector's sighting. The caller holds mu.
func (p *presence) of(id access.ID) *sighting {
	if p.seen == nil {
		p.seen, p.fresh = map[access.ID]*sighting{}, map[access.ID]bool{}
	}
	if p.seen[id] == nil {
		p.seen[id] = &sighting{tunnels: map[string]wire.Presence{}}
	}
	return p.seen[id]
}

// Report takes what a gateway knows of a connector's tunnels to it. It does not block.
func (c *Control) Report(told wire.Presence) {
	id := access.ID(told.Connector)
	known, ok := c.current().Connector(id)
	if !ok {
		return // deleted meanwhile
	}
	if !known.Archived.IsZero() && told.Tunnels > 0 {
		defer c.archiving.arrival()
	}
	now := c.now()
	p := &c.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	s, key := p.of(id), told.Gateway+"\n"+told.Instance
	switch {
	case told.Tunnels <= 0:
		if _, had := s.tunnels[key]; had {
			delete(s.tunnels, key)
			s.lost = now
		}
	case len(s.tunnels) < tunnelsKept || s.tunnels[key].Tunnels > 0:
		s.tunnels[key] = told
		s.lastSeen, s.address = now, told.Address
		if !c.elsewhere(told.Gateway) {
			p.fresh[id] = true
		}
	}
}

// elsewhere reports whether a gateway is that of another replica, which writes itself when it saw its
// connectors.
func (c *Control) elsewhere(gateway string) bool {
	return gateway != string(c.cfg.Gateway.ID) &&
		slices.ContainsFunc(c.current().Gateways, func(g access.Gateway) bool { return string(g.ID) == gateway })
}

// reported notes what a connector tells of its machine, which it does over a tunnel.
func (p *presence) reported(id access.ID, told wire.Report, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.of(id)
	s.lastSeen, s.host, s.way = now, hostFacts(told.Host), told.Way[:min(len(told.Way), maxWay)]
	if !told.Time.IsZero() {
		s.skew = told.Time.Sub(now)
	}
	p.fresh[id] = true
}

// ConnectorStatus says how a connector is.
func (c *Control) ConnectorStatus(id access.ID) Status {
	known, ok := c.current().Connector(id)
	if !ok {
		return Status{Label: LabelInactive, Why: "There is no such connector."}
	}
	c.presence.mu.Lock()
	defer c.presence.mu.Unlock()
	s := c.presence.of(id)
	status := Status{LastSeen: known.LastSeen, Address: known.Address}
	if s.lastSeen.After(status.LastSeen) {
		status.LastSeen, status.Address = s.lastSeen, s.address
	}
	for _, t := range s.tunnels {
		status.Tunnels += t.Tunnels
		status.Streams += t.Streams
		status.Unreached = addUnreached(status.Unreached, t.Unreached)
		if t.Echo.After(status.Echo) {
			status.Echo, status.RoundTrip = t.Echo, t.RoundTrip
		}
	}
	if status.Tunnels > 0 {
		status.Skew = s.skew
		status.Way = strings.ToValidUTF8(s.way, "?")
		status.Load = c.loads.of(id, c.now())
	}
	status.Label, status.Why = label(known, status, s.lost, c.now())
	return status
}

// WaitsFor says in a sentence what a connector waits for.
func WaitsFor(k *access.Connector) string {
	return fmt.Sprintf("It waits for an administrator's approval (postern connectors approve %s), until %s.", quoted(k.Name), k.Waiting.UTC().Format(time.RFC3339))
}

func label(known *access.Connector, s Status, lost, now time.Time) (Label, string) {
	silent := now.Sub(s.Echo)
	switch {
	case !known.Archived.IsZero():
		return LabelArchived, fmt.Sprintf("It was absent for long and put away at %s; it comes back by itself when it connects.", known.Archived.UTC().Format(time.RFC3339))
	case known.Disabled:
		return LabelDisabled, "An administrator disabled it."
	case !known.Waiting.IsZero():
		return LabelWaiting, WaitsFor(known)
	case known.Draining && s.Tunnels > 0:
		return LabelDraining, fmt.Sprintf("An administrator drains it: it takes no new requests; %s.", openStreams(s.Streams))
	case s.Tunnels > 0 && silent <= echoFresh:
		return LabelActive, ""
	case s.Tunnels > 0 && s.Echo.IsZero():
		return LabelDegraded, "It is connected but has not answered a probe yet."
	case s.Tunnels > 0:
		return LabelDegraded, fmt.Sprintf("It is connected but has not answered a probe for %s.", silent.Round(time.Second))
	case !lost.IsZero() && now.Sub(lost) < inactiveAfter:
		return LabelDegraded, "It has no tunnel: the last one was just lost."
	case s.LastSeen.IsZero():
		return LabelInactive, "It has never connected."
	}
	return LabelInactive, fmt.Sprintf("It has no tunnel; it was last seen at %s.", s.LastSeen.UTC().Format(time.RFC3339))
}

// addUnreached adds what another gateway knows, each application once: that which is so for longest.
func addUnreached(list, more []wire.Unreached) []wire.Unreached {
	for _, u := range more {
		i := slices.IndexFunc(list, func(other wire.Unreached) bool { return other.Application == u.Application })
		switch {
		case i < 0:
			list = append(slices.Clip(list), u)
		case u.Since.Before(list[i].Since):
			list[i] = u
		}
	}
	return list
}

func openStreams(n int) string {
	switch n {
	case 0:
		return "nothing runs on it any more"
	case 1:
		return "1 stream is open"
	}
	return fmt.Sprintf("%d streams are open", n)
}

// take gives and forgets what was seen since the last time, and drops connectors that are gone.
func (p *presence) take(snap *access.Snapshot, elsewhere func(gateway string) bool) map[access.ID]sighting {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[access.ID]sighting, len(p.fresh))
	for id, fresh := range p.fresh {
		if fresh {
			out[id] = *p.seen[id]
		}
	}
	clear(p.fresh)
	for id, s := range p.seen {
		if _, known := snap.Connector(id); !known {
			delete(p.seen, id)
			delete(out, id)
		} else if len(s.tunnels) > 0 {
			p.fresh[id] = slices.ContainsFunc(slices.Collect(maps.Values(s.tunnels)), func(t wire.Presence) bool { return !elsewhere(t.Gateway) })
			s.lastSeen = newest(s)
		}
	}
	return out
}

// newest gives when a connector with tunnels was last heard of.
func newest(s *sighting) time.Time {
	at := s.lastSeen
	for _, t := range s.tunnels {
		if t.Echo.After(at) {
			at = t.Echo
		}
	}
	return at
}
