package agentapi

import (
	"context"
	"strings"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/wire"
)

// hello answers anybody. It gives back no more than it got, so that nobody gains by asking in another's name.
func (a *API) hello(_ context.Context, by access.Actor, q wire.Hello) (wire.HelloAnswer, error) {
	if len(q.Padding) > wire.MaxHello || q.Want < 0 || q.Want > len(q.Padding) {
		return wire.HelloAnswer{}, fault.Invalid("want", "must be from 0 to as many bytes as came, at most %d", wire.MaxHello)
	}
	return wire.HelloAnswer{Version: wire.Version, Time: a.cfg.Now().UTC(), Address: by.Address, Padding: strings.Repeat("x", q.Want)}, nil
}

// measure answers a connector that measures its tunnel.
func (a *API) measure(q wire.Measure) (wire.Measured, error) {
	if q.Want < 0 || q.Want > wire.MaxMeasure {
		return wire.Measured{}, fault.Invalid("want", "must be from 0 to %d bytes", wire.MaxMeasure)
	}
	return wire.Measured{Version: wire.Version, Program: a.cfg.Program, Time: a.cfg.Now().UTC(), Padding: strings.Repeat("x", q.Want)}, nil
}
