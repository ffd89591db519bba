package connector

import (
	"context"
	"time"

	"postern/internal/wire"
)

// reachWithin bounds how long a target is tried for a question. It is less than what the service waits.
const reachWithin = 4 * time.Second

// reach says whether an application's target is reached, going the way of every stream: our own configuration, the local
// rules, the look-up, the connection, TLS, HTTP/2 if it must be that. Whoever asks learns what a stream would have told; no grant is needed, since
// nothing is carried.
func (c *Connector) reach(ctx context.Context, ask wire.AskReach) wire.Reach {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	t, refusal := c.decided(ctx, func(s *settings) (*target, *wire.Refusal) { return targetOf(s, ask.Application, ask.Version) })
	if refusal != nil {
		return wire.Reach{Refusal: refusal}
	}
	b, refusal := c.dialInTurn(ctx, t)
	if refusal != nil {
		return wire.Reach{Refusal: refusal}
	}
	opened := b.opened
	refusal = speaksHTTP2(t, b)
	_ = b.Close() // no request was sent: nothing can be lost
	if refusal != nil {
		return wire.Reach{Refusal: refusal}
	}
	return wire.Reach{Opened: &opened}
}
