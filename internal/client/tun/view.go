package tun

import (
	"net/netip"
	"slices"
	"strings"

	"postern/internal/match"
	"postern/internal/wire"
)

// view is what is private just now: nothing without a table.
type view struct {
	rules wire.Rules
	table *match.Table
	own   map[string]bool // names that never are
}

func newView(rules wire.Rules, table *match.Table, own []string) view {
	v := view{rules: rules, table: table, own: map[string]bool{}}
	for _, host := range own {
		v.own[strings.ToLower(strings.TrimSuffix(host, "."))] = true
	}
	return v
}

// private reports whether connectors are asked for a host.
func (v view) private(host match.Host) bool {
	return v.table != nil && !v.own[host.Name] && len(v.table.Covering(host)) > 0
}

// short reports whether a name is one of one label that may stand for a private one.
func (v view) short(host match.Host) bool {
	return v.table != nil && host.Name != "" && host.Name != "localhost" && !strings.Contains(host.Name, ".") && len(v.table.Suffixes("")) > 0
}

// direct reports whether a host is reached as if there were no client while no gateway is: by the rule that comes first.
func (v view) direct(host match.Host) bool {
	for _, e := range v.table.Covering(host) {
		for i := range v.rules.Applications {
			if r := &v.rules.Applications[i]; r.Application == e.Owner {
				return r.Direct
			}
		}
	}
	return false
}

// plan is what the machine is to be told.
type plan struct {
	routes []netip.Prefix // in order, each once
	names  bool           // names are answered here
	search []domain       // which, for systems that ask by domain: in the order in which names of one label are looked for
}

// domain is a domain whose names are answered here, with all below it.
type domain struct {
	name   string
	search bool // names of one label are looked for in it
}

// plan gives the routes of what is private: the addresses of segments, and those that names get.
func (v view) plan() plan {
	if v.table == nil || len(v.table.Entries()) == 0 {
		return plan{}
	}
	p := plan{routes: []netip.Prefix{pool4, pool6}, names: true}
	for _, e := range v.table.Entries() {
		p.routes = append(p.routes, e.Segment.Prefixes()...)
	}
	slices.SortFunc(p.routes, comparePrefixes)
	p.routes = slices.Compact(p.routes)
	p.search = domainsOf(v.table)
	return p
}

// domainsOf gives the domains in which a table's names are: those of DNS suffixes first.
func domainsOf(table *match.Table) (list []domain) {
	known := map[string]bool{}
	for _, name := range table.Suffixes("") {
		known[name] = true
		list = append(list, domain{name, true})
	}
	var others []string
	for _, e := range table.Entries() {
		name := strings.TrimPrefix(strings.TrimPrefix(e.Segment.Destination(), "*"), ".")
		if e.Segment.Prefixes() == nil && !known[name] {
			known[name] = true
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		list = append(list, domain{name: name})
	}
	return list
}

func comparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}
