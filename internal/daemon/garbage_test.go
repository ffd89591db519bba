package daemon

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPercentFor(t *testing.T) {
	for _, row := range []struct {
		live uint64
		want int
	}{{0, 1000}, {1 << 20, 1000}, {16 << 20, 300}, {31 << 20, 106}, {32 << 20, 100}, {64 << 20, 100}, {1 << 40, 100}} {
		if got := percentFor(64<<20, row.live); got != row.want {
			t.Errorf("%d bytes in use: %d %%, want %d", row.live, got, row.want)
		}
	}
}

var kept []byte

// TestLeaveGarbage makes the same garbage with and without.
func TestLeaveGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	collected := func() uint32 {
		var from, to runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&from)
		for range 1 << 10 {
			kept = make([]byte, 256<<10)
		}
		runtime.ReadMemStats(&to)
		return to.NumGC - from.NumGC
	}
	without := collected()
	LeaveGarbage(256 << 20)
	if with := collected(); with*2 > without {
		t.Errorf("%d collections with it, %d without", with, without)
	}
}
