package daemon

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// mostGarbage bounds how much garbage there may be for what is in use, in percent.
const mostGarbage = 1000

// LeaveGarbage lets garbage lie as long as the heap has less than floor bytes. By itself Go collects whenever the heap has doubled,
// which is several times a second where little is in use and much comes and goes. What GOGC says counts instead, if it is set, and
// GOMEMLIMIT always.
func LeaveGarbage(floor uint64) {
	if os.Getenv("GOGC") != "" {
		return
	}
	c := &collections{floor: floor}
	c.set(mostGarbage / 2) // nothing is known of the heap before its first collection
	c.await()
}

// collections are told of each.
type collections struct {
	floor   uint64
	percent int
}

// await has adjust called after the next collection: what nobody uses is found by it.
func (c *collections) await() {
	unused := new(struct{ *collections }) // with a pointer, or it might share its memory with something that is used
	runtime.AddCleanup(unused, func(c *collections) {
		c.adjust()
		c.await()
	}, c)
}

// adjust sets when to collect next by what is in use now.
func (c *collections) adjust() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() != metrics.KindUint64 {
		return // a later Go that does not tell any more
	}
	c.set(percentFor(c.floor, live[0].Value.Uint64()))
}

func percentFor(floor, live uint64) int {
	return int(min(max(floor*100/max(live, 1), 200)-100, mostGarbage))
}

// set tells Go, unless that changes little: each time everything stops for a moment.
func (c *collections) set(percent int) {
	if d := percent - c.percent; d*d*100 > c.percent*c.percent {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
}
