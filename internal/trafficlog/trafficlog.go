// Package trafficlog keeps a gateway's records of transactions in segment files on its own disk.
//
// Recording costs who calls it a copy into a bounded queue; one goroutine encodes, compresses and
// writes. It promises:
//
//   - traffic never waits for the log: what has no room is counted and left out, and the log itself tells how much;
//   - a crash loses at most the last second, and never what was there before: a torn end is cut at the next start;
//   - it stays within its bytes and its age, whoever floods it: what was not carried is summed up for each network
//     after the first of a minute;
//   - a disk that is full or read-only, or a clock that jumps, ends nothing: it goes on when it can.
//
// A record has a place, a number that goes up by one. Places are never used twice, so that a reader who
// remembers one can go on from there.
package trafficlog

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/fault"
	"postern/internal/wire"
)

// Config holds what a Log needs. Fields are required unless they say otherwise.
type Config struct {
	Dir        string                // of the segments; made if it is not there
	Log        *slog.Logger          // optional; discarded if nil
	Now        func() time.Time      // optional; time.Now if nil
	Registerer prometheus.Registerer // optional; nobody counts if nil
	Describe   func(*wire.Record)    // optional; adds the names of what a record tells of

	Limits Limits // zero values work
}

// Limits bounds the log. A zero field means the number in brackets.
type Limits struct {
	Bytes      int64         // of all segments [10 GiB]
	Age        time.Duration // of a record [30 days]
	Queue      int           // records that wait to be written [32,768]
	QueueBytes int           // of their text [16 MiB]
	Segment    int64         // bytes after which the next segment is begun [a sixteenth of Bytes, at most 16 MiB]
	Block      int           // bytes of records that are compressed together [256 KiB]

	Refusals    int // of one network and user in a minute that are kept one by one [60]
	AllRefusals int // of all networks in a minute that are kept one by one [1,200]
	Networks    int // in a minute that have summaries of their own [1,000]
}

func (l Limits) withDefaults() Limits {
	fill(&l.Bytes, 10<<30)
	fill(&l.Age, 30*24*time.Hour)
	fill(&l.Queue, 32_768)
	fill(&l.QueueBytes, 16<<20)
	fill(&l.Segment, min(max(l.Bytes/16, 64<<10), 16<<20))
	fill(&l.Block, 256<<10)
	fill(&l.Refusals, 60)
	fill(&l.AllRefusals, 1_200)
	fill(&l.Networks, 1_000)
	return l
}

// Keep is how much of the log is kept. A zero field means the number in brackets.
type Keep struct {
	Bytes int64         // of all segments [10 GiB]
	Age   time.Duration // of a record [30 days]
}

// Keep changes how much is kept, from the next write on.
func (l *Log) Keep(k Keep) {
	limits := Limits{Bytes: k.Bytes, Age: k.Age}.withDefaults()
	l.keep.Store(&Keep{Bytes: limits.Bytes, Age: limits.Age})
}

// Kept gives how much is kept.
func (l *Log) Kept() Keep { return *l.keep.Load() }

// segment is after how many bytes the next segment is begun: of a log that became smaller, earlier.
func (l *Log) segment() int64 { return min(l.limits.Segment, max(l.keep.Load().Bytes/16, 64<<10)) }

func fill[T int | int64 | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

// Log is the traffic log of one gateway.
type Log struct {
	cfg     Config
	limits  Limits // of what may change, keep holds what is in force
	keep    atomic.Pointer[Keep]
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics
	queue   queue
	crowds  crowds
	clock   clock
	asked   chan func() // what the writer is asked to do between two writes

	problem atomic.Pointer[Problem]
	damaged atomic.Int64 // blocks that could not be read

	mu       sync.RWMutex  // guards the fields below
	id       string        // of the log; empty until it was opened
	segments []*segment    // the oldest first; each is replaced, not changed
	head     uint64        // place of the last record that is written
	synced   uint64        // of the last that is safely on the disk
	news     chan struct{} // closed and replaced when there is more of these

	writer writer // of Run's goroutine, like state
	state  state
}

// Problem says why the log keeps nothing at the moment.
type Problem struct {
	Err   error
	Since time.Time
}

// New makes a Log. It touches no file; Run does.
func New(cfg Config) (*Log, error) {
	if cfg.Dir == "" {
		return nil, fault.Internal(nil, "a traffic log needs a directory")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	l := &Log{cfg: cfg, limits: cfg.Limits.withDefaults(), log: cfg.Log, now: cfg.Now, asked: make(chan func()), news: make(chan struct{})}
	l.keep.Store(&Keep{Bytes: l.limits.Bytes, Age: l.limits.Age})
	l.queue.init(l.limits)
	l.crowds.init(l.limits)
	var err error
	if l.metrics, err = newMetrics(l, cfg.Registerer); err != nil {
		return nil, err
	}
	return l, nil
}

// Record takes a record. It does not block.
func (l *Log) Record(r wire.Record) {
	bound(&r)
	if r.Outcome != wire.OutcomeForwarded && !l.crowds.admit(&r) {
		l.metrics.summed.Inc()
		return
	}
	l.queue.put(&r)
}

// Problem gives why the log keeps nothing at the moment; nil if it does.
func (l *Log) Problem() *Problem { return l.problem.Load() }

// ID names the log; empty until it could be opened.
func (l *Log) ID() string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.id
}

// Head gives the place of the last record that is written, and that of the first that is left; both 0 for none.
func (l *Log) Head() (head, first uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.segments) > 0 {
		first = l.segments[0].first
	}
	return l.head, first
}
