package match_test

import (
	"strings"
	"testing"

	"postern/internal/match"
)

func segment(t testing.TB, destination, ports, protocol string) match.Segment {
	t.Helper()
	s, field, err := match.ParseSegment(destination, ports, protocol)
	if err != nil {
		t.Fatalf("%s %s %s: %s %v", destination, ports, protocol, field, err)
	}
	return s
}

func TestParseSegment(t *testing.T) {
	tests := []struct{ destination, ports, protocol, want string }{
		{"db.corp.example", "5432", "tcp", "db.corp.example:5432/tcp"},
		{"DB.Corp.Example.", "5432", "tcp", "db.corp.example:5432/tcp"},
		{"fileserver", "445", "tcp", "fileserver:445/tcp"},
		{"_ldap._tcp.corp.example", "389", "both", "_ldap._tcp.corp.example:389/both"},
		{"*.Corp.example", "80, 22,81-90", "tcp", "*.corp.example:22,80-90/tcp"},
		{".corp.example", "53", "udp", ".corp.example:53/udp"},
		{"10.1.2.3", "1-65535", "both", "10.1.2.3:1-65535/both"},
		{"10.0.0.0/8", "22", "tcp", "10.0.0.0/8:22/tcp"},
		{"10.0.0.5-10.0.0.9", "22", "tcp", "10.0.0.5-10.0.0.9:22/tcp"},
		{"10.0.0.5 - 10.0.0.5", "22", "tcp", "10.0.0.5:22/tcp"},
		{"::ffff:10.0.0.5", "22", "tcp", "10.0.0.5:22/tcp"},
		{"fd00::1", "22", "tcp", "[fd00::1]:22/tcp"},
		{"[fd00::1]", "22", "tcp", "[fd00::1]:22/tcp"},
		{"fd00::/48", "22", "tcp", "[fd00::/48]:22/tcp"},
		{"fd00::1-fd00::ff", "22", "tcp", "[fd00::1-fd00::ff]:22/tcp"},
		{"0.0.0.0/0", "443", "tcp", "0.0.0.0/0:443/tcp"},
		{"host-a.corp-b.example", "1", "udp", "host-a.corp-b.example:1/udp"},
	}
	for _, test := range tests {
		s := segment(t, test.destination, test.ports, test.protocol)
		if got := s.String(); got != test.want {
			t.Errorf("%s %s %s: %s, want %s", test.destination, test.ports, test.protocol, got, test.want)
		}
		if again := segment(t, s.Destination(), s.Ports(), s.Protocol().String()); again.String() != test.want {
			t.Errorf("%s read again is %s", test.want, again)
		}
	}
}

func TestParseSegmentRefuses(t *testing.T) {
	var many string
	for i := 1; i < 2*(match.MaxPorts+1); i += 2 {
		many += strings.Repeat(",", min(1, i-1)) + string(appendInt(nil, i))
	}
	tests := []struct{ destination, ports, protocol, field, want string }{
		{"", "22", "tcp", "destination", "is empty"},
		{"*", "22", "tcp", "destination", `can only stand for the whole first part`},
		{"web*.corp.example", "22", "tcp", "destination", "can only stand for the whole first part"},
		{"*.*.corp.example", "22", "tcp", "destination", `may only have`},
		{"*.", "22", "tcp", "destination", "is empty"},
		{"*.10.0.0.1", "22", "tcp", "destination", "not a domain"},
		{".corp.example.", "22", "tcp", "destination", "not a domain"},
		{"..corp", "22", "tcp", "destination", "empty part"},
		{"10.0.0.300", "22", "tcp", "destination", "ends in a number"},
		{"10.0.0.1/8", "22", "tcp", "destination", "did you mean 10.0.0.0/8"},
		{"10.0.0.0/33", "22", "tcp", "destination", "not a CIDR prefix"},
		{"::ffff:10.0.0.0/104", "22", "tcp", "destination", "write it as IPv4"},
		{"10.0.0.9-10.0.0.5", "22", "tcp", "destination", "did you mean 10.0.0.5-10.0.0.9"},
		{"10.0.0.9-fd00::1", "22", "tcp", "destination", "from IPv4 to IPv6"},
		{"fe80::1%eth0", "22", "tcp", "destination", "zone"},
		{"https://db.corp.example", "22", "tcp", "destination", "not a CIDR prefix"},
		{"db.corp.example:22", "22", "tcp", "destination", "may only have"},
		{"bücher.example", "22", "tcp", "destination", "xn--"},
		{"db", "", "tcp", "ports", "without a port"},
		{"db", "22,", "tcp", "ports", "without a port"},
		{"db", "0", "tcp", "ports", "from 1 to 65535"},
		{"db", "65536", "tcp", "ports", "from 1 to 65535"},
		{"db", "90-80", "tcp", "ports", "from 1 to 65535"},
		{"db", "+22", "tcp", "ports", "from 1 to 65535"},
		{"db", "ssh", "tcp", "ports", "from 1 to 65535"},
		{"db", many, "tcp", "ports", "at most 100"},
		{"db", "22", "", "protocol", `"tcp", "udp" or "both"`},
		{"db", "22", "TCP", "protocol", `"tcp", "udp" or "both"`},
		{"db", "22", "icmp", "protocol", `"tcp", "udp" or "both"`},
	}
	for _, test := range tests {
		s, field, err := match.ParseSegment(test.destination, test.ports, test.protocol)
		if err == nil || field != test.field || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q %q %q: %v, %s %v; want %s %q", test.destination, test.ports, test.protocol, s, field, err, test.field, test.want)
		}
	}
}

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

func TestSegmentContains(t *testing.T) {
	tests := []struct {
		destination, host string
		want              bool
	}{
		{"db.corp.example", "DB.corp.example.", true},
		{"db.corp.example", "a.db.corp.example", false},
		{"*.corp.example", "db.corp.example", true},
		{"*.corp.example", "a.db.corp.example", true},
		{"*.corp.example", "corp.example", false},
		{"*.corp.example", "evilcorp.example", false},
		{".corp.example", "corp.example", true},
		{".corp.example", "db.corp.example", true},
		{".corp.example", "evilcorp.example", false},
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/8", "::ffff:10.1.1.1", true}, // one host, however it is written
		{"10.0.0.0/8", "64:ff9b::a01:101", false},
		{"10.0.0.5-10.0.1.4", "10.0.0.255", true},
		{"10.0.0.5-10.0.1.4", "10.0.0.4", false},
		{"10.0.0.5-10.0.1.4", "10.0.1.5", false},
		{"fd00::/120", "fd00::ff", true},
		{"fd00::/120", "fd00::100", false},
		{"::/0", "10.0.0.1", false},
		{"0.0.0.0/0", "fd00::1", false},
		{"0.0.0.0/0", "db", false},
	}
	for _, test := range tests {
		host, err := match.ParseHost(test.host)
		if err != nil {
			t.Fatal(err)
		}
		s := segment(t, test.destination, "22,80-90", "tcp")
		if got := s.Contains(host, 80, match.TCP); got != test.want {
			t.Errorf("%s contains %s: %t", s, test.host, got)
		}
		for _, port := range []uint16{0, 21, 23, 79, 91, 65535} {
			if s.Contains(host, port, match.TCP) {
				t.Errorf("%s contains port %d", s, port)
			}
		}
		if s.Contains(host, 80, match.UDP) || s.Contains(host, 80, match.Both) || s.Contains(host, 80, 0) {
			t.Errorf("%s contains another protocol", s)
		}
	}
}

func FuzzParseSegment(f *testing.F) {
	for _, d := range []string{"db.corp.example", "*.corp.example", ".corp", "10.0.0.0/8", "10.0.0.1-10.0.0.9", "fd00::/8", "[::1]", "a-b", "-", "10.0.0.1-", "::-::1"} {
		f.Add(d, "22,80-90", "tcp")
	}
	f.Fuzz(func(t *testing.T, destination, ports, protocol string) {
		s, field, err := match.ParseSegment(destination, ports, protocol)
		if err != nil {
			if field == "" {
				t.Errorf("no field with %v", err)
			}
			return
		}
		again, _, err := match.ParseSegment(s.Destination(), s.Ports(), s.Protocol().String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q %q %q is %s, read again %s, %v", destination, ports, protocol, s, again, err)
		}
		match.NewTable([]match.Entry{{Segment: s, Owner: "app_1"}}).Find(match.Host{Name: "x"}, 22, match.TCP)
	})
}
