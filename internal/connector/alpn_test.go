package connector

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"postern/internal/agent"
	"postern/internal/wire"
)

// TestALPN: a backend with TLS is offered what the opener of the stream speaks, the answer says what it chose, and one that
// does not speak the only protocol that will do is refused in words of its own.
func TestALPN(t *testing.T) {
	w := newWorld(t, 1)
	own := newAuthority(t, time.Now().Add(time.Hour), "127.0.0.1")
	for name, speaks := range map[string][]string{"both": {"h2", "http/1.1"}, "old": {"http/1.1"}, "new": {"h2"}, "silent": nil, "strange": {"spdy/3"}} {
		cfg := &tls.Config{Certificates: []tls.Certificate{own.cert}, NextProtos: speaks}
		b := newBackend(t, func(r *recorded) { echoTLS(tls.Server(r, cfg), r) })
		w.publish(wire.Target{Application: name, Host: "127.0.0.1", Port: b.port, TLS: true, Roots: own.pem})
	}
	plain := newBackend(t, echo)
	w.publish(wire.Target{Application: "plain", Host: "127.0.0.1", Port: plain.port})
	w.allow("allow 127.0.0.1\n")
	w.ready(w.start(nil))
	tests := []struct {
		application string
		offer       []string
		agreed      string
		code        string
	}{
		{"both", nil, "http/1.1", ""},
		{"both", []string{"h2"}, "h2", ""},
		{"both", []string{"h2", "http/1.1"}, "h2", ""},
		{"both", []string{"http/1.1"}, "http/1.1", ""},
		{"both", []string{"h2", "h2", "spdy/3"}, "h2", ""},
		{"both", []string{"h3"}, "http/1.1", ""},
		{"old", []string{"h2", "http/1.1"}, "http/1.1", ""},
		{"old", []string{"h2"}, "", wire.CodeNoHTTP2},
		{"new", []string{"h2", "http/1.1"}, "h2", ""},
		{"strange", []string{"h2", "http/1.1"}, "", "no-common-protocol"},
		{"strange", []string{"h2"}, "", wire.CodeNoHTTP2},
		{"silent", nil, "", ""},
		{"silent", []string{"h2", "http/1.1"}, "", ""},
		{"silent", []string{"h2"}, "", wire.CodeNoHTTP2},
		{"plain", []string{"h2"}, "", ""}, // h2c is between the opener and the backend
	}
	for _, test := range tests {
		open := w.open(test.application)
		open.ALPN = test.offer
		_, opened, err := w.gateways[0].dial(open)
		refusal, refused := errors.AsType[*wire.Refusal](err)
		switch {
		case test.code == "" && (err != nil || opened.ALPN != test.agreed):
			t.Errorf("%s, offered %v: %q, %v; want %q", test.application, test.offer, opened.ALPN, err, test.agreed)
		case test.code != "" && (!refused || refusal.Phase != wire.PhaseTLS || refusal.Code != test.code || refusal.Sent):
			t.Errorf("%s, offered %v: %v; want the refusal %s", test.application, test.offer, err, test.code)
		}
	}
}

// TestReachHTTP2: whether a target is reached includes whether it speaks HTTP/2 where it must, with and without TLS.
func TestReachHTTP2(t *testing.T) {
	both := &http.Protocols{}
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	serve := func(p *http.Protocols) uint16 {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.Protocols = p
		s.Start()
		t.Cleanup(s.Close)
		return netip.MustParseAddrPort(s.Listener.Addr().String()).Port()
	}
	w := newWorld(t, 1)
	own := newAuthority(t, time.Now().Add(time.Hour), "127.0.0.1")
	secure := newBackend(t, own.overTLS(echoTLS)) // speaks http/1.1
	targets := []struct {
		wire.Target
		code string
	}{
		{wire.Target{Application: "h2c", Protocol: "http2", Port: serve(both)}, ""},
		{wire.Target{Application: "http1", Protocol: "http2", Port: serve(nil)}, wire.CodeNoHTTP2},
		{wire.Target{Application: "unasked", Port: serve(nil)}, ""},
		{wire.Target{Application: "gone", Protocol: "http2", Port: newBackend(t, func(r *recorded) { r.Close() }).port}, wire.CodeNoHTTP2},
		{wire.Target{Application: "strange", Protocol: "http2", Port: newBackend(t, func(r *recorded) { _, _ = io.WriteString(r, "220 mail.test ESMTP\r\n"); hold(r) }).port}, wire.CodeNoHTTP2},
		{wire.Target{Application: "silent", Protocol: "http2", Port: newBackend(t, hold).port}, wire.CodeNoHTTP2},
		{wire.Target{Application: "tls1", Protocol: "http2", Port: secure.port, TLS: true, Roots: own.pem}, wire.CodeNoHTTP2},
		{wire.Target{Application: "auto", Protocol: "auto", Port: secure.port, TLS: true, Roots: own.pem}, ""},
	}
	for _, target := range targets {
		target.Host = "127.0.0.1"
		w.publish(target.Target)
	}
	w.allow("allow 127.0.0.1\n")
	w.ready(w.start(nil))
	for _, target := range targets {
		answer, err := agent.Ask[wire.Reach](t.Context(), w.gateways[0].session(), wire.QuestionReach, wire.AskReach{Application: target.Application, Version: 1})
		switch {
		case err != nil:
			t.Errorf("%s: %v", target.Application, err)
		case target.code == "" && answer.Opened == nil || target.code != "" && (answer.Refusal == nil || answer.Refusal.Code != target.code):
			t.Errorf("%s: %+v; want %q", target.Application, answer.Refusal, target.code)
		}
	}
}
