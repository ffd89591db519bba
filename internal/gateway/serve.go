package gateway

import (
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/web"
	"postern/internal/wire"
)

// handle answers a request for a page or an API of our own, which net/http's server has read: by the request's own authority.
func (e *entrance) handle(w http.ResponseWriter, r *http.Request) {
	g := e.g
	// Who does not read our answers must not keep them here.
	within(http.NewResponseController(w), g.limits.PageWrite)
	id := web.NewRequestID()
	g.metrics.usage.arrived.Inc()
	host := r.Host
	if other, both := r.Header["Host"]; both && (len(other) != 1 || other[0] != r.Host) {
		host = "" // HTTP/2 with an :authority and another Host
	}
	f, place := allowed(r.Method, r.RequestURI), placeNone
	if f == nil {
		to := e.destination(g.view.Load(), r.TLS, host)
		f, place = to.why, to.place
	}
	if f == nil && place == placeApplication {
		f = &misdirected // applications have connections of their own, which another engine reads
	}
	if f != nil {
		early := wire.Record{Request: id, Client: r.RemoteAddr, Protocol: r.Proto, Method: r.Method, Host: r.Host, UserAgent: bounded(r.UserAgent())}
		if r.URL != nil {
			early.Path = r.URL.Path
		}
		g.turnedAway(early, f)
		f.write(w, r, id, navigation(r.Method, fieldsOf(r.Header)))
		return
	}
	defer g.metrics.usage.outcomes[wire.OutcomeServed].Inc()
	if place == placePortal && r.URL.Path == wire.PathTunnel {
		e.upgraded(w, r)
		return
	}
	if place == placePortal {
		g.portal(w, r, id)
		return
	}
	g.own(g.cfg.Admin, w, r.WithContext(web.WithRequestID(r.Context(), id)))
}

// serveExchange serves a request that an engine of ours has read on a connection for applications. here: it is for such a
// connection by its scheme and protocol.
func (e *entrance) serveExchange(x *exchange, c *conn, authority string, here bool) {
	g := e.g
	g.metrics.usage.arrived.Inc()
	v := g.view.Load()
	why := allowed(x.method, x.target)
	to := c.destination.Load() // a connection mostly asks for the same
	if to == nil || to.view != v || to.authority != authority {
		to = e.destination(v, c.hello, authority)
		c.destination.Store(to)
	}
	if why == nil {
		why = to.why
	}
	if why == nil && (to.place != placeApplication || !here) {
		why = &misdirected // the portal and the admin center have connections of their own; what TLS protects is https (RFC 9110 section 7.4)
	}
	if why != nil {
		e.turnAway(x, authority, why)
		return
	}
	x.host = to.host
	g.exchange(x, v)
}

// turnAway answers a request that is nobody's.
func (e *entrance) turnAway(x *exchange, authority string, why *failure) {
	g := e.g
	x.record.Time = g.now().UTC()
	t, _, _ := parseTarget(x.target)
	g.turnedAway(wire.Record{Request: x.id, Client: x.peer, Protocol: x.protocol, Method: x.method, Host: authority, Path: t.path,
		UserAgent: bounded(x.userAgent())}, why)
	w, r := x.page()
	why.write(w, r, x.id, navigation(x.method, x.fields))
	x.reply.Within(g.limits.PageWrite)
	x.own.send()
	x.finish()
}

// allowed says what is wrong with a request whoever it is for.
func allowed(method, target string) *failure {
	switch {
	case !allowedMethod(method):
		return &badMethod
	case target == "" || target[0] != '/':
		return badRequest("the request target must start with /")
	}
	return nil
}

// A destination is for whom requests are meant, by their own authority, or why nobody here takes them.
type destination struct {
	view      *view
	authority string
	host      string
	place     place
	why       *failure
}

// destination finds out for whom a request is meant on a connection.
func (e *entrance) destination(v *view, state *tls.ConnectionState, authority string) *destination {
	d := &destination{view: v, authority: authority}
	if v == nil {
		d.why = &notReady
		return d
	}
	name, ok := parseAuthority(authority)
	if !ok {
		d.why = badRequest("the host is missing or malformed")
		return d
	}
	d.host, d.place = name.host, v.place(name.host)
	switch {
	case !e.g.covers(state, name.host) || d.place != placeNone && !e.serves(d.place):
		d.why = &misdirected
	case d.place == placeNone:
		d.why = &notPublished
	}
	return d
}

func (g *Gateway) portal(w http.ResponseWriter, r *http.Request, id string) {
	if r.URL.Path == pathCRL {
		g.crl(w, r)
		return
	}
	g.own(g.cfg.Portal, w, r.WithContext(web.WithRequestID(r.Context(), id)))
}

// own serves a page or API of our own within the times that those have; the server they share with
// applications has none.
func (g *Gateway) own(h http.Handler, w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	// Errors would mean a server without deadlines, which this is not.
	_ = control.SetReadDeadline(time.Now().Add(ownRead))
	within(control, ownWrite)
	h.ServeHTTP(w, r)
	within(control, g.limits.PageWrite) // the server writes what it has buffered after this
}

const (
	ownRead  = time.Minute
	ownWrite = 5 * time.Minute
)

// crl answers with the revocation list of our CA (RFC 5280; its media type in RFC 2585).
func (g *Gateway) crl(w http.ResponseWriter, r *http.Request) {
	if g.cfg.CRL == nil {
		http.NotFound(w, r)
		return
	}
	list, err := g.cfg.CRL(r.Context())
	if err != nil {
		g.log.Warn("make revocation list", "error", err)
		http.Error(w, "the revocation list cannot be had at the moment", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/pkix-crl")
	w.Header().Set("Cache-Control", "max-age=60")
	_, _ = w.Write(list) // the client may be gone
}

// exchange carries one request to an application from its head to its record.
func (g *Gateway) exchange(x *exchange, v *view) {
	x.record = wire.Record{
		Time: g.now().UTC(), Request: x.id, Gateway: g.cfg.ID, Client: x.peer, Protocol: x.protocol,
		Method: x.method, Host: x.host, Action: "allow", UserAgent: x.conn.called.text(agentOf(x.fields)),
	}
	defer g.end(x)
	if err := g.answer(x, v); err != nil {
		g.fail(x, err)
	}
	if x.own != nil {
		x.reply.Within(g.limits.PageWrite)
		x.own.send()
	}
}

func (g *Gateway) end(x *exchange) {
	if x.app != nil {
		g.live.leave(x)
	}
	x.finish()
	r := &x.record
	r.Received, r.Sent, r.Duration = x.received.Load(), x.sent.Load(), x.since()
	if who := x.who.Load(); who != nil {
		r.User, r.UserID, r.Session = who.Name, string(who.User), string(who.Session)
	}
	r.Outcome = outcome(r)
	g.metrics.exchange(r)
	if g.cfg.Recorder != nil {
		g.cfg.Recorder.Record(*r)
	}
}

// answer is the life of a request: read it once, route, decide, forward.
func (g *Gateway) answer(x *exchange, v *view) error {
	t, why, ok := parseTarget(x.target)
	if !ok {
		return badRequest(why)
	}
	x.record.Path = t.path
	if t.underReserved() {
		return g.ours(x, v, t)
	}
	r, err := v.route(x.host, t)
	switch {
	case fault.Is(err, fault.KindNotFound):
		f := notPublished
		return &f
	case err != nil:
		return badRequest(err.Error())
	}
	x.app = r.published
	x.idle, x.patience = orDefault(r.IdleTimeout, access.DefaultIdleTimeout), orDefault(r.BackendTimeout, access.DefaultBackendTimeout)
	x.record.Application = string(r.ID)
	x.secret = x.conn.brought.text(cookieBytes(x.fields, sessionCookieName(r.published)))
	if !x.takeCredential() {
		return g.refuseCredential(x, "invalid_request", "More than one credential of Postern was sent, or one in a form that is not known.")
	}
	err = g.decide(x)
	if x.credential && fault.Is(err, fault.KindUnauthenticated) {
		return g.refuseCredential(x, "invalid_token", "It has ended, was never good, or is for another application.")
	}
	if d, ok := errors.AsType[*denial](err); ok && x.credential && d.StepUp != "" {
		return g.refuseCredential(x, "insufficient_user_authentication", d.Message) // RFC 9470
	}
	if d, ok := errors.AsType[*denial](err); ok && (d.SignIn || d.StepUp != "") {
		return g.signIn(x, d)
	}
	if err != nil {
		return err
	}
	if who := x.who.Load(); who != nil && x.provesAgain(who, g.now()) {
		return g.signIn(x, &denial{policy.Decision{SignIn: true, Reason: policy.ReasonProofDue}})
	}
	return g.forward(x, r)
}

// provesAgain reports whether a page is a good moment to send its browser by the upstream of its user, which is due
// to be asked once more. What a page asks for by itself, and pages within pages, go on meanwhile.
func (x *exchange) provesAgain(who *access.Principal, now time.Time) bool {
	if who.Reprove.IsZero() || now.Before(who.Reprove) || x.credential || x.method != http.MethodGet || !navigation(x.method, x.fields) {
		return false
	}
	dest := string(x.fields.Get("sec-fetch-dest"))
	return dest == "" || dest == "document"
}
