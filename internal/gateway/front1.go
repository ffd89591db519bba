package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"postern/internal/field"
	"postern/internal/http1"
	"postern/internal/web"
)

// A front1 is a connection of a client that speaks HTTP/1.1 with an application host. One goroutine has it, and does the work of
// one exchange after the other.
type front1 struct {
	e    *entrance
	ctx  context.Context
	tls  *tls.Conn
	conn *conn
	in   *http1.Reader
	out  *http1.Writer
	head http1.Request
	body http1.Body

	reply   reply1
	halting func() // halt, and so on: made once
	small   func() bool
	tail    func() field.Fields

	text  []byte // for what is made of a request
	asked []byte // the authority of the last request
	name  string // the same as text

	due       due
	used      bool          // it has brought a request
	bounded   bool          // writing has a deadline
	listening sync.Mutex    // guards the fields below
	heard     chan struct{} // closed when nobody listens to the client any more; nil: nobody does
	deaf      bool          // somebody else reads the connection now
}

// serve1 serves a connection until it ends.
func (e *entrance) serve1(ctx context.Context, c *tls.Conn, raw *conn) {
	limits := http1.Limits{Target: maxTarget, Head: e.g.limits.RequestHeaderBytes, Fields: maxRequestFields}
	f := &front1{e: e, ctx: ctx, tls: c, conn: raw, in: http1.NewReader(c, limits), out: http1.NewWriter(c)}
	f.halting, f.small, f.tail = f.halt, f.short, f.body.Trailer
	defer f.in.Close()
	if e.g.fronts.enter(f) {
		defer e.g.fronts.leave(f)
		for f.next() {
		}
	}
	f.close()
}

const (
	maxTarget        = 32 << 10
	maxRequestFields = 256
)

// next serves one request, and reports whether there may be another one.
func (f *front1) next() bool {
	g := f.e.g
	if f.in.Buffered() == 0 {
		f.in.Release()
		limit := g.limits.KeepAlive
		if !f.used {
			limit = min(limit, firstRequests*g.limits.RequestHeader)
		}
		if !f.due.rest(limit) || g.fronts.draining.Load() {
			return false
		}
		if f.in.Wait() != nil {
			return false
		}
	}
	if !f.due.expect(g.limits.RequestHeader) {
		return false
	}
	f.head = http1.Request{}
	err := f.in.Request(&f.head)
	inTime := f.due.none()
	f.conn.asked()
	switch {
	case err != nil:
		f.refuse(err)
		return false
	case !inTime:
		return false
	}
	f.used = true
	return f.exchange()
}

// firstRequests is how many times the time of a header a new connection may take before its first request: browsers open some ahead.
const firstRequests = 3

// refuse answers what cannot be understood, and why.
func (f *front1) refuse(err error) {
	wrong, ok := errors.AsType[*http1.Error](err)
	late := errors.Is(err, os.ErrDeadlineExceeded)
	if !ok && !late {
		return // the client went away
	}
	why := slowRequest("its header")
	if ok {
		why = badRequest(wrong.Text)
		why.status = wrong.Status
	}
	f.e.g.metrics.usage.arrived.Inc()
	f.head.Fields, f.head.Path, f.head.Length, f.head.Close = nil, nil, 0, true // nothing of it can be relied upon
	f.e.turnAway(f.makeExchange(methodText(f.head.Method)), "", why)
}

// exchange serves the request that was read.
func (f *front1) exchange() (more bool) {
	if !bytes.Equal(f.head.Authority, f.asked) || f.name == "" {
		f.asked = append(f.asked[:0], f.head.Authority...)
		f.name = string(f.asked)
	}
	x := f.makeExchange(methodText(f.head.Method))
	defer func() {
		if p := recover(); p != nil {
			f.e.g.log.Error("a request broke the gateway", "reference", x.id, "panic", p, "stack", string(debug.Stack()))
			f.conn.abort()
			x.finish()
			f.unlisten(true) // who listens fails now
			more = false
		}
	}()
	f.e.serveExchange(x, f.conn, f.name, f.head.Scheme == nil || field.EqualFold(f.head.Scheme, "https"))
	f.unlisten(f.reply.gone)
	return f.rest()
}

// rest clears what is left of the exchange from the connection, and reports whether the next may come.
func (f *front1) rest() bool {
	r := &f.reply
	if f.bounded && !r.gone {
		f.bounded = false
		_ = f.tls.SetWriteDeadline(time.Time{})
	}
	return !r.last && !r.gone && f.body.Done()
}

// makeExchange makes one of the request that was read.
func (f *front1) makeExchange(method string) *exchange {
	x := &exchange{
		request: request{method: method, fields: f.head.Fields, length: f.head.Length, trailer: f.tail, halt: f.halting,
			protocol: "HTTP/1.1", client: f.conn.client, peer: f.conn.peer},
		conn: f.conn, started: time.Now(), base: f.ctx,
	}
	f.text = append(web.AppendRequestID(f.text[:0]), f.head.Path...)
	text := string(f.text) // one for both
	x.id, x.target = text[:len(text)-len(f.head.Path)], text[len(text)-len(f.head.Path):]
	if f.head.Minor == 0 {
		x.protocol = "HTTP/1.0"
	}
	f.body = f.in.RequestBody(&f.head)
	if f.head.Length != 0 {
		x.body, x.short, x.expects = &f.body, f.small, f.head.Continue
	}
	x.upgrade = f.head.Upgrade && method == http.MethodGet && x.body == nil && x.fields.Count("upgrade") == 1 &&
		field.EqualFold(x.fields.Get("upgrade"), "websocket")
	f.reply = reply1{f: f, x: x, old: f.head.Minor == 0, last: f.head.Close || f.head.Minor == 0}
	x.reply = &f.reply
	return x
}

// short reports whether all of a body was read already.
func (f *front1) short() bool {
	return f.head.Length > 0 && f.head.Length <= int64(f.in.Buffered())
}

// past makes reads fail at once.
var past = time.Unix(1, 0)

func (f *front1) halt() { _ = f.tls.SetReadDeadline(past) }

// expire ends a connection that waits for a request or for the rest of one. What TLS answers by itself while it reads (RFC 8446
// section 4.6.3) ends too.
func (f *front1) expire() { _ = f.tls.SetDeadline(past) }

// listen finds out when the client goes away.
func (f *front1) listen(gone func()) {
	f.listening.Lock()
	defer f.listening.Unlock()
	if f.heard != nil || f.deaf {
		return
	}
	heard := make(chan struct{})
	f.heard = heard
	go func() {
		defer close(heard)
		if err := f.in.Peek(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			gone()
		}
	}()
}

// unlisten ends that. The exchange is over, or the connection is somebody else's: nobody begins it any more.
func (f *front1) unlisten(deaf bool) {
	f.listening.Lock()
	heard := f.heard
	f.heard, f.deaf = nil, deaf
	f.listening.Unlock()
	if heard == nil {
		return
	}
	f.halt()
	_ = f.tls.SetWriteDeadline(time.Now().Add(lingerFor)) // of what TLS answers by itself; all of ours is written
	<-heard
	_ = f.tls.SetDeadline(time.Time{})
	f.bounded = false
}

const (
	// lingerFor is how long a connection may take to end, lingerMost how much may come meanwhile: whoever closes while the client
	// still sends makes it lose the answer (RFC 9112 section 9.6).
	lingerFor  = 2 * time.Second
	lingerMost = 256 << 10
)

// close ends the connection so that the last answer arrives.
func (f *front1) close() {
	_ = f.tls.SetWriteDeadline(time.Now().Add(lingerFor))
	if f.tls.CloseWrite() == nil {
		if tcp, ok := f.conn.Conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		_ = f.tls.SetReadDeadline(time.Now().Add(lingerFor))
		_, _ = io.CopyN(io.Discard, f.tls, lingerMost)
	}
	_ = f.tls.Close()
}

// methodText gives a method as text; the usual ones take no memory.
func methodText(method []byte) string {
	switch string(method) {
	case http.MethodGet:
		return http.MethodGet
	case http.MethodPost:
		return http.MethodPost
	case http.MethodHead:
		return http.MethodHead
	case http.MethodPut:
		return http.MethodPut
	case http.MethodDelete:
		return http.MethodDelete
	case http.MethodOptions:
		return http.MethodOptions
	case http.MethodPatch:
		return http.MethodPatch
	}
	return string(method)
}

// A reply1 writes a reply in HTTP/1.1.
type reply1 struct {
	f    *front1
	x    *exchange
	old  bool // the client speaks HTTP/1.0
	last bool // nothing comes after it
	gone bool // the connection is somebody else's, or broken
}

func (r *reply1) failed(err error) error {
	r.gone = r.gone || err != nil
	return err
}

func (r *reply1) head(status int, fields field.Fields) {
	out := r.f.out
	out.StatusLine(status)
	for i := range fields {
		out.Field(fields[i].Name, fields[i].Value)
	}
}

// Inform sends an interim response, which HTTP/1.0 does not know (RFC 9110 section 15.2).
func (r *reply1) Inform(status int, fields field.Fields) error {
	if r.old {
		return nil
	}
	r.head(status, fields)
	r.f.out.EndHead(0, false)
	return r.failed(r.f.out.Flush())
}

func (r *reply1) Start(status int, fields field.Fields, length int64) error {
	// A reply that overtakes the request may leave the rest of it unread: a client that was not told would send its next
	// request into a closing connection (RFC 9112 section 9.6).
	if !r.x.touched.Load() && r.f.short() { // nobody wants it, and it is here
		r.x.taken.Store(r.f.body.Discard(r.f.head.Length))
	}
	r.last = r.last || !r.x.whole() || r.f.e.g.draining.Load()
	none := length == 0 && (r.x.method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified)
	if length < 0 && r.old {
		length = -2
	}
	r.head(status, fields)
	if r.last {
		r.f.out.FieldText("Connection", "close")
	}
	r.f.out.EndHead(length, !none)
	return nil
}

func (r *reply1) Write(p []byte) (int, error) {
	n, err := r.f.out.Write(p)
	return n, r.failed(err)
}

func (r *reply1) Flush() error { return r.failed(r.f.out.Flush()) }

func (r *reply1) End(trailers field.Fields) error {
	if err := r.f.out.End(trailers); err != nil {
		return r.failed(err)
	}
	return r.Flush()
}

func (r *reply1) Within(limit time.Duration) {
	deadline := time.Time{}
	if limit > 0 {
		deadline = time.Now().Add(limit)
	}
	r.f.bounded = limit > 0
	_ = r.f.tls.SetWriteDeadline(deadline) // a closed connection says so when it is written to
}

// Abort resets the connection: the client sees neither a last chunk nor a farewell of TLS, and both would do for an end.
func (r *reply1) Abort() {
	r.f.conn.abort()
}

func (r *reply1) Listen(gone func()) {
	if r.x.body == nil || r.x.taken.Load() {
		r.f.listen(gone)
	}
}

func (r *reply1) Upgrade(fields field.Fields) (io.ReadWriteCloser, error) {
	r.f.unlisten(true)
	r.f.e.g.fronts.leave(r.f) // what is upgraded has no end of its own, and is not waited for
	r.gone = true
	r.head(http.StatusSwitchingProtocols, fields)
	r.f.out.FieldText("Connection", "Upgrade")
	r.f.out.FieldText("Upgrade", "websocket")
	r.f.out.EndHead(0, false)
	if err := r.f.out.Flush(); err != nil {
		return nil, err
	}
	return &switched{r.f.in.Unread(), r.f.tls}, nil
}
