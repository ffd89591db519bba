package match

import (
	"net/netip"
	"testing"
)

func TestNetwork(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"", "", true},
		{"", "0.0.0.0", false},
	}
	for _, test := range tests {
		a, _ := netip.ParseAddr(test.a)
		b, _ := netip.ParseAddr(test.b)
		if got := Network(a) == Network(b); got != test.same {
			t.Errorf("%q and %q are one network: %t, want %t", test.a, test.b, got, test.same)
		}
	}
}
