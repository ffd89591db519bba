// Package series keeps what was measured over time small: a minute of a connector is some forty bytes.
//
// A point says what one source measured in one interval, and never changes; whoever tells it twice does no harm. Points of several
// sources (the gateways, a connector's process and the one after it) are joined when they are read. An interval of which nobody told is
// a gap: no zero stands for it, and nothing is spread over it.
package series

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Metric is one of the things that are measured. The numbers are stored: new ones are added at the end.
type Metric int

// The metrics. Those of gateways are known where Counted is more than zero, those of connectors where Reported is.
const (
	Counted       Metric = iota // seconds for which a gateway counted
	Reported                    // seconds for which a connector reported
	Requests                    // that were answered, by whomever
	Status4xx                   //
	Status5xx                   //
	Unanswered                  // that ended without a status
	BytesReceived               // bodies, from clients
	BytesSent                   //
	FirstByteSum                // microseconds until the backend's header
	UnderWay                    // requests: the most at any look
	Users                       // who used a session
	Opened                      // streams
	TunnelIn                    // bytes
	TunnelOut
	TunnelsMade
	TunnelsLost
	DialErrors
	Refused      // streams
	ResolveCount // names of backends
	ResolveSum   // microseconds
	ConnectCount // backend connections
	ConnectSum
	RoundTripCount
	RoundTripSum
	CPU         // milliseconds
	Streams     // open: the most at any look
	Memory      // KiB, the most at any look
	Handles     // the most at any look
	Tunnels     // the fewest at any look
	Certificate // hours until it expires, the fewest
	ShareCPU    // thousandths, the most at any look
	ShareMemory
	ShareStreams
	SharePorts
	ShareHandles
	firstByte                                   // the first of the buckets: how many first bytes came within its bound and not within the one before
	count     = firstByte + Metric(Buckets) + 1 // one more: later than the last bound
)

// Buckets is how many bounds first bytes are sorted by: a millisecond, and each twice the one before.
const Buckets = 16

// FirstByte gives the metric of the bucket i, up to and including Buckets.
func FirstByte(i int) Metric { return firstByte + Metric(min(max(i, 0), Buckets)) }

// Bound gives the upper end of the bucket i; the last one has none.
func Bound(i int) time.Duration { return time.Millisecond << i }

// how says how values of a metric are joined.
type how int

const (
	sum how = iota
	most
	fewest
)

// rule says it for one metric: over time, and over sources and connectors at one time.
type rule struct{ time, across how }

func (m Metric) rule() rule {
	switch m {
	case Streams, Memory, Handles, UnderWay:
		return rule{most, sum}
	case Users:
		return rule{most, most} // of several counts of the same thing
	case ShareCPU, ShareMemory, ShareStreams, SharePorts, ShareHandles:
		return rule{most, most}
	case Tunnels:
		return rule{fewest, sum}
	case Certificate:
		return rule{fewest, fewest}
	}
	return rule{sum, sum}
}

// reported tells the connectors' own metrics from those of gateways.
func (m Metric) reported() bool { return m == Reported || m >= Opened && m < firstByte }

// Values are what was measured. What is zero takes no room.
type Values [count]uint64

// join adds what more says by the one or the other part of the rules. What a side does not know at all has no say.
func (v *Values) join(more *Values, part func(rule) how) {
	knew := [2]bool{v[Counted] > 0, v[Reported] > 0}
	knows := [2]bool{more[Counted] > 0, more[Reported] > 0}
	for m := range count {
		kind := 0
		if m.reported() {
			kind = 1
		}
		switch {
		case !knows[kind]:
		case !knew[kind]:
			v[m] = more[m]
		default:
			v[m] = joined(part(m.rule()), v[m], more[m])
		}
	}
}

func joined(h how, a, b uint64) uint64 {
	switch h {
	case most:
		return max(a, b)
	case fewest:
		return min(a, b)
	}
	return a + b
}

func overTime(r rule) how { return r.time }
func across(r rule) how   { return r.across }

// Point is what one source measured in one interval.
type Point struct {
	Source uint32 // one that never counts from the beginning again
	Seq    uint64 // of the interval, in the order of time
	Start  time.Time
	Length time.Duration
	Values Values
	Causes map[string]uint64 // what failed, by the code of the reason
}

// MaxCauses bounds the codes of one point or slot, but for two that stand for others; MaxCause each one's bytes.
const (
	MaxCauses = 16
	MaxCause  = 40
)

// Slot is what is known of one piece of time.
type Slot struct {
	Start  time.Time
	Length time.Duration
	Values Values
	Causes map[string]uint64
}

// Fine and Coarse are the lengths of slots that are kept.
const (
	Fine   = time.Minute
	Coarse = 10 * time.Minute
)

// Slots joins points to slots of one length, in the order of time. A point counts once, however often it is there, and for the slot that
// its middle is in.
func Slots(points []Point, length time.Duration) []Slot {
	type key struct {
		source uint32
		seq    uint64
	}
	type place struct {
		start  int64
		source uint32
	}
	seen, by := map[key]bool{}, map[place]*Slot{}
	for i := range points {
		p := &points[i]
		if k := (key{p.Source, p.Seq}); seen[k] {
			continue
		} else {
			seen[k] = true
		}
		start := p.Start.Add(p.Length / 2).Truncate(length)
		at := place{start.Unix(), p.Source}
		if by[at] == nil {
			by[at] = &Slot{Start: start, Length: length}
		}
		by[at].add(&p.Values, p.Causes, overTime)
	}
	places := slices.SortedFunc(maps.Keys(by), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.source, b.source))
	})
	var slots []Slot
	for _, at := range places {
		if n := len(slots); n == 0 || !slots[n-1].Start.Equal(by[at].Start) {
			slots = append(slots, *by[at])
			continue
		}
		slots[len(slots)-1].add(&by[at].Values, by[at].Causes, across)
	}
	for i := range slots {
		slots[i].cap()
	}
	return slots
}

// cap bounds what is covered: sources that tell of the same time do not make it longer.
func (s *Slot) cap() {
	whole := uint64(s.Length / time.Second)
	s.Values[Counted], s.Values[Reported] = min(s.Values[Counted], whole), min(s.Values[Reported], whole)
}

func (s *Slot) add(v *Values, causes map[string]uint64, part func(rule) how) {
	s.Values.join(v, part)
	for cause, n := range causes {
		if s.Causes == nil {
			s.Causes = map[string]uint64{}
		}
		if _, known := s.Causes[cause]; !known && len(s.Causes) >= MaxCauses {
			own := strings.HasPrefix(cause, OfConnector)
			if cause = OtherCauses; own {
				cause = OfConnector + OtherCauses
			}
		}
		s.Causes[cause] += n
	}
}

// OfConnector comes before the code of a refusal that a connector counted itself: gateways count the same one by their own reason.
const OfConnector = "c:"

// OtherCauses stands for what has no room.
const OtherCauses = "other"

// Fold joins slots, which are in the order of time, to longer ones that begin at multiples of step.
func Fold(slots []Slot, step time.Duration) []Slot {
	var out []Slot
	for i := range slots {
		start := slots[i].Start.Truncate(step)
		if n := len(out); n == 0 || !out[n-1].Start.Equal(start) {
			out = append(out, Slot{Start: start, Length: step})
		}
		out[len(out)-1].add(&slots[i].Values, slots[i].Causes, overTime)
	}
	for i := range out {
		out[i].cap()
	}
	return out
}

// Sum joins the slots of several connectors, all of one length, to those of all of them.
func Sum(lists ...[]Slot) []Slot {
	var all []Slot
	for _, list := range lists {
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b Slot) int { return a.Start.Compare(b.Start) })
	var out []Slot
	for i := range all {
		n := len(out)
		if n == 0 || !out[n-1].Start.Equal(all[i].Start) {
			out = append(out, Slot{Start: all[i].Start, Length: all[i].Length})
			n++
		}
		s := &out[n-1]
		counted, reported := s.Values[Counted], s.Values[Reported]
		s.add(&all[i].Values, all[i].Causes, across)
		// It is the same time: two do not cover more of it than one.
		s.Values[Counted], s.Values[Reported] = max(counted, all[i].Values[Counted]), max(reported, all[i].Values[Reported])
	}
	return out
}

// Quantile estimates within what time the part q of the first bytes came: within a bucket they are taken to be spread evenly. False
// if there were none; what came later than the last bound counts as that.
func (v *Values) Quantile(q float64) (time.Duration, bool) {
	total := v.FirstBytes()
	if total == 0 {
		return 0, false
	}
	rank, before := q*float64(total), 0.0
	for i := range Buckets {
		in := float64(v[FirstByte(i)])
		if in > 0 && before+in >= rank {
			low := time.Duration(0)
			if i > 0 {
				low = Bound(i - 1)
			}
			return low + time.Duration(float64(Bound(i)-low)*max(0, rank-before)/in), true
		}
		before += in
	}
	return Bound(Buckets - 1), true
}

// FirstBytes counts them.
func (v *Values) FirstBytes() (n uint64) {
	for i := range Buckets + 1 {
		n += v[FirstByte(i)]
	}
	return n
}

// Total is what a source counted since it began.
type Total struct {
	Values Values
	Causes map[string]uint64
}

// Since gives what came on top of what was counted before. Where less is counted than before, the source began again: all of it is new.
func (t Total) Since(before Total) Total {
	more := Total{Causes: map[string]uint64{}}
	for m := range count {
		if more.Values[m] = t.Values[m]; m.rule().time == sum {
			more.Values[m] = added(t.Values[m], before.Values[m])
		}
	}
	for cause, n := range t.Causes {
		if n = added(n, before.Causes[cause]); n > 0 {
			more.Causes[cause] = n
		}
	}
	return more
}

func added(now, before uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// Add joins what another source counted at the same time.
func (t *Total) Add(more Total) {
	s := Slot{Values: t.Values, Causes: t.Causes}
	for m := range count {
		s.Values[m] = joined(m.rule().across, s.Values[m], more.Values[m])
	}
	s.add(&Values{}, more.Causes, across)
	t.Values, t.Causes = s.Values, s.Causes
}

// Zero reports whether nothing was counted.
func (t Total) Zero() bool { return t.Values == (Values{}) && len(t.Causes) == 0 }

// Blank gives the same time with nothing in it but that a gateway counted: of what was not told there is none.
func Blank(slots []Slot) []Slot {
	var out []Slot
	for _, s := range slots {
		if s.Values[Counted] > 0 {
			blank := Slot{Start: s.Start, Length: s.Length}
			blank.Values[Counted] = s.Values[Counted]
			out = append(out, blank)
		}
	}
	return out
}
