package connector

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"time"

	"postern/internal/tunnel"
	"postern/internal/wire"
)

const (
	catchUp      = time.Second      // how long an OPEN that is ahead of our configuration waits for it
	askTimeout   = 10 * time.Second // for a question of the service
	replyTimeout = 40 * time.Second // for its answer, an examination or the wait for news of a log included
	queueLimit   = 5 * time.Second  // how long a dial waits for its turn
)

// accept answers a stream that the service opened and carries it to its end.
func (c *Connector) accept(l *link, st *tunnel.Stream) {
	open, err := wire.Decode[wire.Open](st.Payload())
	if err != nil {
		c.refuse(l, st, open, refuse(wire.PhaseAsk, "open-malformed", "the opening message is malformed"))
		return
	}
	switch open.Kind {
	case wire.KindDial:
		c.serveDial(l, st, open)
	case wire.KindAsk:
		c.serveAsk(l, st, open)
	case wire.KindBench:
		c.serveBenchStream(l, st, open)
	default:
		c.refuse(l, st, open, refuse(wire.PhaseAsk, "kind-unknown", "this connector does not know streams of kind %q", clip(string(open.Kind))))
	}
}

func (c *Connector) refuse(l *link, st *tunnel.Stream, open wire.Open, r *wire.Refusal) {
	level := slog.LevelWarn
	if r.UnknownGrant {
		level = slog.LevelDebug // part of the protocol
	}
	c.log.Log(context.Background(), level, "stream refused", "request", clip(open.Request), "application", clip(open.Application),
		"phase", r.Phase, "code", r.Code, "reason", r.Message, "gateway", l.name())
	c.metrics.refused(r.Phase, r.Code)
	// An error means that the opener is gone.
	_ = st.Refuse(wire.Encode(r))
}

// clip bounds what a peer's word can do to a log.
func clip(s string) string {
	const limit = 128
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}

// serveAsk answers a question of the service: whether this process is alive, by an echo, whether it reaches an application's
// target, what is wrong with it, what its logs say.
func (c *Connector) serveAsk(l *link, st *tunnel.Stream, open wire.Open) {
	reply, known := c.replies()[open.Question]
	if !known {
		c.refuse(l, st, open, refuse(wire.PhaseAsk, "question-unknown", "this connector does not know question %q", clip(open.Question)))
		return
	}
	_ = st.SetDeadline(time.Now().Add(askTimeout)) // fails on a stream that is over, which Read then says
	question, err := io.ReadAll(io.LimitReader(st, wire.MaxAsk+1))
	if err != nil || len(question) > wire.MaxAsk || !json.Valid(question) {
		c.refuse(l, st, open, refuse(wire.PhaseAsk, "question-malformed", "the question is no JSON of at most %d bytes", wire.MaxAsk))
		return
	}
	_ = st.SetDeadline(time.Now().Add(replyTimeout)) // as above
	said, err := reply(st.Context(), question)
	if err != nil {
		c.refuse(l, st, open, refuse(wire.PhaseAsk, "question-malformed", "the question %s cannot be understood", open.Question))
		return
	}
	if answer(st, said) != nil {
		st.Reset(tunnel.CodeCancelled)
		return
	}
	_ = st.Close() // never fails
}

// replies gives what answers each question.
func (c *Connector) replies() map[string]func(context.Context, []byte) ([]byte, error) {
	return map[string]func(context.Context, []byte) ([]byte, error){
		wire.QuestionProbe:  func(_ context.Context, question []byte) ([]byte, error) { return question, nil },
		wire.QuestionReach:  replying(func(ctx context.Context, q wire.AskReach) []byte { return wire.Encode(c.reach(ctx, q)) }),
		wire.QuestionLookup: replying(func(ctx context.Context, q wire.SignedLookup) []byte { return wire.Encode(c.lookup(ctx, q)) }),
		wire.QuestionTrial:  replying(func(ctx context.Context, q wire.SignedTrial) []byte { return wire.Encode(c.try(ctx, q)) }),
		wire.QuestionDoctor: replying(func(ctx context.Context, _ wire.AskDoctor) []byte { return fitting(c.Diagnose(ctx)) }),
		wire.QuestionLog:    replying(func(ctx context.Context, q wire.AskLog) []byte { return wire.Encode(c.logging.journal.Read(ctx, q)) }),
		wire.QuestionRecords: replying(func(_ context.Context, q wire.Records) []byte {
			c.logging.records(q)
			return []byte("{}")
		}),
	}
}

// replying decodes a question and has it answered.
func replying[Q any](reply func(context.Context, Q) []byte) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, question []byte) ([]byte, error) {
		q, err := wire.Decode[Q](question)
		if err != nil {
			return nil, err
		}
		return reply(ctx, q), nil
	}
}

func answer(st *tunnel.Stream, body []byte) error {
	if err := st.Accept(nil); err != nil {
		return err
	}
	if _, err := st.Write(body); err != nil {
		return err
	}
	return st.CloseWrite()
}

// serveDial decides about a stream for an application, dials and copies.
func (c *Connector) serveDial(l *link, st *tunnel.Stream, open wire.Open) {
	flow, ok := c.flows.enter(l, c.cfg.Limits.Streams)
	if !ok {
		c.refuse(l, st, open, refuse(wire.PhaseLimit, "too-many-streams", "the connector carries %d streams, which is its limit", c.cfg.Limits.Streams))
		return
	}
	t, refusal := c.decide(st.Context(), l, open)
	if refusal != nil {
		c.flows.leave(flow)
		c.refuse(l, st, open, refusal)
		return
	}
	if open.Network == networkUDP {
		defer c.flows.leave(flow)
		c.serveDatagrams(flow, st, open, t)
		return
	}
	b, refusal := c.dialInTurn(st.Context(), t.speaking(open.ALPN))
	if refusal != nil {
		c.flows.leave(flow)
		c.refuse(l, st, open, refusal)
		return
	}
	request, application := clip(open.Request), t.Application
	if b.opened.Unverified {
		c.log.Warn("backend certificate not verified, as the application says", "request", request, "application", application,
			"address", b.opened.Address, "certificate", b.opened.CertificateSHA256)
	}
	c.metrics.opened(t, b.opened)
	if err := st.Accept(wire.Encode(b.opened)); err != nil {
		c.flows.leave(flow)
		b.abort()
		return
	}
	c.log.Debug("stream opened", "request", request, "application", application, "address", b.opened.Address, "connect", b.opened.Connect, "gateway", l.name())
	flow.carry(st, b)
	release := st.Keep()
	go func() { // with a small stack; ends with the stream
		defer release()
		defer c.flows.leave(flow)
		started := time.Now()
		why := relay(st, b)
		c.metrics.streams.Observe(time.Since(started).Seconds())
		c.log.Debug("stream ended", "request", request, "application", application, "how", why)
	}()
}

// decide verifies the grant and finds the target, both by our own configuration. If that may be older than what the
// opener relies on, it is asked for anew first.
func (c *Connector) decide(ctx context.Context, l *link, open wire.Open) (*target, *wire.Refusal) {
	return c.decided(ctx, func(s *settings) (*target, *wire.Refusal) { return c.decideBy(s, l, open) })
}

func (c *Connector) decided(ctx context.Context, by func(*settings) (*target, *wire.Refusal)) (*target, *wire.Refusal) {
	s := c.following.current.Load()
	if t, refusal := by(s); !behind(s, refusal) {
		return t, refusal
	}
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for {
		next, err := c.following.newer(ctx, s)
		if err != nil {
			return by(c.following.current.Load())
		}
		s = next
		if t, refusal := by(s); !behind(s, refusal) {
			return t, refusal
		}
	}
}

// The codes of refusals that a newer configuration may turn.
const (
	codeTargetUnknown = "target-unknown"
	codeConfigBehind  = "configuration-behind"
)

func behind(s *settings, r *wire.Refusal) bool {
	return s == nil || r != nil && (r.Code == codeTargetUnknown || r.Code == codeConfigBehind || r.Code == codeKeyUnknown)
}

func (c *Connector) decideBy(s *settings, l *link, open wire.Open) (*target, *wire.Refusal) {
	if s == nil {
		return nil, refuse(wire.PhaseTarget, codeConfigBehind, "the connector has no configuration yet")
	}
	grant, refusal := l.grants.check(open, s, c.cfg.Now())
	if refusal != nil {
		return nil, refusal
	}
	t, refusal := targetOf(s, open.Application, open.Version)
	if refusal != nil {
		return nil, refusal
	}
	return t.toward(open, grant)
}

// targetOf finds an application's target in our own configuration.
func targetOf(s *settings, application string, version int64) (*target, *wire.Refusal) {
	if s == nil {
		return nil, refuse(wire.PhaseTarget, codeConfigBehind, "the connector has no configuration yet")
	}
	t, known := s.targets[application]
	switch {
	case !known:
		return nil, refuse(wire.PhaseTarget, codeTargetUnknown, "the application is not in this connector's configuration")
	case t == nil:
		return nil, refuse(wire.PhaseTarget, "target-unusable", "the application's target cannot be used: see the connector's status")
	case t.Version < version:
		return nil, refuse(wire.PhaseTarget, codeConfigBehind,
			"the connector knows version %d of the application, not yet version %d", t.Version, version)
	}
	return t, nil
}

// dialInTurn dials with a bound on how many dials run at once.
func (c *Connector) dialInTurn(ctx context.Context, t *target) (*backend, *wire.Refusal) {
	wait := time.NewTimer(queueLimit)
	defer wait.Stop()
	select {
	case c.dials <- struct{}{}:
	case <-ctx.Done():
		return nil, refuse(wire.PhaseLimit, "cancelled", "the opener is gone")
	case <-wait.C:
		return nil, refuse(wire.PhaseLimit, "too-many-dials", "the connector has %d connections under way, which is its limit", cap(c.dials))
	}
	defer func() { <-c.dials }()
	return c.dialTarget(ctx, t)
}
