package tunnel

import (
	"cmp"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Budget bounds the bytes that all sessions of a process hold for consumers that have not read them yet.
// Credit may exceed it, buffered bytes may not: when they would, the streams that went unread for the longest are reset
// with CodeBufferBudget until an eighth is free. From three quarters on windows stop growing and new streams start with 16 KiB.
type Budget struct {
	limit   int64
	charged atomic.Int64 // ever; also the clock that says which stream went unread for longer
	freed   atomic.Int64 // ever
	resets  atomic.Uint64

	mu       sync.Mutex // guards sessions; held while streams are chosen, so that one relief runs at a time
	sessions map[*Session]struct{}
}

// NewBudget returns a budget of limit bytes. Zero means a quarter of the memory that this process may have, or 256 MiB if that is
// more, but never more than half of it.
func NewBudget(limit int64) *Budget {
	if limit <= 0 {
		limit = budgetOf(memoryLimit())
	}
	return &Budget{limit: limit, sessions: map[*Session]struct{}{}}
}

// Buffered returns the bytes held now.
func (b *Budget) Buffered() int64 { return b.charged.Load() - b.freed.Load() }

// Limit returns the most bytes that may be held.
func (b *Budget) Limit() int64 { return b.limit }

// Resets returns how many streams were reset because the budget was used up.
func (b *Budget) Resets() uint64 { return b.resets.Load() }

// short tells whether windows should no longer grow.
func (b *Budget) short() bool { return b.Buffered() > b.limit/4*3 }

// charge takes n bytes and makes room by resetting streams if it must. The caller holds no lock.
func (b *Budget) charge(n int) {
	b.charged.Add(int64(n))
	if b.Buffered() > b.limit {
		b.relieve()
	}
}

func (b *Budget) free(n int) {
	if n > 0 {
		b.freed.Add(int64(n))
	}
}

// now orders events: it grows with every byte received.
func (b *Budget) now() int64 { return b.charged.Load() }

func (b *Budget) join(s *Session) {
	b.mu.Lock()
	b.sessions[s] = struct{}{}
	b.mu.Unlock()
}

func (b *Budget) leave(s *Session) {
	b.mu.Lock()
	delete(b.sessions, s)
	b.mu.Unlock()
}

// relieve resets the longest-unread streams until an eighth of the budget is free, so that its price, a look at every
// stream, is paid once per eighth of the budget received.
func (b *Budget) relieve() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Buffered() <= b.limit {
		return
	}
	type victim struct {
		st    *Stream
		since int64
	}
	var victims []victim
	for s := range b.sessions {
		for _, st := range s.holding() {
			if since, held := st.unreadSince(); held {
				victims = append(victims, victim{st, since})
			}
		}
	}
	slices.SortFunc(victims, func(x, y victim) int { return cmp.Compare(x.since, y.since) })
	for _, v := range victims {
		if b.Buffered() <= b.limit/8*7 {
			return
		}
		if v.st.drop(CodeBufferBudget) {
			b.resets.Add(1)
		}
	}
}

// budgetOf gives the budget where so much memory may be used; 0: nobody knows.
func budgetOf(memory int64) int64 {
	if memory <= 0 {
		return defaultLimit
	}
	return min(max(memory/4, defaultLimit), memory/2)
}

// memoryLimit returns how much memory this process may have, or 0 if that cannot be found out: what the garbage collector
// was told, by GOMEMLIMIT or for a control group (package daemon), else all of the machine's.
func memoryLimit() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return limit
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}
