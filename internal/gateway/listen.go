package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"postern/internal/dial"
	"postern/internal/fault"
	"postern/internal/field"
	"postern/internal/match"
	"postern/internal/sock"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

// A conn is one accepted connection: it counts against the limits until it is closed.
type conn struct {
	net.Conn
	census  *census
	network netip.Prefix // of its client
	told    net.Addr     // its client, as a listed load balancer told; nil: its peer is
	number  uint64       // unique in this process
	came    time.Time
	silent  atomic.Bool // it came to ask something and has not yet

	// Of a connection for applications, once its handshake is done.
	hello  *tls.ConnectionState
	client netip.AddrPort
	peer   string // client, as text

	destination atomic.Pointer[destination] // of its last request
	called      remembered                  // what its client called itself last
	brought     remembered                  // the secret of the session that its client brought last

	mu     sync.Mutex // guards the fields below
	closed bool
	after  []func()           // run when it closes
	links  map[stickKey]*link // where its private backend connections are
}

// remembered is a text that seldom changes on a connection, and need not be made anew for each request.
type remembered struct{ last atomic.Pointer[string] }

func (r *remembered) text(value []byte) string {
	if last := r.last.Load(); last != nil && *last == string(value) {
		return *last
	}
	text := string(value)
	if len(text) <= maxAgent { // a hostile one is not kept on an idle connection
		r.last.Store(&text)
	}
	return text
}

// agentOf gives what a client calls itself, bounded.
func agentOf(fields field.Fields) []byte {
	value := fields.Get("user-agent")
	return value[:min(len(value), maxAgent)]
}

// RemoteAddr gives whose connection it is.
func (c *conn) RemoteAddr() net.Addr {
	if c.told != nil {
		return c.told
	}
	return c.Conn.RemoteAddr()
}

// SyscallConn lets a tunnel gather its writes.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func (c *conn) Close() error {
	c.mu.Lock()
	again, after := c.closed, c.after
	c.closed, c.after, c.links = true, nil, nil
	c.mu.Unlock()
	if !again {
		c.asked()
		c.census.leave(&c.census.open, c.network)
	}
	for _, f := range after {
		f()
	}
	return c.Conn.Close()
}

// asked says that something was asked on it: whoever answers has it from here on.
func (c *conn) asked() {
	if c.silent.Load() && c.silent.CompareAndSwap(true, false) {
		c.census.heard(c)
	}
}

// onClose runs f when the connection closes, at once if it is closed.
func (c *conn) onClose(f func()) {
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.after = append(c.after, f)
	}
	c.mu.Unlock()
	if closed {
		f()
	}
}

// abort closes the connection by a reset, past the farewell of TLS.
func (c *conn) abort() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // best effort: closing is what counts
	}
	_ = c.Close()
}

// trackedConn finds the accepted connection under a TLS connection.
func trackedConn(c net.Conn) *conn {
	for c != nil {
		if tracked, ok := c.(*conn); ok {
			return tracked
		}
		under, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = under.NetConn()
	}
	return nil
}

// A census counts open connections and handshakes, in all and by network.
type census struct {
	mu      sync.Mutex // guards all
	open    tally
	shaking tally
	silent  map[*conn]struct{} // open ones on which nothing was asked yet
}

// A tally counts what happens at once, in all and by network.
type tally struct {
	most, mostEach   int
	limit, limitEach string // what the limits are called in metrics
	all              int
	each             map[netip.Prefix]int
}

func newCensus(limits Limits) *census {
	tallyOf := func(limit string, most, mostEach int) tally {
		return tally{most: most, mostEach: mostEach, limit: limit, limitEach: "address-" + limit, each: map[netip.Prefix]int{}}
	}
	return &census{
		silent:  map[*conn]struct{}{},
		open:    tallyOf("connections", limits.Connections, limits.AddressConnections),
		shaking: tallyOf("handshakes", limits.Handshakes, limits.AddressHandshakes),
	}
}

// enter counts one more, or names the limit that it met.
func (c *census) enter(t *tally, network netip.Prefix) (limit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case t.all >= t.most:
		return t.limit
	case t.each[network] >= t.mostEach:
		return t.limitEach
	}
	t.all++
	t.each[network]++
	return ""
}

func (c *census) leave(t *tally, network netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.all--
	if t.each[network]--; t.each[network] <= 0 {
		delete(t.each, network)
	}
}

// expect counts a connection among those on which nothing was asked yet, until [conn.asked] or until it closes.
func (c *census) expect(came *conn) {
	came.silent.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent[came] = struct{}{}
}

func (c *census) heard(from *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.silent, from)
}

// expected gives how many have come since then and asked nothing yet.
func (c *census) expected(since time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for came := range c.silent {
		if came.came.After(since) {
			n++
		}
	}
	return n
}

// A door is a listener that is open. Whoever it let in is counted before closed is.
type door struct {
	net.Listener
	begin  func(*conn) bool // counts one that came, before it is served; false: it is turned away
	serve  func(*conn)
	closed chan struct{} // closed when nobody comes in any more
}

// accept takes connections until the listener is closed, and serves each in a goroutine of
// its own, so that one that says nothing holds up nobody else. It returns when all of them ended.
func (g *Gateway) accept(listener door) {
	var open sync.WaitGroup
	defer open.Wait()
	defer close(listener.closed)
	pause := time.Duration(0)
	for {
		raw, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Mostly: no file descriptors left. Others will be closed.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			g.log.Warn("accept connection", "error", err)
			time.Sleep(pause)
			continue
		}
		pause = 0
		peer, _ := netip.ParseAddrPort(raw.RemoteAddr().String()) // all that cannot be read count as one
		if !g.proxied(peer.Addr()) {
			if c := g.enter(raw, peer, nil); c != nil && listener.begin(c) {
				open.Go(func() { listener.serve(c) })
			}
			continue
		}
		open.Go(func() {
			client, ok := g.announced(raw, peer)
			if !ok {
				_ = raw.Close()
				return
			}
			if c := g.enter(raw, client, net.TCPAddrFromAddrPort(client)); c != nil && listener.begin(c) {
				listener.serve(c)
			}
		})
	}
}

// enter counts a connection of a client against its limits, or closes it and gives nil. told is the client where a load balancer said it.
func (g *Gateway) enter(raw net.Conn, client netip.AddrPort, told net.Addr) *conn {
	network := match.Network(client.Addr())
	if limit := g.census.enter(&g.census.open, network); limit != "" {
		g.metrics.refused.WithLabelValues(limit).Inc()
		_ = raw.Close()
		return nil
	}
	if socket, ok := raw.(syscall.Conn); ok {
		if control, err := socket.SyscallConn(); err == nil {
			dial.BoundUnsent(control, clientUnsent(g.kernel, g.census.size()))
		}
	}
	return &conn{Conn: raw, census: g.census, network: network, told: told, number: g.conns.Add(1), came: time.Now()}
}

// An entrance is one TLS listener with the faces behind it.
type entrance struct {
	g       *Gateway
	admin   bool // the admin listener: it has the admin host and nothing else
	front2  *front2
	public  *feed
	agent   *feed
	tunnels func(context.Context, *tls.Conn)
}

// begin counts a connection's handshake, or turns it away.
func (e *entrance) begin(raw *conn) bool {
	limit := e.g.census.enter(&e.g.census.shaking, raw.network)
	if limit == "" {
		e.g.census.expect(raw)
		return true
	}
	e.g.metrics.refused.WithLabelValues(limit).Inc()
	_ = raw.Close()
	return false
}

// serve does a connection's handshake and hands it to the face that it chose.
func (e *entrance) serve(ctx context.Context, raw *conn) {
	g := e.g
	c := tls.Server(tunnel.Coalesce(raw), &tls.Config{GetConfigForClient: e.choose, MinVersion: tls.VersionTLS12})
	// Not ctx: whoever was accepted before the end gets an answer.
	within, cancel := context.WithTimeout(g.life, g.limits.Handshake)
	err := c.HandshakeContext(within)
	cancel()
	g.census.leave(&g.census.shaking, raw.network)
	state := c.ConnectionState()
	face := faceOf(state.NegotiatedProtocol)
	if err != nil {
		g.metrics.handshakes.WithLabelValues(face, "failed").Inc()
		g.log.Debug("TLS handshake", "client", raw.RemoteAddr().String(), "error", err)
		_ = c.Close()
		return
	}
	g.metrics.handshakes.WithLabelValues(face, "done").Inc()
	switch {
	case state.NegotiatedProtocol == wire.ProtocolTunnel:
		raw.asked() // all that tunnels ask is watched
		e.tunnels(ctx, c)
	case state.NegotiatedProtocol == wire.ProtocolAgent:
		e.agent.put(agentConn{c})
	case !e.forApplications(state.ServerName):
		e.public.put(c)
	default:
		raw.hello = &state
		raw.client, _ = netip.ParseAddrPort(raw.RemoteAddr().String())
		raw.peer = raw.client.String()
		// What is under way outlives the end of serving.
		if state.NegotiatedProtocol == "h2" {
			raw.asked() // who comes to the end learns by GOAWAY what was not begun
			e.front2.serve(g.life, c)
			return
		}
		e.serve1(g.life, c, raw)
	}
}

// forApplications reports whether a connection is for applications, which engines of our own serve, and not for a page of ours.
func (e *entrance) forApplications(server string) bool {
	v := e.g.view.Load()
	name, ok := parseAuthority(server)
	return ok && v != nil && v.place(name.host) == placeApplication
}

// agentConn hides from net/http that a connection is TLS: it hangs up on protocols (ALPN) that it
// does not know.
type agentConn struct{ net.Conn }

// NetConn gives the TLS connection.
func (c agentConn) NetConn() net.Conn { return c.Conn }

func faceOf(protocol string) string {
	switch protocol {
	case wire.ProtocolTunnel:
		return "tunnel"
	case wire.ProtocolAgent:
		return "agent"
	}
	return "public"
}

// choose selects the face by ALPN and, for browsers, whether the host is served here at all.
// The server name selects nothing else.
func (e *entrance) choose(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	faces := e.g.faces
	switch {
	case e.admin:
	case slices.Contains(hello.SupportedProtos, wire.ProtocolTunnel):
		return faces.tunnel, e.admit(hello)
	case slices.Contains(hello.SupportedProtos, wire.ProtocolAgent):
		return faces.agent, e.admit(hello)
	}
	name, ok := parseAuthority(hello.ServerName)
	// Right after the start nothing is known yet: to say that a host is not served would be wrong in a moment.
	select {
	case <-e.g.first:
	case <-hello.Context().Done():
	}
	v := e.g.view.Load()
	if !ok || v == nil || !e.serves(v.place(name.host)) {
		return faces.stranger, nil
	}
	switch {
	case e.admin:
		return faces.admin, nil
	case e.g.connectionAuth.host(name.host):
		return faces.http1, nil
	}
	return faces.public, nil
}

// admit waits until a machine's handshake may go on, or says that it may not.
func (e *entrance) admit(hello *tls.ClientHelloInfo) error {
	raw := trackedConn(hello.Conn)
	err := e.g.admission.enter(hello.Context(), raw.network, func() bool { return sock.Gone(raw.Conn) })
	if fault.Is(err, fault.KindLimited) {
		e.g.metrics.refused.WithLabelValues(limitMachines).Inc()
	}
	return err
}

// serves reports whether a place is served at this entrance.
func (e *entrance) serves(p place) bool {
	if e.admin {
		return p == placeAdmin
	}
	return p == placePortal || p == placeApplication || p == placeAdmin && !e.g.adminApart
}

// A feed is a listener inside the process: it gives a server connections whose handshake is done.
type feed struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

func newFeed(addr net.Addr) *feed {
	return &feed{conns: make(chan net.Conn), closed: make(chan struct{}), addr: addr}
}

func (f *feed) put(c net.Conn) {
	select {
	case f.conns <- c:
	case <-f.closed:
		_ = c.Close()
	}
}

func (f *feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

func (f *feed) Close() error   { f.once.Do(func() { close(f.closed) }); return nil }
func (f *feed) Addr() net.Addr { return f.addr }

// ticketKeys gives a face new keys for its session tickets now and then; the one before stays good.
// Each face has its own, so that no session of one face resumes on another.
type ticketKeys struct {
	config *tls.Config
	keys   [][32]byte
}

const ticketLife = 12 * time.Hour

func (t *ticketKeys) rotate() {
	var key [32]byte
	rand.Read(key[:]) // never fails
	t.keys = append([][32]byte{key}, t.keys[:min(len(t.keys), 1)]...)
	t.config.SetSessionTicketKeys(t.keys)
}
