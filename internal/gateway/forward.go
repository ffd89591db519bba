package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/wire"
)

type exchangeKey struct{}

// forward carries the exchange to a connector of the application and its reply back.
func (g *Gateway) forward(x *exchange, r route) error {
	ctx := context.WithValue(x.ctx, exchangeKey{}, x)
	if x.body == nil {
		x.phase.Store(phaseWaiting)
	}
	idle := orDefault(r.IdleTimeout, access.DefaultIdleTimeout)
	stop := x.watch(idle)
	defer stop()
	x.reply.Within(0)
	defer x.reply.Within(idle) // for the last bytes, which the server still has
	g.connectionAuth.notice(r.published, x.header["Authorization"])
	private := ""
	if g.connectionAuth.has(r.published) {
		var err error
		if private, err = privateKey(x); err != nil {
			return err
		}
	}
	res, l, leave, err := g.roundTrip(ctx, x, r, private)
	if err != nil {
		return x.cause(err)
	}
	defer leave()
	defer l.active.Add(-1)
	defer res.Body.Close()
	x.record.FirstByte = x.since()
	g.connectionAuth.notice(r.published, res.Header["Www-Authenticate"])
	if x.upgrade && res.StatusCode == http.StatusSwitchingProtocols {
		return g.upgrade(x, r, res)
	}
	if res.StatusCode < 200 {
		return errors.New("the backend switched protocols without being asked")
	}
	return g.relay(x, res)
}

// cause prefers why the exchange was cut to what that led to.
func (x *exchange) cause(err error) error {
	switch cause := context.Cause(x.ctx); {
	case cause == nil:
		return err
	case errors.Is(cause, context.Canceled):
		return errClientGone
	default:
		return cause
	}
}

// roundTrip sends the request through one connector after another, as long as nothing of it can
// have reached the backend, until there is a reply. The link's load and the pool stay taken.
func (g *Gateway) roundTrip(ctx context.Context, x *exchange, r route, private string) (*http.Response, *link, func(), error) {
	deadline := x.started.Add(orDefault(r.BackendTimeout, access.DefaultBackendTimeout))
	tried := map[*link]bool{}
	var last error
	for {
		grown := g.links.grown() // before the look
		l := g.links.choose(g.view.Load().snap, r.GroupID, func(l *link) bool { return tried[l] })
		if stuck := x.stuck(private); stuck != nil && !tried[stuck] {
			l = stuck
		}
		if l == nil {
			if (last == nil || notCarried(last) || lost(last)) && g.hold(ctx, r.GroupID, grown, comeBack-x.since()) {
				continue
			}
			if last == nil {
				f := noConnector
				last = &f
			}
			return nil, nil, nil, last
		}
		tried[l] = true
		l.active.Add(1)
		x.record.Connector, x.record.Via = string(l.connector), ""
		if l.via != nil {
			x.record.Via = l.via.id
		}
		p, leave := l.pools.use(poolKey{r.ID, r.Version, private}, x)
		slow := time.AfterFunc(lookAfter, l.lookAround)
		res, err := x.send(ctx, p.transport, r)
		slow.Stop()
		if err == nil {
			x.stick(private, l)
			return res, l, leave, nil
		}
		leave()
		l.active.Add(-1)
		if last == nil || !notCarried(err) { // what failed first says more than that its tunnel is gone
			last = err
		}
		if ctx.Err() != nil || !x.movable(err, l) || time.Now().After(deadline) {
			return nil, nil, nil, last
		}
		g.metrics.moved.Inc()
	}
}

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

// send does one attempt. One on a kept connection that the backend was just closing does not count:
// it is done again, once, if repeating it is safe.
func (x *exchange) send(ctx context.Context, transport *http.Transport, r route) (*http.Response, error) {
	res, a, err := x.attempt(ctx, transport, r)
	if err == nil || ctx.Err() != nil || !x.repeatable() || !a.stale(err) {
		return res, err
	}
	transport.CloseIdleConnections() // they are likely to be as stale
	res, _, err = x.attempt(ctx, transport, r)
	return res, err
}

func (x *exchange) attempt(ctx context.Context, transport *http.Transport, r route) (*http.Response, *attempt, error) {
	req, a, err := x.outgoing(ctx, r)
	if err != nil {
		return nil, a, err
	}
	defer a.end()
	res, err := transport.RoundTrip(req)
	return res, a, err
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

// outgoing makes the backend's request. Its target is, byte for byte, the one that was received
// under the application's external path.
func (x *exchange) outgoing(ctx context.Context, r route) (*http.Request, *attempt, error) {
	path, query, hasQuery := strings.Cut(r.target, "?")
	u := &url.URL{Scheme: "http", Host: r.internal.Address(), Opaque: path, RawQuery: query, ForceQuery: hasQuery}
	if strings.HasPrefix(path, "//") {
		// net/http would take it for an authority. Written as a path it must come out the same.
		u.Opaque, u.RawPath = "", path
		decoded, err := url.PathUnescape(path)
		if u.Path = decoded; err != nil || u.EscapedPath() != path {
			return nil, &attempt{}, badRequest("the path starts with //")
		}
	}
	from := origin{client: x.client, authority: r.external.Authority(), reference: x.id}
	if r.external.Port != 443 {
		from.port = strconv.Itoa(int(r.external.Port))
	}
	a := &attempt{x: x}
	req := (&http.Request{
		Method: x.method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: r.internal.Authority(),
		Header: requestHeader(x.header, from), ContentLength: x.length,
	}).WithContext(httptrace.WithClientTrace(ctx, a.trace()))
	if r.HostHeader == access.HostExternal {
		req.Host = r.external.Authority()
	}
	switch {
	case x.body == nil:
		req.ContentLength = 0
		if x.repeatable() {
			// net/http would repeat it on every kept connection, one after the other, and so bring a
			// request that ends its backend to all of them. A body that it cannot rewind keeps it from
			// that; this one is empty, and "identity" has nothing of it in the header.
			req.Body, req.TransferEncoding = io.NopCloser(strings.NewReader("")), []string{"identity"}
		}
	default:
		req.Trailer = x.announced()
		req.Body = &upload{x: x, trailer: req.Trailer}
	}
	if x.upgrade {
		req.Header["Connection"] = []string{"Upgrade"}
		req.Header["Upgrade"] = []string{"websocket"}
	}
	return req, a, nil
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// relay sends the backend's reply to the client as it comes.
func (g *Gateway) relay(x *exchange, res *http.Response) error {
	header := responseHeader(res.Header, x.app, x.id)
	if res.ContentLength < 0 {
		delete(header, "Content-Length")
	}
	var names []string
	for name := range trailers(res.Trailer) {
		names = append(names, name)
	}
	x.touch()
	if err := x.start(res.StatusCode, header, names); err != nil {
		return x.cause(err)
	}
	x.phase.Store(phaseReceiving)
	// Whoever waits for the first of several parts must not wait for the last one.
	unbuffered := res.ContentLength < 0
	if unbuffered {
		if err := x.reply.Flush(); err != nil {
			return errClientGone
		}
	}
	if err := x.copyBody(res, unbuffered); err != nil {
		return x.cause(err)
	}
	if len(names) > 0 {
		x.reply.Trail(trailers(res.Trailer))
	}
	x.record.Complete = true
	return nil
}

// copyBody copies the reply's body. What arrived is never held back while more is awaited.
func (x *exchange) copyBody(res *http.Response, unbuffered bool) error {
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	left := res.ContentLength
	for {
		n, readErr := res.Body.Read(*buffer)
		if n > 0 {
			x.touch()
			written, err := x.reply.Write((*buffer)[:n])
			x.sent.Add(int64(written))
			if err != nil {
				return errClientGone
			}
			x.touch()
			left -= int64(n)
			if readErr == nil && (unbuffered || left > 0) {
				if err := x.reply.Flush(); err != nil {
					return errClientGone
				}
			}
		}
		switch {
		case readErr == io.EOF:
			return nil
		case readErr != nil:
			return readErr
		}
	}
}
