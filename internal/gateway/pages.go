package gateway

import (
	"encoding/json"
	"errors"
	"html/template"
	"net/http"

	"postern/internal/fault"
	"postern/internal/web"
)

// writeProblem answers a program (RFC 9457).
func writeProblem(w http.ResponseWriter, f *failure, id string) {
	body, _ := json.Marshal(struct { // strings and numbers only: cannot fail
		web.Document
		Hop string `json:"hop,omitempty"`
	}{web.Document{Type: "postern:" + f.reason, Title: f.title, Status: f.status, Detail: f.message, Reference: id}, f.hop})
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone
}

// fail answers an exchange with what went wrong, unless its reply has begun: then it is aborted.
func (g *Gateway) fail(x *exchange, err error) {
	f := g.explain(x, err)
	x.record.Reason, x.record.Hop = f.reason, f.hop
	x.mu.Lock()
	answered := x.answered
	x.mu.Unlock()
	if answered {
		if !x.endGRPC(f) {
			x.abort(err)
		}
		return
	}
	w, r := x.page()
	f.write(w, r, x.id, navigation(x.method, x.fields))
	x.record.Complete = true
	if f.status >= 500 {
		g.log.Info("request failed", "reference", x.id, "application", x.record.Application, "connector", x.record.Connector,
			"reason", f.reason, "hop", f.hop, "error", f.err)
	}
}

// explain turns an error into what a person is told.
func (g *Gateway) explain(x *exchange, err error) *failure {
	if d, ok := errors.AsType[*denial](err); ok {
		x.record.Action = "deny"
		return refusal(d)
	}
	if d, ok := errors.AsType[*errDenied](err); ok {
		x.record.Action = "deny"
		return &failure{status: http.StatusForbidden, reason: d.reason, title: "You may no longer use this application", message: d.message, err: err}
	}
	switch {
	case errors.Is(err, errShutdown):
		return &failure{status: http.StatusServiceUnavailable, reason: "shutdown", hop: hopGateway, title: "Postern is restarting",
			message: "This gateway is being restarted.", advice: "Try again in a moment.", retry: retrySoon, err: err}
	case errors.Is(err, errClientGone):
		return &failure{status: 499, reason: reasonClientGone, hop: hopYou, title: "Cancelled", message: "The request was cancelled.", err: err}
	case isGrantError(err) && fault.Is(err, fault.KindUnavailable):
		return &failure{status: http.StatusServiceUnavailable, reason: "session-unknown", hop: hopService, title: "Postern cannot check your session",
			message: "The part of Postern that knows who is signed in does not answer at the moment.",
			advice:  "Try again in a moment. " + askAdmin, retry: 5 * retrySoon, err: err}
	}
	return failureOf(err)
}

var signOutPage = template.Must(template.New("sign-out").Parse(
	`<h1>Sign out</h1><p>This ends your session here and at all other applications.</p>` +
		`<form method="post" action="/.postern/sign-out"><button type="submit">Sign out</button></form>`))

var signedOutPage = template.Must(template.New("signed-out").Parse(
	`<h1>Signed out</h1><p>You are signed out here and at all other applications.</p><p><a href="{{.}}">Applications</a></p>`))

// A smallPage is a page of ours about the session.
type smallPage struct {
	title string
	body  *template.Template
	data  any
}

func (p smallPage) write(w http.ResponseWriter, r *http.Request) error {
	body, err := web.Render(p.body, p.data)
	if err != nil {
		return err
	}
	web.Page{Title: p.title, Body: body}.Write(w, r)
	return nil
}
