package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/match"
	"postern/internal/policy"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// catchUp is how long a stream of a gateway that knows a newer configuration waits until this one has it too.
const catchUp = time.Second

// A forwarded stream is one that this gateway carries between another gateway and a connector.
type forwarded struct {
	from, to *tunnel.Stream
	app      access.ID
	who      *access.Principal // of a stream that belongs to one user
	link     *link
}

func (f *forwarded) cut() {
	f.from.Reset(tunnel.CodeCancelled)
	f.to.Reset(tunnel.CodeCancelled)
}

// forwards are the streams that this gateway carries for others.
type forwards struct {
	mu    sync.Mutex // guards the fields below
	open  map[*forwarded]struct{}
	ended map[access.ID]struct{} // sessions that ended lately
}

// maxEnded bounds the ended sessions that are remembered; users who come back are looked up anyway.
const maxEnded = 10_000

func newForwards() *forwards {
	return &forwards{open: map[*forwarded]struct{}{}, ended: map[access.ID]struct{}{}}
}

func (s *forwards) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *forwards) enter(f *forwarded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[f] = struct{}{}
}

func (s *forwards) leave(f *forwarded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, f)
}

// cut ends those for which a condition is true.
func (s *forwards) cut(condition func(*forwarded) bool) {
	s.mu.Lock()
	var list []*forwarded
	for f := range s.open {
		if condition(f) {
			list = append(list, f)
		}
	}
	s.mu.Unlock()
	for _, f := range list {
		f.cut()
	}
}

// sessionEnded cuts the streams of a session and remembers it, for streams that are still on their way.
func (s *forwards) sessionEnded(id access.ID) {
	s.mu.Lock()
	if len(s.ended) >= maxEnded {
		clear(s.ended)
	}
	s.ended[id] = struct{}{}
	s.mu.Unlock()
	s.cut(func(f *forwarded) bool { return f.who != nil && f.who.Session == id })
}

func (s *forwards) over(who *access.Principal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, over := s.ended[who.Session]
	return over
}

// accept serves a stream that another gateway opened.
func (p *peer) accept(s *tunnel.Stream) {
	open, err := wire.Decode[wire.Open](s.Payload())
	switch {
	case err != nil:
		refuse(s, wire.PhaseForward, "open-malformed", "the opening message is malformed")
	case open.Kind == wire.KindTell:
		p.hear(s)
	case open.Forward == nil && open.Kind == wire.KindAsk:
		p.answerAsk(s, open)
	case open.Forward == nil:
		refuse(s, wire.PhaseForward, "not-forwarded", "a gateway opens streams here only for connectors")
	case open.Kind == wire.KindDial:
		p.carry(s, open)
	case open.Kind == wire.KindAsk:
		p.passAsk(s, open)
	default:
		refuse(s, wire.PhaseForward, "unknown-kind", "this gateway does not know such streams")
	}
}

func levelOf(r *wire.Refusal) slog.Level {
	if r.UnknownGrant {
		return slog.LevelDebug // part of the protocol
	}
	return slog.LevelInfo
}

// carry decides about a stream by what this gateway knows and carries it to the connector's tunnel.
func (p *peer) carry(s *tunnel.Stream, open wire.Open) {
	ctx, cancel := context.WithTimeout(s.Context(), openTimeout)
	defer cancel()
	v := p.g.viewSince(ctx, open.Forward.Version)
	f, grant, refusal := p.decide(v, open)
	if refusal != nil {
		p.log.Log(ctx, levelOf(refusal), "forwarded stream refused", "request", open.Request, "application", open.Application,
			"code", refusal.Code, "reason", refusal.Message)
		_ = s.Refuse(wire.Encode(refusal)) // an error means that the opener is gone
		return
	}
	open.Forward = nil
	to, answer, err := f.link.openShown(ctx, open, grant)
	if err != nil {
		_ = s.Refuse(wire.Encode(p.refusalFor(err)))
		return
	}
	f.from, f.to = s, to
	p.g.forwards.enter(f)
	f.link.active.Add(1)
	end := func() {
		f.link.active.Add(-1)
		p.g.forwards.leave(f)
	}
	if p.g.view.Load() != v || f.who != nil && p.g.forwards.over(f.who) { // what changed before it was registered
		if _, _, refusal := p.decide(p.g.view.Load(), wire.Open{Application: open.Application, GrantHash: wire.GrantHash(grant), Host: open.Host, Port: open.Port, Network: open.Network, Forward: f.forward()}); refusal != nil {
			to.Reset(tunnel.CodeCancelled)
			_ = s.Refuse(wire.Encode(refusal))
			end()
			return
		}
	}
	if s.Accept(answer) != nil {
		to.Reset(tunnel.CodeCancelled)
		end()
		return
	}
	p.g.metrics.forwarded.Inc()
	release := s.Keep()
	done := func(int64, int64) {
		end()
		release()
	}
	if open.Network == match.UDP.String() {
		spliceDatagrams(s, to, done)
	} else {
		splice(s, to, done)
	}
}

// forward says again where the stream goes, to decide again.
func (f *forwarded) forward() *wire.Forward {
	return &wire.Forward{Connector: string(f.link.connector), Tunnel: f.link.number, Who: encodeWho(f.who)}
}

func encodeWho(who *access.Principal) []byte {
	if who == nil {
		return nil
	}
	told := *who
	told.Reprove, told.Ends = time.Time{}, time.Time{} // the gateway that the browser talks to sees to that, and learns when it moves
	return wire.Encode(&told)
}

func noForward(code, message string) *wire.Refusal {
	return &wire.Refusal{Phase: wire.PhaseForward, Code: code, Message: message}
}

// refusalFor tells the other gateway why the connector did not take the stream: in its own words, if it said some. That it
// was lost is told as such, since nothing was sent.
func (p *peer) refusalFor(err error) *wire.Refusal {
	if r, ok := errors.AsType[*wire.Refusal](err); ok {
		return r
	}
	r := noForward("tunnel-lost", "the connector's tunnel was lost")
	r.Timeout = errors.Is(err, context.DeadlineExceeded)
	return r
}

// decide decides again, by this gateway's own snapshot, whether the stream may go where it is to go.
func (p *peer) decide(v *view, open wire.Open) (*forwarded, string, *wire.Refusal) {
	g, to := p.g, access.ID(open.Forward.Connector)
	switch {
	case v == nil:
		return nil, "", noForward("not-ready", "the gateway that holds the connector's tunnel has no configuration yet")
	case g.draining.Load():
		return nil, "", noForward("draining", "the gateway that holds the connector's tunnel is about to stop")
	case g.forwards.count() >= g.limits.Forwards:
		g.metrics.refused.WithLabelValues("forwards").Inc()
		return nil, "", noForward("too-many-streams", "the gateway carries as many streams for others as it may")
	}
	app, published := v.apps[access.ID(open.Application)]
	connector, known := v.snap.Connector(to)
	switch {
	case !published:
		return nil, "", noForward("not-published", "the gateway that holds the connector's tunnel does not know the application")
	case !known || connector.Disabled || !connector.Waiting.IsZero() || !v.snap.Serves(connector.GroupID, app.Application):
		return nil, "", noForward("wrong-connector", "the connector is not one of the application's group")
	case connector.Draining:
		return nil, "", noForward("draining", "the connector takes no new requests, as an administrator said")
	}
	if app.Private() {
		t, err := parseFlowTarget(open)
		if err != nil {
			return nil, "", noForward("malformed", err.Error())
		}
		if _, _, refused := v.destinations.owner(t); refused != nil {
			return nil, "", refused
		}
	}
	text, grant, refused := p.grants.check(open, v.snap, g.now())
	if refused != nil {
		return nil, "", refused
	}
	f := &forwarded{app: app.ID}
	if refused := f.decideWho(g, v, grant, open.Forward.Who); refused != nil {
		return nil, "", refused
	}
	for _, l := range g.links.of(to) {
		if l.number == open.Forward.Tunnel && l.usable() {
			f.link = l
			return f, text, nil
		}
	}
	return nil, "", noForward("tunnel-gone", "the connector's tunnel has just ended")
}

// decideWho asks the policy: about the user of a stream that belongs to one, else about the application alone, whose
// exchanges the other gateway decides one by one.
func (f *forwarded) decideWho(g *Gateway, v *view, grant wire.Grant, who []byte) *wire.Refusal {
	if grant.Kind == wire.GrantUser {
		told, err := wire.Decode[access.Principal](who)
		if err != nil || string(told.User) != grant.User || string(told.Session) != grant.Session {
			return noForward("wrong-user", "the stream is not told to be of the user whom the grant is for")
		}
		if g.forwards.over(&told) {
			return noForward("session-ended", "the user's session has ended")
		}
		f.who = &told
	}
	if d := f.judge(v, g.now()); !d.Allow {
		return noForward("denied", "the gateway that holds the connector's tunnel does not allow it: "+d.Message)
	}
	return nil
}

func (f *forwarded) judge(v *view, now time.Time) policy.Decision {
	app := v.apps[f.app].Application
	if f.who == nil {
		return policy.Published(v.snap, app)
	}
	return policy.Decide(v.snap, app, policy.Request{Who: f.who, Address: f.who.Address, Now: now})
}

// decideForwards applies a new view to the streams carried for others.
func (g *Gateway) decideForwards(v *view) {
	now := g.now()
	g.forwards.cut(func(f *forwarded) bool {
		app, ok := v.apps[f.app]
		connector, known := v.snap.Connector(f.link.connector)
		if !ok || !known || connector.Disabled || !v.snap.Serves(connector.GroupID, app.Application) {
			return true
		}
		return !f.judge(v, now).Allow
	})
}

// viewSince gives the view as soon as it is of that version, or the one at hand after catchUp.
func (g *Gateway) viewSince(ctx context.Context, version uint64) *view {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for {
		v := g.view.Load()
		if v == nil || v.snap.Version >= version {
			return v
		}
		select {
		case <-v.changed:
		case <-ctx.Done():
			return v
		}
	}
}

// passAsk passes a question on to the connector and its answer back.
func (p *peer) passAsk(s *tunnel.Stream, open wire.Open) {
	defer s.Close()
	body, done, ok := p.g.question(s, p.asks, "peer-asks")
	if !ok {
		return
	}
	defer done()
	ctx, cancel := context.WithTimeout(s.Context(), askTimeout)
	defer cancel()
	for _, l := range p.g.links.of(access.ID(open.Forward.Connector)) {
		if l.number != open.Forward.Tunnel || !l.usable() {
			continue
		}
		answer, err := l.ask(ctx, open.Question, body)
		if err != nil {
			_ = s.Refuse(wire.Encode(p.refusalFor(err)))
			return
		}
		if respond(s, answer) != nil {
			s.Reset(tunnel.CodeInternal)
		}
		return
	}
	refuse(s, wire.PhaseForward, "tunnel-gone", "the connector's tunnel has just ended")
}

// grantsSeen are the grants that a gateway showed in full on one tunnel and that were verified.
type grantsSeen struct {
	mu   sync.Mutex // guards held
	held map[string]seenGrant
}

type seenGrant struct {
	text  string
	grant wire.Grant
	key   []byte // that it was verified with
}

// check verifies the grant of an Open by the keys of the snapshot. Of one that was seen before the signature is not
// computed again.
func (s *grantsSeen) check(open wire.Open, snap *access.Snapshot, now time.Time) (string, wire.Grant, *wire.Refusal) {
	deny := func(code, message string) (string, wire.Grant, *wire.Refusal) {
		return "", wire.Grant{}, &wire.Refusal{Phase: wire.PhaseGrant, Code: code, Message: message}
	}
	if open.Grant != "" {
		keys := map[string][]byte{}
		for id, key := range snap.GrantKeys {
			keys[id] = key
		}
		grant, err := wire.Verifier{TrustDomain: snap.TrustDomain, Keys: keys}.Verify(open.Grant, open.Application, now)
		if err != nil {
			return deny("grant-refused", err.Error())
		}
		s.add(wire.GrantHash(open.Grant), seenGrant{open.Grant, grant, keys[grant.KeyID]})
		return open.Grant, grant, nil
	}
	s.mu.Lock()
	seen, ok := s.held[open.GrantHash]
	s.mu.Unlock()
	switch {
	case !ok:
		_, _, r := deny("grant-unknown", "this grant was not shown in full on this tunnel, or is forgotten")
		r.UnknownGrant = true
		return "", wire.Grant{}, r
	case seen.grant.Application != open.Application:
		return deny("grant-refused", "the grant is for another application")
	case !bytes.Equal(snap.GrantKeys[seen.grant.KeyID], seen.key):
		return deny("grant-key-unknown", "the grant is signed by a key that is not in force")
	case !now.Add(-wire.GrantSkew).Before(seen.grant.Expires):
		return deny("grant-expired", "the grant has expired")
	}
	return seen.text, seen.grant, nil
}

func (s *grantsSeen) add(hash string, seen seenGrant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil || len(s.held) >= maxShown {
		s.held = map[string]seenGrant{} // they are shown once more
	}
	s.held[hash] = seen
}
