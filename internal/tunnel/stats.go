package tunnel

import (
	"sync/atomic"
	"time"
)

// Limit names a bound that a session or a stream met; Stats counts how often.
type Limit uint8

// The limits. Each has a number in Limits or in DESIGN.md.
const (
	limitStreams   Limit = iota // OPEN refused: too many streams
	limitBudget                 // OPEN or datagram refused, or stream reset: the buffer budget was used up
	limitPending                // a sender waited, or a datagram was dropped: too much is waiting to be written
	limitControl                // session ended: the peer does not read the answers it asks for
	limitFlood                  // session ended: frames that achieve nothing
	limitWindow                 // session ended: a window was overrun
	limitDatagrams              // a datagram was dropped: its queue was full
	limitIDs                    // the session used up its stream ids and drains
	limitHello                  // session ended: no HELLO in time
	limitSilence                // session ended: silent peer
	limitStall                  // session ended: peer does not read
	limits
)

var limitNames = [limits]string{"streams", "budget", "pending", "control", "flood", "window", "datagrams", "ids", "hello", "silence", "stall"}

func (l Limit) String() string { return limitNames[l] }

// Stats is what a session counted. The maps have a key for everything that can be counted, so that metrics exist from the start.
type Stats struct {
	BytesIn, BytesOut   uint64 // frames, before encryption
	FramesIn, FramesOut uint64
	FlushesOut          uint64            // writes; FramesOut/FlushesOut is how well frames are gathered
	Opened, Accepted    uint64            // streams, by us and by the peer
	Resets              map[string]uint64 // by cause, ours and the peer's
	Limits              map[string]uint64 // by limit, how often it was met
	DatagramsDropped    uint64
	LateFrames          uint64        // frames on streams that had ended, as happens when ends cross
	Buffered            int64         // bytes held for consumers now
	Streams             int           // open now
	RTT                 time.Duration // 0 until measured
}

type counters struct {
	bytesIn, bytesOut   atomic.Uint64
	framesIn, framesOut atomic.Uint64
	opened, accepted    atomic.Uint64
	resets              [codes + 1]atomic.Uint64 // the last one for unknown codes
	limits              [limits]atomic.Uint64
	dropped, late       atomic.Uint64
}

func (c *counters) limit(l Limit) { c.limits[l].Add(1) }

func (c *counters) reset(code Code) { c.resets[min(int(code), codes)].Add(1) }

// Stats returns what the session counted so far.
func (s *Session) Stats() Stats {
	c := &s.stats
	stats := Stats{
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		FramesIn: c.framesIn.Load(), FramesOut: c.framesOut.Load(),
		FlushesOut: s.out.flushes.Load(),
		Opened:     c.opened.Load(), Accepted: c.accepted.Load(),
		DatagramsDropped: c.dropped.Load(), LateFrames: c.late.Load(),
		Streams: s.Streams(), RTT: time.Duration(s.rtt.Load()),
		Resets: make(map[string]uint64, codes), Limits: make(map[string]uint64, limits),
	}
	for _, st := range s.holding() {
		stats.Buffered += st.holds()
	}
	for code := CodeCancelled; code < codes; code++ {
		stats.Resets[code.String()] = c.resets[code].Load()
	}
	stats.Resets["other"] = c.resets[codes].Load()
	for l := range limits {
		stats.Limits[l.String()] = c.limits[l].Load()
	}
	return stats
}
