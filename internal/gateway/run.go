package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/dial"
	"postern/internal/fault"
	h2 "postern/internal/http2/backend"
	"postern/internal/tunnel"
	"postern/internal/web"
)

const (
	defaultDrain = 30 * time.Second
	// lastDrain is how long tunnels may take to say goodbye once nothing is carried any more.
	lastDrain = 2 * time.Second
	// lastToAsk is how long those who came just before the end may take to ask something: their clients could not know, and a socket
	// that systemd holds would have kept them.
	lastToAsk = 5 * time.Second
)

// Gateway carries traffic. Make one with New and call Serve once.
type Gateway struct {
	cfg        Config
	benching   atomic.Bool // a connector measures what it can carry
	log        *slog.Logger
	now        func() time.Time
	limits     Limits
	metrics    *metrics
	faces      *faces
	budget     *tunnel.Budget
	windows2   *h2.Budget
	census     *census
	admission  *admission
	brands     web.Brands
	kernel     int64 // bytes that the kernel has for TCP
	conns      atomic.Uint64
	started    time.Time
	draining   atomic.Bool
	peering    sync.WaitGroup // tunnels that we dialled
	guests     *guests        // connections that became tunnels by an upgrade
	heralds    heralds
	adminApart bool            // the admin host is served on a listener of its own; set before anything is served
	life       context.Context // ends when nothing is carried any more; set before anything is served

	view  atomic.Pointer[view]
	first chan struct{} // closed with the first view

	links          *links
	peers          *peers
	forwards       *forwards
	devices        *devices
	live           *live
	fronts         *fronts
	fronts2        []*front2
	sessions       *sessionCache
	grants         *grantCache
	connectionAuth *connectionAuth
}

// New checks the configuration and wires a Gateway. It starts nothing.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Drain == 0 {
		cfg.Drain = defaultDrain
	}
	limits := cfg.Limits.withDefaults()
	g := &Gateway{
		cfg: cfg, log: cfg.Log, now: cfg.Now, limits: limits,
		faces:  newFaces(cfg.Keys, cfg.Now),
		budget: tunnel.NewBudget(0), windows2: h2.NewBudget(windows2),
		census: newCensus(limits), admission: newAdmission(limits.MachineHandshakes), kernel: dial.KernelMemory(),
		guests: newGuests(),
		first:  make(chan struct{}),
		links:  newLinks(), live: newLive(limits), fronts: newFronts(), peers: newPeers(), forwards: newForwards(), started: time.Now(),
		sessions:       newSessionCache(cfg.Sessions, limits, cfg.Now),
		grants:         newGrantCache(cfg.Grants, cfg.Now),
		connectionAuth: &connectionAuth{},
	}
	g.devices = newDevices(g)
	var err error
	g.metrics, err = newMetrics(g, cfg.Registerer)
	return g, err
}

func (cfg *Config) check() error {
	var errs []error
	need := func(name string, given bool) {
		if !given {
			errs = append(errs, fmt.Errorf("gateway: Config.%s is missing", name))
		}
	}
	need("ID", cfg.ID != "")
	need("Snapshots", cfg.Snapshots != nil)
	need("Sessions", cfg.Sessions != nil)
	need("SignIns", cfg.SignIns != nil)
	need("Grants", cfg.Grants != nil)
	need("Keys", cfg.Keys != nil)
	need("Portal", cfg.Portal != nil)
	need("Admin", cfg.Admin != nil)
	need("Agent", cfg.Agent != nil)
	need("Ask", cfg.Ask != nil)
	return errors.Join(errs...)
}

// Ready says what is missing for requests to be served: a snapshot, or certificates to present.
func (g *Gateway) Ready() error {
	v := g.view.Load()
	if v == nil {
		return fault.Unavailable("the gateway has not received its configuration yet")
	}
	if _, err := g.cfg.Keys.GatewayCertificate(); err != nil {
		return fault.Unavailable("the gateway has no certificate to present to connectors").Because(err)
	}
	certificate, err := g.cfg.Keys.PublicCertificate(v.portal.Host)
	if err != nil || certificate == nil {
		return fault.Unavailable("the gateway has no certificate for the portal's host").Because(err)
	}
	if leaf := certificate.Leaf; leaf != nil && g.now().After(leaf.NotAfter) {
		return fault.Unavailable("the certificate for the portal's host has expired").Because(x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired})
	}
	return nil
}

// Serve serves the listeners until ctx ends. Then it takes no new connections, lets open requests
// finish for Config.Drain, cuts what is left, and returns when everything it started has ended.
// It closes the listeners.
func (g *Gateway) Serve(ctx context.Context, listeners Listeners) error {
	if listeners.TLS == nil {
		return errors.New("gateway: Listeners.TLS is missing")
	}
	g.adminApart = listeners.Admin != nil
	var die context.CancelFunc
	g.life, die = context.WithCancel(web.WithBrand(context.WithoutCancel(ctx), g.brand))
	defer die()
	watching, stopWatching := context.WithCancel(g.life)

	var background, doors sync.WaitGroup
	for _, run := range []func(context.Context){g.watchSnapshots, g.watchEndings, g.watchTime, g.watchExchanges, g.keepMemory, g.keep, g.faces.keep, g.keepPeers, g.keepStated, g.keepReaching} {
		background.Go(func() { run(watching) })
	}
	var servers []*http.Server
	var open []door
	for _, l := range []struct {
		net.Listener
		admin bool
	}{{listeners.TLS, false}, {listeners.Admin, true}} {
		if l.Listener != nil {
			d, more := g.open(ctx, &doors, l.Listener, l.admin)
			open, servers = append(open, d), append(servers, more...)
		}
	}
	if listeners.Plain != nil {
		d, server := g.openPlain(&doors, listeners.Plain)
		open, servers = append(open, d), append(servers, server)
	}
	<-ctx.Done()
	g.drain(open, servers)
	die()
	g.guests.close()
	doors.Wait()
	for _, f := range g.fronts2 {
		f.server.Close()
	}
	stopWatching()
	background.Wait()
	g.peering.Wait()
	return nil
}

// open serves a TLS listener.
func (g *Gateway) open(ctx context.Context, doors *sync.WaitGroup, l net.Listener, admin bool) (door, []*http.Server) {
	e := &entrance{g: g, admin: admin, public: newFeed(l.Addr()), agent: newFeed(l.Addr()), tunnels: g.tunnel}
	e.front2 = newFront2(e)
	g.fronts2 = append(g.fronts2, e.front2)
	public := g.server(http.HandlerFunc(e.handle))
	agent := g.server(g.cfg.Agent)
	agent.ReadTimeout, agent.WriteTimeout = time.Minute, time.Minute
	d := door{l, e.begin, func(c *conn) { e.serve(ctx, c) }, make(chan struct{})}
	doors.Go(func() { g.accept(d) })
	doors.Go(func() { g.serveFeed(public, e.public) })
	doors.Go(func() { g.serveFeed(agent, e.agent) })
	return d, []*http.Server{public, agent}
}

func (g *Gateway) serveFeed(s *http.Server, f *feed) {
	if err := s.Serve(f); !errors.Is(err, http.ErrServerClosed) {
		g.log.Error("serve", "error", err)
	}
	_ = f.Close() // frees whoever still hands it a connection
}

// openPlain serves the listener of port 80.
func (g *Gateway) openPlain(doors *sync.WaitGroup, l net.Listener) (door, *http.Server) {
	f := newFeed(l.Addr())
	s := g.server(http.HandlerFunc(g.plain))
	s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = time.Minute, time.Minute, 10*time.Second
	d := door{l, func(c *conn) bool { g.census.expect(c); return true }, func(c *conn) { f.put(c) }, make(chan struct{})}
	doors.Go(func() { g.accept(d) })
	doors.Go(func() { g.serveFeed(s, f) })
	return d, s
}

// drain ends everything in order: no new connections, then the requests, then what has no end of
// its own, at last the tunnels, which the requests needed until here.
func (g *Gateway) drain(open []door, servers []*http.Server) {
	for _, l := range open {
		_ = l.Close() // it is of no use any more, whatever it says
		<-l.closed    // so that all who came in are counted
	}
	ctx, cancel := context.WithTimeout(context.Background(), g.cfg.Drain)
	defer cancel()
	g.log.Info("draining", "exchanges", g.live.count(), "forwarded", g.forwards.count())
	g.draining.Store(true)
	g.peers.news() // other gateways open nothing here any more and let go of what is idle
	// Before anything is told to end: net/http answers nothing any more then, whatever has come.
	g.settle(ctx, func() int { return g.census.expected(time.Now().Add(-lastToAsk)) })
	var each sync.WaitGroup
	each.Go(func() { g.settle(ctx, g.forwards.count) })
	meanwhile, over := context.WithCancel(ctx) // flows have no end of their own: what they finish while others are waited for, they may
	defer over()
	g.peering.Go(func() { g.devices.drain(meanwhile) })
	each.Go(func() {
		if g.fronts.drain(ctx) != nil {
			g.cutAll()
		}
	})
	for _, f := range g.fronts2 {
		each.Go(func() {
			if f.drain(ctx) != nil {
				g.cutAll()
			}
		})
	}
	for _, s := range servers {
		each.Go(func() {
			if s.Shutdown(ctx) != nil {
				g.cutAll()
				_ = s.Close()
			}
		})
	}
	each.Wait()
	// What is left are WebSockets and flows, which have no end of their own.
	g.cutAll()
	last, cancelLast := context.WithTimeout(context.Background(), lastDrain)
	defer cancelLast()
	g.settle(last, func() int { return g.live.count() + g.devices.countFlows() })
	g.devices.closeWhere(anyDevice)
	g.drainPeers(last)
	g.drainLinks(last)
}

// settle waits until nothing is under way or ctx ends.
func (g *Gateway) settle(ctx context.Context, count func() int) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for count() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (g *Gateway) cutAll() {
	for _, x := range g.live.list(func(*exchange) bool { return true }) {
		x.cut(errShutdown, closeRestart)
	}
	g.devices.cutFlows()
}
