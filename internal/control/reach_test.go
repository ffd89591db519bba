package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/wire"
)

// TestExplainWhereNobodyAnswers: a connector that is old, silent or says nonsense is named, and in nobody's way.
func TestExplainWhereNobodyAnswers(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada, app, agent := k.user("ada"), k.application("wiki"), k.enrol()
		var answer atomic.Pointer[func() ([]byte, error)]
		k.cfg.Ask = func(_ context.Context, connector access.ID, question string, body []byte) ([]byte, error) {
			var asked wire.AskReach
			if json.Unmarshal(body, &asked) != nil || connector != agent.id() || question != wire.QuestionReach || asked.Application != string(app.ID) || asked.Version != app.Version {
				t.Errorf("%s was asked %s %s", connector, question, body)
			}
			return (*answer.Load())()
		}
		k.stop()
		k.Control = k.open()
		k.run()
		k.assign(app.ID, ada.ID)
		k.Report(wire.Presence{Connector: string(agent.id()), Instance: "i", Gateway: string(k.cfg.Gateway.ID), Tunnels: 1, Echo: time.Now(), Address: "192.0.2.1:5"})
		words := strings.Repeat("very long ", 200)
		tests := []struct {
			name   string
			allow  bool
			detail string
			answer func() ([]byte, error)
		}{
			{"old", true, "could not ask it: it is older than this question; update it", func() ([]byte, error) {
				return nil, &wire.Refusal{Phase: wire.PhaseAsk, Code: "question-unknown", Message: "x"}
			}},
			{"silent", true, "could not ask it: it did not answer within 6s", func() ([]byte, error) { return nil, context.DeadlineExceeded }},
			{"gone", true, "could not ask it: its tunnel has just ended", func() ([]byte, error) { return nil, fault.Unavailable("no tunnel") }},
			{"nonsense", true, "could not ask it: ", func() ([]byte, error) { return []byte("nonsense"), nil }},
			{"nothing", true, "could not ask it: its answer says nothing", func() ([]byte, error) { return []byte("{}"), nil }},
			{"broken", true, "could not ask it: broken", func() ([]byte, error) { return nil, errors.New("broken") }},
			{"long words", false, "cannot resolve the name: very long very long", func() ([]byte, error) {
				return wire.Encode(wire.Reach{Refusal: &wire.Refusal{Phase: wire.PhaseResolve, Code: "name-not-found", Message: words}}), nil
			}},
			{"not HTTP/2", false, "no TLS with the application: wiki.lan:443 does not speak HTTP/2", func() ([]byte, error) {
				return wire.Encode(wire.Reach{Refusal: &wire.Refusal{Phase: wire.PhaseTLS, Code: wire.CodeNoHTTP2, Message: "wiki.lan:443 does not speak HTTP/2"}}), nil
			}},
			{"good", true, "reaches http://wiki.lan/ at 192.0.2.1:80 in 3ms", func() ([]byte, error) {
				return wire.Encode(wire.Reach{Opened: &wire.Opened{Address: "192.0.2.1:80", Resolve: time.Millisecond, Connect: 2 * time.Millisecond}}), nil
			}},
		}
		for _, test := range tests {
			answer.Store(&test.answer)
			e, err := k.Explain(t.Context(), k.owner, control.Question{User: ada.ID, Application: app.ID})
			if err != nil {
				t.Fatal(err)
			}
			last := e.Hops[len(e.Hops)-1]
			if e.Allow != test.allow || last.Name != "target" || !strings.HasPrefix(last.Detail, test.detail) || len(last.Detail) > 400 || last.State != control.HopGood && last.Cure == "" {
				t.Errorf("%s: %+v", test.name, e)
			}
		}
		e, err := k.Explain(t.Context(), k.owner, control.Question{User: k.user("eve").ID, Application: app.ID})
		if last := e.Hops[len(e.Hops)-1]; err != nil || e.Failed != "assignment" || last.Name != "target" || last.State != control.HopUnseen {
			t.Errorf("who does not get that far: %+v, %v", e, err)
		}
	})
}

// TestExplainHTTP2: where HTTP/2 was agreed on it is said, and a connector that is too old to agree on it is a failed hop, as its
// requests would fail.
func TestExplainHTTP2(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ada, app, agent := k.user("ada"), k.application("wiki"), k.enrol()
		app.InternalURL, app.BackendProtocol = "https://wiki.lan/", access.BackendHTTP2
		app, err := k.UpdateApplication(t.Context(), k.owner, app)
		if err != nil || app.BackendProtocol != access.BackendHTTP2 {
			t.Fatal(app.BackendProtocol, err)
		}
		var chosen atomic.Value
		k.cfg.Ask = func(context.Context, access.ID, string, []byte) ([]byte, error) {
			return wire.Encode(wire.Reach{Opened: &wire.Opened{Address: "192.0.2.1:443", ALPN: chosen.Load().(string)}}), nil
		}
		k.stop()
		k.Control = k.open()
		k.run()
		k.assign(app.ID, ada.ID)
		k.Report(wire.Presence{Connector: string(agent.id()), Instance: "i", Gateway: string(k.cfg.Gateway.ID), Tunnels: 1, Echo: time.Now(), Address: "192.0.2.1:5"})
		for _, test := range []struct {
			alpn, detail string
			allow        bool
		}{
			{"h2", "reaches https://wiki.lan/ at 192.0.2.1:443 in 0s, by HTTP/2", true},
			{"http/1.1", "no TLS with the application: the connector did not ask the application for HTTP/2", false},
		} {
			chosen.Store(test.alpn)
			e, err := k.Explain(t.Context(), k.owner, control.Question{User: ada.ID, Application: app.ID})
			if err != nil {
				t.Fatal(err)
			}
			if last := e.Hops[len(e.Hops)-1]; e.Allow != test.allow || !strings.HasPrefix(last.Detail, test.detail) || !test.allow && !strings.Contains(last.Cure, "--backend-protocol http1") {
				t.Errorf("%s: %+v", test.alpn, last)
			}
		}
	})
}
