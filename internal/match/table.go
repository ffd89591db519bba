package match

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Entry is a segment of somebody, an application as a rule.
type Entry struct {
	Segment Segment
	Owner   string // its id
	Broad   bool   // the owner comes after all that are not broad: Quick Access does
}

// Table finds whose a destination is. It never changes once made, so any number of goroutines may use it.
//
// Of several entries that contain a destination one wins, whoever asks: one that is not broad, then the narrower segment (a name
// before a domain, a longer domain before a shorter one, fewer addresses before more; then fewer ports, then one protocol before
// both), then the one that was given first.
type Table struct {
	entries []Entry // the winner of two comes first
	names   map[string][]int32
	domains map[string][]int32       // all names below them, or themselves too
	blocks  map[netip.Prefix][]int32 // addresses
	lengths []int                    // of blocks, each once
}

// NewTable indexes entries. Those of one owner that are given first win where all else is the same.
func NewTable(entries []Entry) *Table {
	t := &Table{entries: slices.Clone(entries), names: map[string][]int32{}, domains: map[string][]int32{}, blocks: map[netip.Prefix][]int32{}}
	slices.SortStableFunc(t.entries, func(a, b Entry) int {
		if a.Broad != b.Broad {
			if a.Broad {
				return 1
			}
			return -1
		}
		return a.Segment.narrower(b.Segment)
	})
	for i, e := range t.entries {
		switch s := e.Segment; s.form {
		case formName:
			t.names[s.name] = append(t.names[s.name], int32(i))
		case formBelow, formSuffix:
			t.domains[s.name] = append(t.domains[s.name], int32(i))
		case formAddresses:
			for _, block := range blocks(s.first, s.last) {
				t.blocks[block] = append(t.blocks[block], int32(i))
				if !slices.Contains(t.lengths, block.Bits()) {
					t.lengths = append(t.lengths, block.Bits())
				}
			}
		}
	}
	return t
}

// Find gives the entry that a destination belongs to. The protocol must be one, not a set.
func (t *Table) Find(host Host, port uint16, protocol Protocol) (Entry, bool) {
	best := int32(len(t.entries))
	look := func(list []int32) {
		for _, i := range list {
			if i >= best {
				return // the list is in order
			}
			if s := t.entries[i].Segment; s.covers(host) && s.carries(port, protocol) {
				best = i
				return
			}
		}
	}
	t.each(host, look)
	if best == int32(len(t.entries)) {
		return Entry{}, false
	}
	return t.entries[best], true
}

// Covering gives the entries that have a host on some port, the winner of two first.
func (t *Table) Covering(host Host) []Entry {
	var found []int32
	t.each(host, func(list []int32) {
		for _, i := range list {
			if t.entries[i].Segment.covers(host) {
				found = append(found, i)
			}
		}
	})
	slices.Sort(found)
	entries := make([]Entry, len(found))
	for i, at := range found {
		entries[i] = t.entries[at]
	}
	return entries
}

// each gives the lists in which all entries are that may contain a host.
func (t *Table) each(host Host, look func([]int32)) {
	if host.Addr.IsValid() {
		for _, bits := range t.lengths {
			if block, err := host.Addr.Prefix(bits); err == nil {
				look(t.blocks[block])
			}
		}
		return
	}
	look(t.names[host.Name])
	for domain, more := host.Name, true; more; _, domain, more = strings.Cut(domain, ".") {
		look(t.domains[domain])
	}
}

// Entries lists the entries, the winner of two first. The caller must not change the slice.
func (t *Table) Entries() []Entry { return t.entries }

// Suffixes gives the domains of DNS suffixes (".corp.example") in the order in which a name of one label is looked for below them: those of
// owners that are not broad first, then those with more labels, then by the alphabet. With an owner it gives that one's.
func (t *Table) Suffixes(owner string) []string {
	type suffix struct {
		domain string
		broad  bool
	}
	var all []suffix
	for _, e := range t.entries {
		if e.Segment.form == formSuffix && (owner == "" || e.Owner == owner) {
			all = append(all, suffix{e.Segment.name, e.Broad})
		}
	}
	slices.SortStableFunc(all, func(a, b suffix) int {
		if a.broad != b.broad {
			if a.broad {
				return 1
			}
			return -1
		}
		return cmp.Or(strings.Count(b.domain, ".")-strings.Count(a.domain, "."), strings.Compare(a.domain, b.domain))
	})
	var domains []string
	for _, s := range all {
		if !slices.Contains(domains, s.domain) {
			domains = append(domains, s.domain)
		}
	}
	return domains
}

// blocks gives the fewest prefixes that have the addresses from first to last, both included, and no other.
func blocks(first, last netip.Addr) []netip.Prefix {
	var list []netip.Prefix
	for {
		p := netip.PrefixFrom(first, first.BitLen())
		for p.Bits() > 0 { // as large as begins here and does not go too far
			larger, _ := first.Prefix(p.Bits() - 1)
			if larger.Addr() != first || last.Less(lastOf(larger)) {
				break
			}
			p = larger
		}
		list = append(list, p)
		end := lastOf(p)
		if end == last {
			return list
		}
		first = end.Next()
	}
}

// A Change is destinations that belong to somebody else in another table.
type Change struct {
	From, To Entry // the zero Entry: nobody's
	Host     Host  // an example
	Port     uint16
	Protocol Protocol
}

// Changes lists whose destinations become whose when one table takes the place of another: one example for each pair of entries with
// different owners. It is exact: the destinations are divided into parts that no segment of either table divides further, and
// one of each part is looked up in both. What somebody gains that was nobody's, or what is nobody's from then on, is listed, too.
func Changes(before, after *Table) []Change {
	type pair struct{ from, to entryKey }
	var list []Change
	seen := map[pair]bool{}
	for _, host := range representatives(before, after) {
		for _, port := range edges(host, before, after) {
			for _, protocol := range []Protocol{TCP, UDP} {
				from, _ := before.Find(host, port, protocol)
				to, _ := after.Find(host, port, protocol)
				if from.Owner == to.Owner {
					continue
				}
				if p := (pair{from.key(), to.key()}); !seen[p] {
					seen[p] = true
					list = append(list, Change{from, to, host, port, protocol})
				}
			}
		}
	}
	return list
}

// entryKey is what tells entries apart in a map.
type entryKey struct{ owner, segment string }

func (e Entry) key() entryKey {
	if e.Owner == "" {
		return entryKey{}
	}
	return entryKey{e.Owner, e.Segment.String()}
}

// representatives gives hosts such that every host is in the same segments as one of them.
func representatives(tables ...*Table) []Host {
	names := map[string]bool{} // whether it is listed
	addrs := map[netip.Addr]bool{}
	for _, t := range tables {
		for _, e := range t.entries {
			switch s := e.Segment; s.form {
			case formName, formSuffix:
				names[s.name] = true
			case formAddresses:
				addrs[s.first] = true
				if next := s.last.Next(); next.IsValid() {
					addrs[next] = true
				}
			}
		}
	}
	for _, t := range tables {
		for domain := range t.domains {
			names[fresh(domain, tables)] = true
		}
	}
	list := make([]Host, 0, len(names)+len(addrs))
	for name := range names {
		list = append(list, Host{Name: name})
	}
	for addr := range addrs {
		list = append(list, Host{Addr: addr})
	}
	slices.SortFunc(list, func(a, b Host) int { return cmp.Or(strings.Compare(a.Name, b.Name), a.Addr.Compare(b.Addr)) })
	return list
}

// fresh gives a name below a domain that no table knows by itself, nor a domain of.
func fresh(domain string, tables []*Table) string {
	for label := "any"; ; label += "-other" {
		name := label + "." + domain
		if !slices.ContainsFunc(tables, func(t *Table) bool { return t.names[name] != nil || t.domains[name] != nil }) {
			return name
		}
	}
}

// edges gives ports such that every port of a host is in the same segments as one of them.
func edges(host Host, tables ...*Table) []uint16 {
	var ports []uint16
	for _, t := range tables {
		t.each(host, func(list []int32) {
			for _, i := range list {
				if !t.entries[i].Segment.covers(host) {
					continue
				}
				for _, p := range t.entries[i].Segment.ports {
					ports = append(ports, p.First)
					if p.Last < 65535 {
						ports = append(ports, p.Last+1)
					}
				}
			}
		})
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// Example gives one of the destinations for a person: "10.1.2.3:443/tcp".
func (c Change) Example() string {
	return net.JoinHostPort(c.Host.String(), strconv.Itoa(int(c.Port))) + "/" + c.Protocol.String()
}
