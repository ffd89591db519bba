package tun

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

func prefixes(list ...string) (parsed []netip.Prefix) {
	for _, p := range list {
		parsed = append(parsed, netip.MustParsePrefix(p))
	}
	return parsed
}

// office is a machine with a cable, a wireless network, somebody's VPN, and our interface (9).
func office() []hop {
	var hops []hop
	for _, h := range []struct {
		to     string
		link   int
		metric uint32
	}{
		{"0.0.0.0/0", 2, 25}, {"0.0.0.0/0", 3, 50}, {"192.168.1.0/24", 2, 25}, {"192.168.1.0/24", 3, 50}, {"192.168.7.0/24", 3, 50}, {"10.8.0.0/16", 4, 5},
		{"127.0.0.0/8", 1, 0}, {"::/0", 3, 50}, {"2001:db8:1::/64", 2, 25}, {"198.18.0.0/15", 9, 0}, {"10.0.0.0/8", 9, 0}, {"10.8.1.0/24", 9, 0},
	} {
		hops = append(hops, hop{to: netip.MustParsePrefix(h.to), link: h.link, metric: h.metric})
	}
	return append(hops, hop{to: netip.MustParsePrefix("172.16.5.0/24"), link: 5, scoped: true}) // of a network that was joined after ours
}

// TestUnclaimed: what the machine reaches on its own is never captured, whichever route is the more exact one.
func TestUnclaimed(t *testing.T) {
	wanted := prefixes("198.18.0.0/15", "10.0.0.0/8", "10.8.0.0/16", "10.8.1.0/24", "10.9.0.7/32", "192.168.0.0/16", "192.168.1.0/24", "192.168.1.20/32", "2001:db8:1::7/128", "2001:db8::/32", "172.16.5.0/24", "0.0.0.0/0", "::/0")
	want := prefixes("198.18.0.0/15", "10.0.0.0/8", "10.9.0.7/32", "192.168.0.0/16", "2001:db8::/32", "0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")
	if got := unclaimed(wanted, office(), 9); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := unclaimed(wanted, nil, 9); len(got) != len(wanted)+2 {
		t.Errorf("on a machine without a network: %v", got)
	}
	full := []hop{{to: netip.MustParsePrefix("128.0.0.0/1"), link: 4}, {to: netip.MustParsePrefix("fc00::/7"), link: 4}} // somebody's VPN for everything
	if got := unclaimed(prefixes("198.18.0.0/15", "fd5e:b07a:6c1d:5e::/112", "192.0.2.0/24"), full, 9); len(got) != 2 {
		t.Errorf("beside a VPN for everything: %v", got)
	}
	if rival(full, 9) != 0 || rival(office(), 9) != 0 || rival(office(), 8) != 9 || rival([]hop{{to: netip.MustParsePrefix("198.18.0.1/32"), link: 6}}, 9) != 6 {
		t.Error("whose the addresses of names are is not seen")
	}
}

// TestOutgoing: what the client itself sends goes as if there were no client.
func TestOutgoing(t *testing.T) {
	for to, want := range map[string]int{
		"203.0.113.7": 2, "192.168.1.9": 2, "192.168.7.9": 3, "10.8.1.1": 4, "10.1.2.3": 2, "198.18.0.9": 2, "127.0.0.1": 1,
		"2001:db8:1::5": 2, "2001:db8:2::5": 3, "172.16.5.1": 2, "0.0.0.0": 2, "::": 3,
	} {
		if got := outgoing(office(), netip.MustParseAddr(to), 9); got != want {
			t.Errorf("%s: by %d, want %d", to, got, want)
		}
	}
	if got := outgoing(office()[9:], netip.MustParseAddr("10.1.2.3"), 9); got != 0 {
		t.Errorf("without a network: by %d", got)
	}
}

// TestTopmost: each domain is told once, and none that another one contains.
func TestTopmost(t *testing.T) {
	domains := []domain{{"corp.test", true}, {"a.b.corp.test", true}, {"db.other.test", false}, {"xcorp.test", false}, {"single", false}, {"very.single", false}}
	if got, want := topmost(domains), []string{"corp.test", "db.other.test", "single", "use-application-dns.net", "xcorp.test"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := searched(domains), []string{"corp.test", "a.b.corp.test"}; !slices.Equal(got, want) {
		t.Errorf("searched: %q", got)
	}
}

// domainsFor gives some.
func domainsFor(n int) (domains []domain) {
	for i := range n {
		domains = append(domains, domain{fmt.Sprintf("h%03d.test", i), i < 2})
	}
	return domains
}
