package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/internal/fault"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// question reads what a tunnel asks, if it has not too many questions open: asks has room for as many as it may, and limit is what
// that is called in metrics. done says that it was answered.
func (g *Gateway) question(s *tunnel.Stream, asks chan struct{}, limit string) (body []byte, done func(), ok bool) {
	select {
	case asks <- struct{}{}:
		done = func() { <-asks }
	default:
		g.metrics.refused.WithLabelValues(limit).Inc()
		refuse(s, wire.PhaseLimit, "too-many-questions", "this tunnel has as many questions open as it may have")
		return nil, nil, false
	}
	_ = s.SetReadDeadline(time.Now().Add(askRead)) // a stream takes any deadline
	body, err := io.ReadAll(io.LimitReader(s, wire.MaxAsk+1))
	if err != nil || len(body) > wire.MaxAsk {
		done()
		refuse(s, wire.PhaseAsk, "bad-question", "the question is too long or was not finished in time")
		return nil, nil, false
	}
	return body, done, true
}

// accept serves a stream that the connector opened: a question.
func (l *link) accept(s *tunnel.Stream) {
	defer s.Close()
	open, err := wire.Decode[wire.Open](s.Payload())
	if err != nil || open.Kind != wire.KindAsk || l.g.cfg.Ask == nil {
		refuse(s, wire.PhaseAsk, "unknown-kind", "this gateway takes only questions from connectors")
		return
	}
	body, done, ok := l.g.question(s, l.asks, "asks")
	if !ok {
		return
	}
	defer done()
	_ = s.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(s.Context(), askTimeout)
	defer cancel()
	answer, err := l.g.cfg.Ask(ctx, l.peer, open.Question, body)
	if err != nil {
		l.log.Debug("question not answered", "question", open.Question, "error", err)
		refuse(s, wire.PhaseAsk, fault.KindOf(err).String(), err.Error())
		return
	}
	if err := respond(s, answer); err != nil {
		s.Reset(tunnel.CodeInternal)
	}
}

const (
	askRead  = 30 * time.Second // for the question to arrive
	askWrite = 5 * time.Minute  // for the answer to leave
)

func respond(s *tunnel.Stream, answer []byte) error {
	_ = s.SetWriteDeadline(time.Now().Add(askWrite))
	if err := s.Accept(nil); err != nil {
		return err
	}
	if _, err := s.Write(answer); err != nil {
		return err
	}
	return s.CloseWrite()
}

func refuse(s *tunnel.Stream, phase wire.Phase, code, message string) {
	// An error means that the stream or its session is over: nobody is left to be told.
	_ = s.Refuse(wire.Encode(&wire.Refusal{Phase: phase, Code: code, Message: message}))
}

// ask asks the connector a question and gives its answer.
func (l *link) ask(ctx context.Context, question string, body []byte) ([]byte, error) {
	s, err := l.session.Open(ctx, wire.Encode(l.forwarding(wire.Open{Kind: wire.KindAsk, Question: question}, nil)))
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	return exchangeAsk(ctx, s, body, wire.MaxAsk)
}

// errNoTunnel says that nobody can be asked.
var errNoTunnel = fault.Unavailable("the connector has no tunnel to any gateway at the moment")

// refusalOf gives the refusal that a stream was answered with, or the error itself.
func refusalOf(err error) error {
	refused, ok := errors.AsType[*tunnel.RefusedError](err)
	if !ok {
		return err
	}
	var refusal wire.Refusal
	if json.Unmarshal(refused.Payload, &refusal) != nil || refusal.Phase == "" {
		return errors.New("the connector refused the stream without a reason that can be read")
	}
	return &refusal
}
