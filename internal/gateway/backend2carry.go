package gateway

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/net/http2"

	"postern/internal/access"
	"postern/internal/field"
	h2 "postern/internal/http2/backend"
)

var overloaded2 = failure{status: http.StatusServiceUnavailable, reason: "overload", hop: hopBackend, title: "The application is busy",
	message: "The application does not take more requests at once.", advice: "Try again in a moment. " + askAdmin, retry: retrySoon}

// errCut ends a stream whose exchange was cut; the exchange knows why.
var errCut = errors.New("the exchange was cut")

// A carriage2 is an exchange on its way by HTTP/2: a stream among others of a connection.
type carriage2 struct {
	x      *exchange
	link   *link
	stream *h2.Stream
	head   *h2.Head
	upload *upload2 // nil: there is no body
}

// drop cuts the stream, and nothing else of its connection.
func (c *carriage2) drop() { c.stream.Reset(http2.ErrCodeCancel, errCut) }

func (c *carriage2) reply() (status int, fields field.Fields) { return c.head.Status, c.head.Fields }

// end lets go of what carried the exchange.
func (c *carriage2) end() {
	c.close()
	c.link.active.Add(-1)
}

func (c *carriage2) close() {
	c.upload.halt()
	c.x.carriedBy(nil)
	c.stream.Close()
	c.upload.wait()
}

// maxTries2 is how often a request is sent that backends do not look at.
const maxTries2 = 8

// send2 carries the exchange by HTTP/2, or by HTTP/1.1 where that is what the backend chose.
func (x *exchange) send2(l *link, key poolKey, r route) (carried, error) {
	p := l.pools.two(key)
	for tries := 1; ; tries++ {
		if p.speaks1() {
			return x.send1(l, key, r)
		}
		c, kept, err := x.attempt2(p, l, r)
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, errHTTP1):
			continue
		case tries == maxTries2 || x.why() != nil || x.touched.Load():
			return nil, err
		case h2.Unprocessed(err), kept && ended(err) && x.repeatable():
			continue
		}
		return nil, err
	}
}

// ended reports whether an error may come from nothing but the age of a connection.
func ended(err error) bool {
	conn, ok := errors.AsType[*h2.ConnError](err)
	return ok && !conn.Timeout() && !lost(err)
}

// attempt2 sends the request on one connection, and waits for the head of the reply.
func (x *exchange) attempt2(p *pool2, l *link, r route) (c *carriage2, kept bool, err error) {
	x.enter(phaseOpening)
	s, kept, err := x.open2(p, r)
	if err != nil {
		return nil, kept, err
	}
	c = &carriage2{x: x, link: l, stream: s}
	if err = x.carriedBy(c); err == nil {
		if err = c.sendBody(); err == nil {
			err = c.await()
		}
	}
	if err == nil {
		return c, kept, nil
	}
	if body := c.upload.failed(); body != nil {
		err = body
	}
	c.close()
	return nil, kept, err
}

// open2 sends the head. Its target is, byte for byte, the one that was received under the application's external path.
func (x *exchange) open2(p *pool2, r route) (s *h2.Stream, kept bool, err error) {
	from := origin{client: x.client, authority: r.authority, port: r.port, reference: x.id}
	h := newHead()
	defer h.release()
	h.request(x.fields, from)
	req := h2.Request{Method: x.method, Scheme: r.internal.Scheme, Authority: r.internalAuthority, Path: r.target, Fields: h.list, Length: x.length}
	if r.HostHeader == access.HostExternal {
		req.Authority = r.authority
	}
	if x.body == nil {
		req.Length = 0
	}
	s, kept, err = p.open(x, &req)
	if errors.Is(err, h2.ErrHeaderTooLarge) {
		f := badRequest("its header is larger than the application accepts")
		f.status = http.StatusRequestHeaderFieldsTooLarge
		return nil, kept, f
	}
	return s, kept, err
}

// sendBody sends the body beside the reply.
func (c *carriage2) sendBody() error {
	x := c.x
	if x.body == nil {
		x.enter(phaseWaiting)
		return nil
	}
	x.enter(phaseSending)
	if x.expects {
		if err := c.link.g.inform(x, http.StatusContinue, nil); err != nil {
			return err
		}
	}
	x.touched.Store(true) // from now on the body is read there and nowhere else
	c.upload = &upload2{c: c, done: make(chan struct{})}
	go c.upload.run()
	return nil
}

// await waits for the final head of the reply. Interim ones are passed on.
func (c *carriage2) await() error {
	for {
		head, err := c.stream.Head()
		if err != nil {
			return err
		}
		if head.Status >= 200 {
			c.head = head
			return nil
		}
		if head.Status != http.StatusEarlyHints && head.Status != http.StatusProcessing {
			continue
		}
		h := newHead()
		h.response(head.Fields, c.x.app, c.x.id, false)
		err = c.link.g.inform(c.x, head.Status, h.list)
		if h.release(); err != nil {
			return err
		}
	}
}

// relay sends the backend's reply to the client as it comes.
func (c *carriage2) relay() error {
	x := c.x
	h := newHead()
	h.response(c.head.Fields, x.app, x.id, x.lengthSays(c.head.Status))
	x.enter(phaseReceiving)
	x.trailing = c.head.Length < 0 && grpcType(c.head.Fields) != ""
	err := x.start(c.head.Status, h.list, c.head.Length)
	if h.release(); err != nil {
		return clientGone(err)
	}
	if err := c.copyBody(); err != nil {
		return err
	}
	h = newHead()
	defer h.release()
	h.trailers(c.stream.Trailer())
	if err := x.reply.End(h.list); err != nil {
		return clientGone(err)
	}
	x.record.Complete = true
	return nil
}

// copyBody copies the reply's content. What arrived is never held back while more is awaited, and nothing is held while nothing comes.
func (c *carriage2) copyBody() error {
	unsent := c.head.Length < 0 // the head itself, where more than one part may come
	for {
		if !c.stream.Ready() {
			runtime.Gosched() // what came in the same piece is about to be read
		}
		if !c.stream.Ready() {
			if unsent {
				if err := c.x.reply.Flush(); err != nil {
					return errClientGone
				}
			}
			c.stream.Wait()
		}
		if err := c.copySome(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		unsent = true
	}
}

func (c *carriage2) copySome() error {
	x := c.x
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	n, err := c.stream.Read(*buffer)
	if n == 0 {
		return err
	}
	x.touch()
	written, failed := x.reply.Write((*buffer)[:n])
	x.sent.Add(int64(written))
	if failed != nil {
		return errClientGone
	}
	x.touch()
	return err
}

// An upload2 is the request's body on its way to a backend by HTTP/2. A nil one is no body.
type upload2 struct {
	c      *carriage2
	done   chan struct{}
	client atomic.Pointer[error] // what was wrong with the body
}

// run sends the body until its end, or until nobody wants it any more.
func (u *upload2) run() {
	defer close(u.done)
	x, s := u.c.x, u.c.stream
	for last := 0; ; {
		n, failed, err := u.some(last)
		if last = n; failed {
			return // the reply, or what Head and Read say, tells why
		}
		switch {
		case err == io.EOF:
			x.taken.Store(true)
			h := newHead()
			h.trailers(x.trailer())
			_ = s.CloseWrite(h.list) // as above
			h.release()
			x.phase.CompareAndSwap(phaseSending, phaseWaiting)
			return
		case err != nil:
			err = bodyError(err)
			u.client.Store(&err)
			s.Reset(http2.ErrCodeCancel, err) // half a request must not look whole, nor its reply be waited for
			return
		}
	}
}

// littleBuffers are for bodies that trickle, as calls that stay open for days do.
var littleBuffers = sync.Pool{New: func() any { b := make([]byte, roomForLittle); return &b }}

// some sends what comes next; last is how much came before it. failed: the backend takes no more.
func (u *upload2) some(last int) (n int, failed bool, err error) {
	x, buffers := u.c.x, &littleBuffers
	if last >= roomForLittle {
		buffers = &copyBuffers
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	x.awaitBody()
	if n, err = x.body.Read(*buffer); n > 0 {
		x.bodyCame(n)
		_, gone := u.c.stream.Write((*buffer)[:n])
		failed = gone != nil
		x.touch()
	}
	return n, failed, err
}

// failed gives what was wrong with the client's body.
func (u *upload2) failed() error {
	if u == nil {
		return nil
	}
	if err := u.client.Load(); err != nil {
		return *err
	}
	return nil
}

// halt makes a sending end that waits for the client.
func (u *upload2) halt() {
	if u == nil {
		return
	}
	select {
	case <-u.done:
	default:
		if x := u.c.x; !x.whole() && x.halt != nil {
			x.halt()
		}
	}
}

func (u *upload2) wait() {
	if u != nil {
		<-u.done
	}
}
