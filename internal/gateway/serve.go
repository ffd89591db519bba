package gateway

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/web"
	"postern/internal/wire"
)

// handle answers a request at an entrance: it finds out for whom it is meant, by the request's own
// authority, and hands it on.
func (e *entrance) handle(w http.ResponseWriter, r *http.Request) {
	g := e.g
	// Who does not read our answers must not keep them here. What is relayed is watched instead.
	within(http.NewResponseController(w), g.limits.PageWrite)
	id := web.NewRequestID()
	g.metrics.usage.arrived.Inc()
	refuse := func(f failure) {
		g.turnAwayEarly(r, id, &f)
		f.write(w, r, id)
	}
	v := g.view.Load()
	if v == nil {
		refuse(notReady)
		return
	}
	if !allowedMethod(r.Method) {
		refuse(badMethod)
		return
	}
	if !strings.HasPrefix(r.RequestURI, "/") {
		refuse(*badRequest("the request target must start with /"))
		return
	}
	name, ok := parseAuthority(r.Host)
	if other, both := r.Header["Host"]; both && (len(other) != 1 || other[0] != r.Host) {
		ok = false // HTTP/2 with an :authority and another Host
	}
	if !ok {
		refuse(*badRequest("the host is missing or malformed"))
		return
	}
	place := v.place(name.host)
	if !g.covers(r.TLS, name.host) || place != placeNone && !e.serves(place) {
		refuse(misdirected)
		return
	}
	switch place {
	case placePortal:
		defer g.metrics.usage.outcomes[wire.OutcomeServed].Inc()
		g.portal(w, r, id)
	case placeAdmin:
		defer g.metrics.usage.outcomes[wire.OutcomeServed].Inc()
		g.own(g.cfg.Admin, w, r.WithContext(web.WithRequestID(r.Context(), id)))
	case placeApplication:
		x := exchangeOf(w, r, id)
		x.host = name.host
		g.exchange(x, v)
	default:
		refuse(notPublished)
	}
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
		Time: g.now().UTC(), Request: x.id, Gateway: g.cfg.ID, Client: x.client.String(), Protocol: x.protocol,
		Method: x.method, Host: x.host, Action: "allow", UserAgent: agentOf(x.header),
	}
	defer g.end(x)
	if err := g.answer(x, v); err != nil {
		x.reply.Within(g.limits.PageWrite)
		g.fail(x, err)
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
	x.record.Application = string(r.ID)
	x.secret = cookie(x.header["Cookie"], sessionCookieName(r.published))
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
	if who.Reprove.IsZero() || now.Before(who.Reprove) || x.credential || x.method != http.MethodGet || !navigation(x.method, x.header) {
		return false
	}
	dest := x.header.Get("Sec-Fetch-Dest")
	return dest == "" || dest == "document"
}
