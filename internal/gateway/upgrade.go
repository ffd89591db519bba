package gateway

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/tunnel"
	"postern/internal/wire"
)

// upgraded takes a request for wire.PathTunnel: what agents use where TLS is opened on the way or ended before us. Its connection
// becomes one of the tunnel or the agent face, whose own TLS is in it from end to end. Nobody has proven anything until then, so it has the
// limits of every handshake.
func (e *entrance) upgraded(w http.ResponseWriter, r *http.Request) {
	g := e.g
	w.Header().Set("Upgrade", wire.UpgradeTunnel)
	if r.Method != http.MethodGet || r.ProtoMajor != 1 || r.ProtoMinor != 1 || !asksUpgrade(r.Header) || r.ContentLength != 0 {
		http.Error(w, "This is where connectors go on in a protocol of their own (Upgrade: "+wire.UpgradeTunnel+", HTTP/1.1). "+
			"If one of them sent this, what is between it and the service does not pass Upgrade on.", http.StatusUpgradeRequired)
		return
	}
	if !g.guests.enter() {
		http.Error(w, "The service is stopping.", http.StatusServiceUnavailable)
		return
	}
	defer g.guests.leave()
	hijacked, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		g.log.Error("take over a connection", "error", err)
		return
	}
	tracked := trackedConn(hijacked)
	outer, isTLS := hijacked.(*tls.Conn)
	if tracked == nil || !isTLS || buffered.Reader.Buffered() > 0 { // nothing may come before we have answered
		_ = hijacked.Close()
		return
	}
	e.serveInside(g.life, outer, tracked)
}

// asksUpgrade reports whether a header asks for our protocol (RFC 9110, section 7.8).
func asksUpgrade(h http.Header) bool {
	has := func(name, want string) bool {
		return slices.ContainsFunc(h.Values(name), func(line string) bool {
			return slices.ContainsFunc(strings.Split(line, ","), func(word string) bool { return strings.EqualFold(strings.TrimSpace(word), want) })
		})
	}
	return has("Connection", "upgrade") && has("Upgrade", wire.UpgradeTunnel)
}

// outside is the TLS connection around our own. It closes without a farewell that might wait: what there is to say the inner one
// has said.
type outside struct{ *tls.Conn }

func (o outside) Close() error { return o.NetConn().Close() }

// serveInside answers an upgrade and does the handshake that follows.
func (e *entrance) serveInside(ctx context.Context, outer *tls.Conn, raw *conn) {
	g := e.g
	if limit := g.census.enter(&g.census.shaking, raw.network); limit != "" {
		g.metrics.refused.WithLabelValues(limit).Inc()
		_ = raw.Close()
		return
	}
	c := tls.Server(tunnel.Coalesce(outside{outer}), &tls.Config{GetConfigForClient: e.chooseInside, MinVersion: tls.VersionTLS13})
	within, cancel := context.WithTimeout(ctx, g.limits.Handshake)
	err := switchProtocols(outer, g.limits.Handshake)
	if err == nil {
		err = c.HandshakeContext(within)
	}
	cancel()
	g.census.leave(&g.census.shaking, raw.network)
	protocol := c.ConnectionState().NegotiatedProtocol
	if err != nil {
		g.metrics.handshakes.WithLabelValues(faceOf(protocol), "failed").Inc()
		g.log.Debug("TLS handshake by upgrade", "client", raw.RemoteAddr().String(), "error", err)
		_ = raw.Close()
		return
	}
	g.metrics.handshakes.WithLabelValues(faceOf(protocol), "done").Inc()
	if protocol == wire.ProtocolTunnel {
		g.log.Debug("tunnel by upgrade", "client", raw.RemoteAddr().String())
		e.tunnels(ctx, c)
		return
	}
	e.agent.put(agentConn{c})
}

// switchProtocols says that the connection goes on in another protocol.
func switchProtocols(conn net.Conn, limit time.Duration) error {
	if err := conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+wire.UpgradeTunnel+"\r\n\r\n")
	if err != nil {
		return err
	}
	return conn.SetWriteDeadline(time.Time{})
}

// chooseInside has agents' faces only: pages are not served inside. Whoever comes waits for his turn as those do who come without an
// upgrade: behind a load balancer that ends TLS it is all connectors, who come back at once.
func (e *entrance) chooseInside(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	switch {
	case slices.Contains(hello.SupportedProtos, wire.ProtocolTunnel):
		return e.g.faces.tunnel, e.admit(hello)
	case slices.Contains(hello.SupportedProtos, wire.ProtocolAgent):
		return e.g.faces.agent, e.admit(hello)
	}
	return e.g.faces.stranger, nil
}

// guests counts the connections that left their server by an upgrade, which nobody else waits for.
type guests struct {
	mu      sync.Mutex // guards the fields below
	inside  int
	closing bool
	empty   chan struct{} // closed when the last one left, once closing
}

func newGuests() *guests { return &guests{empty: make(chan struct{})} }

// enter counts one more, unless everything ends.
func (g *guests) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	g.inside++
	return true
}

func (g *guests) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closing && g.inside == 0 {
		close(g.empty)
	}
}

// close lets nobody in any more and waits until all have left.
func (g *guests) close() {
	g.mu.Lock()
	if !g.closing && g.inside == 0 {
		close(g.empty)
	}
	g.closing = true
	g.mu.Unlock()
	<-g.empty
}
