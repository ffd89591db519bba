package tun

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// hop says by which link a machine reaches something.
type hop struct {
	to     netip.Prefix
	link   int    // the number of the interface
	metric uint32 // of hops to the same, the least counts
}

// unclaimed gives what of wanted routes a machine has no way to yet, but for its default route: what is on the local network, or on a
// route that somebody made, stays there, also if ours were the more exact one.
func unclaimed(wanted []netip.Prefix, hops []hop, ours int) (list []netip.Prefix) {
	others := map[netip.Prefix]bool{}
	for _, h := range hops {
		if h.link != ours && h.to.Bits() > 0 {
			others[h.to.Masked()] = true
		}
	}
	for _, p := range wanted {
		claimed := false
		for bits := p.Bits(); bits > 0 && !claimed; bits-- {
			within, err := p.Addr().Prefix(bits)
			claimed = err == nil && others[within]
		}
		if !claimed {
			list = append(list, p)
		}
	}
	return list
}

// outgoing gives the link by which a machine would reach an address if there were no interface of ours; 0: none.
func outgoing(hops []hop, to netip.Addr, ours int) int {
	hops = slices.DeleteFunc(slices.Clone(hops), func(h hop) bool { return h.link == ours || !h.to.Contains(to) })
	if len(hops) == 0 {
		return 0
	}
	return slices.MinFunc(hops, func(a, b hop) int {
		return cmp.Or(b.to.Bits()-a.to.Bits(), cmp.Compare(a.metric, b.metric))
	}).link
}

// topmost gives the names of domains without those below another one of them, and the name by which browsers ask whether they may go
// around: for systems that are told domain by domain.
func topmost(domains []domain) (names []string) {
	all := map[string]bool{strings.TrimSuffix(canary, "."): true}
	for _, d := range domains {
		all[d.name] = true
	}
	for name := range all {
		below := false
		for rest, ok := name, true; ok && !below; below = ok && all[rest] {
			_, rest, ok = strings.Cut(rest, ".")
		}
		if !below {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// searched gives the domains in which names of one label are looked for, in order.
func searched(domains []domain) (names []string) {
	for _, d := range domains {
		if d.search {
			names = append(names, d.name)
		}
	}
	return names
}
