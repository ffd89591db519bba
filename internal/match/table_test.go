package match_test

import (
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/internal/match"
)

// TestPrecedence reads like the rule: whose a destination is, of all that contain it.
func TestPrecedence(t *testing.T) {
	entry := func(owner, destination, ports, protocol string) match.Entry {
		return match.Entry{Segment: segment(t, destination, ports, protocol), Owner: owner, Broad: owner == "quick"}
	}
	table := match.NewTable([]match.Entry{
		entry("quick", "db.corp.example", "1-65535", "both"),
		entry("quick", "10.0.0.0/8", "1-65535", "both"),
		entry("quick", "only.corp.test", "22", "tcp"),
		entry("all", "*.corp.example", "1-65535", "both"),
		entry("suffix", ".corp.example", "1-65535", "both"),
		entry("deep", ".b.corp.example", "1-1000", "both"),
		entry("db", "db.corp.example", "5432", "tcp"),
		entry("db wide", "db.corp.example", "5000-6000", "tcp"),
		entry("db udp too", "db.corp.example", "5432", "both"),
		entry("net", "10.1.0.0/16", "22", "tcp"),
		entry("range", "10.1.2.0-10.1.2.99", "22", "tcp"),
		entry("one", "10.1.2.3", "22", "tcp"),
		entry("late", "10.1.2.3", "22", "tcp"),
		entry("six", "fd00::/64", "22", "tcp"),
		entry("six narrow", "fd00::/120", "22", "tcp"),
	})
	tests := []struct {
		host     string
		port     uint16
		protocol match.Protocol
		want     string
	}{
		{"db.corp.example", 5432, match.TCP, "db"},
		{"db.corp.example", 5432, match.UDP, "db udp too"},
		{"db.corp.example", 5433, match.TCP, "db wide"},
		{"db.corp.example", 22, match.TCP, "all"}, // an application comes before Quick Access, however exact that is
		{"corp.example", 22, match.TCP, "suffix"},
		{"x.corp.example", 22, match.TCP, "all"}, // all names below: narrower than the domain with them
		{"x.b.corp.example", 22, match.TCP, "deep"},
		{"b.corp.example", 22, match.TCP, "deep"},
		{"x.b.corp.example", 2000, match.TCP, "all"},
		{"only.corp.test", 22, match.TCP, "quick"},
		{"only.corp.test", 22, match.UDP, ""},
		{"other.test", 22, match.TCP, ""},
		{"10.9.9.9", 22, match.TCP, "quick"},
		{"10.1.9.9", 22, match.TCP, "net"},
		{"10.1.9.9", 23, match.TCP, "quick"},
		{"10.1.2.50", 22, match.TCP, "range"},
		{"10.1.2.100", 22, match.TCP, "net"},
		{"10.1.2.3", 22, match.TCP, "one"},
		{"11.1.2.3", 22, match.TCP, ""},
		{"fd00::1", 22, match.TCP, "six narrow"},
		{"fd00::1:1", 22, match.TCP, "six"},
	}
	for _, test := range tests {
		host, _ := match.ParseHost(test.host)
		if got, _ := table.Find(host, test.port, test.protocol); got.Owner != test.want {
			t.Errorf("%s:%d/%s belongs to %q, want %q", test.host, test.port, test.protocol, got.Owner, test.want)
		}
	}
	for name, want := range map[string]bool{"db.corp.example": true, "corp.example": true, "a.b.c.corp.example": true, "corp.test": false, "only.corp.test": true} {
		if len(table.Covering(match.Host{Name: name})) > 0 != want {
			t.Errorf("covers %s: %t", name, !want)
		}
	}
}

// spec is an entry as text, for the slow reference.
type spec struct {
	destination, ports, protocol, owner string
	broad                               bool
}

func (s spec) entry(t *rapid.T) match.Entry {
	parsed, _, err := match.ParseSegment(s.destination, s.ports, s.protocol)
	if err != nil {
		t.Fatal(err)
	}
	return match.Entry{Segment: parsed, Owner: s.owner, Broad: s.broad}
}

// hosts says, of the reference, whether a host is in the destination, and how many hosts are.
func (s spec) hosts(host string) (in bool, size *big.Int) {
	names := func(domain string) *big.Int { // fewer with each label
		return new(big.Int).Lsh(big.NewInt(1), uint(600-8*strings.Count(domain, ".")))
	}
	d := s.destination
	value := func(text string) *big.Int {
		a := netip.MustParseAddr(text).As16()
		return new(big.Int).SetBytes(a[:])
	}
	switch {
	case strings.HasPrefix(d, "*."):
		return strings.HasSuffix(host, d[1:]), names(d[2:])
	case strings.HasPrefix(d, "."):
		size = names(d[1:])
		return strings.HasSuffix("."+host, d), size.Add(size, big.NewInt(1))
	case strings.Contains(d, "/"):
		p := netip.MustParsePrefix(d)
		a, err := netip.ParseAddr(host)
		return err == nil && p.Contains(a), new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
	case strings.Contains(d, "-"):
		from, to, _ := strings.Cut(d, "-")
		size = new(big.Int).Sub(value(to), value(from))
		a, err := netip.ParseAddr(host)
		in = err == nil && a.Is4() == netip.MustParseAddr(from).Is4() && value(host).Cmp(value(from)) >= 0 && value(host).Cmp(value(to)) <= 0
		return in, size.Add(size, big.NewInt(1))
	}
	return host == d, big.NewInt(1)
}

// carries says it of ports and protocols, and how many there are of each.
func (s spec) carries(port int, protocol string) (in bool, ports, protocols int) {
	for _, part := range strings.Split(s.ports, ",") { // none overlap here
		from, to, some := strings.Cut(part, "-")
		if !some {
			to = from
		}
		a, _ := strconv.Atoi(from)
		b, _ := strconv.Atoi(to)
		in = in || a <= port && port <= b
		ports += b - a + 1
	}
	protocols = 1
	if s.protocol == "both" {
		protocols = 2
	}
	return in && (s.protocol == protocol || s.protocol == "both"), ports, protocols
}

// slowly is the reference: it looks at every entry.
func slowly(list []spec, host string, port int, protocol string) string {
	best, owner := []*big.Int(nil), ""
	for _, s := range list {
		in, hosts := s.hosts(host)
		on, ports, protocols := s.carries(port, protocol)
		if !in || !on {
			continue
		}
		broad := int64(0)
		if s.broad {
			broad = 1
		}
		key := []*big.Int{big.NewInt(broad), hosts, big.NewInt(int64(ports)), big.NewInt(int64(protocols))}
		if best == nil || less(key, best) {
			best, owner = key, s.owner
		}
	}
	return owner
}

func less(a, b []*big.Int) bool {
	for i := range a {
		if c := a[i].Cmp(b[i]); c != 0 {
			return c < 0
		}
	}
	return false
}

var (
	someDestinations = rapid.SampledFrom([]string{"a.test", "b.test", "x.a.test", "y.x.a.test", "*.test", "*.a.test", "*.x.a.test", ".test", ".a.test", ".x.a.test", ".b.test",
		"10.0.0.0/8", "10.0.0.0/30", "10.0.0.1", "10.0.0.2", "10.0.0.1-10.0.0.4", "10.0.0.2-10.0.0.3", "10.0.0.3-10.0.1.0", "0.0.0.0/0", "255.255.255.254-255.255.255.255",
		"fd00::/64", "fd00::/126", "fd00::1", "fd00::1-fd00::5", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124"})
	someHosts = rapid.SampledFrom([]string{"test", "a.test", "b.test", "c.test", "x.a.test", "y.a.test", "y.x.a.test", "z.y.x.a.test", "other",
		"10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.1.0", "10.0.1.1", "11.0.0.0", "9.255.255.255", "255.255.255.255",
		"fd00::", "fd00::1", "fd00::3", "fd00::4", "fd00::5", "fd00::6", "fd00:0:0:1::", "fcff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"})
	somePorts     = rapid.SampledFrom([]string{"1", "22", "1-65535", "20-30", "22,80", "65535", "1-21", "30-40,50"})
	someProtocols = rapid.SampledFrom([]string{"tcp", "udp", "both"})
	onePort       = rapid.SampledFrom([]int{1, 19, 20, 21, 22, 23, 30, 31, 40, 41, 50, 80, 65534, 65535})
)

func someSpecs(t *rapid.T, label string) []spec {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) spec {
		owner := rapid.SampledFrom([]string{"app_1", "app_2", "app_3", "quick"}).Draw(t, "owner")
		return spec{someDestinations.Draw(t, "destination"), somePorts.Draw(t, "ports"), someProtocols.Draw(t, "protocol"), owner, owner == "quick"}
	}), 0, 12).Draw(t, label)
}

func tableOf(t *rapid.T, list []spec) *match.Table {
	entries := make([]match.Entry, len(list))
	for i, s := range list {
		entries[i] = s.entry(t)
	}
	return match.NewTable(entries)
}

// TestNamesAndAddressesInOneOrder: an order that leaves names and addresses equal is none, and had a /8 win over a /30.
func TestNamesAndAddressesInOneOrder(t *testing.T) {
	table := match.NewTable([]match.Entry{
		{Segment: segment(t, "10.0.0.0/8", "1", "udp"), Owner: "app_1"},
		{Segment: segment(t, "a.test", "1", "tcp"), Owner: "app_1"},
		{Segment: segment(t, "10.0.0.0/30", "1", "udp"), Owner: "app_2"},
	})
	host, _ := match.ParseHost("10.0.0.0")
	if got, _ := table.Find(host, 1, match.UDP); got.Owner != "app_2" {
		t.Errorf("it belongs to %s", got.Owner)
	}
}

// TestTableEqualsReference: whose a destination is equals what a reference says that looks at every segment.
func TestTableEqualsReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := someSpecs(t, "segments")
		table := tableOf(t, list)
		for range 20 {
			text, port, protocol := someHosts.Draw(t, "host"), onePort.Draw(t, "port"), rapid.SampledFrom([]match.Protocol{match.TCP, match.UDP}).Draw(t, "protocol")
			host, err := match.ParseHost(text)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := table.Find(host, uint16(port), protocol)
			if want := slowly(list, text, port, protocol.String()); got.Owner != want {
				t.Fatalf("%s:%d/%s belongs to %q, the reference says %q", text, port, protocol, got.Owner, want)
			}
		}
	})
}

// TestChangesAreExact: what is said of a change before is what happens, for every destination, and nothing is said that does not happen.
func TestChangesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, two := someSpecs(t, "before"), someSpecs(t, "after")
		before, after := tableOf(t, one), tableOf(t, two)
		changes := match.Changes(before, after)
		said := map[string]bool{}
		name := func(e match.Entry) string {
			if e.Owner == "" {
				return "nobody"
			}
			return fmt.Sprint(e.Owner, " ", e.Segment)
		}
		for _, c := range changes {
			from, _ := before.Find(c.Host, c.Port, c.Protocol)
			to, _ := after.Find(c.Host, c.Port, c.Protocol)
			if name(from) != name(c.From) || name(to) != name(c.To) || from.Owner == to.Owner {
				t.Fatalf("%s:%d/%s: said %s → %s, is %s → %s", c.Host, c.Port, c.Protocol, name(c.From), name(c.To), name(from), name(to))
			}
			said[name(c.From)+" → "+name(c.To)] = true
		}
		for range 20 {
			host, _ := match.ParseHost(someHosts.Draw(t, "host"))
			port, protocol := onePort.Draw(t, "port"), rapid.SampledFrom([]match.Protocol{match.TCP, match.UDP}).Draw(t, "protocol")
			from, _ := before.Find(host, uint16(port), protocol)
			to, _ := after.Find(host, uint16(port), protocol)
			if from.Owner != to.Owner && !said[name(from)+" → "+name(to)] {
				t.Fatalf("%s:%d/%s goes %s → %s, which was not said", host, port, protocol, name(from), name(to))
			}
		}
	})
}

// BenchmarkFind looks destinations up among 20,000 segments of 1,000 applications.
func BenchmarkFind(b *testing.B) {
	var entries []match.Entry
	for app := range 1000 {
		for i := range 20 {
			d := fmt.Sprintf("host%d.app%d.corp.example", i, app)
			switch i % 4 {
			case 1:
				d = fmt.Sprintf("*.zone%d.app%d.corp.example", i, app)
			case 2:
				d = fmt.Sprintf("10.%d.%d.%d", app/250, app%250, i)
			case 3:
				d = fmt.Sprintf("10.%d.%d.0/%d", app/250, app%250, 24+i%8)
				d = netip.MustParsePrefix(d).Masked().String()
			}
			entries = append(entries, match.Entry{Segment: segment(b, d, "22,443,5000-6000", "tcp"), Owner: fmt.Sprint("app_", app)})
		}
	}
	table := match.NewTable(entries)
	for _, text := range []string{"host4.app500.corp.example", "a.b.zone5.app999.corp.example", "10.2.17.2", "10.3.200.200", "elsewhere.example"} {
		host, _ := match.ParseHost(text)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Find(host, 443, match.TCP)
			}
		})
	}
}
