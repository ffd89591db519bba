package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/credential"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

const (
	freshConnector = 10 * time.Second // how long a tunnel waits for a snapshot that knows its connector
	probeEvery     = 10 * time.Second
	probeTimeout   = 10 * time.Second
	lookAfter      = time.Second     // a reply that takes longer makes us look at the connector's tunnels
	refuseFor      = 2 * time.Second // how long a refused tunnel stays, so that it can be told why
	askTimeout     = 3 * time.Minute // a question for the configuration waits for a change
)

// A link is one tunnel of a connector: here, or far at another gateway.
type link struct {
	g         *Gateway
	connector access.ID
	number    uint64      // of the tunnel, at the gateway that holds it
	via       *peer       // of a far link: the way to that gateway
	gone      atomic.Bool // of a far link: it takes no new streams any more
	still     atomic.Bool // its connector does not answer at the moment: it takes no new streams
	serial    string      // of the certificate that the tunnel was proven with
	instance  string
	address   string
	peer      wire.Identity
	session   *tunnel.Session // of a far link: that of via
	asks      chan struct{}
	look      chan struct{} // takes one: probe now
	active    atomic.Int64  // exchanges under way
	pools     pools
	shown     shown
	log       *slog.Logger

	mu        sync.Mutex // guards the fields below
	echo      time.Time
	roundTrip time.Duration
}

// usable reports whether the link takes new streams.
func (l *link) usable() bool { return !l.session.Draining() && !l.gone.Load() && !l.still.Load() }

// links are the tunnels that are open here and those that other gateways told of, by connector.
type links struct {
	turn   atomic.Uint32
	number atomic.Uint64

	mu   sync.RWMutex // guards the fields below
	open map[access.ID][]*link
	far  map[access.ID][]*link
	lost map[access.ID]time.Time // when the last one went, as long as that may matter
	// conditions are how connectors reach applications, as far as it is known: by application and connector. troubled are those
	// that are out, or came back a moment ago.
	conditions map[access.ID]map[access.ID]*condition
	troubled   map[*condition]struct{}
	changed    chan struct{} // closed and replaced when there is another link
}

func newLinks() *links {
	return &links{open: map[access.ID][]*link{}, far: map[access.ID][]*link{}, lost: map[access.ID]time.Time{}, changed: make(chan struct{}),
		conditions: map[access.ID]map[access.ID]*condition{}, troubled: map[*condition]struct{}{}}
}

func (s *links) add(l *link)       { s.put(s.open, l) }
func (s *links) addFar(l *link)    { s.put(s.far, l) }
func (s *links) remove(l *link)    { s.take(s.open, l) }
func (s *links) removeFar(l *link) { s.take(s.far, l) }

func (s *links) put(list map[access.ID][]*link, l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list[l.connector] = append(slices.Clone(list[l.connector]), l)
	delete(s.lost, l.connector)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *links) take(list map[access.ID][]*link, l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(list[l.connector]), func(other *link) bool { return other == l })
	if len(rest) > 0 {
		list[l.connector] = rest
		return
	}
	delete(list, l.connector)
	if len(s.open[l.connector])+len(s.far[l.connector]) == 0 {
		now := time.Now()
		maps.DeleteFunc(s.lost, func(_ access.ID, at time.Time) bool { return now.Sub(at) > comeBack })
		s.lost[l.connector] = now
	}
}

// lostSince tells when the last tunnel of a connector was lost, if it was lately; one that drains is being lost.
func (s *links) lostSince(connector access.ID) (at time.Time, lost bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.open[connector])+len(s.far[connector]) > 0 {
		return time.Now(), true
	}
	at, lost = s.lost[connector]
	return at, lost
}

// grown gives a channel that closes when there is another link.
func (s *links) grown() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// farOf lists the links of a connector at other gateways. The caller must not change the slice.
func (s *links) farOf(connector access.ID) []*link {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.far[connector]
}

func (s *links) allFar() []*link {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*link
	for _, of := range s.far {
		all = append(all, of...)
	}
	return all
}

// of lists the links of a connector. The caller must not change the slice.
func (s *links) of(connector access.ID) []*link {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[connector]
}

func (s *links) all() []*link {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*link
	for _, of := range s.open {
		all = append(all, of...)
	}
	return all
}

// tunnel carries a tunnel from its handshake to its end: a connector's, another gateway's or a device's.
func (g *Gateway) tunnel(ctx context.Context, c *tls.Conn) {
	peer, serial, err := credential.PeerIdentity(c.ConnectionState())
	switch {
	case err == nil && peer.Role == wire.RoleConnector:
		g.connectorTunnel(ctx, c, peer, serial)
	case err == nil && peer.Role == wire.RoleGateway:
		g.peerTunnel(c, peer, serial)
	case err == nil && peer.Role == wire.RoleClient:
		g.deviceTunnel(c, peer, serial)
	default:
		g.log.Warn("tunnel refused", "client", c.RemoteAddr().String(), "error", err)
		_ = c.Close()
	}
}

func (g *Gateway) connectorTunnel(ctx context.Context, c *tls.Conn, peer wire.Identity, serial string) {
	connector := access.ID(peer.ID)
	if why := g.admit(ctx, connector); why != nil {
		g.turnAway(ctx, c, connector, why)
		return
	}
	l := &link{
		g: g, connector: connector, serial: serial, peer: peer, address: c.RemoteAddr().String(),
		asks: make(chan struct{}, g.limits.Asks), look: make(chan struct{}, 1), log: g.log.With("connector", connector),
		number: g.links.number.Add(1),
	}
	l.pools.link = l
	var err error
	l.session, err = tunnel.New(tunnel.Config{
		Conn: c, Hello: tunnel.Hello{Instance: g.cfg.ID}, Accept: l.accept, Log: l.log, Budget: g.budget,
	})
	if err != nil {
		g.log.Error("make a tunnel", "connector", connector, "error", err)
		_ = c.Close()
		return
	}
	var ended sync.WaitGroup
	ended.Go(l.live)
	// Not ctx: a tunnel outlives the call to stop until the exchanges in it are done.
	err = l.session.Run(g.life)
	ended.Wait()
	l.log.Info("tunnel closed", "address", l.address, "instance", l.instance, "reason", err)
}

// admit waits until the connector is known, enabled and within its limit, or says why it is not.
func (g *Gateway) admit(ctx context.Context, connector access.ID) *wire.Refusal {
	if len(g.links.of(connector)) >= g.limits.ConnectorTunnels {
		g.metrics.refused.WithLabelValues("connector-tunnels").Inc()
		return &wire.Refusal{Phase: wire.PhaseLimit, Code: "too-many-tunnels",
			Message: "this connector has as many tunnels to this gateway as it may have"}
	}
	ctx, cancel := context.WithTimeout(ctx, freshConnector)
	defer cancel()
	for {
		v := g.view.Load()
		if v != nil {
			if c, ok := v.snap.Connector(connector); ok && !c.Disabled {
				return nil
			} else if ok {
				return &wire.Refusal{Phase: wire.PhaseGrant, Code: "connector-disabled", Message: "this connector is disabled: an administrator can enable it again"}
			}
		}
		var changed <-chan struct{} = g.first
		if v != nil {
			changed = v.changed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return &wire.Refusal{Phase: wire.PhaseGrant, Code: "connector-unknown",
				Message: "this connector is not registered with this service any more: enrol it again"}
		}
	}
}

// turnAway tells a connector why it may not have this tunnel: each stream that it opens is refused
// with the reason, and soon the tunnel is closed.
func (g *Gateway) turnAway(ctx context.Context, c *tls.Conn, connector access.ID, why *wire.Refusal) {
	g.log.Warn("tunnel refused", "connector", connector, "address", c.RemoteAddr().String(), "reason", why.Code)
	ctx, cancel := context.WithTimeout(ctx, refuseFor)
	defer cancel()
	session, err := tunnel.New(tunnel.Config{
		Conn: c, Hello: tunnel.Hello{Instance: g.cfg.ID}, Budget: g.budget, Limits: tunnel.Limits{Streams: 4},
		Accept: func(s *tunnel.Stream) { _ = s.Refuse(wire.Encode(why)); cancel() }, // it cannot be told more than once
	})
	if err != nil {
		_ = c.Close()
		return
	}
	_ = session.Run(ctx) // ends by ctx
}

// live is a link's life once its peer said HELLO: known to the others, probed, reported.
func (l *link) live() {
	hello, err := l.session.Ready(l.g.life)
	if err != nil {
		return
	}
	l.instance = hello.Instance
	l.g.links.add(l)
	l.g.links.askSoon(func(k *condition) bool { return k.connector == l.connector }) // perhaps it was mended and restarted
	l.log.Info("tunnel open", "address", l.address, "instance", l.instance)
	// What changed between admission and now is seen by whoever comes second.
	l.g.review(l)
	l.g.presence(l)
	l.g.peers.news()
	defer func() {
		l.g.links.remove(l)
		l.pools.retire(nil)
		l.g.presence(l)
		l.g.peers.news()
	}()
	wait := time.Duration(0)
	going := l.session.Going()
	for {
		timer := time.NewTimer(wait)
		select {
		case <-l.session.Done():
			timer.Stop()
			return
		case <-going:
			timer.Stop()
			going = nil // once
			l.g.peers.news()
			continue
		case <-l.look:
			timer.Stop()
		case <-timer.C:
		}
		l.probe()
		if wait = probeEvery*3/4 + rand.N(probeEvery/2); l.still.Load() {
			wait = lookEach // until it answers, or its tunnel is given up
		}
	}
}

// lookAround probes the connector's tunnels, unless one just answered. If the network between is dark, all of them are found
// to be lost at the same time, and not each by the request that tries it next.
func (l *link) lookAround() {
	if l.via != nil {
		return // the gateway that holds the tunnel looks after it
	}
	for _, other := range l.g.links.of(l.connector) {
		other.mu.Lock()
		fresh := l.g.now().Sub(other.echo) < lookAfter
		other.mu.Unlock()
		if fresh {
			continue
		}
		select {
		case other.look <- struct{}{}:
		default: // it will
		}
	}
}

// probe asks the connector itself to echo, and reports the answer.
func (l *link) probe() {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	took, err := l.echoed(ctx)
	if err != nil {
		l.log.Debug("probe", "error", err)
		return
	}
	now := l.g.now()
	l.mu.Lock()
	silent := now.Sub(l.echo) > 2*probeEvery
	l.echo, l.roundTrip = now, took
	l.mu.Unlock()
	l.g.presence(l)
	if silent {
		l.g.peers.news() // other gateways hear of every echo now and then, of one that was missed at once
	}
}

// presence reports the tunnels of the link's connector process.
func (g *Gateway) presence(l *link) {
	report := g.presenceOf(l)
	g.metrics.tunnels.WithLabelValues(string(l.connector)).Set(float64(len(g.links.of(l.connector))))
	if g.cfg.Presence != nil {
		g.cfg.Presence.Report(report)
	}
}

func (g *Gateway) presenceOf(l *link) wire.Presence {
	report := wire.Presence{Connector: string(l.connector), Instance: l.instance, Gateway: g.cfg.ID, Address: l.address}
	of := g.links.of(l.connector)
	for _, other := range of {
		if other.instance != l.instance {
			continue
		}
		report.Tunnels++
		report.Streams += other.session.Streams()
		report.Address = other.address
		other.mu.Lock()
		if other.echo.After(report.Echo) {
			report.Echo, report.RoundTrip = other.echo, other.roundTrip
		}
		other.mu.Unlock()
	}
	if report.Tunnels > 0 {
		report.Unreached = g.unreached(l.connector)
	}
	return report
}

// review closes the link if the connector may not have it by the view and revocations of this moment.
func (g *Gateway) review(l *link) {
	v := g.view.Load()
	c, ok := v.snap.Connector(l.connector)
	if !ok || c.Disabled || g.cfg.Keys.Revoked(l.serial) {
		l.log.Info("tunnel cut: the connector may not have it any more")
		_ = l.session.Close()
	}
}

// sweep retires what draining links keep, so that their drain can end.
func (g *Gateway) sweep() {
	now := time.Now()
	for _, l := range append(g.links.all(), g.links.allFar()...) {
		if l.pools.sweep(now); !l.usable() {
			l.pools.retire(nil)
		}
	}
}

// drainLinks ends all links without loss, and cuts what is left when ctx ends.
func (g *Gateway) drainLinks(ctx context.Context) {
	var each sync.WaitGroup
	for _, l := range g.links.all() {
		each.Go(func() {
			l.pools.retire(nil)
			if err := l.session.Drain(ctx); err != nil && !errors.Is(err, tunnel.ErrClosed) {
				l.log.Debug("drain tunnel", "error", err)
			}
			_ = l.session.Close()
		})
	}
	each.Wait()
}

// closeWhere closes every link that a condition is true of.
func (s *links) closeWhere(condition func(*link) bool) {
	for _, l := range s.all() {
		if condition(l) {
			_ = l.session.Close()
		}
	}
}
