package gateway

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/field"
	"postern/internal/http1"
	"postern/internal/wire"
)

// forward carries the exchange to a connector of the application and its reply back.
func (g *Gateway) forward(x *exchange, r route) error {
	g.connectionAuth.notice(r.published, x.fields, "authorization")
	private := ""
	if g.connectionAuth.has(r.published) {
		var err error
		if private, err = privateKey(x); err != nil {
			return err
		}
	}
	c, err := g.roundTrip(x, r, private)
	if err != nil {
		return x.cause(err)
	}
	defer c.end()
	status, fields := c.reply()
	x.record.FirstByte = x.since()
	g.connectionAuth.notice(r.published, fields, "www-authenticate")
	if one, ok := c.(*carriage); ok && status == http.StatusSwitchingProtocols {
		return g.upgrade(x, one)
	}
	return x.cause(c.relay())
}

// A carried exchange has the head of its reply.
type carried interface {
	reply() (status int, fields field.Fields)
	// relay sends the reply to the client as it comes.
	relay() error
	// end lets go of what carried the exchange.
	end()
}

func (c *carriage) reply() (status int, fields field.Fields) {
	return c.backend.res.Status, c.backend.res.Fields
}

// A carriage is an exchange on its way: with the link, the backend connection and whatever sends the body.
type carriage struct {
	x       *exchange
	link    *link
	backend *backend
	upload  *upload // nil: all of the request was sent
	whole   bool    // the reply was read to its end
}

// end lets go of what carried the exchange, and of the backend's connection with it unless all of both messages has passed.
func (c *carriage) end() {
	sent := c.upload.end()
	cut := c.x.carriedBy(nil) != nil
	c.link.pools.put(c.backend, c.whole && sent && !cut && !c.backend.res.Close)
	c.link.active.Add(-1)
}

// roundTrip sends the request through one connector after another, as long as nothing of it can
// have reached the backend, until there is a reply. The link's load stays taken.
func (g *Gateway) roundTrip(x *exchange, r route, private string) (carried, error) {
	deadline := x.started.Add(x.patience)
	var tried map[*link]bool // made when one is not enough
	var last error
	for {
		grown := g.links.grown() // before the look
		chosen := g.links.choose(g.view.Load().snap, wanted{r.Application, x.sticksTo(r.Application), tried})
		if stuck := x.stuck(private); stuck != nil && !tried[stuck] {
			chosen = choice{link: stuck}
		}
		l := chosen.link
		if l == nil {
			if (last == nil || notCarried(last) || lost(last)) && g.hold(x.context(), r.Application, grown, comeBack-x.since()) {
				continue
			}
			if last == nil {
				f := noConnector
				last = &f
			}
			return nil, last
		}
		l.active.Add(1)
		x.record.Connector, x.record.Via = string(l.connector), ""
		if l.via != nil {
			x.record.Via = l.via.id
		}
		x.link.Store(l)
		var began time.Time
		if chosen.several && x.body == nil && rand.Uint32()%measureOne == 0 {
			began = time.Now()
		}
		c, err := x.send(l, poolKey{r.ID, r.Version, private}, r)
		x.link.Store(nil)
		if err == nil {
			x.stick(private, l)
			g.served(chosen, r.ID, began)
			return c, nil
		}
		l.active.Add(-1)
		if tried == nil {
			tried = map[*link]bool{}
		}
		tried[l] = true
		if last == nil || !notCarried(err) { // what failed first says more than that its tunnel is gone
			last = err
		}
		if x.why() == nil {
			g.failed(l, r.ID, err)
		}
		if x.why() != nil || !x.movable(err, l) || time.Now().After(deadline) {
			return nil, last
		}
		g.metrics.moved.Inc()
	}
}

// measureOne: of so many exchanges one is measured.
const measureOne = 4

// notCarried reports whether another gateway did not take the stream.
func notCarried(err error) bool {
	refusal, ok := errors.AsType[*wire.Refusal](err)
	return ok && refusal.Phase == wire.PhaseForward
}

// movable reports whether a request that failed on a link may be sent again on another one: nothing
// of it was sent, or it was lost with its tunnel and repeating it is safe by its method.
func (x *exchange) movable(err error, l *link) bool {
	if x.touched.Load() {
		return false
	}
	if dial, ok := errors.AsType[*dialError](err); ok {
		refusal, refused := errors.AsType[*wire.Refusal](dial)
		return !isGrantError(dial.err) && (!refused || !refusal.Sent)
	}
	return (lost(err) || !l.usable()) && x.repeatable()
}

// send sends the request over a link.
func (x *exchange) send(l *link, key poolKey, r route) (carried, error) {
	if x.speaks2(r, key.private) {
		return x.send2(l, key, r)
	}
	return x.send1(l, key, r)
}

// send1 does one attempt. One on a kept connection that the backend was just closing does not count:
// it is done again, once, if repeating it is safe.
func (x *exchange) send1(l *link, key poolKey, r route) (carried, error) {
	c, err := x.attempt(l, key, r, false)
	if stale, ok := errors.AsType[*staleError](err); ok {
		if x.why() == nil && x.repeatable() {
			c, err = x.attempt(l, key, r, true)
		} else {
			err = stale.err
		}
	}
	if stale, ok := errors.AsType[*staleError](err); ok {
		err = stale.err
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// A staleError may come from nothing but the age of the connection.
type staleError struct{ err error }

func (e *staleError) Error() string { return e.err.Error() }
func (e *staleError) Unwrap() error { return e.err }

// attempt sends the request on a connection to the backend, and reads the reply up to its content.
func (x *exchange) attempt(l *link, key poolKey, r route, fresh bool) (*carriage, error) {
	x.enter(phaseOpening)
	b, err := l.pools.get(x, key, fresh)
	if err != nil {
		return nil, err
	}
	c := &x.carriage
	*c = carriage{x: x, link: l, backend: b}
	if err = x.carriedBy(b); err == nil {
		c.sendHead(r)
		if err = c.sendBody(); err == nil {
			err = c.await()
		}
	}
	if err == nil {
		return c, nil
	}
	b.drop()
	if body := c.upload.failed(); body != nil {
		err = body
	}
	c.upload.end()
	x.carriedBy(nil)
	l.pools.put(b, false)
	if _, wrong := errors.AsType[*http1.Error](err); b.kept && !wrong && !http1.IsTruncated(err) {
		err = &staleError{err}
	}
	return nil, err
}

// repeatable reports whether the request may reach a backend twice: by its method it changes
// nothing, and its body is not spent.
func (x *exchange) repeatable() bool {
	switch x.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return x.body == nil
	}
	return false
}

// sendHead writes the head of the backend's request. Its target is, byte for byte, the one that was received
// under the application's external path.
func (c *carriage) sendHead(r route) {
	x, out := c.x, c.backend.out
	from := origin{client: x.client, authority: r.authority, port: r.port, reference: x.id}
	h := newHead()
	defer h.release()
	h.request(x.fields, from)
	out.RequestLine(x.method, r.target)
	if r.HostHeader == access.HostExternal {
		out.FieldText("Host", r.authority)
	} else {
		out.FieldText("Host", r.internalAuthority)
	}
	for i := range h.list {
		out.Field(h.list[i].Name, h.list[i].Value)
	}
	if x.upgrade {
		out.FieldText("Connection", "Upgrade")
		out.FieldText("Upgrade", "websocket")
	}
	if x.expects {
		out.FieldText("Expect", "100-continue")
	}
	// A method that brings content says that there is none (RFC 9110 section 8.6).
	out.EndHead(x.length, x.body != nil || x.method == http.MethodPost || x.method == http.MethodPut || x.method == http.MethodPatch)
}

// sendBody sends what follows the head: at once what was read with it, the rest beside the reply.
func (c *carriage) sendBody() error {
	x, out := c.x, c.backend.out
	if x.body == nil {
		x.enter(phaseWaiting)
		return out.Flush()
	}
	x.enter(phaseSending)
	if x.expects { // nothing of the body comes before somebody asks for it
		return out.Flush()
	}
	c.upload = newUpload(c)
	if x.short != nil && x.short() {
		c.upload.run()
		return c.upload.failed()
	}
	if err := out.Flush(); err != nil {
		return err
	}
	c.upload.start()
	return nil
}

// expectTimeout is how long a backend may take to ask for a body that its client announced. Many never do, and clients do not wait
// longer either (RFC 9110 section 10.1.1).
const expectTimeout = time.Second

// await reads the head of the reply. Interim ones are passed on.
func (c *carriage) await() error {
	x, b := c.x, c.backend
	asked := http1.Asked{Head: x.method == http.MethodHead, Upgrade: x.upgrade}
	waiting := x.expects
	for {
		invited := waiting && !c.hears(expectTimeout)
		if !invited {
			if err := b.in.Response(&b.res, asked); err != nil {
				return err
			}
			invited = waiting && b.res.Status == http.StatusContinue
		}
		switch {
		case invited:
			waiting = false
			if err := c.goAhead(); err != nil {
				return err
			}
		case b.res.Status == http.StatusEarlyHints, b.res.Status == http.StatusProcessing:
			if err := c.inform(); err != nil {
				return err
			}
		case b.res.Status >= 200, b.res.Status == http.StatusSwitchingProtocols:
			return nil
		}
	}
}

// hears reports whether the backend says something within a time. A head may come in pieces: only its beginning is waited for.
func (c *carriage) hears(limit time.Duration) bool {
	_ = c.backend.stream.SetReadDeadline(time.Now().Add(limit)) // a stream has deadlines
	err := c.backend.in.Peek()
	_ = c.backend.stream.SetReadDeadline(time.Time{})
	return !errors.Is(err, os.ErrDeadlineExceeded) // another error is kept, and met by who reads
}

// goAhead has the client send the body it announced, and sends it on.
func (c *carriage) goAhead() error {
	if err := c.link.g.inform(c.x, http.StatusContinue, nil); err != nil {
		return err
	}
	c.upload = newUpload(c)
	c.upload.start()
	return nil
}

// inform passes on an interim reply.
func (c *carriage) inform() error {
	h := newHead()
	defer h.release()
	h.response(c.backend.res.Fields, c.x.app, c.x.id, false)
	return c.link.g.inform(c.x, c.backend.res.Status, h.list)
}

// inform sends an interim response. A client that does not read must not hold the exchange by it: nothing moves meanwhile.
func (g *Gateway) inform(x *exchange, status int, fields field.Fields) error {
	x.reply.Within(g.limits.PageWrite)
	defer x.reply.Within(0)
	if err := x.reply.Inform(status, fields); err != nil {
		return errClientGone
	}
	return nil
}

// lengthSays reports whether Content-Length tells of content that does not come with the reply (RFC 9110 section 8.6).
func (x *exchange) lengthSays(status int) bool {
	return x.method == http.MethodHead || status == http.StatusNotModified
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// relay sends the backend's reply to the client as it comes.
func (c *carriage) relay() error {
	x, res := c.x, &c.backend.res
	h := newHead()
	h.response(res.Fields, x.app, x.id, x.lengthSays(res.Status))
	x.enter(phaseReceiving)
	err := x.start(res.Status, h.list, max(res.Length, -1))
	h.release()
	if err != nil {
		return clientGone(err)
	}
	body := c.backend.in.ResponseBody(res)
	if err := c.copyBody(&body); err != nil {
		return err
	}
	c.whole = true
	h = newHead()
	defer h.release()
	h.trailers(body.Trailer())
	if err := x.reply.End(h.list); err != nil {
		return clientGone(err)
	}
	x.record.Complete = true
	return nil
}

// clientGone makes an error of writing to a client what it means.
func clientGone(error) error { return errClientGone }

// copyBody copies the reply's content. What arrived is never held back while more is awaited.
func (c *carriage) copyBody(body *http1.Body) error {
	x, in := c.x, c.backend.in
	unbuffered := c.backend.res.Length < 0
	last := 0
	for !body.Done() {
		if unbuffered && !body.Ready() {
			// Whoever waits for the first of several parts must not wait for the last one. What trickles holds no large buffer
			// meanwhile.
			if err := x.reply.Flush(); err != nil {
				return errClientGone
			}
			if last < roomForLittle {
				if err := in.Peek(); err != nil && err != io.EOF {
					return err
				}
			}
		}
		var err error
		if last, err = c.copySome(body); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// roomForLittle is what a reader of a trickle needs.
const roomForLittle = 2 << 10

// copySome passes on what there is.
func (c *carriage) copySome(body *http1.Body) (int, error) {
	x := c.x
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	n, err := body.Read(*buffer)
	if n == 0 {
		return 0, err
	}
	x.touch()
	written, failed := x.reply.Write((*buffer)[:n])
	x.sent.Add(int64(written))
	if failed == nil && err == nil && !body.Ready() {
		failed = x.reply.Flush()
	}
	if failed != nil {
		return n, errClientGone
	}
	x.touch()
	return n, err
}
