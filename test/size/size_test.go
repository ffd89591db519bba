package size

import (
	"testing"
	"time"
)

func TestOf(t *testing.T) {
	for _, test := range []struct {
		proof string
		bytes int64
		load  time.Duration
	}{
		{"", 1 << 20, time.Second},
		{"0", 1 << 20, time.Second},
		{"1", 5 << 30, time.Minute},
	} {
		t.Setenv("POSTERN_PROOF", test.proof)
		if got := Of[int64](1<<20, 5<<30); got != test.bytes {
			t.Errorf("POSTERN_PROOF=%q: %d bytes, want %d", test.proof, got, test.bytes)
		}
		if got := Of(time.Second, time.Minute); got != test.load {
			t.Errorf("POSTERN_PROOF=%q: load for %v, want %v", test.proof, got, test.load)
		}
	}
}
