// Package admin is the face that administrators and their programs see: the admin API under
// /api/v1, its OpenAPI document, the set-up page and the admin center.
//
// Every route stands in one table. Nothing of a request's body is read before it is known who asks;
// everything that is read is checked strictly, and what is refused names the field. Who may do what
// is decided by control alone.
package admin

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

// Config holds what a Handler needs. Fields are required unless they say otherwise.
type Config struct {
	Control *control.Control
	Log     *slog.Logger
	URL     string           // optional: of the admin host, for the lines that pages show; the request's if empty
	CAFile  string           // optional: where the administrator finds our CA's certificate, for that line
	Now     func() time.Time // optional; time.Now if nil
	// Authenticate finds out who asks when a request has no API key; optional, by the admin center's session if nil.
	// Such requests may only change something when they come from our own pages.
	Authenticate func(*http.Request) (access.Actor, error)
}

// Handler answers for the admin host.
type Handler struct {
	cfg      Config
	mux      *http.ServeMux
	secure   http.Handler
	document *huma.OpenAPI
	origin   *http.CrossOriginProtection
	failures *failures
}

// New makes the handler of the admin host.
func New(cfg Config) *Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	h := &Handler{cfg: cfg, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), failures: newFailures(cfg.Now)}
	if cfg.Authenticate == nil {
		h.cfg.Authenticate = h.session
	}
	routes := h.table()
	h.document = describe(routes)
	for _, rt := range routes {
		h.mux.HandleFunc(rt.method+" "+rt.pattern, func(w http.ResponseWriter, r *http.Request) { h.serve(&rt, w, r) })
	}
	h.documents()
	h.mux.HandleFunc("GET "+protectedPath, h.protected)
	h.mux.HandleFunc("GET /setup", h.showSetup)
	h.mux.HandleFunc("POST /setup", h.postSetup)
	h.center()
	h.secure = web.Secure(http.HandlerFunc(h.route))
	return h
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.secure.ServeHTTP(w, r) }

// route finds the handler of a request. What no route fits gets a problem document too, and 405
// with Allow where only the method is wrong.
func (h *Handler) route(w http.ResponseWriter, r *http.Request) {
	if _, pattern := h.mux.Handler(r); pattern != "" {
		h.mux.ServeHTTP(w, r)
		return
	}
	allowed := h.allowed(r)
	if len(allowed) == 0 {
		web.Problem(w, r, fault.NotFound("there is nothing at this address"))
		return
	}
	web.MethodNotAllowed(w, r, allowed...)
}

func (h *Handler) allowed(r *http.Request) []string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := h.mux.Handler(probe); pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}

func (h *Handler) me() operation {
	return operation{out: typeOf[api.Me](), status: 200, run: func(c *call) (reply, error) {
		return reply{body: api.Me{Kind: string(c.by.Kind), ID: string(c.by.ID), Name: c.by.Name, Roles: words(c.by.Roles), Scopes: c.by.Scopes}}, nil
	}}
}

// health answers 200 also when something is wrong: the answer itself is good. /readyz is for
// machines that look at the status only.
func (h *Handler) health() operation {
	return operation{out: typeOf[api.Health](), status: 200, run: func(c *call) (reply, error) {
		answer := api.Health{Healthy: true, Checks: []api.HealthCheck{}, Findings: []api.Finding{}}
		for _, check := range h.cfg.Control.Health(c) {
			shown := api.HealthCheck{Name: check.Name, Healthy: check.Err == nil}
			if check.Err != nil {
				shown.Error, answer.Healthy = check.Err.Error(), false
			}
			answer.Checks = append(answer.Checks, shown)
		}
		for _, f := range h.cfg.Control.Findings(c) {
			answer.Healthy = answer.Healthy && f.Severity != control.SeverityError
			answer.Findings = append(answer.Findings, api.Finding{
				Code: f.Code, Severity: string(f.Severity), Sentence: f.Sentence, Cure: f.Cure, Object: string(f.Object), Due: f.Due,
			})
		}
		return reply{body: answer}, nil
	}}
}
