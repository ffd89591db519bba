package control

import (
	"context"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/store"
)

const (
	endingsKept = 4096 // in memory, for gateways that come back soon
	endingsRead = 1000 // in one go
)

// endings is what this process knows of the sequence of endings.
type endings struct {
	mu      sync.Mutex // guards all below
	started bool
	last    uint64
	recent  []access.Ending // at most endingsKept, oldest first, ending with last
	changed chan struct{}
}

// read gives the endings after the last known one; at the first time there is only where to begin.
func (e *endings) read(ctx context.Context, tx *store.Tx) ([]access.Ending, error) {
	e.mu.Lock()
	started, last := e.started, e.last
	e.mu.Unlock()
	if !started {
		seq, err := tx.LastEnding(ctx)
		return []access.Ending{{Seq: seq}}, err
	}
	return tx.EndingsAfter(ctx, last, endingsRead)
}

// tell makes endings known: first to the remembered sessions, then to the gateway that will ask
// about them. at is when the store was read.
func (c *Control) tell(news []access.Ending, at time.Time) {
	e := &c.endings
	e.mu.Lock()
	first := !e.started
	gap := !first && len(news) > 0 && news[0].Seq > e.last+1
	e.started = true
	e.mu.Unlock()
	if gap {
		c.sessions.Forget() // some were trimmed before we saw them
	}
	for _, ending := range news {
		c.sessions.Ended(ending)
	}
	if len(news) < endingsRead {
		c.sessions.Heard(at)
	} else {
		c.announce() // there may be more
	}
	if len(news) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = news[len(news)-1].Seq
	if !first {
		e.recent = append(e.recent, news...)
		if over := len(e.recent) - endingsKept; over > 0 {
			e.recent = append([]access.Ending(nil), e.recent[over:]...)
		}
	}
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// Ended waits for endings after the sequence number. With 0 it answers at once with one Ending of
// no kind whose Seq is the last one so far. While the database is away there are none, and it
// waits.
func (c *Control) Ended(ctx context.Context, after uint64) ([]access.Ending, error) {
	for {
		list, changed := c.endings.after(after)
		if len(list) > 0 {
			return list, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// after gives the endings after seq, or a channel that closes when there are more. The gateway is
// in this process and never further behind than what is kept.
func (e *endings) after(seq uint64) ([]access.Ending, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	switch {
	case !e.started || seq >= e.last && seq != 0:
		return nil, e.changed
	case seq == 0:
		return []access.Ending{{Seq: e.last}}, nil
	}
	for i, ending := range e.recent {
		if ending.Seq > seq {
			return append([]access.Ending(nil), e.recent[i:]...), nil
		}
	}
	return []access.Ending{{Seq: e.last}}, nil
}
