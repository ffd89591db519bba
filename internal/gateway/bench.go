package gateway

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/wire"
)

// maxSamples is how many transactions of each stream are timed; later ones replace them.
const maxSamples = 2_000

// Bench loads a connector that has asked for it, over the tunnels that end here: streams on which one transaction follows the
// other, to a backend in the connector's own process. One measurement at a time runs on a gateway.
func (g *Gateway) Bench(ctx context.Context, connector access.ID, ask wire.AskBench) (wire.BenchResult, error) {
	none := wire.BenchResult{}
	var p fault.Problems
	if ask.Size < 1 || ask.Size > wire.MaxBenchSize {
		p.Add("size", "must be from 1 to %d bytes", wire.MaxBenchSize)
	}
	if ask.Streams < 1 || ask.Streams > wire.MaxBenchStreams {
		p.Add("streams", "must be from 1 to %d", wire.MaxBenchStreams)
	}
	if ask.Time <= 0 || ask.Time > wire.MaxBenchTime {
		p.Add("time", "must be at most %s", wire.MaxBenchTime)
	}
	if err := p.Err(); err != nil {
		return none, err
	}
	if !g.benching.CompareAndSwap(false, true) {
		return none, fault.Unavailable("another connector measures over this gateway; try again in a minute")
	}
	defer g.benching.Store(false)
	var links []*link
	for _, l := range g.links.of(connector) {
		if l.usable() {
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return none, errNoTunnel
	}
	ctx, cancel := context.WithTimeout(ctx, ask.Time)
	defer cancel()
	runs := make([]benchRun, ask.Streams)
	started := time.Now()
	var running sync.WaitGroup
	for i := range runs {
		running.Go(func() { runs[i].carry(ctx, links[i%len(links)], ask.Size) })
	}
	running.Wait()
	return summary(runs, wire.BenchResult{Gateway: g.cfg.ID, Took: time.Since(started)}), nil
}

// benchRun is what one stream carried.
type benchRun struct {
	count   uint64
	samples []time.Duration
	failed  bool
}

// carry does one transaction after the other until ctx ends.
func (r *benchRun) carry(ctx context.Context, l *link, size int) {
	s, err := l.session.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindBench}))
	if err != nil {
		r.failed = ctx.Err() == nil
		return
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { _ = s.SetDeadline(time.Unix(1, 0)) })() // what reads or writes ends
	request := make([]byte, wire.BenchRequest)
	binary.BigEndian.PutUint64(request, uint64(size))
	for {
		began := time.Now()
		if _, err = s.Write(request); err == nil {
			_, err = io.CopyN(io.Discard, s, int64(size))
		}
		if err != nil {
			r.failed = ctx.Err() == nil
			return
		}
		took := time.Since(began)
		if r.count++; len(r.samples) < maxSamples {
			r.samples = append(r.samples, took)
		} else {
			r.samples[r.count%maxSamples] = took
		}
	}
}

func summary(runs []benchRun, result wire.BenchResult) wire.BenchResult {
	var all []time.Duration
	for _, r := range runs {
		result.Transactions += r.count
		all = append(all, r.samples...)
		if r.failed {
			result.Failed++
		}
	}
	if len(all) > 0 {
		slices.Sort(all)
		result.P50, result.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return result
}
