package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/field"
	"postern/internal/web"
)

const (
	pathSignOut = access.ReservedPath + "sign-out"
	pathCRL     = access.ReservedPath + "crl"

	retrySoon = time.Second
	maxReturn = 4 << 10 // of a path and query to come back to; a longer one comes back to the application's front
)

// signIn sends a browser to the portal, and tells a program that it has to sign in.
func (g *Gateway) signIn(x *exchange, d *denial) error {
	x.record.Action, x.record.Reason = "deny", d.Reason
	title := "Please sign in"
	if d.StepUp != "" { // signed in, but not as a policy asks for
		title = "Please sign in again"
	}
	w, _ := x.page()
	h := w.Header()
	h.Set("Postern-Reference", x.id)
	h.Set("Cache-Control", "no-store")
	front := x.app.external.Origin() + x.app.external.Path
	if !navigation(x.method, x.fields) {
		h.Set("Postern-Sign-In", front)
		x.challenge(h, "")
		writeProblem(w, &failure{status: http.StatusUnauthorized, reason: d.Reason, title: title, message: d.Message}, x.id)
		x.record.Complete = true
		return nil
	}
	binding := cookie(x.fields, bindingCookie)
	if !validBinding(binding) {
		binding = newBinding()
		setCookie(h, bindingCookie, binding)
	}
	back := x.target
	if len(back) > maxReturn || strings.HasPrefix(back, "//") {
		back = x.app.external.Path
	}
	portal, err := g.cfg.SignIns.Begin(access.SignInRequest{
		Application: x.app.ID, Host: x.app.authority, Return: back, Binding: bindingHash(binding),
	})
	if err != nil {
		return &failure{status: http.StatusServiceUnavailable, reason: "sign-in-unavailable", hop: hopService, title: "You cannot sign in at the moment",
			message: "The part of Postern that signs people in does not answer.", advice: "Try again in a moment.", retry: 5 * retrySoon, err: err}
	}
	status := http.StatusFound
	if x.method == http.MethodPost {
		status = http.StatusSeeOther
	}
	redirect(w, status, portal)
	x.record.Complete = true
	return nil
}

func redirect(w http.ResponseWriter, status int, to string) {
	web.SafeHeaders(w.Header())
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}

// ours answers what lies under /.postern/ on an application host. It is never forwarded.
func (g *Gateway) ours(x *exchange, v *view, t target) error {
	x.record.Path = t.path
	switch {
	case t.ambiguous != "":
		return badRequest("the path contains " + t.ambiguous)
	case t.raw == access.CallbackPath && x.method == http.MethodGet:
		return g.callback(x, v, t)
	case t.raw == pathSignOut && (x.method == http.MethodGet || x.method == http.MethodHead):
		w, r := x.page()
		x.record.Complete = true
		return smallPage{"Sign out", signOutPage, nil}.write(w, r)
	case strings.HasPrefix(t.raw, pathResource) && x.method == http.MethodGet:
		return g.resource(x, v, strings.TrimPrefix(t.raw, pathResource))
	case t.raw == pathSignOut && x.method == http.MethodPost:
		return g.signOut(x, v)
	}
	f := notPublished
	return &f
}

// callback swaps the portal's one-time code for a session of this host.
func (g *Gateway) callback(x *exchange, v *view, t target) error {
	query, err := url.ParseQuery(strings.TrimPrefix(t.query, "?"))
	code := query.Get("code")
	app := v.callbackApp(x.host, query)
	binding := cookie(x.fields, bindingCookie)
	if err != nil || code == "" || len(code) > 1024 || app == nil || !validBinding(binding) {
		return signInAgain(nil)
	}
	x.record.Application = string(app.ID)
	session, back, err := g.cfg.SignIns.Swap(x.context(), access.CodeShown{
		Code: code, Application: app.ID, Host: app.authority, Binding: bindingHash(binding),
		Address: x.clientAddress(), UserAgent: x.userAgent(), Request: x.id,
	})
	if err != nil && isAway(err) {
		return fault.Unavailable("Postern cannot sign you in at the moment.").After(5 * time.Second).Because(err)
	}
	if back == "" || back[0] != '/' || strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n") {
		if err != nil {
			return signInAgain(err)
		}
		back = app.external.Path
	}
	if err == nil && (session == "" || strings.ContainsAny(session, "; ,\"\\\r\n")) {
		return signInAgain(errors.New("the control plane gave a cookie that cannot be set"))
	}
	w, _ := x.page()
	w.Header().Set("Postern-Reference", x.id)
	if err != nil { // another tab's binding took the place of this one's: the page leads to a sign-in that fits it
		x.record.Reason = "sign-in-stale"
		redirect(w, http.StatusSeeOther, app.external.Origin()+back)
		x.record.Complete = true
		return nil
	}
	setCookie(w.Header(), sessionCookieName(app), session)
	redirect(w, http.StatusSeeOther, app.external.Origin()+back)
	x.record.Complete = true
	return nil
}

func signInAgain(err error) error {
	return &failure{status: http.StatusBadRequest, reason: "sign-in-stale", hop: hopYou, title: "This sign-in cannot be finished",
		message: "It took too long, was finished before, or began in another browser.", advice: "Open the application's address again.", err: err}
}

// callbackApp gives the application that a callback is for: named by the query, or the only one at the host.
func (v *view) callbackApp(host string, query url.Values) *published {
	if app, ok := v.apps[access.ID(query.Get("application"))]; ok && app.external.Host == host {
		return app
	}
	if app := v.hosts[host]; app != nil && !app.shared {
		return app
	}
	return nil
}

// signOut ends the sessions of this host, and with them the portal's and all its children.
func (g *Gateway) signOut(x *exchange, v *view) error {
	if !sameOrigin(x.fields, v.hosts[x.host].external) {
		return badRequest("signing out was asked for by another site")
	}
	w, r := x.page()
	for _, app := range v.apps {
		if app.external.Host != x.host {
			continue
		}
		name := sessionCookieName(app)
		value := cookie(x.fields, name)
		if value == "" {
			continue
		}
		err := g.cfg.SignIns.EndSession(x.context(), x.shown(app, value))
		if err != nil && isAway(err) {
			return fault.Unavailable("Postern cannot sign you out at the moment.").After(5 * time.Second).Because(err)
		}
		clearCookie(w.Header(), name)
	}
	x.record.Complete = true
	return smallPage{"Signed out", signedOutPage, v.portal.Origin() + v.portal.Path}.write(w, r)
}

// sameOrigin reports whether a browser says that its request comes from a page of this host.
func sameOrigin(fields field.Fields, external access.Endpoint) bool {
	if site := string(fields.Get("sec-fetch-site")); site != "" {
		return site == "same-origin" || site == "none"
	}
	return string(fields.Get("origin")) == external.Origin()
}
