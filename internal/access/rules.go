package access

import (
	"net/netip"
	"slices"
	"time"
)

// Rule is a policy of a snapshot, made ready to be asked fast.
type Rule struct {
	*Policy
	users, groups, exceptUsers, exceptGroups map[ID]bool
	windows                                  []span
}

func ruleOf(p *Policy) *Rule {
	r := &Rule{Policy: p, users: setOf(p.Users), groups: setOf(p.Groups), exceptUsers: setOf(p.ExceptUsers), exceptGroups: setOf(p.ExceptGroups)}
	for _, w := range p.Conditions.Windows {
		r.windows = append(r.windows, spanOf(w))
	}
	return r
}

func setOf(ids []ID) map[ID]bool {
	set := make(map[ID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// Concerns reports whether the policy is for the user; nil is nobody signed in, who is one of
// everyone. Who is left out is so whatever else names them.
func (r *Rule) Concerns(who *Principal) bool {
	if who == nil {
		return r.Everyone
	}
	within := func(set map[ID]bool) bool {
		return len(set) > 0 && slices.ContainsFunc(who.Groups, func(g ID) bool { return set[g] })
	}
	if r.exceptUsers[who.User] || within(r.exceptGroups) {
		return false
	}
	return r.Everyone || r.users[who.User] || within(r.groups)
}

// Open reports whether one of the windows is open at now, and until when at least one is. A policy
// without windows is always open.
func (r *Rule) Open(now time.Time) (until time.Time, ok bool) {
	for _, w := range r.windows {
		if end, open := w.open(now); open && end.After(until) {
			until, ok = end, true
		}
	}
	return until, ok || len(r.windows) == 0
}

// Within reports whether a client's address is in one of the networks.
func Within(networks []Network, address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n Network) bool { return n.Contains(address) })
}

// index adds the policies to the snapshot, in their order.
func (s *Snapshot) index(list []*Policy) {
	s.rules = map[ID][]*Rule{}
	for _, p := range list {
		if p.Mode == ModeOff {
			continue
		}
		rule := ruleOf(p)
		if !p.AllApplications {
			for _, app := range p.Applications {
				s.rules[app] = append(s.rules[app], rule)
			}
			continue
		}
		for _, app := range s.Applications {
			s.rules[app.ID] = append(s.rules[app.ID], rule)
		}
	}
}

// Rules lists the policies that are for an application and not off, in the order of the snapshot.
// The caller must not change the slice.
func (s *Snapshot) Rules(app ID) []*Rule { return s.rules[app] }
