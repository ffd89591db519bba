package connector

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"postern/internal/connector/doctor"
	"postern/internal/daemon"
	"postern/internal/wire"
)

const (
	lookEvery   = 10 * time.Second // at what the connector uses
	samplesKept = 60               // that the service has not confirmed: what was measured while it could not be told
)

// measuring is how the connector measures itself: how much it uses of what it has, and what it did in each minute.
type measuring struct {
	c     *Connector
	began time.Time

	mu      sync.Mutex // guards all below
	cpu     time.Duration
	at      time.Time // of the last look, by a clock that does not jump
	looks   []look    // of the last wire.LoadWindow, the oldest first
	load    *wire.Load
	counts  counts // when the interval began
	sample  wire.Sample
	from    time.Time // when the interval began, by a clock that does not jump
	samples []wire.Sample
}

// look is what was used at one moment; processors since the look before.
type look struct {
	at   time.Time
	used map[string]float64
}

// counts are what is counted since the process began.
type counts struct {
	carried
	tally
	cpu time.Duration
}

// tally is what the connector counts beside its metrics, for samples.
type tally struct {
	dialErrors       uint64
	refusals         map[string]uint64
	resolve, connect wire.Timing
}

func newMeasuring(c *Connector) *measuring { return &measuring{c: c, began: time.Now()} }

// run looks from time to time until ctx ends.
func (m *measuring) run(ctx context.Context) {
	m.begin(m.counted(), m.c.cfg.Now(), time.Now())
	every := min(lookEvery, m.c.cfg.Sample/2)
	for {
		pause(ctx, every-time.Duration(m.c.cfg.Now().UnixNano())%every) // whole minutes of several connectors fit together
		if ctx.Err() != nil {
			return
		}
		m.look(m.use(), m.limits(), time.Now())
		if m.due(m.c.cfg.Now(), time.Now()) {
			now := m.counted()
			m.end(now, m.c.cfg.Now(), time.Now())
			m.begin(now, m.c.cfg.Now(), time.Now())
		}
	}
}

// counted gives what was counted so far.
func (m *measuring) counted() counts {
	sum, _ := m.c.fleet.carried()
	return counts{sum, m.c.metrics.told(), cpuTime()}
}

// use gives what is used now. What cannot be known on this system is left out.
func (m *measuring) use() map[string]float64 {
	streams, ports := m.c.flows.busiest()
	used := map[string]float64{wire.ResourceStreams: float64(streams), wire.ResourcePorts: float64(ports)}
	if n := residentMemory(); n > 0 {
		used[wire.ResourceMemory] = float64(n)
	}
	if n := openHandles(); n > 0 {
		used[wire.ResourceHandles] = float64(n)
	}
	return used
}

// limits gives how much there is of each. What is not known is left out.
func (m *measuring) limits() map[string]float64 {
	limits := map[string]float64{wire.ResourceStreams: float64(m.c.cfg.Limits.Streams), wire.ResourceCPU: daemon.Processors()}
	if from, to, ok := doctor.PortRange(); ok {
		limits[wire.ResourcePorts] = float64(to - from + 1)
	}
	if soft, ok := doctor.OpenFiles(); ok {
		limits[wire.ResourceHandles] = float64(soft)
	}
	resident := float64(residentMemory())
	if free := availableMemory(); free > 0 && resident > 0 { // what others have cannot be had
		limits[wire.ResourceMemory] = resident + float64(free)
	}
	if limit := float64(daemon.MemoryLimit()); limit > 0 && (limits[wire.ResourceMemory] == 0 || limit < limits[wire.ResourceMemory]) {
		limits[wire.ResourceMemory] = limit
	}
	return limits
}

// look takes what is used at a moment.
func (m *measuring) look(used, limits map[string]float64, now time.Time) {
	cpu := cpuTime()
	tunnels := len(m.c.fleet.live())
	m.mu.Lock()
	defer m.mu.Unlock()
	if took := now.Sub(m.at); cpu > 0 && !m.at.IsZero() && took > 0 {
		used[wire.ResourceCPU] = float64(cpu-m.cpu) / float64(took)
	}
	m.cpu, m.at = cpu, now
	m.looks = append(m.looks, look{now, used})
	m.looks = slices.DeleteFunc(m.looks, func(l look) bool { return now.Sub(l.at) > wire.LoadWindow })
	m.load = loadOf(m.looks, limits, min(now.Sub(m.began), wire.LoadWindow))
	m.watch(tunnels)
}

// watch keeps the extremes of the interval. m.mu is held.
func (m *measuring) watch(tunnels int) {
	s, used := &m.sample, m.looks[len(m.looks)-1].used
	s.Streams = max(s.Streams, int(used[wire.ResourceStreams]))
	s.Memory = max(s.Memory, uint64(used[wire.ResourceMemory]))
	s.Handles = max(s.Handles, int(used[wire.ResourceHandles]))
	s.Tunnels = min(s.Tunnels, tunnels)
	for _, r := range m.load.Resources {
		s.Shares[r.Name] = max(s.Shares[r.Name], r.Used/r.Limit)
	}
}

// resources are in the order in which they are told.
var resources = [...]string{wire.ResourceCPU, wire.ResourceMemory, wire.ResourceStreams, wire.ResourcePorts, wire.ResourceHandles}

// loadOf says how much is used, now and for long.
func loadOf(looks []look, limits map[string]float64, window time.Duration) *wire.Load {
	load := &wire.Load{Window: window}
	for _, name := range resources {
		var values []float64
		for _, l := range looks {
			if used, ok := l.used[name]; ok {
				values = append(values, used)
			}
		}
		if len(values) == 0 || limits[name] <= 0 {
			continue
		}
		last := values[len(values)-1]
		slices.Sort(values)
		load.Resources = append(load.Resources, wire.Resource{Name: name, Limit: limits[name], Used: last,
			Sustained: values[int(math.Ceil(0.95*float64(len(values))))-1]})
	}
	return load
}

// begin opens an interval.
func (m *measuring) begin(now counts, _, mono time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seq := m.sample.Seq + 1
	m.sample = wire.Sample{Seq: seq, Tunnels: math.MaxInt32, Shares: map[string]float64{}}
	m.counts, m.from = now, mono
	if m.at.IsZero() {
		m.cpu, m.at = now.cpu, mono
	}
}

// due reports whether the interval is over: a minute of the clock on the wall began, or so much time has passed.
func (m *measuring) due(wall, mono time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	length := mono.Sub(m.from)
	return length >= m.c.cfg.Sample || !wall.Truncate(m.c.cfg.Sample).Equal(wall.Add(-length).Truncate(m.c.cfg.Sample))
}

// end closes the interval and keeps its sample until the service has it.
func (m *measuring) end(now counts, wall, mono time.Time) {
	trips := wire.Timing{}
	for _, l := range m.c.fleet.live() {
		if rtt := l.session.Stats().RTT; rtt > 0 {
			trips.Count, trips.Sum = trips.Count+1, trips.Sum+rtt
		}
	}
	expires := m.c.identity().cred.Leaf.NotAfter
	m.mu.Lock()
	defer m.mu.Unlock()
	s, before := &m.sample, m.counts
	s.End, s.Length, s.RoundTrips, s.Certificate = wall.UTC(), mono.Sub(m.from), trips, expires
	s.Opened, s.BytesIn, s.BytesOut = now.streams-before.streams, now.bytesIn-before.bytesIn, now.bytesOut-before.bytesOut
	s.TunnelsMade, s.TunnelsLost, s.DialErrors = now.made-before.made, now.lost-before.lost, now.dialErrors-before.dialErrors
	s.Resolve, s.Connect = since(now.resolve, before.resolve), since(now.connect, before.connect)
	s.Refusals = mostOf(now.refusals, before.refusals)
	s.CPU = now.cpu - before.cpu
	if s.Tunnels == math.MaxInt32 {
		s.Tunnels = 0
	}
	m.samples = append(m.samples, *s)
	m.samples = m.samples[max(0, len(m.samples)-samplesKept):]
}

func since(now, before wire.Timing) wire.Timing {
	return wire.Timing{Count: now.Count - before.Count, Sum: now.Sum - before.Sum}
}

// mostOf gives what was added to counts, those that were added most to if there are many.
func mostOf(now, before map[string]uint64) map[string]uint64 {
	more := map[string]uint64{}
	for code, n := range now {
		if n > before[code] {
			more[code] = n - before[code]
		}
	}
	codes := slices.SortedFunc(maps.Keys(more), func(a, b string) int { return cmp.Or(cmp.Compare(more[b], more[a]), cmp.Compare(a, b)) })
	for _, code := range codes[min(len(codes), wire.MaxSampleCauses):] {
		delete(more, code)
	}
	return more
}

// tell gives the load and the oldest samples that the service has not confirmed.
func (m *measuring) tell() (*wire.Load, []wire.Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.load, slices.Clone(m.samples[:min(len(m.samples), wire.MaxSamples)])
}

// confirmed forgets samples that the service has.
func (m *measuring) confirmed(told []wire.Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples = slices.DeleteFunc(m.samples, func(s wire.Sample) bool {
		return slices.ContainsFunc(told, func(t wire.Sample) bool { return t.Seq == s.Seq })
	})
}

// busiest gives how many streams are open, and how many connections the address has that has most: each takes a port of its own there.
func (f *flows) busiest() (streams, ports int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	to := map[string]int{}
	for w := range f.all {
		if w.b != nil {
			to[w.b.opened.Address]++
			ports = max(ports, to[w.b.opened.Address])
		}
	}
	return len(f.all), ports
}
