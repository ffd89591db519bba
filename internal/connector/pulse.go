package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/fault"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

const (
	aliveTime  = 10 * time.Second // for one look at whether the connector moves
	turnAtMost = 10 * time.Minute // between two turns of the loop that renews
)

// heart is a tunnel from this connector to itself. A stream in it is accepted and answered by the very code that serves
// the gateways' streams, so an echo shows that the connector moves, whatever the network does.
type heart struct {
	beating chan struct{} // closed when session can be used
	session *tunnel.Session
	began   time.Time
	turned  atomic.Int64 // when the loop that renews last turned, in nanoseconds since began; 0: it has not
}

// turn notes that the loop that renews turned. The clock may be set meanwhile, by a day or a year.
func (h *heart) turn() { h.turned.Store(max(int64(time.Since(h.began)), 1)) }

// run carries the tunnel until ctx ends.
func (h *heart) run(ctx context.Context, c *Connector) {
	ours, theirs := net.Pipe()
	self := "self"
	l := &link{address: self, grants: newGrants()}
	l.gateway.Store(&self)
	limits := tunnel.Limits{Streams: 4}
	// Neither can fail: what they check are programming errors.
	dialler, err := tunnel.New(tunnel.Config{Conn: ours, Dialler: true, Hello: tunnel.Hello{Instance: c.instance}, Budget: c.budget, Limits: limits})
	accepter, err2 := tunnel.New(tunnel.Config{Conn: theirs, Hello: tunnel.Hello{Instance: c.instance}, Budget: c.budget, Limits: limits,
		Accept: func(st *tunnel.Stream) { c.accept(l, st) }})
	if err := errors.Join(err, err2); err != nil {
		c.note("watch the connector itself", err)
		return
	}
	h.session = dialler
	close(h.beating)
	var both sync.WaitGroup
	both.Go(func() { _ = dialler.Run(ctx) }) // ends by ctx
	both.Go(func() { _ = accepter.Run(ctx) })
	both.Wait()
}

// Alive tells whether the connector moves: its parts can be asked, a stream is accepted and answered, and the certificate
// is looked after. That the network or the service is away is no reason for an error.
func (c *Connector) Alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, aliveTime)
	defer cancel()
	asked := make(chan struct{})
	go func() { defer close(asked); c.Status() }() // it takes every lock; where one hangs, this process is to end
	select {
	case <-asked:
	case <-ctx.Done():
		return fmt.Errorf("the connector's parts do not answer: %w", ctx.Err())
	}
	if turned := c.heart.turned.Load(); turned != 0 {
		if ago := time.Since(c.heart.began) - time.Duration(turned); ago > turnAtMost {
			return fault.Internal(nil, "the certificate has not been looked after for %s", ago.Round(time.Second))
		}
	}
	return c.heart.echo(ctx)
}

// echo sends a probe around.
func (h *heart) echo(ctx context.Context) error {
	select {
	case <-h.beating:
	case <-ctx.Done():
		return fmt.Errorf("the connector does not run yet: %w", ctx.Err())
	}
	st, err := h.session.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindAsk, Question: wire.QuestionProbe}))
	if err != nil {
		return fmt.Errorf("open a stream to ourselves: %w", err)
	}
	defer context.AfterFunc(ctx, func() { st.Reset(tunnel.CodeCancelled) })()
	defer st.Close() // the answer is what counts
	const probe = `"pulse"`
	_, _ = io.WriteString(st, probe) // what fails here fails below
	_ = st.CloseWrite()
	answer, err := io.ReadAll(io.LimitReader(st, wire.MaxAsk))
	if err != nil || string(answer) != probe {
		return fmt.Errorf("a stream to ourselves gave %q: %w", clip(string(answer)), err)
	}
	return nil
}

// Serving waits until the connector has a tunnel and its configuration.
func (c *Connector) Serving(ctx context.Context) error {
	if _, err := c.fleet.any(ctx); err != nil {
		return err
	}
	for {
		c.following.mu.Lock()
		changed := c.following.changed // before the look
		c.following.mu.Unlock()
		if c.following.current.Load() != nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
