// Package agent is what the programs in people's networks have in common, the connector and the client of a device: which gateways they go to, and how
// they ask them over their tunnels.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"postern/internal/tunnel"
	"postern/internal/wire"
)

// Choose gives the gateways to dial: all of them, or the limit's number of them, those of the own region before others. They are spread over
// agents by a hash that keeps an agent, named by its id, where it is when others come or go (rendezvous hashing).
func Choose(gateways []wire.Gateway, id string, limit int) []wire.Gateway {
	weight := func(g wire.Gateway) uint64 {
		h := fnv.New64a()
		_, _ = fmt.Fprintf(h, "%s\n%s", id, g.ID) // a hash takes everything
		return h.Sum64()
	}
	far := func(g wire.Gateway) int {
		if g.Far {
			return 1
		}
		return 0
	}
	chosen := slices.Clone(gateways)
	slices.SortFunc(chosen, func(a, b wire.Gateway) int { return cmp.Or(far(a)-far(b), cmp.Compare(weight(a), weight(b))) })
	chosen = chosen[:min(len(chosen), limit)]
	for i := range chosen {
		chosen[i].Far = false // which of them to dial is decided: a tunnel stands when a region gets another name
	}
	return chosen
}

// Ask asks a question over a tunnel. What the other side refuses is a *wire.Refusal.
func Ask[A any](ctx context.Context, s *tunnel.Session, question string, body any) (A, error) {
	var none A
	st, err := s.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindAsk, Question: question}))
	if err != nil {
		return none, err
	}
	defer context.AfterFunc(ctx, func() { st.Reset(tunnel.CodeCancelled) })()
	defer st.Close()
	if _, err := st.Write(wire.Encode(body)); err != nil {
		return none, Refusal(err)
	}
	if err := st.CloseWrite(); err != nil {
		return none, Refusal(err)
	}
	data, err := io.ReadAll(io.LimitReader(st, wire.MaxAnswer+1))
	switch {
	case ctx.Err() != nil:
		return none, context.Cause(ctx)
	case err != nil:
		return none, Refusal(err)
	case len(data) > wire.MaxAnswer:
		return none, errors.New("the answer is too large")
	}
	return wire.Decode[A](data)
}

// Refusal gives the words of whoever refused a stream, as a *wire.Refusal, or the error as it is.
func Refusal(err error) error {
	refused, ok := errors.AsType[*tunnel.RefusedError](err)
	if !ok {
		return err
	}
	r, decodeErr := wire.Decode[wire.Refusal](refused.Payload)
	if decodeErr != nil || r.Message == "" {
		return err
	}
	return &r
}
