package gateway

import (
	"context"
	"fmt"
	"io"

	"postern/internal/fault"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// AskGateway asks another gateway itself a question. KindUnavailable: there is no tunnel with it.
func (g *Gateway) AskGateway(ctx context.Context, id, question string, body []byte) ([]byte, error) {
	var last error = fault.Unavailable("there is no tunnel with gateway %s", id)
	for _, p := range g.peers.all() {
		if p.id != id || p.session.Draining() {
			continue
		}
		answer, err := p.ask(ctx, question, body)
		if err == nil || ctx.Err() != nil {
			return answer, err
		}
		last = err
	}
	return nil, last
}

func (p *peer) ask(ctx context.Context, question string, body []byte) ([]byte, error) {
	s, err := p.session.Open(ctx, wire.Encode(wire.Open{Kind: wire.KindAsk, Question: question}))
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	return exchangeAsk(ctx, s, body, wire.MaxAnswer)
}

// exchangeAsk writes a question and reads its answer, up to so many bytes.
func exchangeAsk(ctx context.Context, s *tunnel.Stream, body []byte, most int64) ([]byte, error) {
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset(tunnel.CodeCancelled) })
	defer stop()
	if _, err := s.Write(body); err != nil {
		return nil, fmt.Errorf("write question: %w", err)
	}
	if err := s.CloseWrite(); err != nil {
		return nil, fmt.Errorf("write question: %w", err)
	}
	if _, err := s.Opened(ctx); err != nil {
		return nil, refusalOf(err)
	}
	answer, err := io.ReadAll(io.LimitReader(s, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read answer: %w", err)
	case int64(len(answer)) > most:
		return nil, fmt.Errorf("the answer is longer than %d bytes", most)
	}
	return answer, nil
}

// answerAsk answers a question that the other gateway has of this one.
func (p *peer) answerAsk(s *tunnel.Stream, open wire.Open) {
	if p.g.cfg.AskPeer == nil {
		refuse(s, wire.PhaseAsk, "question-unknown", "this gateway does not answer such questions")
		return
	}
	defer s.Close()
	body, done, ok := p.g.question(s, p.asks, "peer-asks")
	if !ok {
		return
	}
	defer done()
	ctx, cancel := context.WithTimeout(s.Context(), askTimeout)
	defer cancel()
	answer, err := p.g.cfg.AskPeer(ctx, open.Question, body)
	if err != nil {
		refuse(s, wire.PhaseAsk, fault.KindOf(err).String(), err.Error())
		return
	}
	if respond(s, answer) != nil {
		s.Reset(tunnel.CodeInternal)
	}
}
