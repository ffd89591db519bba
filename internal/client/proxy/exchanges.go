package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"postern/internal/client/flow"
)

const (
	maxExchanges = 1024        // of one socket
	maxQueued    = 64          // datagrams that wait for their flow to be open
	maxQueuedLen = 128 << 10   // bytes of them
	refusedFor   = time.Second // that datagrams to a destination are dropped after it was refused
)

// exchanges are the flows of datagrams of one socket, each by what tells it from others: its destination, or who sends.
type exchanges[K comparable] struct {
	cfg     Config
	program func(K) string // that wants an exchange
	running sync.WaitGroup

	mu  sync.Mutex // guards all
	all map[K]*exchange
}

// exchange is a flow of datagrams that is open or being opened.
type exchange struct {
	mu     sync.Mutex // guards the fields below
	flow   *flow.Datagrams
	queue  [][]byte
	queued int
}

func newExchanges[K comparable](cfg Config) *exchanges[K] {
	return &exchanges[K]{cfg: cfg, program: func(K) string { return "" }, all: map[K]*exchange{}}
}

// answered is what an exchange gives its answers to.
type answered func(p []byte) error

// send sends a datagram by the exchange of key, which begins with it if there is none. What there is no room for is lost, as datagrams
// are.
func (x *exchanges[K]) send(ctx context.Context, key K, to flow.To, p []byte, back answered) {
	x.mu.Lock()
	e, ok := x.all[key]
	if !ok {
		if len(x.all) >= maxExchanges || !x.cfg.Limit.take() {
			x.mu.Unlock()
			x.cfg.Log.Warn("too many flows of datagrams: a datagram was dropped", "to", to.String())
			return
		}
		e = &exchange{}
		x.all[key] = e
		x.running.Go(func() { x.run(ctx, key, e, to, back) })
	}
	x.mu.Unlock()
	e.send(p)
}

func (e *exchange) send(p []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.flow != nil {
		_ = e.flow.Send(p) // that the flow is over is said by reading from it
		return
	}
	if len(e.queue) < maxQueued && e.queued+len(p) <= maxQueuedLen {
		e.queue = append(e.queue, append([]byte(nil), p...))
		e.queued += len(p)
	}
}

// run opens the flow, sends what waited for that, and carries answers until the flow ends.
func (x *exchanges[K]) run(ctx context.Context, key K, e *exchange, to flow.To, back answered) {
	defer x.cfg.Limit.give()
	defer x.forget(key)
	to.Process = x.program(key)
	f, err := x.cfg.open(ctx, to)
	if err != nil {
		pause(ctx, refusedFor) // a program that goes on sending does not have it asked for each time
		return
	}
	datagrams := f.Datagrams()
	e.mu.Lock()
	e.flow = datagrams
	for _, p := range e.queue {
		_ = datagrams.Send(p) // as in send
	}
	e.queue = nil
	e.mu.Unlock()
	x.cfg.Log.Debug("flow of datagrams opened", "to", to.String(), "application", f.Application, "address", f.Address, "request", f.Request)
	err = datagrams.Pump(ctx, x.cfg.Idle, back)
	if errors.Is(err, flow.ErrIdle) {
		x.cfg.Log.Debug("flow of datagrams ended", "to", to.String(), "request", f.Request, "how", err)
		return
	}
	x.cfg.Log.Info("flow of datagrams ended", "to", to.String(), "request", f.Request, "how", err)
}

func (x *exchanges[K]) forget(key K) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.all, key)
}
