package connector

import (
	"context"
	"sync"
	"time"

	"postern/internal/tunnel"
)

// progressEvery is how often a drain past its time looks whether a stream still moves.
const progressEvery = 5 * time.Second

// flows knows the streams that are served now.
type flows struct {
	mu  sync.Mutex // guards all and every flow's fields
	all map[*flow]struct{}
}

type flow struct {
	link *link
	of   *flows
	st   *tunnel.Stream // nil until it is connected
	b    *backend
	last uint64 // bytes that had moved when a drain looked last
}

func newFlows() *flows { return &flows{all: map[*flow]struct{}{}} }

// enter takes one of limit places.
func (f *flows) enter(l *link, limit int) (*flow, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) >= limit {
		return nil, false
	}
	w := &flow{link: l, of: f}
	f.all[w] = struct{}{}
	return w, true
}

func (f *flows) leave(w *flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, w)
}

func (f *flows) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all)
}

// carry notes what the flow consists of once it is connected.
func (w *flow) carry(st *tunnel.Stream, b *backend) {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.st, w.b = st, b
}

// outlast lets the streams of a link that still move go on until ctx ends and resets those that do not.
// It returns when none is left that moves.
func (f *flows) outlast(ctx context.Context, l *link) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	f.still(l) // from here on counts
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.session.Done():
			return
		case <-tick.C:
		}
		stopped, moving := f.still(l)
		for _, st := range stopped {
			st.Reset(tunnel.CodeClosed)
		}
		if moving == 0 {
			return
		}
	}
}

// still gives the streams of a link that have not moved since it was called last, and how many have.
func (f *flows) still(l *link) (stopped []*tunnel.Stream, moving int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.all {
		if w.link != l || w.st == nil {
			continue
		}
		now, ok := moved(w.b.tcp)
		if !ok || now == w.last {
			stopped = append(stopped, w.st)
			continue
		}
		w.last = now
		moving++
	}
	return stopped, moving
}
