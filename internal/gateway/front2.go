package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/field"
	"postern/internal/http2"
	"postern/internal/web"
)

// A front2 serves connections of clients that speak HTTP/2 with application hosts.
type front2 struct {
	e       *entrance
	server  *http2.Server
	running atomic.Int64 // requests under way, but those that have no end of their own
}

func newFront2(e *entrance) *front2 {
	g, f := e.g, &front2{e: e}
	f.server = http2.NewServer(http2.Config{
		Handle: f.handle, Log: g.log,
		Limits: http2.Limits{Target: maxTarget, Head: g.limits.RequestHeaderBytes, Fields: maxRequestFields, Idle: g.limits.KeepAlive,
			Preface: g.limits.RequestHeader, Frame: g.limits.RequestHeader, Stall: stall2},
		Refused: func(reason string) { g.metrics.refused.WithLabelValues("http2-" + reason).Inc() },
	})
	return f
}

// stall2 is how long a stream may have something that its client does not take. Exchanges are watched by their application's own
// time; this is for what is none.
const stall2 = 10 * time.Minute

// serve serves one connection.
func (f *front2) serve(ctx context.Context, c *tls.Conn) {
	if err := f.server.Serve(ctx, c); err != nil {
		f.e.g.log.Debug("HTTP/2 connection", "client", c.RemoteAddr().String(), "error", err)
	}
}

// drain lets what is under way finish.
func (f *front2) drain(ctx context.Context) error {
	f.server.Drain()
	f.e.g.settle(ctx, func() int { return int(f.running.Load()) })
	return ctx.Err()
}

// handle serves one request.
func (f *front2) handle(st *http2.Stream) {
	g, q := f.e.g, st.Request()
	f.running.Add(1)
	c := trackedConn(st.Conn())
	r := &reply2{st: st, running: sync.OnceFunc(func() { f.running.Add(-1) })}
	defer r.running()
	x := &exchange{
		request: request{method: methodText(q.Method), target: string(q.Path), fields: q.Fields, length: q.Length, trailer: st.Trailer,
			halt: func() { st.SetReadDeadline(past) }, expects: q.Continue, protocol: "HTTP/2.0", client: c.client, peer: c.peer},
		id: web.NewRequestID(), conn: c, started: time.Now(), base: g.life, reply: r,
	}
	if !q.End {
		x.body = st
	}
	if field.EqualFold(q.Protocol, "websocket") {
		x.webSocket()
	}
	st.OnGone(func(error) { x.gone() })
	defer x.finish()
	f.e.serveExchange(x, c, string(q.Authority), q.Protocol == nil || x.upgrade)
}

// webSocket makes of an extended CONNECT (RFC 8441) the request that HTTP/1.1 has for the same.
func (x *exchange) webSocket() {
	var key [16]byte
	rand.Read(key[:]) // never fails
	x.method, x.upgrade, x.body, x.length = http.MethodGet, true, nil, 0
	x.fields = append(slices.Clone(x.fields), field.Field{Name: []byte("Sec-WebSocket-Key"), Value: base64.StdEncoding.AppendEncode(nil, key[:])})
}

// A reply2 writes a reply in HTTP/2.
type reply2 struct {
	st      *http2.Stream
	running func() // it is not under way any more
}

func (r *reply2) Inform(status int, fields field.Fields) error {
	if err := r.st.Inform(status, fields); err != nil {
		return err
	}
	return r.st.Flush()
}

func (r *reply2) Start(status int, fields field.Fields, length int64) error {
	return r.st.Start(status, fields, length)
}

func (r *reply2) Write(p []byte) (int, error)     { return r.st.Write(p) }
func (r *reply2) Flush() error                    { return r.st.Flush() }
func (r *reply2) End(trailers field.Fields) error { return r.st.End(trailers) }

// Abort resets the stream. Whoever does it need not be told.
func (r *reply2) Abort() {
	r.st.OnGone(nil)
	r.st.Reset(http2.InternalError)
}

// Listen has nothing to do: a stream that its client ended says so by itself.
func (r *reply2) Listen(func()) {}

func (r *reply2) Within(limit time.Duration) {
	deadline := time.Time{}
	if limit > 0 {
		deadline = time.Now().Add(limit)
	}
	r.st.SetWriteDeadline(deadline)
}

func (r *reply2) Upgrade(fields field.Fields) (io.ReadWriteCloser, error) {
	r.running()
	fields = slices.DeleteFunc(slices.Clone(fields), func(f field.Field) bool { return f.Is("sec-websocket-accept") })
	if err := r.st.Start(http.StatusOK, fields, -1); err != nil {
		return nil, err
	}
	if err := r.st.Flush(); err != nil {
		return nil, err
	}
	return socket2{r.st}, nil
}

// socket2 is a stream that carries a WebSocket.
type socket2 struct{ st *http2.Stream }

func (s socket2) Read(p []byte) (int, error) { return s.st.Read(p) }

func (s socket2) Write(p []byte) (int, error) {
	n, err := s.st.Write(p)
	if err == nil {
		err = s.st.Flush()
	}
	return n, err
}

func (s socket2) SetWriteDeadline(t time.Time) error {
	s.st.SetWriteDeadline(t)
	return nil
}

// Close ends both directions: what reads fails, and the client sees the end (RFC 8441 section 5).
func (s socket2) Close() error {
	err := s.st.End(nil)
	s.st.SetReadDeadline(past)
	return err
}
