package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/field"
	"postern/internal/tunnel"
	"postern/internal/web"
	"postern/internal/wire"
)

// The hops of a request, for records: the words of wire.Record.Hop.
const (
	hopYou       = "you"
	hopService   = "service"
	hopGateway   = "gateway"
	hopConnector = "connector"
	hopBackend   = "backend"
)

var hopNames = map[string]string{hopYou: web.HopYou, hopService: web.HopService, hopGateway: web.HopGateway,
	hopConnector: web.HopConnector, hopBackend: web.HopBackend}

// A failure is why a request was not answered by its backend: for the person who asked and for the
// record.
type failure struct {
	status  int
	reason  string // stable word
	hop     string // that failed; empty if nothing did
	title   string
	message string
	advice  string
	retry   time.Duration // Retry-After, if not zero
	err     error         // for the log
}

func (f *failure) Error() string {
	if f.err != nil {
		return f.reason + ": " + f.err.Error()
	}
	return f.reason
}

func (f *failure) Unwrap() error { return f.err }

const askAdmin = "If it stays like this, tell your administrator the reference below."

func badRequest(why string) *failure {
	return &failure{status: http.StatusBadRequest, reason: "bad-request", hop: hopYou, title: "This request cannot be carried",
		message: "Postern does not forward it: " + why + ".", advice: "Check the address, or ask your administrator whether the application needs such addresses."}
}

var (
	notPublished = failure{status: http.StatusNotFound, reason: "not-published", title: "Nothing is published here",
		message: "No application is published at this address.", advice: "Check the address for a typing error."}
	misdirected = failure{status: http.StatusMisdirectedRequest, reason: "misdirected", title: "This connection is for another host",
		message: "The request came over a connection that was made for another host.", advice: "Reload the page; browsers then connect anew."}
	badMethod = failure{status: http.StatusMethodNotAllowed, reason: "method", hop: hopYou, title: "This method is not allowed",
		message: "CONNECT and TRACE are never forwarded."}
	noConnector = failure{status: http.StatusServiceUnavailable, reason: "no-connector", hop: hopConnector, title: "The application's network is not connected",
		message: "None of the connectors of this application is connected to Postern at the moment.",
		advice:  "Connectors reconnect by themselves within seconds; try again in a moment. " + askAdmin, retry: 5 * time.Second}
	notReady = failure{status: http.StatusServiceUnavailable, reason: "not-ready", hop: hopGateway, title: "Postern is starting",
		message: "This gateway has not received its configuration yet.", advice: "Try again in a moment.", retry: 2 * time.Second}
)

// phaseFailures says what each phase of a refused dial means for the person who asked.
var phaseFailures = map[wire.Phase]failure{
	wire.PhaseGrant: {status: 503, reason: "grant-refused", hop: hopConnector, title: "The connector refused the request",
		message: "The connector did not accept the service's permission.", retry: 5 * time.Second},
	wire.PhaseTarget: {status: 503, reason: "target-unknown", hop: hopConnector, title: "The connector does not know this application",
		message: "The connector has no configuration for this application yet.", retry: 2 * time.Second},
	wire.PhaseLocal: {status: 502, reason: "local-rule", hop: hopConnector, title: "The connector may not reach this application",
		message: "A rule on the connector's own machine forbids this destination."},
	wire.PhaseResolve: {status: 502, reason: "resolve", hop: hopBackend, title: "The application was not found",
		message: "The connector did not find the application's host name in its network."},
	wire.PhaseConnect: {status: 502, reason: "connect", hop: hopBackend, title: "The application does not answer",
		message: "The connector could not connect to the application."},
	wire.PhaseTLS: {status: 502, reason: "backend-tls", hop: hopBackend, title: "No secure connection to the application",
		message: "The connector could not agree on a secure connection with the application, or does not trust its certificate."},
	wire.PhaseForward: {status: 503, reason: "forward-refused", hop: hopGateway, title: "The application cannot be reached at the moment",
		message: "The part of Postern that is connected to the application's network did not take the request.", retry: 2 * time.Second},
	wire.PhaseLimit: {status: 503, reason: "connector-limit", hop: hopConnector, title: "The connector is busy",
		message: "The connector is at one of its limits or is shutting down.", retry: 2 * time.Second},
}

// failureOf says what an error on the way to the backend means.
func failureOf(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	f := failure{status: http.StatusBadGateway, reason: "backend-failed", hop: hopBackend, title: "The application did not answer properly",
		message: "The application ended the connection or sent something that is not a valid answer.", advice: "Try again. " + askAdmin, err: err}
	if refusal, ok := errors.AsType[*wire.Refusal](err); ok {
		f = phaseFailures[refusal.Phase]
		if f.status == 0 {
			f = phaseFailures[wire.PhaseGrant]
		}
		if refusal.Timeout {
			f.status, f.reason = http.StatusGatewayTimeout, f.reason+"-timeout"
		}
		if refusal.Code == wire.CodeNoHTTP2 {
			f.reason, f.title = "backend-no-http2", "The application does not speak HTTP/2"
			f.message = "The application is set to be spoken to by HTTP/2, which it does not agree to."
		}
		f.err, f.advice = err, "Try again in a moment. "+askAdmin
		return &f
	}
	dial, opening := errors.AsType[*dialError](err)
	var timeout net.Error
	switch {
	case errors.Is(err, errSlow):
		return slowRequest("the rest of it")
	// A tunnel that ends because nothing came through any more ends with a timeout, too.
	case errors.Is(err, errIdle), !opening && !lost(err) && errors.As(err, &timeout) && timeout.Timeout():
		f.status, f.reason, f.title = http.StatusGatewayTimeout, "backend-timeout", "The application takes too long"
		f.message = "The application did not answer within the time that its administrator allows."
	case opening && isGrantError(dial.err):
		return grantFailure(err)
	case opening && errors.Is(err, context.DeadlineExceeded):
		f.status, f.reason, f.hop, f.title = http.StatusGatewayTimeout, "connector-timeout", hopConnector, "The connector takes too long"
		f.message = "The connector did not say in time whether it reached the application."
	case opening || lost(err):
		f.status, f.reason, f.hop, f.title = http.StatusServiceUnavailable, "connector-lost", hopConnector, "The connector was lost"
		f.message, f.retry = "The connection to the application's network was lost during the request.", 2*time.Second
	}
	return &f
}

// lost reports whether an error is the end of a tunnel, not of one stream in it.
func lost(err error) bool {
	if reset, ok := errors.AsType[*tunnel.ResetError](err); ok {
		return reset.Code == tunnel.CodeConnectionLost || reset.Code == tunnel.CodePathLost || reset.Code.Retryable()
	}
	return errors.Is(err, tunnel.ErrDraining) || errors.Is(err, tunnel.ErrExhausted) || errors.Is(err, tunnel.ErrLost)
}

func isGrantError(err error) bool {
	_, ok := errors.AsType[*fault.Error](err)
	return ok
}

func grantFailure(err error) *failure {
	f := failure{status: http.StatusServiceUnavailable, reason: "no-grant", hop: hopService, title: "Postern cannot decide at the moment",
		message: "The control plane did not give the permission that connectors ask for.",
		advice:  "Try again in a moment. " + askAdmin, retry: 5 * time.Second, err: err}
	if fault.Is(err, fault.KindForbidden) || fault.Is(err, fault.KindNotFound) {
		f.status, f.reason, f.title, f.retry = http.StatusForbidden, "grant-denied", "You may not use this application", 0
		f.message, f.advice = "Postern no longer allows requests to this application.", askAdmin
	}
	return &f
}

// write answers with the failure: a page for people, a problem document for programs.
func (f *failure) write(w http.ResponseWriter, r *http.Request, id string, page bool) {
	h := w.Header()
	h.Set("Postern-Reference", id)
	h.Set("Cache-Control", "no-store")
	if f.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int((f.retry+time.Second-1)/time.Second)))
	}
	if f.status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	}
	if page {
		web.ErrorPage{Status: f.status, Code: f.reason, Title: f.title, Message: f.message, Advice: f.advice,
			Hops: web.Way(hopNames[f.hop]), Reference: id}.Write(w, r)
		return
	}
	writeProblem(w, f, id)
}

// navigation reports whether a browser wants a page to show, as opposed to a program that wants an
// answer (Fetch Metadata, where browsers send it).
func navigation(method string, fields field.Fields) bool {
	if method != http.MethodGet && method != http.MethodHead && method != http.MethodPost {
		return false
	}
	if mode := fields.Get("sec-fetch-mode"); len(mode) > 0 || len(fields.Get("sec-fetch-dest")) > 0 {
		return string(mode) == "navigate"
	}
	return fields.Count("x-requested-with") == 0 && strings.Contains(strings.ToLower(string(fields.Get("accept"))), "text/html")
}
