package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/wire"
)

// A request is what a client asks, whatever protocol carried it. Its header is as received.
type request struct {
	method   string
	target   string // as received
	header   http.Header
	length   int64              // of the body; -1 unknown
	body     io.ReadCloser      // nil: none
	trailer  func() http.Header // what followed the body; good after its end
	upgrade  bool               // a WebSocket is asked for
	protocol string             // such as "HTTP/2.0", for the record
	client   netip.AddrPort
}

// A reply writes the answer to a request. Its methods are called from one goroutine, but for Abort.
type reply interface {
	// Inform sends an interim response (1xx).
	Inform(status int, header http.Header)
	// Start sends the header of the final response. What it gets is its own. The trailers, if
	// any, are announced by name.
	Start(status int, header http.Header, trailers []string) error
	Write(p []byte) (int, error)
	Flush() error
	// Trail gives the announced trailers, after the body.
	Trail(header http.Header)
	// Upgrade answers 101 with the header and gives the connection, raw.
	Upgrade(header http.Header) (io.ReadWriteCloser, error)
	// Within bounds how long what is written from now on may wait for the client, also what is
	// still buffered when the exchange ends; 0: not at all.
	Within(limit time.Duration)
	// Abort ends the exchange at once, so that what was sent never looks complete, and makes
	// pending reads and writes of it fail. It may be called from any goroutine, while the
	// exchange lasts.
	Abort()
}

// Why an exchange was cut: causes of its context.
var (
	errClientGone = errors.New("the client is gone")
	errIdle       = errors.New("nothing moved for too long")
	errShutdown   = errors.New("the gateway is shutting down")
)

// errDenied is the cause of an exchange that was allowed and no longer is.
type errDenied struct{ reason, message string }

func (e *errDenied) Error() string { return "no longer allowed: " + e.reason }

// The phases of an exchange, for the watch on idle ones.
const (
	phaseSending = iota // the request's body
	phaseWaiting        // for the backend's header, which has its own timeout
	phaseReceiving
)

// An exchange is one request to an application and its reply.
type exchange struct {
	request
	reply      reply
	ctx        context.Context
	cancel     context.CancelCauseFunc
	id         string // the reference
	conn       *conn  // that carries it, for backends that authenticate connections
	host       string
	started    time.Time
	record     wire.Record
	secret     string                           // the session cookie; looked up again when something ended
	credential bool                             // secret is an access token or access key, not a cookie
	app        *published                       // set once, before it is registered
	who        atomic.Pointer[access.Principal] // nil for nobody
	decided    atomic.Bool                      // who is final, unless something ends
	touched    atomic.Bool                      // a byte of the body was taken: it cannot be sent again
	phase      atomic.Int32
	moved      atomic.Int64 // when the last byte moved, monotonic nanoseconds since started
	received   atomic.Int64
	sent       atomic.Int64
	until      atomic.Int64 // when to decide again, Unix nanoseconds; 0 for never
	checked    atomic.Int64 // when its session was last looked up, as moved

	mu       sync.Mutex // guards the fields below; held over Abort, which must not meet the next exchange of its connection
	over     bool
	answered bool           // the header was sent
	farewell func(code int) // of a WebSocket: says why before the cut
}

// since gives the time since the exchange began.
func (x *exchange) since() time.Duration { return time.Since(x.started) }

// touch notes that a byte moved.
func (x *exchange) touch() { x.moved.Store(int64(x.since())) }

// start sends the header of a backend's reply, unless the exchange was cut.
func (x *exchange) start(status int, header http.Header, trailers []string) error {
	x.mu.Lock()
	if x.ctx.Err() != nil {
		x.mu.Unlock()
		return context.Cause(x.ctx)
	}
	x.answered = true
	x.mu.Unlock()
	x.record.Status = status
	return x.reply.Start(status, header, trailers)
}

// begin sends the header of a page of our own, which may tell of a cut.
func (x *exchange) begin(status int, header http.Header) error {
	x.mu.Lock()
	x.answered = true
	x.mu.Unlock()
	x.record.Status = status
	return x.reply.Start(status, header, nil)
}

// cut ends the exchange from outside, whatever it is doing. The code is told to a WebSocket.
func (x *exchange) cut(cause error, code int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over || x.ctx.Err() != nil {
		return
	}
	x.cancel(cause)
	if x.farewell != nil {
		x.farewell(code)
	}
	if x.answered {
		x.reply.Abort()
	}
}

// abort ends the exchange from inside: what was sent must not look complete.
func (x *exchange) abort(cause error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over {
		x.cancel(cause)
		x.reply.Abort()
	}
}

// finish marks the exchange as over: nothing of it may be touched any more.
func (x *exchange) finish() {
	x.mu.Lock()
	x.over = true
	x.mu.Unlock()
	x.cancel(nil)
}

// watch cuts the exchange when no byte moved for the limit while one was due. It returns how to end it.
func (x *exchange) watch(limit time.Duration) (stop func() bool) {
	var timer *time.Timer
	ready := make(chan struct{})
	timer = time.AfterFunc(limit, func() {
		<-ready
		idle := x.since() - time.Duration(x.moved.Load())
		if x.phase.Load() == phaseWaiting {
			idle = 0
		}
		if idle >= limit {
			x.cut(errIdle, closePolicy)
			return
		}
		timer.Reset(limit - idle)
	})
	close(ready)
	return timer.Stop
}

// An upload is the request's body on its way to a backend.
type upload struct {
	x       *exchange
	trailer http.Header // filled at the end; the backend's request shares it
}

func (u *upload) Read(p []byte) (int, error) {
	u.x.touched.Store(true)
	n, err := u.x.body.Read(p)
	if n > 0 {
		u.x.received.Add(int64(n))
		u.x.touch()
	}
	if err == io.EOF {
		for name, values := range trailers(u.x.trailer()) {
			if _, announced := u.trailer[name]; announced {
				u.trailer[name] = values
			}
		}
		u.x.phase.CompareAndSwap(phaseSending, phaseWaiting)
	}
	return n, err
}

// Close does nothing: the body belongs to whoever produced the exchange.
func (u *upload) Close() error { return nil }
