package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/credential"
	"postern/internal/dial"
	"postern/internal/tunnel"
	"postern/internal/uplink"
	"postern/internal/wire"
)

const (
	peerDial  = 10 * time.Second // for a dial of another gateway with its handshake and HELLO
	peerRenew = 10 * time.Minute // before the end of its certificates a tunnel is replaced
	peerQuiet = time.Minute      // how long the same trouble with a gateway is not logged again
)

// Peers tells which gateways run, this one included.
type Peers interface {
	// RunningGateways waits until they are not those that are known.
	RunningGateways(ctx context.Context, known []access.Gateway) ([]access.Gateway, error)
}

// A peer is a tunnel with another gateway. Either side opens streams in it.
type peer struct {
	g       *Gateway
	id      string // of the other gateway, proven
	serial  string // of its certificate
	address string
	dialled bool      // by us
	until   time.Time // when one of the two certificates ends
	session *tunnel.Session
	grants  grantsSeen
	asks    chan struct{}
	hearing atomic.Bool // it tells already
	entered bool        // it came into use; of run
	log     *slog.Logger

	mu    sync.Mutex // guards the fields below
	ended bool       // nothing is to be kept any more
	held  map[uint64]*link
	told  map[instanceKey]wire.Presence
}

// An instanceKey is one process of a connector.
type instanceKey struct{ connector, instance string }

// peers are the tunnels with other gateways, and what is to be told over them.
type peers struct {
	mu      sync.Mutex // guards the fields below
	open    map[*peer]struct{}
	running []access.Gateway
	slots   map[access.ID]context.CancelFunc
	changed chan struct{} // closed and replaced when there is something to tell
}

func newPeers() *peers {
	return &peers{open: map[*peer]struct{}{}, slots: map[access.ID]context.CancelFunc{}, changed: make(chan struct{})}
}

// news wakes those who tell other gateways what this one holds.
func (s *peers) news() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *peers) waiting() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *peers) all() []*peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*peer, 0, len(s.open))
	for p := range s.open {
		list = append(list, p)
	}
	return list
}

// reach gives the gateways with which there is a tunnel, and those that run but with which there is none.
func (s *peers) reach(own string) (reached, unreached []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.open {
		if !slices.Contains(reached, p.id) {
			reached = append(reached, p.id)
		}
	}
	slices.Sort(reached)
	for _, g := range s.running {
		if string(g.ID) != own && !slices.Contains(reached, string(g.ID)) {
			unreached = append(unreached, string(g.ID))
		}
	}
	return reached, unreached
}

// Both sides dial, so that there is a tunnel even where only one of them reaches the other.
const (
	dialledEach  = 1
	acceptedEach = 4 // a gateway whose old tunnels are not known to be lost yet comes again
)

var (
	errSelf   = errors.New("the address led back to this gateway")
	errEnough = errors.New("this gateway has its tunnel already; another one is wanted")
)

// enter registers a tunnel, unless there are enough.
func (s *peers) enter(p *peer, most int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	same, limit := 0, acceptedEach
	if p.dialled {
		limit = dialledEach
	}
	for other := range s.open {
		if other.id == p.id && other.dialled == p.dialled && !other.session.Draining() {
			same++
		}
	}
	if same >= limit || !p.dialled && len(s.open) >= most {
		return fmt.Errorf("gateway %s: %w", p.id, errEnough)
	}
	s.open[p] = struct{}{}
	return nil
}

// enough reports whether we dialled that gateway already.
func (s *peers) enough(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.open {
		if p.id == id && p.dialled && !p.session.Draining() {
			return true
		}
	}
	return false
}

func (s *peers) leave(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, p)
}

// keepPeers holds a tunnel to every other gateway that runs, until ctx ends.
func (g *Gateway) keepPeers(ctx context.Context) {
	if g.cfg.Peers == nil {
		return
	}
	var dialling sync.WaitGroup
	defer dialling.Wait()
	g.retry(ctx, "wait for other gateways", func(ctx context.Context) error {
		g.peers.mu.Lock()
		known := g.peers.running
		g.peers.mu.Unlock()
		list, err := g.cfg.Peers.RunningGateways(ctx, known)
		if err != nil {
			return err
		}
		g.followPeers(ctx, list, &dialling)
		return nil
	})
}

// followPeers dials those that came and stops dialling those that went. A tunnel with one that went stays as long as it lives:
// its heartbeat may be missing because the database is away from it.
func (g *Gateway) followPeers(ctx context.Context, list []access.Gateway, dialling *sync.WaitGroup) {
	s := g.peers
	s.mu.Lock()
	defer s.mu.Unlock()
	moved := func(id access.ID) bool {
		was := func(list []access.Gateway) string {
			for _, gw := range list {
				if gw.ID == id {
					return gw.Address
				}
			}
			return ""
		}
		return was(s.running) != was(list)
	}
	for id, stop := range s.slots {
		if moved(id) {
			stop()
			delete(s.slots, id)
		}
	}
	for _, gw := range list {
		if string(gw.ID) == g.cfg.ID || s.slots[gw.ID] != nil {
			continue
		}
		slot, stop := context.WithCancel(ctx)
		s.slots[gw.ID] = stop
		dialling.Go(func() { g.keepPeer(slot, gw) })
	}
	s.running = list
}

// keepPeer holds one tunnel to a gateway until ctx ends.
func (g *Gateway) keepPeer(ctx context.Context, to access.Gateway) {
	var backoff uplink.Backoff
	var logged time.Time
	var last string
	log := g.log.With("gateway", to.ID, "address", to.Address)
	failed := func(err error) {
		if errors.Is(err, errEnough) || errors.Is(err, errSelf) {
			log.Debug("tunnel to another gateway not wanted", "reason", err) // a shared address led elsewhere
			return
		}
		if err.Error() != last || time.Since(logged) > peerQuiet {
			last, logged = err.Error(), time.Now()
			log.Warn("no tunnel to another gateway: does its --gateway-address lead to it from here?", "error", err)
		}
	}
	for {
		p, err := uplink.Connect(ctx, &backoff, func(ctx context.Context) (*peer, error) { return g.dialPeer(ctx, to) }, failed)
		if err != nil {
			return
		}
		since := time.Now()
		left := p.until.Sub(g.now())
		timer := time.NewTimer(left - min(peerRenew, left/2))
		select {
		case <-p.session.Going():
		case <-timer.C:
			g.peering.Go(func() { p.retire() })
		}
		timer.Stop()
		backoff.Ended(time.Since(since))
	}
}

// retire ends a tunnel whose certificates end soon, once what it carries is done.
func (p *peer) retire() {
	ctx, cancel := context.WithTimeout(p.g.life, peerRenew)
	defer cancel()
	_ = p.session.Drain(ctx) // cut at the end, as the connection would be with anybody else's certificate
	_ = p.session.Close()
}

// Close ends the tunnel.
func (p *peer) Close() error { return p.session.Close() }

// dialPeer makes a tunnel to a gateway, and has it served until it ends.
func (g *Gateway) dialPeer(ctx context.Context, to access.Gateway) (*peer, error) {
	ctx, cancel := context.WithTimeout(ctx, peerDial)
	defer cancel()
	raw, err := dial.Context(ctx, "tcp", to.Address)
	if err != nil {
		return nil, err
	}
	config, err := g.dialTLS(to.Address)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	c := tls.Client(tunnel.Coalesce(raw), config)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	who, serial, err := credential.PeerIdentity(c.ConnectionState())
	switch {
	case err != nil:
	case who.ID == g.cfg.ID:
		err = errSelf
	case g.peers.enough(who.ID):
		err = errEnough
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	p, err := g.newPeer(c, who, serial, true)
	if err != nil {
		return nil, err
	}
	up := make(chan error, 1)
	g.peering.Go(func() { p.run(up) })
	select {
	case err = <-up:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = p.session.Close()
		return nil, err
	}
	return p, nil
}

// dialTLS proves this gateway by its own certificate and takes nobody but a gateway of ours.
func (g *Gateway) dialTLS(address string) (*tls.Config, error) {
	own, err := g.cfg.Keys.GatewayCertificate()
	if err != nil {
		return nil, err
	}
	leaf := tls.Certificate{Certificate: own.Certificate[:1], PrivateKey: own.PrivateKey, Leaf: own.Leaf} // a client shows nothing else
	config := &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		NextProtos:                  []string{wire.ProtocolTunnel},
		InsecureSkipVerify:          true, // the check below is the one that counts
		GetClientCertificate:        func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &leaf, nil },
		DynamicRecordSizingDisabled: true,
		VerifyConnection:            verifyPeer(g.cfg.Keys, g.now, x509.ExtKeyUsageServerAuth, wire.RoleGateway),
	}
	host, _, _ := net.SplitHostPort(address)
	if _, err := netip.ParseAddr(host); err != nil {
		config.ServerName = host // for whoever passes TLS through by it
	} else if v := g.view.Load(); v != nil {
		config.ServerName = v.portal.Host
	}
	return config, nil
}

// peerTunnel carries a tunnel that another gateway dialled.
func (g *Gateway) peerTunnel(c *tls.Conn, who wire.Identity, serial string) {
	if who.ID == g.cfg.ID {
		_ = c.Close() // a shared address led it back to itself
		return
	}
	p, err := g.newPeer(c, who, serial, false)
	if err != nil {
		g.log.Error("make a tunnel", "gateway", who.ID, "error", err)
		return
	}
	p.run(make(chan error, 1))
}

func (g *Gateway) newPeer(c *tls.Conn, who wire.Identity, serial string, dialled bool) (*peer, error) {
	p := &peer{
		g: g, until: endOf(c.ConnectionState(), g.cfg.Keys), id: who.ID, serial: serial, address: c.RemoteAddr().String(), dialled: dialled, log: g.log.With("peer", who.ID),
		asks: make(chan struct{}, g.limits.PeerAsks), held: map[uint64]*link{}, told: map[instanceKey]wire.Presence{},
	}
	var err error
	p.session, err = tunnel.New(tunnel.Config{
		Conn: c, Dialler: dialled, Hello: tunnel.Hello{Instance: g.cfg.ID}, Accept: p.accept, Log: p.log, Budget: g.budget,
		Limits: tunnel.Limits{Streams: g.limits.PeerStreams},
	})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return p, nil
}

// endOf gives when the first of the two certificates of a connection ends.
func endOf(state tls.ConnectionState, keys Keys) time.Time {
	until := state.PeerCertificates[0].NotAfter
	if own, err := keys.GatewayCertificate(); err == nil && own.Leaf != nil && own.Leaf.NotAfter.Before(until) {
		return own.Leaf.NotAfter
	}
	return until
}

// run carries the tunnel to its end. up is told when it is in use, or why it never will be.
func (p *peer) run(up chan<- error) {
	var life sync.WaitGroup
	life.Go(func() { p.live(up) })
	err := p.session.Run(p.g.life) // it outlives the call to stop, as the exchanges in it do
	life.Wait()
	level := slog.LevelInfo
	if !p.entered {
		level = slog.LevelDebug // it was never of use
	}
	p.log.Log(context.Background(), level, "tunnel with another gateway closed", "address", p.address, "reason", err)
}

// live is the tunnel's life once the other gateway said HELLO: it is told what this one holds.
func (p *peer) live(up chan<- error) {
	hello, err := p.session.Ready(p.g.life)
	if err == nil && hello.Instance != p.id {
		err = fmt.Errorf("gateway %s says that it is %q", p.id, hello.Instance)
	}
	if err == nil {
		err = p.g.peers.enter(p, p.g.limits.Peers)
	}
	if err != nil {
		up <- err
		_ = p.session.Close()
		return
	}
	p.entered = true
	up <- nil
	p.log.Info("tunnel with another gateway open", "address", p.address, "dialled", p.dialled)
	p.review()
	p.g.peers.news() // the others are told that there is a way now
	defer p.forget()
	p.tell()
	<-p.session.Done()
}

// review closes the tunnel if the other gateway's certificate was revoked.
func (p *peer) review() {
	if p.g.cfg.Keys.Revoked(p.serial) {
		p.log.Warn("tunnel cut: the other gateway's certificate is revoked")
		_ = p.session.Close()
	}
}

// drainPeers ends the tunnels with other gateways, and cuts what is left when ctx ends.
func (g *Gateway) drainPeers(ctx context.Context) {
	var each sync.WaitGroup
	for _, p := range g.peers.all() {
		each.Go(func() {
			if err := p.session.Drain(ctx); err != nil && !errors.Is(err, tunnel.ErrClosed) {
				p.log.Debug("drain tunnel", "error", err)
			}
			_ = p.session.Close()
		})
	}
	each.Wait()
}
