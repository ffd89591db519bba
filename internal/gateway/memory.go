package gateway

import (
	"context"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"slices"
	"time"
)

// short is why an exchange was cut or refused while memory was short.
var short = failure{status: http.StatusServiceUnavailable, reason: "overload", hop: hopGateway, retry: 5 * time.Second,
	title: "Too much at once", message: "Postern has no memory left for more.", advice: "Try again in a moment. " + askAdmin}

const limitMemory = "memory"

// What of the limit on memory may be in use. Beyond tight, exchanges whose clients take nothing are cut; beyond full, no new ones
// are begun: the kernel would end the program, and all exchanges with it.
func tight(limit int64) int64 { return limit / 4 * 3 }
func full(limit int64) int64  { return limit / 8 * 7 }

// standing is for how long a client must have taken nothing to be cut when memory is short.
const standing = time.Second

// keepMemory keeps the program within the limit on its memory, if it has one (package daemon), until ctx ends. The garbage collector
// can but collect garbage; what is kept for exchanges is not.
func (g *Gateway) keepMemory(ctx context.Context) {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return
	}
	ticker := time.NewTicker(lookEach)
	defer ticker.Stop()
	var last usedMemory
	var at time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := memoryInUse()
		if now.bytes > tight(limit) && now.cycle == last.cycle {
			// What was in use when garbage was last collected may be garbage by now.
			if time.Since(at) < standing {
				continue
			}
			runtime.GC()
			now = memoryInUse()
		}
		if g.live.full.Store(now.bytes > full(limit)); now.bytes > tight(limit) {
			g.shed()
			last, at = now, time.Now()
		}
	}
}

// shed cuts a quarter of the exchanges whose clients take nothing, those first that have taken nothing for longest.
func (g *Gateway) shed() {
	list := g.live.list(func(x *exchange) bool { return x.standing() >= standing })
	slices.SortFunc(list, func(a, b *exchange) int { return int(b.standing() - a.standing()) })
	list = list[:(len(list)+3)/4]
	for _, x := range list {
		x.cut(&short, closePolicy)
	}
	g.metrics.refused.WithLabelValues(limitMemory).Add(float64(len(list)))
	g.log.Warn("memory is short: requests were cut whose clients do not read", "cut", len(list), "left", g.live.count())
}

// standing tells for how long nothing of its answer has moved.
func (x *exchange) standing() time.Duration {
	if x.phase.Load() != phaseReceiving {
		return 0
	}
	return x.since() - time.Duration(x.moved.Load())
}

// usedMemory is what was in use when garbage was last collected.
type usedMemory struct {
	bytes int64
	cycle uint64
}

func memoryInUse() usedMemory {
	samples := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	runtimemetrics.Read(samples)
	return usedMemory{int64(samples[0].Value.Uint64() + samples[1].Value.Uint64()), samples[2].Value.Uint64()}
}
