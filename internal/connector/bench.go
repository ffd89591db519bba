package connector

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/agent"
	"postern/internal/fault"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// Capacity is what a machine can carry, as a measurement through a real gateway found it.
type Capacity struct {
	Gateway string         `json:"gateway"`
	OS      string         `json:"os"`
	Arch    string         `json:"arch"`
	Cores   int            `json:"cores"`
	Memory  uint64         `json:"memory,omitempty"` // bytes of the machine; 0: not known here
	Rows    []CapacityRow  `json:"rows"`
	Most    []CapacityMost `json:"most"` // of each size the row with the most transactions a second
}

// CapacityRow is one measurement.
type CapacityRow struct {
	Size    int           `json:"size"`    // bytes of each reply
	Streams int           `json:"streams"` // at once
	Rate    float64       `json:"rate"`    // transactions a second
	P50     time.Duration `json:"p50"`     // nanoseconds
	P99     time.Duration `json:"p99"`
	Failed  uint64        `json:"failed,omitempty"`
	CPU     float64       `json:"cpu,omitempty"` // cores that the connector's process used; 0: not known here
}

// CapacityMost is the most that was reached with transactions of a size.
type CapacityMost struct {
	Size    int           `json:"size"`
	Rate    float64       `json:"rate"`
	P99     time.Duration `json:"p99"`
	Streams int           `json:"streams"`
}

// BenchPlan says what to measure.
type BenchPlan struct {
	Sizes   []int         `json:"sizes"`
	Streams []int         `json:"streams"`
	Time    time.Duration `json:"time"` // of each measurement
}

// Standard is the plan of the capacity table: transactions of 1 KiB and 100 KiB.
func Standard() BenchPlan {
	return BenchPlan{Sizes: []int{1 << 10, 100 << 10}, Streams: []int{1, 8, 32, 128}, Time: 3 * time.Second}
}

// bench is a measurement's backend, in this process. There is none while nothing is measured.
type bench struct {
	busy    sync.Mutex                  // held while something is measured
	backend atomic.Pointer[net.TCPAddr] // nil: nothing is measured
}

// Bench measures what this machine can carry: the gateway opens streams over a tunnel of ours, each of which goes the way of
// every stream, to a backend in this process. The service refuses unless an administrator allowed it.
func (c *Connector) Bench(ctx context.Context, plan BenchPlan) (Capacity, error) {
	if !c.bench.busy.TryLock() {
		return Capacity{}, fault.Conflict("a measurement runs already")
	}
	defer c.bench.busy.Unlock()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return Capacity{}, fmt.Errorf("make a backend to measure with: %w", err)
	}
	var serving sync.WaitGroup
	serves, stop := context.WithCancel(ctx)
	serving.Go(func() { serveBench(serves, l) })
	c.bench.backend.Store(l.Addr().(*net.TCPAddr))
	defer func() {
		c.bench.backend.Store(nil)
		stop()
		serving.Wait()
	}()
	out := Capacity{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), Memory: machineMemory()}
	for _, size := range plan.Sizes {
		most := CapacityMost{Size: size}
		for _, streams := range plan.Streams {
			row, gateway, err := c.measure(ctx, wire.AskBench{Size: size, Streams: streams, Time: plan.Time})
			if err != nil {
				return out, err
			}
			out.Gateway, out.Rows = gateway, append(out.Rows, row)
			if row.Rate > most.Rate {
				most = CapacityMost{Size: size, Rate: row.Rate, P99: row.P99, Streams: streams}
			}
		}
		out.Most = append(out.Most, most)
	}
	return out, nil
}

func (c *Connector) measure(ctx context.Context, q wire.AskBench) (CapacityRow, string, error) {
	ctx, cancel := context.WithTimeout(ctx, q.Time+questionTime)
	defer cancel()
	l, err := c.fleet.any(ctx)
	if err != nil {
		return CapacityRow{}, "", fault.Unavailable("there is no tunnel to measure over").Because(err)
	}
	before := cpuTime()
	r, err := agent.Ask[wire.BenchResult](ctx, l.session, wire.QuestionBench, q)
	if err != nil {
		return CapacityRow{}, "", fmt.Errorf("the service does not measure: %w", err)
	}
	row := CapacityRow{Size: q.Size, Streams: q.Streams, P50: r.P50, P99: r.P99, Failed: r.Failed}
	if r.Took > 0 {
		row.Rate = float64(r.Transactions) / r.Took.Seconds()
		row.CPU = (cpuTime() - before).Seconds() / r.Took.Seconds()
	}
	return row, r.Gateway, nil
}

// serveBenchStream carries a stream of a measurement: as any other stream, but for grant and target, since it goes nowhere.
func (c *Connector) serveBenchStream(l *link, st *tunnel.Stream, open wire.Open) {
	to := c.bench.backend.Load()
	if to == nil {
		c.refuse(l, st, open, refuse(wire.PhaseTarget, codeTargetUnknown, "nothing is measured at the moment"))
		return
	}
	flow, ok := c.flows.enter(l, c.cfg.Limits.Streams)
	if !ok {
		c.refuse(l, st, open, refuse(wire.PhaseLimit, "too-many-streams", "the connector carries %d streams, which is its limit", c.cfg.Limits.Streams))
		return
	}
	defer c.flows.leave(flow)
	at := to.AddrPort()
	tcp, err := dialOne(st.Context(), netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
	if err != nil {
		c.refuse(l, st, open, refuse(wire.PhaseConnect, "connect-failed", "the connector cannot connect to itself: %s", err))
		return
	}
	b := &backend{Conn: tcp, tcp: tcp}
	if err := st.Accept(wire.Encode(b.opened)); err != nil {
		b.abort()
		return
	}
	flow.carry(st, b)
	relay(st, b)
}

// serveBench answers requests with as many bytes as they ask for, until ctx ends. Other programs of this machine may connect, too: they
// cannot hold it up.
func serveBench(ctx context.Context, l net.Listener) {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	reply := make([]byte, wire.MaxBenchSize) // of all: it is only read
	turns := make(chan struct{}, wire.MaxBenchStreams)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return // only Close ends it
		}
		select {
		case turns <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		running.Go(func() {
			defer func() { <-turns }()
			defer conn.Close() // whoever measured has had what it wanted
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			request := make([]byte, wire.BenchRequest)
			for {
				if _, err := io.ReadFull(conn, request); err != nil {
					return
				}
				size := binary.BigEndian.Uint64(request)
				if size > wire.MaxBenchSize {
					return
				}
				if _, err := conn.Write(reply[:size]); err != nil {
					return
				}
			}
		})
	}
}
