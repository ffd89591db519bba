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
	scoped bool   // it counts for sockets that are bound to the interface, and shows that there is such a network
}

// unclaimed gives what of wanted routes a machine has no way to yet, but for its default route: what is on the local network, or on a
// route that somebody made, stays there, also if ours were the more exact one. The addresses of names are ours, whatever contains them. A
// default route of ours comes as two halves, which are before the machine's own.
func unclaimed(wanted []netip.Prefix, hops []hop, ours int) (list []netip.Prefix) {
	others := map[netip.Prefix]bool{}
	for _, h := range hops {
		if h.link != ours && h.to.Bits() > 0 {
			others[h.to.Masked()] = true
		}
	}
	for _, p := range wanted {
		claimed := false
		for bits := p.Bits(); bits > 0 && !claimed && p != pool4 && p != pool6; bits-- {
			within, err := p.Addr().Prefix(bits)
			claimed = err == nil && others[within]
		}
		switch {
		case claimed:
		case p.Bits() == 0:
			list = append(list, halves(p)...)
		default:
			list = append(list, p)
		}
	}
	return list
}

// halves gives both halves of all addresses.
func halves(all netip.Prefix) []netip.Prefix {
	if all.Addr().Is4() {
		return []netip.Prefix{netip.PrefixFrom(all.Addr(), 1), netip.PrefixFrom(netip.AddrFrom4([4]byte{128}), 1)}
	}
	return []netip.Prefix{netip.PrefixFrom(all.Addr(), 1), netip.PrefixFrom(netip.AddrFrom16([16]byte{128}), 1)}
}

// rival gives the link of somebody else that has addresses which names get here; 0: none.
func rival(hops []hop, ours int) int {
	for _, h := range hops {
		if h.link != ours && h.to.Bits() >= pool4.Bits() && pool4.Contains(h.to.Addr()) {
			return h.link
		}
	}
	return 0
}

// outgoing gives the link by which a machine would reach an address if there were no interface of ours; 0: none.
func outgoing(hops []hop, to netip.Addr, ours int) int {
	hops = slices.DeleteFunc(slices.Clone(hops), func(h hop) bool { return h.link == ours || h.scoped || !h.to.Contains(to) })
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
