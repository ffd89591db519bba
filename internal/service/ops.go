package service

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"postern/internal/trafficlog"
	"postern/internal/wire"
)

// check is one line of the health report.
type check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
}

// finding is one thing that is wrong or will be.
type finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Sentence string `json:"sentence"`
	Cure     string `json:"cure"`
	Object   string `json:"object,omitempty"`
}

// health runs every check. The process is ready when it can serve the users it knows, which it can
// without its database; degraded names what does not work all the same.
func (s *Service) health(r *http.Request) (ready bool, checks []check) {
	ready = true
	if err := s.gateway.Ready(); err != nil {
		ready = false
		checks = append(checks, check{"gateway", false, err.Error()})
	} else {
		checks = append(checks, check{"gateway", true, ""})
	}
	for _, c := range s.control.Health(r.Context()) {
		line := check{Name: c.Name, OK: c.Err == nil}
		if c.Err != nil {
			line.Why = c.Err.Error()
		}
		checks = append(checks, line)
	}
	return ready, checks
}

// opsHandler answers metrics and health with all details.
func (s *Service) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready, checks := s.health(r)
		found := []finding{}
		for _, f := range s.control.Findings(r.Context()) {
			found = append(found, finding{f.Code, string(f.Severity), f.Sentence, f.Cure, string(f.Object)})
		}
		status := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[ready]
		body, _ := json.MarshalIndent(struct {
			Ready  bool      `json:"ready"`
			Checks []check   `json:"checks"`
			Found  []finding `json:"findings"`
		}{ready, checks, found}, "", "  ") // strings and booleans: cannot fail
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write(append(body, '\n'))
	})
	return mux
}

// healthz says that the process lives.
func (s *Service) healthz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

// withHealth adds /healthz and /readyz to a face, for load balancers. Strangers read them, so they
// say no more than yes or no.
func (s *Service) withHealth(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if s.gateway.Ready() != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		s.healthz(w, r)
	})
	mux.Handle("/", next)
	return mux
}

// recorder passes each transaction on to who keeps it. For whoever looks for a fault it writes a line, too, with the reference
// that people see.
type recorder struct {
	log     *slog.Logger
	denials interface{ Record(wire.Record) }
	traffic *trafficlog.Log // optional
	told    *sessionLogs    // connectors that keep a log of their own
}

func (s *Service) newRecorder() recorder {
	return recorder{s.log.With("log", "traffic"), s.control, s.traffic, s.sessionLogs}
}

// Record passes it on.
func (r recorder) Record(t wire.Record) {
	r.denials.Record(t)
	if r.traffic != nil {
		r.traffic.Record(t)
	}
	r.told.Record(t)
	if r.log.Enabled(context.Background(), slog.LevelDebug) {
		r.line(t)
	}
}

func (r recorder) line(t wire.Record) {
	attrs := []any{
		"request", t.Request, "status", t.Status, "action", t.Action, "method", t.Method, "host", t.Host, "path", t.Path,
		"user", t.User, "client", t.Client, "received", t.Received, "sent", t.Sent, "duration", t.Duration,
	}
	if t.Connector != "" {
		attrs = append(attrs, "connector", t.Connector, "firstByte", t.FirstByte)
	}
	if t.Reason != "" {
		attrs = append(attrs, "reason", t.Reason, "hop", t.Hop)
	}
	if !t.Complete {
		attrs = append(attrs, "complete", false)
	}
	r.log.Debug("transaction", attrs...)
}
