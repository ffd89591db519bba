package gateway

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/field"
	"postern/internal/web"
	"postern/internal/wire"
)

// A request is what a client asks, whatever protocol carried it. Its fields are as received; their bytes are good while the
// exchange lasts.
type request struct {
	method   string
	target   string // in origin form, as received
	fields   field.Fields
	length   int64               // of the body; -1 unknown
	body     io.Reader           // nil: none
	trailer  func() field.Fields // what followed the body; good after its end
	short    func() bool         // the body is small and was read already; optional
	halt     func()              // makes pending reads of the body fail
	expects  bool                // the client waits for 100 (Continue) before it sends the body
	upgrade  bool                // a WebSocket is asked for
	protocol string              // such as "HTTP/2.0", for the record
	client   netip.AddrPort
	peer     string // client, as text
}

// A reply writes the answer to a request. Its methods are called from one goroutine, but for Abort and Listen.
type reply interface {
	// Inform sends an interim response (1xx).
	Inform(status int, fields field.Fields) error
	// Start sends the head of the final response. What frames the content is not among its fields, unless there is none:
	// length is in bytes, or -1 for what ends when it ends.
	Start(status int, fields field.Fields, length int64) error
	Write(p []byte) (int, error)
	Flush() error
	// End ends the content, with trailers where those can be sent.
	End(trailers field.Fields) error
	// Upgrade answers 101 with the fields and gives the connection, raw.
	Upgrade(fields field.Fields) (io.ReadWriteCloser, error)
	// Within bounds how long what is written from now on may wait for the client; 0: not at all.
	Within(limit time.Duration)
	// Abort ends the exchange at once, so that what was sent never looks complete, and makes
	// pending reads and writes of it fail. It may be called from any goroutine, while the
	// exchange lasts.
	Abort()
	// Listen finds out from now on when the client goes away, once its request was read to the end, and calls gone then.
	// It may be called from any goroutine, while the exchange lasts, and again.
	Listen(gone func())
}

// Why an exchange was cut.
var (
	errClientGone = errors.New("the client is gone")
	errIdle       = errors.New("nothing moved for too long")
	errShutdown   = errors.New("the gateway is shutting down")
)

// errDenied is the cause of an exchange that was allowed and no longer is.
type errDenied struct{ reason, message string }

func (e *errDenied) Error() string { return "no longer allowed: " + e.reason }

// The phases of an exchange, for the watch.
const (
	phaseOpening   = iota // nothing moves before there is a way to the backend, and that has its own bounds
	phaseSending          // the request's body
	phaseWaiting          // for the backend's header
	phaseReceiving        // the reply's body, or anything of an upgraded connection
)

// An exchange is one request to an application and its reply.
type exchange struct {
	request
	reply      reply
	base       context.Context // of what carries it
	id         string          // the reference
	conn       *conn           // that carries it, for backends that authenticate connections
	host       string
	started    time.Time
	record     wire.Record
	secret     string                           // the session cookie; looked up again when something ended
	credential bool                             // secret is an access token or access key, not a cookie
	app        *published                       // set once, before it is registered
	carriage   carriage                         // its way, once there is one
	own        *page                            // of ours that answers it, once one is made
	idle       time.Duration                    // how long nothing may move
	trailing   bool                             // the reply is one of gRPC, whose trailers tell how it ended
	patience   time.Duration                    // how long the backend may take to answer
	who        atomic.Pointer[access.Principal] // nil for nobody
	decided    atomic.Bool                      // who is final, unless something ends
	link       atomic.Pointer[link]             // that it waits for
	taken      atomic.Bool                      // the body was read to its end
	touched    atomic.Bool                      // a byte of the body was taken: it cannot be sent again
	phase      atomic.Int32
	moved      atomic.Int64 // when the last byte moved, monotonic nanoseconds since started
	received   atomic.Int64
	sent       atomic.Int64
	pace       pace         // of the body
	until      atomic.Int64 // when to decide again, Unix nanoseconds; 0 for never
	checked    atomic.Int64 // when its session was last looked up, as moved

	mu       sync.Mutex // guards the fields below; held over Abort, which must not meet the next exchange of its connection
	over     bool
	reason   error         // why it was cut; nil: it was not
	cutAt    time.Duration // and when
	ctx      context.Context
	cancel   context.CancelCauseFunc
	backend  carrier        // that has it, if one has
	answered bool           // the header was sent
	farewell func(code int) // of a WebSocket: says why before the cut
}

// A carrier is a backend connection, or a part of one, that has an exchange.
type carrier interface {
	// drop ends it, whatever it is doing, so that pending reads and writes fail.
	drop()
}

// since gives the time since the exchange began.
func (x *exchange) since() time.Duration { return time.Since(x.started) }

// touch notes that a byte moved.
func (x *exchange) touch() { x.moved.Store(int64(x.since())) }

// enter begins a phase.
func (x *exchange) enter(phase int32) {
	x.touch()
	x.phase.Store(phase)
}

// context gives one that ends with the exchange, for what asks others. Most exchanges ask nobody and never make it.
func (x *exchange) context() context.Context {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx == nil {
		x.ctx, x.cancel = context.WithCancelCause(web.WithRequestID(x.base, x.id))
		if x.reason != nil {
			x.cancel(x.reason)
		}
	}
	return x.ctx
}

// why gives the reason for which the exchange was cut, nil if it was not.
func (x *exchange) why() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.reason
}

// cause prefers why the exchange was cut to what that led to.
func (x *exchange) cause(err error) error {
	if reason := x.why(); reason != nil {
		return reason
	}
	return err
}

// stop notes why the exchange ends and ends what it waits for. x.mu is held.
func (x *exchange) stop(reason error) {
	if x.reason == nil {
		x.reason = reason
	}
	if x.cancel != nil {
		x.cancel(x.reason)
	}
	if x.backend != nil {
		x.backend.drop()
	}
}

// carriedBy notes which backend connection has the exchange; nil: none any more. It reports the reason if it was cut.
func (x *exchange) carriedBy(c carrier) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.backend = c
	return x.reason
}

// start sends the header of a backend's reply, unless the exchange was cut.
func (x *exchange) start(status int, fields field.Fields, length int64) error {
	x.mu.Lock()
	if x.reason != nil {
		x.mu.Unlock()
		return x.reason
	}
	x.answered = true
	x.mu.Unlock()
	x.record.Status = status
	return x.reply.Start(status, fields, length)
}

// begin sends the header of a page of our own, which may tell of a cut.
func (x *exchange) begin(status int, fields field.Fields, length int64) error {
	x.mu.Lock()
	x.answered = true
	x.mu.Unlock()
	x.record.Status = status
	return x.reply.Start(status, fields, length)
}

// cut ends the exchange from outside, whatever it is doing. The code is told to a WebSocket.
func (x *exchange) cut(reason error, code int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over || x.reason != nil {
		return
	}
	if x.farewell != nil {
		x.farewell(code)
	}
	x.stop(reason)
	x.cutAt = x.since()
	if x.answered {
		x.reply.Abort()
	}
}

// abort ends the exchange from inside: what was sent must not look complete.
func (x *exchange) abort(reason error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over {
		x.stop(reason)
		x.reply.Abort()
	}
}

// finish marks the exchange as over: nothing of it may be touched any more.
func (x *exchange) finish() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.over = true
	if x.cancel != nil {
		x.cancel(nil)
	}
}

// cutGrace is how long an exchange that was cut before its answer began may take to say why. It is longer than a page may take.
const cutGrace = 90 * time.Second

// linger aborts the exchange if it was cut and has not ended since: its client holds it by not reading.
func (x *exchange) linger() (cut bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over && x.cutAt > 0 && x.since()-x.cutAt >= cutGrace {
		x.reply.Abort()
	}
	return x.reason != nil
}

// look cuts the exchange when nothing moved for too long while something was due, and has its client listened to when
// the backend takes its time.
func (x *exchange) look() {
	if x.linger() {
		return
	}
	quiet := x.since() - time.Duration(x.moved.Load())
	phase := x.phase.Load()
	if l := x.link.Load(); l != nil && quiet >= lookAfter {
		l.waits(x, quiet)
	}
	late, awaited := x.pace.late(quiet)
	switch {
	case phase == phaseSending && awaited && late >= x.idle:
		x.cut(errSlow, closePolicy)
	case phase == phaseWaiting && quiet >= x.patience, (phase == phaseSending || phase == phaseReceiving) && quiet >= x.idle:
		x.cut(errIdle, closePolicy)
	case phase == phaseOpening || phase == phaseWaiting || phase == phaseReceiving && quiet >= lookEach:
		x.mu.Lock()
		defer x.mu.Unlock()
		if !x.over && x.reason == nil {
			x.reply.Listen(x.gone)
		}
	}
}

func (x *exchange) gone() { x.cut(errClientGone, closePolicy) }

// lookEach is how often the exchanges under way are looked at: how exact their times are, and how late it may be noticed that
// a client is gone. One look at all of them costs less than a timer for each, which most would never need.
const lookEach = 250 * time.Millisecond

// watchExchanges looks at the exchanges under way until ctx ends.
func (g *Gateway) watchExchanges(ctx context.Context) {
	ticker := time.NewTicker(lookEach)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// Most exchanges are over within a moment: they are not worth a look.
		for _, x := range g.live.list(func(x *exchange) bool { return x.since() >= lookEach && x.idle > 0 }) {
			x.look()
		}
		g.fronts.sweep()
	}
}
