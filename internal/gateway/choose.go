package gateway

import (
	"net/netip"

	"postern/internal/access"
)

// wanted says for what a link is looked for.
type wanted struct {
	app   *access.Application
	who   string // to whom the application sticks, where it does; else empty
	tried map[*link]bool
}

// A choice is a link, and what is known of how its connector reaches the application, which may be nothing.
type choice struct {
	link      *link
	condition *condition
	several   bool // other connectors could have been taken

	out   bool   // it cannot reach the application, as far as is known
	order uint64 // the lowest is taken; among equals the cost decides
	cost  int64
}

// choose gives the link that an exchange is to take, by what the application asks for, but for those tried before; none if
// there is none. Whatever is asked for: a connector that reaches the application goes before one that does not, and the
// application's own group before the group's backup. Among equals it takes turns.
func (s *links) choose(snap *access.Snapshot, w wanted) choice {
	turn := int(s.turn.Add(1))
	s.mu.RLock()
	defer s.mu.RUnlock()
	known := s.conditions[w.app.ID]
	best := s.among(snap.Members(w.app.GroupID), &w, known, turn)
	if best.link != nil && !best.out {
		return best
	}
	if backup, ok := snap.Backup(w.app.GroupID); ok {
		if other := s.among(snap.Members(backup), &w, known, turn); other.link != nil && (best.link == nil || !other.out) {
			return other
		}
	}
	return best
}

// among gives the best choice of some connectors. The caller holds mu.
func (s *links) among(members []*access.Connector, w *wanted, known map[access.ID]*condition, turn int) (best choice) {
	n := len(members)
	if n == 0 {
		return best
	}
	for i, at := 0, turn%n; i < n; i++ {
		c := members[at]
		if at++; at == n {
			at = 0
		}
		if c.Disabled || c.Draining {
			continue
		}
		l, far := least(s.open[c.ID], w.tried, turn), uint64(0)
		if l == nil {
			if l = least(s.far[c.ID], w.tried, turn); l == nil {
				continue
			}
			far = 1
		}
		this := choice{link: l, condition: known[c.ID], order: w.order(c)<<1 | far}
		weight := int64(weightOfOne)
		if this.condition != nil {
			if weight = this.condition.weight.Load(); weight <= 0 {
				this.out, weight = true, weightOfOne
			}
		}
		this.cost = (l.active.Load() + 1) * weight
		switch {
		case best.link == nil:
			best = this
		case this.before(&best):
			best, best.several = this, true
		default:
			best.several = true
		}
	}
	return best
}

// least gives the least loaded link of a connector. Among equals it takes turns.
func least(of []*link, tried map[*link]bool, turn int) (best *link) {
	var load int64
	for j := range of {
		l := of[(turn+j)%len(of)]
		if n := l.active.Load(); (best == nil || n < load) && l.usable() && !tried[l] {
			best, load = l, n
		}
	}
	return best
}

// before reports whether a choice is better than another. Costs that differ by less than an eighth are equal: what was
// measured is not that exact, and taking turns spreads better.
func (c *choice) before(other *choice) bool {
	switch {
	case c.out != other.out:
		return other.out
	case c.order != other.order:
		return c.order < other.order
	}
	return c.cost*8 < other.cost*7
}

// order gives a connector's place in the order that the application asks for, below 1<<63.
func (w *wanted) order(c *access.Connector) uint64 {
	switch w.app.Balancing {
	case access.ByPriority:
		return uint64(c.Priority)
	case access.StickyUser, access.StickyAddress:
		return rendezvous(w.who, string(c.ID)) >> 1
	}
	return 0
}

// rendezvous mixes who asks with a connector, alike on every gateway: each has its own order of the connectors, and when one
// goes, only those who were there move (FNV-1a, with a finish that spreads it).
func rendezvous(who, connector string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(who) {
		h = (h ^ uint64(who[i])) * 1099511628211
	}
	for i := range len(connector) {
		h = (h ^ uint64(connector[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return h
}

// sticksTo gives to whom an exchange's application sticks.
func (x *exchange) sticksTo(app *access.Application) string {
	return sticky(app, x.who.Load(), x.client.Addr())
}

// sticky gives to whom an application sticks: the user, or the client's address, which stands also for who is not known. Of IPv6 it is
// the network, since hosts change the rest.
func sticky(app *access.Application, who *access.Principal, client netip.Addr) string {
	switch app.Balancing {
	case access.StickyUser:
		if who != nil {
			return string(who.User)
		}
	case access.StickyAddress:
	default:
		return ""
	}
	a := client.Unmap()
	if a.Is6() {
		a = netip.PrefixFrom(a, 64).Masked().Addr()
	}
	return string(a.AsSlice())
}
