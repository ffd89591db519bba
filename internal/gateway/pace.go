package gateway

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// errSlow is why an exchange was cut whose client did not send the rest of its request.
var errSlow = errors.New("the client did not send the rest of its request in time")

// slowRequest is for requests that do not come in time.
func slowRequest(what string) *failure {
	f := badRequest(what + " did not come in time")
	f.status, f.reason = http.StatusRequestTimeout, "request-timeout"
	f.advice = "Try again over a better connection. " + askAdmin
	return f
}

// leastRate is how many bytes of a body must come in a second, on the whole. What comes slower stands still: a byte now and then
// holds an exchange no longer than none does.
const leastRate = 512

// A pace is how slowly a request's body comes, as far as that is its client's doing: while the backend does not take what has
// come, nothing counts. Whoever reads the body has it; others may ask it.
type pace struct {
	from   time.Duration // when the client was waited for last, since the exchange began
	behind time.Duration // how much more it took than it should have
	shown  atomic.Int64  // behind + 1 while the client is waited for, else 0
}

// await notes that more of the body is waited for.
func (p *pace) await(now time.Duration) {
	p.from = now
	p.shown.Store(int64(p.behind) + 1)
}

// came notes that n bytes came. What came faster than it must is no credit for later.
func (p *pace) came(n int, now time.Duration) {
	p.shown.Store(0)
	p.behind = max(0, p.behind+now-p.from-time.Duration(n)*time.Second/leastRate)
}

// late tells for how long the body stands still, if it is waited for and nothing has come for the time that quiet says.
func (p *pace) late(quiet time.Duration) (late time.Duration, awaited bool) {
	shown := p.shown.Load()
	return time.Duration(shown-1) + quiet, shown > 0
}

// awaitBody notes that more of the body is waited for.
func (x *exchange) awaitBody() { x.pace.await(time.Duration(x.moved.Load())) }

// bodyCame notes that n bytes of it came.
func (x *exchange) bodyCame(n int) {
	x.received.Add(int64(n))
	x.touch()
	x.pace.came(n, time.Duration(x.moved.Load()))
	if x.pace.behind > 0 && grpcType(x.fields) != "" {
		x.pace.behind = 0 // calls stay open for days, and have something to say now and then
	}
}
