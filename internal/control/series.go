package control

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/series"
	"postern/internal/store"
	"postern/internal/wire"
)

// What was measured over time. Gateways count requests, connectors measure themselves; once a minute each replica writes what it was
// told, all in one transaction. It is kept by the minute for a day and then, joined, by ten minutes for a week.
const (
	fineSpan    = 20 * time.Minute // that one row holds
	coarseSpan  = 4 * time.Hour
	fineFor     = day
	coarseFor   = 7 * day
	seriesMost  = 8 << 20         // bytes that wait to be written, while the database is away
	sampleOld   = 2 * time.Hour   // what was measured before is not taken any more
	skewIgnored = 2 * time.Second // of a connector's clock
	samplesMost = 60              // of one connector at once; it may tell samplesMore in each minute
	samplesMore = 4
)

// Counter tells what the gateway of this process counted since it began, by application and connector; "": of no application.
type Counter func() map[string]series.Total

// measured is what waits to be written.
type measured struct {
	mu      sync.Mutex // guards waiting, size and left
	waiting map[chunkKey][]byte
	size    int
	left    map[access.ID]int // samples that a connector may tell

	taking sync.Mutex // held by who takes the counts; guards the rest
	before map[string]series.Total
	last   time.Time // by a clock that does not jump
	seq    uint64
}

type chunkKey struct {
	subject string
	start   time.Time
}

// put keeps a point until it is written. What has no room is a gap.
func (m *measured) put(subject string, p series.Point) {
	key := chunkKey{subject, p.Start.Add(p.Length / 2).Truncate(fineSpan)} // where its slot is
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.size > seriesMost {
		return
	}
	if m.waiting == nil {
		m.waiting = map[chunkKey][]byte{}
	}
	before := len(m.waiting[key])
	m.waiting[key] = series.Append(m.waiting[key], key.start, p)
	m.size += len(m.waiting[key]) - before
}

// take gives what waits, and leaves it to the taker.
func (m *measured) take() map[chunkKey][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	waiting := m.waiting
	m.waiting, m.size = nil, 0
	for id, left := range m.left {
		if m.left[id] = left + samplesMore; m.left[id] >= samplesMost {
			delete(m.left, id)
		}
	}
	return waiting
}

// back puts what could not be written before what came meanwhile.
func (m *measured) back(failed map[chunkKey][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, text := range failed {
		if m.size > seriesMost {
			return
		}
		if m.waiting == nil {
			m.waiting = map[chunkKey][]byte{}
		}
		m.waiting[key] = append(text, m.waiting[key]...)
		m.size += len(text)
	}
}

// may reports whether a connector may tell one more sample, and counts it.
func (m *measured) may(id access.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	left, known := m.left[id]
	if !known {
		left = samplesMost
	}
	if left <= 0 {
		return false
	}
	if m.left == nil {
		m.left = map[access.ID]int{}
	}
	m.left[id] = left - 1
	return true
}

// sourceOf gives the number of a source: of a process, not of a machine, so that nothing that it counts begins again.
func sourceOf(instance string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(instance)) // it cannot fail
	return h.Sum32()
}

// sampled takes what a connector measured of itself. It may have been told before, here or elsewhere.
func (c *Control) sampled(id access.ID, told wire.Report, now time.Time) {
	skew := told.Time.Sub(now)
	if told.Time.IsZero() || skew.Abs() < skewIgnored {
		skew = 0
	}
	source := sourceOf(string(id) + " " + told.Instance)
	for i := range told.Samples[:min(len(told.Samples), wire.MaxSamples)] {
		s := &told.Samples[i]
		length := s.Length.Round(time.Second)
		end := s.End.UTC().Add(-skew)
		if length < time.Second || length > series.Coarse || now.Sub(end) > sampleOld || end.Sub(now) > series.Fine || !c.measured.may(id) {
			continue
		}
		c.measured.put(string(id), series.Point{Source: source, Seq: s.Seq, Start: end.Add(-length).Round(time.Second), Length: length,
			Values: valuesOf(s, length), Causes: causesOf(s.Refusals)})
	}
}

// atMost bounds what a connector says of itself: sums of it must not overflow.
const atMost = 1 << 50

func valuesOf(s *wire.Sample, length time.Duration) (v series.Values) {
	whole := func(n uint64) uint64 { return min(n, atMost) }
	micros := func(d time.Duration) uint64 { return whole(uint64(max(0, d.Microseconds()))) }
	count := func(n int) uint64 { return uint64(max(0, min(n, math.MaxInt32))) }
	v[series.Reported] = uint64(length / time.Second)
	v[series.Opened], v[series.TunnelIn], v[series.TunnelOut] = whole(s.Opened), whole(s.BytesIn), whole(s.BytesOut)
	v[series.TunnelsMade], v[series.TunnelsLost], v[series.DialErrors] = whole(s.TunnelsMade), whole(s.TunnelsLost), whole(s.DialErrors)
	v[series.ResolveCount], v[series.ResolveSum] = whole(s.Resolve.Count), micros(s.Resolve.Sum)
	v[series.ConnectCount], v[series.ConnectSum] = whole(s.Connect.Count), micros(s.Connect.Sum)
	v[series.RoundTripCount], v[series.RoundTripSum] = whole(s.RoundTrips.Count), micros(s.RoundTrips.Sum)
	v[series.CPU], v[series.Memory] = micros(s.CPU)/1000, whole(s.Memory>>10)
	v[series.Streams], v[series.Handles], v[series.Tunnels] = count(s.Streams), count(s.Handles), count(s.Tunnels)
	v[series.Certificate] = uint64(max(0, s.Certificate.Sub(s.End).Hours()))
	for name, m := range shares() {
		if share := s.Shares[name]; share > 0 && share < atMost { // not: what is no number
			v[m] = uint64(min(share, 100) * 1000)
		}
	}
	for _, n := range s.Refusals {
		v[series.Refused] = whole(v[series.Refused] + whole(n))
	}
	return v
}

// shares gives where the series keep how much of each resource is used.
func shares() map[string]series.Metric {
	return map[string]series.Metric{wire.ResourceCPU: series.ShareCPU, wire.ResourceMemory: series.ShareMemory, wire.ResourceStreams: series.ShareStreams,
		wire.ResourcePorts: series.SharePorts, wire.ResourceHandles: series.ShareHandles}
}

// causesOf keeps of what a connector names what looks like the code of a refusal.
func causesOf(refusals map[string]uint64) map[string]uint64 {
	causes := map[string]uint64{}
	for _, code := range slices.Sorted(maps.Keys(refusals)) {
		if code == "" || len(series.OfConnector+code) > series.MaxCause || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(causes) >= series.MaxCauses {
			continue
		}
		causes[series.OfConnector+code] = min(refusals[code], atMost)
	}
	return causes
}

// runSeries writes what was measured, at each full minute, until ctx ends.
func (c *Control) runSeries(ctx context.Context) {
	c.measured.taking.Lock()
	c.measured.last = time.Now()
	c.measured.taking.Unlock()
	c.readStates(ctx, time.Time{})
	for {
		wait := time.NewTimer(series.Fine - time.Duration(c.now().UnixNano())%series.Fine)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return
		}
		c.measure(ctx)
	}
}

// measure takes what the gateway counted, and writes it with what connectors told. What cannot be written is tried again with the next.
func (c *Control) measure(ctx context.Context) {
	c.count(ctx, time.Second)
	waiting, states := c.measured.take(), c.loads.take()
	chunks := make([]store.SeriesChunk, 0, len(waiting))
	for key, text := range waiting {
		chunks = append(chunks, store.SeriesChunk{Subject: key.subject, Span: fineSpan, Start: key.start, Data: string(text)})
	}
	if len(chunks)+len(states) > 0 {
		err := c.write(ctx, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.AppendSeries(ctx, chunks); err != nil {
				return err
			}
			return tx.SaveConnectorStates(ctx, states)
		})
		if err != nil {
			c.measured.back(waiting)
			c.loads.back(states)
			c.log.Warn("write what was measured", "error", cause(err))
			return
		}
	}
	if c.store.Shared() {
		c.readStates(ctx, c.now().Add(-loadFresh))
	}
	c.loads.forget(c.current())
}

// count makes points of what the gateway counted since the last time, if that was at least so long ago. Of what did nothing there is none: that of the service says that
// somebody counted.
func (c *Control) count(ctx context.Context, least time.Duration) {
	m := &c.measured
	m.taking.Lock()
	defer m.taking.Unlock()
	if c.cfg.Counts == nil || m.last.IsZero() {
		return
	}
	now, totals := time.Now(), c.cfg.Counts()
	if now.Sub(m.last) < least {
		return // with the next
	}
	length := max(time.Second, now.Sub(m.last).Round(time.Second)) // shorter ones are not kept
	m.last = now
	m.seq++
	point := series.Point{Source: sourceOf(string(c.cfg.Gateway.ID)), Seq: m.seq, Start: c.now().Add(-length).Round(time.Second), Length: length}
	var whole series.Total
	for subject, total := range totals {
		more := total.Since(m.before[subject])
		if !access.ID(subject).Valid(access.PrefixConnector) { // connectors carry what applications are asked for: not twice
			whole.Add(more)
		}
		if subject != "" && !more.Zero() {
			c.put(subject, point, more)
		}
	}
	m.before = totals
	if _, leads := c.leads(); leads {
		_ = c.store.Read(ctx, func(tx *store.Tx) error { // it is not known otherwise, and the next minute it is
			users, err := tx.ActiveUsers(ctx, c.now().Add(-length))
			whole.Values[series.Users] = uint64(max(0, users))
			return err
		})
	}
	c.put(store.SeriesService, point, whole)
}

func (c *Control) put(subject string, p series.Point, t series.Total) {
	p.Values, p.Causes = t.Values, t.Causes
	p.Values[series.Counted] = uint64(p.Length / time.Second)
	for cause := range p.Causes {
		if len(p.Causes) > series.MaxCauses && cause != series.OtherCauses {
			p.Causes[series.OtherCauses] += p.Causes[cause]
			delete(p.Causes, cause)
		}
	}
	c.measured.put(subject, p)
}

// overdueSeries are the jobs that keep the series small.
func overdueSeries(now time.Time) []cleanJob {
	return []cleanJob{
		{"series of a day ago", func(ctx context.Context, tx *store.Tx) (int64, error) { return rollUp(ctx, tx, now) }},
		{"series of a week ago", func(ctx context.Context, tx *store.Tx) (int64, error) {
			return tx.TrimSeries(ctx, coarseSpan, now.Add(-coarseFor-coarseSpan), cleanBatch)
		}},
	}
}

// rollUp joins a batch of chunks that are a day old to points of ten minutes.
func rollUp(ctx context.Context, tx *store.Tx, now time.Time) (int64, error) {
	old, err := tx.TakeSeries(ctx, fineSpan, now.Add(-fineFor-fineSpan), cleanBatch)
	if err != nil {
		return 0, err
	}
	joined := make([]store.SeriesChunk, 0, len(old))
	for _, chunk := range old {
		points, _ := series.Parse(chunk.Data, chunk.Start) // what is damaged is a gap
		start := chunk.Start.Truncate(coarseSpan)
		var text []byte
		for _, s := range series.Fold(series.Slots(points, series.Fine), series.Coarse) {
			text = series.Append(text, start, series.Point{Seq: uint64(s.Start.Unix()), Start: s.Start, Length: s.Length, Values: s.Values, Causes: s.Causes})
		}
		joined = append(joined, store.SeriesChunk{Subject: chunk.Subject, Span: coarseSpan, Start: start, Data: string(text)})
	}
	return int64(len(old)), tx.AppendSeries(ctx, joined)
}

func encoded(v any) string {
	text, _ := json.Marshal(v) // of plain fields: it cannot fail
	return string(text)
}
