package client

import (
	"context"
	"errors"
	"io"

	"postern/internal/tunnel"
	"postern/internal/wire"
)

const maxReply = 16 << 20 // bytes of an answer of a gateway or of a client

// ask asks a question over a tunnel.
func ask[A any](ctx context.Context, s *tunnel.Session, question string, body any) (A, error) {
	var none A
	st, err := s.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindAsk, Question: question}))
	if err != nil {
		return none, err
	}
	defer context.AfterFunc(ctx, func() { st.Reset(tunnel.CodeCancelled) })()
	defer st.Close()
	if _, err := st.Write(wire.Encode(body)); err != nil {
		return none, refusalIn(err)
	}
	if err := st.CloseWrite(); err != nil {
		return none, refusalIn(err)
	}
	data, err := io.ReadAll(io.LimitReader(st, maxReply+1))
	switch {
	case ctx.Err() != nil:
		return none, context.Cause(ctx)
	case err != nil:
		return none, refusalIn(err)
	case len(data) > maxReply:
		return none, errors.New("the answer is too large")
	}
	return wire.Decode[A](data)
}

// refusalIn gives the words of whoever refused a stream.
func refusalIn(err error) error {
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
