package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/agentview"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

const (
	limitDevices = "devices"
	limitFlows   = "flows"
	limitUnknown = "device-unknown"
	// unknownFor is how long a tunnel may stay over which nobody shows a token that is good.
	unknownFor = time.Minute
	// tokenGrace is how long flows of a device whose token ended may begin, since it is just about to show the next one.
	tokenGrace = 30 * time.Second
	// A name is looked up by so many connectors at most, each within so long: who asked waits for some seconds only.
	lookupTries  = 3
	lookupWithin = 6 * time.Second
)

// A device is a tunnel of somebody's device. Who uses it is said in it, by tokens; what they open with it is decided flow by flow.
type device struct {
	g       *Gateway
	id      access.ID
	serial  string
	client  netip.AddrPort
	session *tunnel.Session
	asks    chan struct{}
	log     *slog.Logger

	mu      sync.Mutex         // guards the fields below
	shown   access.DeviceToken // the last one that was good
	who     *access.Principal  // whose that is, never changed; nil before and after
	until   time.Time          // until when the token is good for what begins
	unknown time.Time          // since when who is nil
	checked time.Time
	flows   map[*flow]struct{}
	changed chan struct{} // closed and replaced when the rules may have changed
}

// devices are the tunnels of devices that are open here.
type devices struct {
	g *Gateway

	mu    sync.Mutex // guards the fields below
	open  map[*device]struct{}
	each  map[access.ID]int
	flows int
}

func newDevices(g *Gateway) *devices {
	return &devices{g: g, open: map[*device]struct{}{}, each: map[access.ID]int{}}
}

// deviceTunnel carries a device's tunnel from its handshake to its end.
func (g *Gateway) deviceTunnel(c *tls.Conn, peer wire.Identity, serial string) {
	d := &device{g: g, id: access.ID(peer.ID), serial: serial, client: addressOf(c), asks: make(chan struct{}, g.limits.DeviceAsks),
		log: g.log.With("device", peer.ID), unknown: g.now(), flows: map[*flow]struct{}{}, changed: make(chan struct{})}
	var err error
	d.session, err = tunnel.New(tunnel.Config{Conn: c, Hello: tunnel.Hello{Instance: g.cfg.ID}, Accept: d.accept, Log: d.log, Budget: g.budget,
		Limits: tunnel.Limits{Streams: g.limits.DeviceFlows + 2*g.limits.DeviceAsks}})
	if err != nil {
		d.log.Error("make a tunnel", "error", err)
		_ = c.Close()
		return
	}
	if limit := g.devices.enter(d); limit != "" {
		g.metrics.refused.WithLabelValues(limit).Inc()
		d.log.Warn("tunnel of a device refused", "address", d.client.String(), "limit", limit)
		_ = c.Close()
		return
	}
	defer g.devices.leave(d)
	d.log.Info("tunnel of a device open", "address", d.client.String())
	// What was revoked between the handshake and now is seen by whoever comes second.
	if g.cfg.Keys.Revoked(serial) {
		_ = d.session.Close()
	}
	err = d.session.Run(g.life)
	d.log.Info("tunnel of a device closed", "address", d.client.String(), "reason", err)
}

// addressOf gives who is at the other end, as far as is known.
func addressOf(c *tls.Conn) netip.AddrPort {
	at, _ := netip.ParseAddrPort(c.RemoteAddr().String()) // the zero address is in no network of any policy
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// enter registers a tunnel, or names the limit that it met.
func (s *devices) enter(d *device) (limit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= s.g.limits.Devices || s.each[d.id] >= s.g.limits.DeviceTunnels {
		return limitDevices
	}
	s.open[d] = struct{}{}
	s.each[d.id]++
	return ""
}

func (s *devices) leave(d *device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, d)
	if s.each[d.id]--; s.each[d.id] <= 0 {
		delete(s.each, d.id)
	}
}

func (s *devices) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *devices) countFlows() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flows
}

// list gives the tunnels for which a condition is true.
func (s *devices) list(condition func(*device) bool) []*device {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*device
	for d := range s.open {
		if condition(d) {
			list = append(list, d)
		}
	}
	return list
}

func anyDevice(*device) bool { return true }

// closeWhere ends tunnels.
func (s *devices) closeWhere(condition func(*device) bool) {
	for _, d := range s.list(condition) {
		_ = d.session.Close()
	}
}

// decideAgain applies a new view to the flows under way and has the devices told their rules.
func (s *devices) decideAgain(v *view) {
	for _, d := range s.list(anyDevice) {
		d.decideAgain(v)
	}
}

// lookAgain looks up once more who uses devices, and cuts the flows of those whose session is over.
func (s *devices) lookAgain(ctx context.Context, about func(access.Principal) bool) {
	look(ctx, s.list(func(d *device) bool { who := d.user(); return who != nil && about(*who) }))
}

func look(ctx context.Context, list []*device) {
	var each sync.WaitGroup
	turns := make(chan struct{}, 32)
	for _, d := range list {
		turns <- struct{}{}
		each.Go(func() {
			d.look(ctx)
			<-turns
		})
	}
	each.Wait()
}

// sweep decides flows again whose time has come, looks sessions up that were not for long, and ends tunnels that nobody is known on.
func (s *devices) sweep(ctx context.Context, now time.Time) {
	v := s.g.view.Load()
	var old []*device
	for _, d := range s.list(anyDevice) {
		d.mu.Lock()
		due := false
		for f := range d.flows {
			due = due || !f.until.IsZero() && !now.Before(f.until)
		}
		if d.who != nil && now.Sub(d.checked) > recheckAfter {
			old = append(old, d)
		}
		d.mu.Unlock()
		if due && v != nil {
			d.decideAgain(v)
		}
	}
	look(ctx, old)
	for _, d := range s.list(func(d *device) bool { return d.isUnknown(now) }) {
		s.g.metrics.refused.WithLabelValues(limitUnknown).Inc()
		d.log.Info("tunnel of a device ended: no token that is good was shown", "address", d.client.String(), "for", unknownFor)
		_ = d.session.Close()
	}
}

// isUnknown tells whether for too long nobody has shown a token that is good: ever, or since the last one ended. While nobody can tell whose
// a session is, nobody can get a newer token either; what was known stays then, for as long as look leaves it.
func (d *device) isUnknown(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.who == nil {
		return now.Sub(d.unknown) >= unknownFor
	}
	return now.Sub(d.until) >= unknownFor && now.Sub(d.checked) <= recheckAfter
}

func (d *device) user() *access.Principal {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.who
}

// accept serves a stream that the device opened.
func (d *device) accept(s *tunnel.Stream) {
	open, err := wire.Decode[wire.Open](s.Payload())
	switch {
	case err != nil:
		refuse(s, wire.PhaseAsk, "open-malformed", "the opening message is malformed")
	case open.Kind == wire.KindFlow:
		d.serveFlow(s, open)
	case open.Kind == wire.KindAsk && open.Question == wire.QuestionSession:
		answerDevice(d, s, d.showSession)
	case open.Kind == wire.KindAsk && open.Question == wire.QuestionRules:
		answerDevice(d, s, d.showRules)
	case open.Kind == wire.KindAsk && open.Question == wire.QuestionLookup:
		answerDevice(d, s, d.lookUp)
	default:
		refuse(s, wire.PhaseAsk, "unknown-kind", "this gateway does not know such streams of devices")
	}
}

// answerDevice answers a question of a device.
func answerDevice[Q, A any](d *device, s *tunnel.Stream, reply func(context.Context, Q) (A, error)) {
	defer s.Close()
	body, done, ok := d.g.question(s, d.asks, "device-asks")
	if !ok {
		return
	}
	defer done()
	_ = s.SetReadDeadline(time.Time{}) // a stream takes any deadline
	ctx, cancel := context.WithTimeout(s.Context(), askTimeout)
	defer cancel()
	q, err := wire.Decode[Q](body)
	if err != nil {
		refuse(s, wire.PhaseAsk, "bad-question", "the question cannot be understood")
		return
	}
	answer, err := reply(ctx, q)
	if err != nil {
		code := fault.KindOf(err).String()
		if fault.Is(err, fault.KindUnauthenticated) {
			code = wire.CodeNoSession
		}
		refuse(s, wire.PhaseAsk, code, err.Error())
		return
	}
	if respond(s, wire.Encode(answer)) != nil {
		s.Reset(tunnel.CodeInternal)
	}
}

// showSession takes a token and says whose it is.
func (d *device) showSession(ctx context.Context, q wire.AskSession) (wire.SessionKnown, error) {
	now := d.g.now()
	shown := access.DeviceToken{Device: d.id, Serial: d.serial, Secret: q.Token, Address: d.client.Addr().String(), At: now}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	endings := d.g.sessions.endings()
	who, until, err := d.g.cfg.Sessions.Device(ctx, shown)
	if err != nil {
		return wire.SessionKnown{}, err
	}
	d.uses(&who, now, func() { d.shown, d.until = shown, until })
	if d.g.sessions.endings() != endings { // something ended meanwhile; perhaps this
		d.look(ctx)
		if d.user() == nil {
			return wire.SessionKnown{}, fault.Unauthenticated("this sign-in has just ended")
		}
	}
	return wire.SessionKnown{User: who.Name, Until: until, Time: now}, nil
}

// uses notes who uses the device. Their flows, and their rules, are decided by that from now on.
func (d *device) uses(who *access.Principal, now time.Time, more func()) {
	who.Address = d.client.Addr()
	d.mu.Lock()
	d.who, d.checked = who, now
	if more != nil {
		more()
	}
	d.mu.Unlock()
	if v := d.g.view.Load(); v != nil {
		d.decideAgain(v)
	}
}

// look asks once more whose the session is. While nobody can tell, what was known stays, for as long as sessions are honoured then.
func (d *device) look(ctx context.Context) {
	d.mu.Lock()
	shown, checked, who := d.shown, d.checked, d.who
	d.mu.Unlock()
	if who == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	now := d.g.now()
	known, _, err := d.g.cfg.Sessions.Device(ctx, shown)
	switch {
	case err == nil:
		d.uses(&known, now, nil)
		return
	case isAway(err) && now.Sub(checked) < recheckAfter+d.g.limits.SessionStale:
		return
	}
	d.log.Info("the session on a device is over", "user", who.Name, "reason", err)
	d.mu.Lock()
	if d.who == who { // nobody signed in meanwhile
		d.who, d.unknown = nil, d.g.now()
	}
	d.mu.Unlock()
	if v := d.g.view.Load(); v != nil {
		d.decideAgain(v)
	}
}

// decideAgain decides the flows under way, and wakes who waits for the rules.
func (d *device) decideAgain(v *view) {
	now := d.g.now()
	d.mu.Lock()
	who := d.who
	flows := make([]*flow, 0, len(d.flows))
	for f := range d.flows {
		flows = append(flows, f)
	}
	close(d.changed)
	d.changed = make(chan struct{})
	d.mu.Unlock()
	for _, f := range flows {
		if refusal := f.decide(v, who, now); refusal != nil {
			f.cut(refusal)
		}
	}
}

const maxRulesWait = 2 * time.Minute

// showRules says what the user may reach, when that is not what the device knows already.
func (d *device) showRules(ctx context.Context, q wire.AskRules) (wire.Rules, error) {
	timer := time.NewTimer(min(max(q.Wait, 0), maxRulesWait))
	defer timer.Stop()
	for {
		d.mu.Lock()
		who, changed := d.who, d.changed
		d.mu.Unlock()
		v := d.g.view.Load()
		if who == nil {
			return wire.Rules{}, fault.Unauthenticated("nobody is signed in on this device: show a token first")
		}
		if v == nil {
			return wire.Rules{}, fault.Unavailable("this gateway has no configuration yet")
		}
		rules := rulesFor(v, who, d.g.now())
		if rules.Hash != q.Hash {
			return rules, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return rules, nil
		case <-ctx.Done():
			return rules, context.Cause(ctx)
		}
	}
}

// rulesFor gives what somebody may reach from a device just now.
func rulesFor(v *view, who *access.Principal, now time.Time) wire.Rules {
	return agentview.Rules(v.snap, func(app *access.Application) bool {
		return policy.Decide(v.snap, app, policy.Request{Who: who, Address: who.Address, Now: now}).Allow
	})
}

// drain has devices open nothing here any more, and waits until their flows have ended or ctx has.
func (s *devices) drain(ctx context.Context) {
	var each sync.WaitGroup
	for _, d := range s.list(anyDevice) {
		each.Go(func() { _ = d.session.Drain(ctx) }) // what is left is cut
	}
	each.Wait()
}
