package match

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
)

func TestParseHost(t *testing.T) {
	tests := []struct{ text, want, err string }{
		{"wiki", "wiki", ""},
		{"Wiki.Corp.Example", "wiki.corp.example", ""},
		{"wiki.corp.example.", "wiki.corp.example.", ""},
		{"_sip._tcp.corp", "_sip._tcp.corp", ""},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", ""},
		{"10.1.2.3", "10.1.2.3", ""},
		{"[fd00::1]", "fd00::1", ""},
		{"fd00::1", "fd00::1", ""},
		{"::ffff:10.1.2.3", "10.1.2.3", ""},
		{"3com.example", "3com.example", ""},
		{"0x7f.example", "0x7f.example", ""},
		{"", "", "empty"},
		{".", "", "empty"},
		{"a..b", "", "empty part"},
		{".a", "", "empty part"},
		{"-a.b", "", "starts or ends"},
		{"a b", "", "letters"},
		{"a\x00b", "", "letters"},
		{"ａ.example", "", "letters"},
		{"127。0。0。1", "", "letters"},
		{"user@host", "", "letters"},
		{"[wiki]", "", "brackets"},
		{"[10.0.0.1]", "", "brackets"},
		{"fe80::1%eth0", "", "zone"},
		{"127.1", "", "number"},
		{"2130706433", "", "number"},
		{"0x7f000001", "", "number"},
		{"0x", "", "number"},
		{"0177.0.0.1", "", "number"},
		{"127.0.0.01", "", "number"},
		{"127.0.0.1.", "", "number"},
		{"127.0.0.0x1", "", "number"},
		{"0X7F.1", "", "number"},
		{"1.2.3.4.5", "", "number"},
		{"999.1.1.1", "", "number"},
		{strings.Repeat("a", 64) + ".b", "", "63"},
		{strings.Repeat("abcdefg.", 40) + "b", "", "253"},
	}
	for _, test := range tests {
		host, err := ParseHost(test.text)
		if test.err == "" && (err != nil || host.String() != test.want) {
			t.Errorf("ParseHost(%q) = %q, %v; want %q", test.text, host, err, test.want)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("ParseHost(%q) = %q, %v; want an error with %q", test.text, host, err, test.err)
		}
	}
}

func TestSpecial(t *testing.T) {
	tests := map[string][]string{
		"a loopback address": {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::1",
			"2001:0:808:808:0:0:80ff:fffe", "2001:0:7f00:1::1", "fd00::5efe:127.0.0.1", "fd00::200:5efe:127.0.0.1", "::ffff:0:127.0.0.1",
			"64:ff9b:1:7f00:0:100::", "64:ff9b:1::127.0.0.1"},
		"a cloud's metadata address": {"169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "100.100.100.200", "168.63.129.16",
			"192.0.0.192", "169.254.170.2", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "2002:a9fe:a9fe::"},
		"an unspecified address": {"0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"},
		"a link-local address":   {"169.254.1.1", "fe80::1", "febf::1"},
		"a multicast address":    {"224.0.0.1", "239.1.1.1", "ff02::1"},
		"a broadcast address":    {"255.255.255.255"},
		"a reserved address":     {"240.0.0.1"},
		"a discard address":      {"100::1"},
		"": {"10.0.0.1", "192.168.1.1", "172.16.0.1", "8.8.8.8", "100.64.0.1", "fd00::1", "2001:db8::1", "64:ff9b::10.0.0.1", "2002:a00:1::1",
			"::ffff:10.0.0.1", "64:ff9b:1::10.0.0.1", "64:ff9b:1:a00:0:100::", "fec0::1", "192.0.0.191", "128.0.0.1"},
	}
	for want, addrs := range tests {
		for _, text := range addrs {
			if got := Special(netip.MustParseAddr(text)); got != want {
				t.Errorf("Special(%s) = %q, want %q", text, got, want)
			}
		}
	}
}

func TestPrivate(t *testing.T) {
	tests := map[bool][]string{
		true: {"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "198.18.0.1", "192.0.0.8",
			"fc00::1", "fdff::1", "fec0::1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "2002:a00:1::1",
			"fd00::1%eth0", "2001:db8::5efe:10.0.0.1"},
		false: {"8.8.8.8", "172.15.0.1", "172.32.0.1", "192.167.1.1", "100.63.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111",
			"64:ff9b::8.8.8.8", "2002:808:808::1", "203.0.113.1"},
	}
	for want, addrs := range tests {
		for _, text := range addrs {
			if got := Private(netip.MustParseAddr(text)); got != want {
				t.Errorf("Private(%s) = %v, want %v", text, got, want)
			}
		}
	}
}

func TestParseRulesRefuses(t *testing.T) {
	tests := []struct{ text, field, message string }{
		{"permit 10.0.0.1", "line 1", "not with allow or deny"},
		{"Allow 10.0.0.1", "line 1", "not with allow or deny"},
		{"# fine\n\nallow", "line 3", "0 words"},
		{"allow a b", "line 1", "2 words"},
		{"allow 10.0.0.1/8", "line 1", "did you mean 10.0.0.0/8"},
		{"allow 10.0.0.0/33", "line 1", "CIDR"},
		{"allow ::ffff:10.0.0.0/104", "line 1", "as IPv4"},
		{"allow host:0", "line 1", "ports"},
		{"allow host:65536", "line 1", "ports"},
		{"allow host:90-80", "line 1", "ports"},
		{"allow host:+80", "line 1", "ports"},
		{"allow host:80-", "line 1", "ports"},
		{"allow host:http", "line 1", "ports"},
		{"allow host:", "line 1", "no port"},
		{"allow *.10.0.0.1", "line 1", "neither a name"},
		{"allow *wiki", "line 1", "letters"},
		{"allow 127.1", "line 1", "number"},
		{"allow [::1", "line 1", "[IPv6]:port"},
		{"allow [10.0.0.1]:80", "line 1", "[IPv6]:port"},
		{"allow [::1]80", "line 1", "[IPv6]:port"},
		{"allow https://wiki", "line 1", "ports"},
		{"allow fe80::1%eth0", "line 1", "zone"},
	}
	for _, test := range tests {
		_, err := ParseRules(test.text)
		if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), test.field) || !strings.Contains(err.Error(), test.message) {
			t.Errorf("ParseRules(%q): %v; want %s … %s", test.text, err, test.field, test.message)
		}
	}
	_, err := ParseRules("allow a b\ndeny fine\nnonsense")
	if e, ok := err.(*fault.Error); !ok || len(e.Fields) != 2 || e.Fields[1].Name != "line 3" {
		t.Errorf("two wrong lines: %v; want both", err)
	}
	if _, err := ParseRules(strings.Repeat("deny a\n", MaxRules+1)); err == nil {
		t.Error("too many rules pass")
	}
}

func TestRules(t *testing.T) {
	const (
		none   = ""
		office = "\ufeff# the office\r\ndeny *.secret.corp\r\nallow *.corp:80-443\r\nallow 10.0.0.0/8:22\r\nallow 127.0.0.1:9000\r\n"
		denies = "deny 10.9.0.0/16\ndeny db.corp:5432\n"
		all    = "deny 192.168.0.0/16\nallow *\nallow 0.0.0.0/0"
		six    = "allow [fd00::/8]:443\nallow ::1\n"
	)
	tests := []struct {
		rules, host, addr string
		port              uint16
		name              bool // what Name says
		want              string
	}{
		{none, "wiki.corp", "10.0.0.1", 443, true, "allow"},
		{none, "wiki.corp", "127.0.0.1", 443, true, "a loopback address"},
		{none, "127.0.0.1", "127.0.0.1", 443, false, "a loopback address"},
		{none, "localhost", "::1", 443, true, "a loopback address"},
		{none, "wiki.corp", "::ffff:169.254.169.254", 80, true, "a cloud's metadata address"},
		{office, "wiki.corp", "10.0.0.1", 443, true, "allow 3"},
		{office, "wiki.corp", "10.0.0.1", 8080, false, "deny"},
		{office, "corp", "10.0.0.1", 443, false, "deny"},
		{office, "evilcorp", "11.0.0.1", 443, false, "deny"},
		{office, "a.secret.corp", "10.0.0.1", 443, false, "deny 2"},
		{office, "secret.corp", "10.0.0.1", 443, true, "allow 3"},
		{office, "host.elsewhere", "10.0.0.1", 22, true, "allow 4"},
		{office, "host.elsewhere", "11.0.0.1", 22, true, "deny"},
		{office, "rebind.corp", "127.0.0.1", 443, true, "a loopback address"},
		{office, "rebind.corp", "127.0.0.1", 9000, true, "allow 5"}, // Name: line 5 may let an address of it through
		{office, "127.0.0.1", "127.0.0.1", 9000, true, "allow 5"},
		{office, "x.corp", "::ffff:127.0.0.1", 9000, true, "allow 5"},
		{office, "x.corp", "64:ff9b::127.0.0.1", 9000, true, "a loopback address"},
		{denies, "x.corp", "10.9.1.1", 80, true, "deny 1"},
		{denies, "x.corp", "::ffff:10.9.1.1", 80, true, "deny 1"},
		{denies, "x.corp", "64:ff9b::10.9.1.1", 80, true, "deny 1"},
		{denies, "x.corp", "2002:a09:101::1", 80, true, "deny 1"},
		{denies, "x.corp", "10.8.1.1", 80, true, "allow"},
		{denies, "db.corp", "10.8.1.1", 5432, false, "deny 2"},
		{denies, "db.corp.", "10.8.1.1", 5432, false, "deny 2"},
		{denies, "DB.corp", "10.8.1.1", 5433, true, "allow"},
		{all, "x", "192.168.1.1", 80, true, "deny 1"},
		{all, "x", "10.0.0.1", 80, true, "allow 2"},
		{all, "x", "127.0.0.1", 80, true, "a loopback address"},
		{all, "127.0.0.1", "127.0.0.1", 80, false, "a loopback address"},
		{six, "x", "fd00::1", 443, true, "allow 1"},
		{six, "x", "fd00::1", 80, true, "deny"},
		{six, "x", "::1", 80, true, "allow 2"},
		{six, "x", "10.0.0.1", 80, true, "deny"},
	}
	for _, test := range tests {
		rules, err := ParseRules(test.rules)
		if err != nil {
			t.Fatal(err)
		}
		host, err := ParseHost(test.host)
		if err != nil {
			t.Fatal(err)
		}
		if got := rules.Name(host, test.port).Allow; got != test.name {
			t.Errorf("%q: Name(%s, %d) = %v", test.rules, test.host, test.port, got)
		}
		got := describe(rules.Address(host, netip.MustParseAddr(test.addr), test.port))
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: Address(%s, %s, %d):\n%s", test.rules, test.host, test.addr, test.port, diff)
		}
	}
}

func describe(v Verdict) string {
	word := "deny"
	if v.Allow {
		word = "allow"
	}
	switch {
	case v.Line > 0:
		return word + " " + string(rune('0'+v.Line))
	case v.Special != "" && !v.Allow:
		return v.Special
	}
	return word
}

// FuzzRules holds that no rules, however written, let a special address through without naming one, and that a
// name which Name refuses has no address that Address lets through.
func FuzzRules(f *testing.F) {
	f.Add("allow *\nallow 0.0.0.0/0\nallow ::/0\nallow *.corp", "wiki.corp", []byte{127, 0, 0, 1}, uint16(80))
	f.Add("deny a\nallow a:1-2", "a", []byte{169, 254, 169, 254}, uint16(2))
	f.Add("allow [64:ff9b::/96]:80\ndeny ::/0", "[::1]", []byte("\x00\x64\xff\x9b\x00\x00\x00\x00\x00\x00\x00\x00\x7f\x00\x00\x01"), uint16(80))
	f.Fuzz(func(t *testing.T, text, name string, raw []byte, port uint16) {
		rules, err := ParseRules(text)
		addr, ok := netip.AddrFromSlice(raw)
		host, hostErr := ParseHost(name)
		if err != nil || hostErr != nil || !ok {
			return
		}
		if host.Addr.IsValid() {
			addr = host.Addr
		}
		verdict := rules.Address(host, addr, port)
		if verdict.Allow && !rules.Name(host, port).Allow {
			t.Errorf("%q: %s is refused by name and allowed at %s", text, name, addr)
		}
		if !verdict.Allow || Special(addr) == "" {
			return
		}
		for i := range rules.rules {
			if r := &rules.rules[i]; r.line == verdict.Line && r.ofSpecials {
				return
			}
		}
		t.Errorf("%q lets %s through", text, addr)
	})
}
