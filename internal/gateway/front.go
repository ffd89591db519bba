package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"postern/internal/web"
)

// This file makes exchanges of what net/http's servers (HTTP/1.1 and HTTP/2) receive. It is the
// only one that knows them: another engine takes its place by making the same.

type connKey struct{}

// connOf gives the connection that carries a request.
func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// server makes the HTTP server of a face, fed by connections whose handshake is done.
func (g *Gateway) server(handler http.Handler) *http.Server {
	s := web.Server(handler, g.log)
	s.ReadHeaderTimeout = g.limits.RequestHeader
	s.ReadTimeout, s.WriteTimeout = 0, 0 // bodies are of any size: exchanges are watched instead
	s.IdleTimeout = g.limits.KeepAlive
	s.MaxHeaderBytes = g.limits.RequestHeaderBytes
	s.DisableGeneralOptionsHandler = true // OPTIONS * is refused like every other target without a path
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, trackedConn(c))
	}
	return s
}

// exchangeOf makes an exchange of a request. The caller finishes it.
func exchangeOf(w http.ResponseWriter, r *http.Request, id string) *exchange {
	control := http.NewResponseController(w)
	x := &exchange{
		request: request{
			method: r.Method, target: r.RequestURI, header: r.Header, length: r.ContentLength,
			trailer: func() http.Header { return r.Trailer }, protocol: r.Proto,
		},
		id: id, conn: connOf(r.Context()), started: time.Now(),
	}
	x.client, _ = netip.ParseAddrPort(r.RemoteAddr)
	reply := &httpReply{w: w, r: r, control: control, conn: x.conn}
	if r.ContentLength != 0 {
		reply.body = &countedBody{ReadCloser: r.Body}
		x.body = reply.body
	}
	x.upgrade = r.ProtoMajor == 1 && r.ProtoMinor == 1 && r.Method == http.MethodGet && x.body == nil &&
		hasToken(r.Header["Connection"], "upgrade") && len(r.Header["Upgrade"]) == 1 && strings.EqualFold(r.Header["Upgrade"][0], "websocket")
	if x.body != nil {
		// The reply may start before the request ends. An error means HTTP/2, where that needs no leave.
		_ = control.EnableFullDuplex()
	}
	x.ctx, x.cancel = context.WithCancelCause(web.WithRequestID(r.Context(), id))
	x.reply = reply
	return x
}

// announced lists the trailers that the request says will follow its body.
func (r *request) announced() http.Header {
	out := http.Header{}
	for name := range trailers(r.trailer()) {
		out[name] = nil
	}
	return out
}

// An httpReply writes a reply by net/http.
type httpReply struct {
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	conn    *conn
	body    *countedBody // nil: the request has none
}

// A countedBody knows whether it was read to its end.
type countedBody struct {
	io.ReadCloser
	ended atomic.Bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.ended.Store(true)
	}
	return n, err
}

func (p *httpReply) Inform(status int, header http.Header) {
	h := p.w.Header()
	before := make(http.Header, len(h))
	for name, values := range h {
		before[name] = values
	}
	for name, values := range header {
		h[name] = values
	}
	p.w.WriteHeader(status)
	clear(h)
	for name, values := range before {
		h[name] = values
	}
}

func (p *httpReply) Start(status int, header http.Header, trailers []string) error {
	h := p.w.Header()
	for name, values := range header {
		h[name] = values
	}
	if len(trailers) > 0 {
		slices.Sort(trailers)
		h["Trailer"] = trailers
	}
	if p.r.ProtoMajor == 1 && p.body != nil && !p.body.ended.Load() {
		// A reply that overtakes the request may leave the rest of it unread: then the server hangs up, and a client
		// that was not told sends its next request into a closing connection (RFC 9112, section 9.6).
		h["Connection"] = []string{"close"}
	}
	p.w.WriteHeader(status)
	return nil
}

func (p *httpReply) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p *httpReply) Flush() error                { return p.control.Flush() }

func (p *httpReply) Trail(header http.Header) {
	for name, values := range header {
		p.w.Header()[name] = values
	}
}

func (p *httpReply) Within(limit time.Duration) { within(p.control, limit) }

// within bounds how long writing may wait for the client; 0: not at all. An error would mean a server without
// deadlines, which ours are not.
func within(control *http.ResponseController, limit time.Duration) {
	deadline := time.Time{}
	if limit > 0 {
		deadline = time.Now().Add(limit)
	}
	_ = control.SetWriteDeadline(deadline)
}

// Abort resets an HTTP/2 stream, and an HTTP/1.1 connection with it: the client sees neither a last
// chunk nor a farewell of TLS, and both would do for an end.
func (p *httpReply) Abort() {
	if p.r.ProtoMajor >= 2 {
		_ = p.control.SetWriteDeadline(time.Unix(1, 0)) // net/http resets the stream
		return
	}
	if p.conn != nil {
		p.conn.abort()
	}
}

func (p *httpReply) Upgrade(header http.Header) (io.ReadWriteCloser, error) {
	conn, buffered, err := p.control.Hijack()
	if err != nil {
		return nil, fmt.Errorf("take over the connection: %w", err)
	}
	_ = conn.SetDeadline(time.Time{}) // an open connection has no deadline; a closed one says so below
	var head strings.Builder
	head.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = header.Write(&head) // a builder takes everything
	head.WriteString("\r\n")
	if _, err := io.WriteString(conn, head.String()); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &upgraded{conn, buffered.Reader}, nil
}

// upgraded is a hijacked connection whose first bytes may be in a buffer.
type upgraded struct {
	net.Conn
	buffer *bufio.Reader
}

func (u *upgraded) Read(p []byte) (int, error) {
	if u.buffer != nil {
		if u.buffer.Buffered() > 0 {
			return u.buffer.Read(p)
		}
		u.buffer = nil
	}
	return u.Conn.Read(p)
}

// A pageWriter lets our own pages answer an exchange.
type pageWriter struct {
	x      *exchange
	header http.Header
	failed error
}

func (p *pageWriter) Header() http.Header { return p.header }

func (p *pageWriter) WriteHeader(status int) { p.failed = p.x.begin(status, p.header) }

func (p *pageWriter) Write(b []byte) (int, error) {
	if p.failed != nil {
		return 0, p.failed
	}
	n, err := p.x.reply.Write(b)
	p.x.sent.Add(int64(n))
	return n, err
}

// page gives what our own pages are written with.
func (x *exchange) page() (http.ResponseWriter, *http.Request) {
	r := &http.Request{Method: x.method, Header: x.header, Host: x.host}
	return &pageWriter{x: x, header: http.Header{}}, r.WithContext(x.ctx)
}
