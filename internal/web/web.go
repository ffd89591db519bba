// Package web is how Postern serves HTTP: one table from kinds of error to status codes, problem
// documents for programs, plain pages for people, request ids, safe response headers, strict
// request bodies and servers with limits.
package web

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
)

// statuses is the one table from kinds of error to HTTP status codes (RFC 9110, section 15).
var statuses = map[fault.Kind]int{
	fault.KindInternal:        http.StatusInternalServerError,
	fault.KindInvalid:         http.StatusUnprocessableEntity,
	fault.KindUnauthenticated: http.StatusUnauthorized,
	fault.KindForbidden:       http.StatusForbidden,
	fault.KindNotFound:        http.StatusNotFound,
	fault.KindConflict:        http.StatusConflict,
	fault.KindChanged:         http.StatusPreconditionFailed,
	fault.KindPrecondition:    http.StatusPreconditionRequired,
	fault.KindTooLarge:        http.StatusRequestEntityTooLarge,
	fault.KindLimited:         http.StatusTooManyRequests,
	fault.KindUnavailable:     http.StatusServiceUnavailable,
	fault.KindTimeout:         http.StatusGatewayTimeout,
	fault.KindGone:            http.StatusGone,
	fault.KindUpstream:        http.StatusBadGateway,
}

// Status gives the HTTP status of a kind of error.
func Status(kind fault.Kind) int {
	if status, ok := statuses[kind]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// Document is a problem document (RFC 9457) with our members: the fields that are wrong and the
// reference under which the event is found in the logs.
type Document struct {
	Type      string  `json:"type"` // "about:blank", or a word of ours such as "postern:changed"
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail,omitempty"`
	Reference string  `json:"reference,omitempty"`
	Fields    []Field `json:"fields,omitempty"`
}

// Field is one thing that is wrong in a request.
type Field struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// Describe makes the problem document of an error. Internal errors say nothing of their cause.
func Describe(ctx context.Context, err error) Document {
	kind := fault.KindOf(err)
	status := Status(kind)
	doc := Document{Type: "postern:" + kind.String(), Title: http.StatusText(status), Status: status, Reference: RequestID(ctx)}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		doc.Detail = "Something went wrong in Postern itself; its log tells more under this reference."
		return doc
	}
	doc.Detail = e.Error()
	for _, f := range e.Fields {
		doc.Fields = append(doc.Fields, Field{f.Name, f.Message})
	}
	return doc
}

// Problem answers with the problem document of err.
func Problem(w http.ResponseWriter, r *http.Request, err error) {
	RetryAfter(w.Header(), err)
	Describe(r.Context(), err).write(w)
}

// MethodNotAllowed answers 405, which is no kind of fault: it is about HTTP, not about what was asked.
func MethodNotAllowed(w http.ResponseWriter, r *http.Request, allowed ...string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	Document{
		Type: "about:blank", Title: http.StatusText(http.StatusMethodNotAllowed), Status: http.StatusMethodNotAllowed,
		Detail: "this address takes " + strings.Join(allowed, ", ") + " only", Reference: RequestID(r.Context()),
	}.write(w)
}

func (d Document) write(w http.ResponseWriter) {
	body, _ := json.Marshal(d) // strings and numbers only: cannot fail
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(d.Status)
	w.Write(append(body, '\n')) // a client that is gone misses nothing
}

// RetryAfter sets the header of that name when err says when to try again.
func RetryAfter(h http.Header, err error) {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
}

type requestIDKey struct{}

// NewRequestID makes a reference id: short enough to be read out on the telephone, random enough
// to be unique in any log (80 bits).
func NewRequestID() string {
	var text [16]byte
	return string(AppendRequestID(text[:0]))
}

// AppendRequestID appends a new reference id, 16 letters and digits.
func AppendRequestID(to []byte) []byte {
	var raw [10]byte
	rand.Read(raw[:]) // never fails
	return requestIDs.AppendEncode(to, raw[:])
}

var requestIDs = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567")

// WithRequestID gives a context that carries the reference id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID gives the context's reference id, or nothing.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Secure wraps the handler of pages and APIs that are our own: safe headers on every answer and a
// reference id in the context and in Postern-Reference. Handlers may override a header.
func Secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if RequestID(r.Context()) == "" {
			r = r.WithContext(WithRequestID(r.Context(), NewRequestID()))
		}
		h := w.Header()
		h.Set("Postern-Reference", RequestID(r.Context()))
		SafeHeaders(h)
		if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get("Origin") == "http://"+r.Host {
			// http.CrossOriginProtection compares hosts alone; who writes our page on an unencrypted network is nobody of ours.
			http.Error(w, "cross-origin request detected from an unencrypted page", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// SafeHeaders sets the response headers that every page of ours has: nothing from elsewhere runs,
// nobody frames it, nothing is guessed or kept.
func SafeHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+styleHash+
		"; img-src 'self' data:; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// Server makes an HTTP server with limits for pages and APIs of our own. ErrorLog goes to log at
// debug level, since it tells mostly of clients that went away.
func Server(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      5 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
