package gateway

import "testing"

// TestClientUnsent: thousands of clients that do not read leave half of the kernel's memory for TCP to others, on any machine that
// is fit to have as many.
func TestClientUnsent(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		kernel  int64
		clients int
	}{{0, 50_000}, {256 * mib, 4096}, {1500 * mib, 10_000}, {6000 * mib, 50_000}} {
		all := int64(0)
		for n := range test.clients {
			one := clientUnsent(test.kernel, n)
			if one < leastUnsent || one > mostUnsent {
				t.Fatalf("%d bytes", one)
			}
			all += int64(one)
		}
		if test.kernel > 0 && all > test.kernel/2 {
			t.Errorf("%d clients may have %d MiB of %d", test.clients, all/mib, test.kernel/mib)
		}
	}
	if few := clientUnsent(256*mib, 200); few != mostUnsent {
		t.Errorf("few have %d bytes", few)
	}
}
