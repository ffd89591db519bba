// Package agentapi is the face for machines: how connectors enrol, renew and deregister, and what
// they ask over their tunnels.
//
// The first three come from peers that have proven nothing: bodies, rates and memory are bounded
// before anything is looked at. Questions come over a tunnel and are answered for its proven peer,
// whatever they say of themselves.
package agentapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/web"
	"postern/internal/wire"
)

// MaxBody bounds a request's body, in bytes.
const MaxBody = 64 << 10

// Enrolments is the part of control that admits connectors.
type Enrolments interface {
	Enrol(ctx context.Context, by access.Actor, req wire.EnrolRequest) (wire.Credential, error)
	Renew(ctx context.Context, by access.Actor, req wire.SignedRequest) (wire.Credential, error)
	Deregister(ctx context.Context, by access.Actor, req wire.SignedRequest) error
}

// Configurations is the part of control that answers connectors.
type Configurations interface {
	// AgentConfiguration waits as wire.AskConfiguration says.
	AgentConfiguration(ctx context.Context, connector access.ID, ask wire.AskConfiguration) (wire.Configuration, error)
	// SignConfiguration makes it what a connector believes, whoever carries it.
	SignConfiguration(c wire.Configuration) (wire.SignedConfiguration, error)
	ReportConnector(ctx context.Context, connector access.ID, report wire.Report) error
}

// Config holds what an API needs.
type Config struct {
	Enrolments     Enrolments
	Configurations Configurations
	Log            *slog.Logger
	Program        string // optional; the service's version, which only proven peers are told
	// Bench loads a connector that measures what it can carry, if it may; optional.
	Bench func(ctx context.Context, connector access.ID, ask wire.AskBench) (wire.BenchResult, error)
	Now   func() time.Time // optional; time.Now if nil
	Rate  float64          // optional; requests a second and network (IPv4 address or IPv6 /64), 10 if zero
	Burst int              // optional; requests at once, 100 if zero: a site behind one address enrols in one go
}

// API answers agents.
type API struct {
	cfg    Config
	mux    *http.ServeMux
	limits *limits
}

// New checks and wires.
func New(cfg Config) (*API, error) {
	if cfg.Enrolments == nil || cfg.Configurations == nil || cfg.Log == nil {
		return nil, errors.New("agentapi: Enrolments, Configurations and Log are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rate <= 0 {
		cfg.Rate = 10
	}
	if cfg.Burst <= 0 {
		cfg.Burst = 100
	}
	a := &API{cfg: cfg, mux: http.NewServeMux(), limits: newLimits(cfg.Rate, cfg.Burst)}
	a.mux.Handle(wire.PathEnrol, route(a, cfg.Enrolments.Enrol))
	a.mux.Handle(wire.PathRenew, route(a, cfg.Enrolments.Renew))
	a.mux.Handle(wire.PathDeregister, route(a, func(ctx context.Context, by access.Actor, req wire.SignedRequest) (struct{}, error) {
		return struct{}{}, cfg.Enrolments.Deregister(ctx, by, req)
	}))
	a.mux.Handle(wire.PathHello, route(a, a.hello))
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		web.Problem(w, r, fault.NotFound("there is nothing at this path for agents"))
	})
	return a, nil
}

// ServeHTTP answers wire.PathEnrol, wire.PathRenew, wire.PathDeregister and wire.PathHello. The limit by address
// comes before everything else, also for paths and methods that do not exist.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := web.RequestID(r.Context())
	if id == "" {
		id = web.NewRequestID()
		r = r.WithContext(web.WithRequestID(r.Context(), id))
	}
	w.Header().Set("Postern-Reference", id)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if wait := a.limits.take(web.ClientAddress(r), a.cfg.Now()); wait > 0 {
		w.Header().Set("Connection", "close") // a peer that does not stop pays for its handshakes
		web.Problem(w, r, fault.New(fault.KindLimited, "too many requests from this address; try again in %s", wait.Round(time.Second)).After(wait))
		return
	}
	a.mux.ServeHTTP(w, r)
}

// route serves one question: POST of JSON, answered by JSON.
func route[Q, A any](a *API, answer func(context.Context, access.Actor, Q) (A, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			web.MethodNotAllowed(w, r, http.MethodPost)
			return
		}
		question, err := decode[Q](w, r)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		by := access.Actor{Kind: access.ActorAnyone, Address: web.ClientAddress(r), Request: web.RequestID(r.Context())}
		reply, err := answer(r.Context(), by, question)
		if err != nil {
			a.log(r, by, err)
			web.Problem(w, r, err)
			return
		}
		body, err := json.Marshal(reply)
		if err != nil {
			a.log(r, by, err)
			web.Problem(w, r, fault.Internal(err, "the answer cannot be encoded"))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(append(body, '\n')) // a client that is gone asks again
	})
}

// log notes what was refused; who asks too often or badly is no news above debug.
func (a *API) log(r *http.Request, by access.Actor, err error) {
	level := slog.LevelInfo
	if kind := fault.KindOf(err); kind == fault.KindInternal {
		level = slog.LevelError
	}
	a.cfg.Log.Log(r.Context(), level, "agent request refused", "path", r.URL.Path, "address", by.Address, "request", by.Request,
		"error", err, "cause", errors.Unwrap(err))
}

// decode reads a bounded JSON body. It ignores fields that it does not know: agents may be newer than
// the service.
func decode[Q any](w http.ResponseWriter, r *http.Request) (Q, error) {
	var question Q
	data, err := web.ReadBody(w, r, MaxBody, "application/json")
	if err != nil {
		return question, err
	}
	return question, unmarshal(data, &question)
}

// unmarshal reads one JSON object; errors name the field.
func unmarshal(data []byte, value any) error {
	err := json.Unmarshal(data, value)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return fault.Invalid(e.Field, "must not be a JSON %s", e.Value).Because(err)
	}
	return fault.Invalid("body", "must be a JSON object").Because(err)
}
