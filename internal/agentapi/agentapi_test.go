package agentapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/agentapi"
	"postern/internal/fault"
	"postern/internal/web"
	"postern/internal/wire"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// script stands behind the two interfaces: it notes what reaches it and says what it was told to.
type script struct {
	by     access.Actor
	asked  any
	who    access.ID
	refuse error
}

func (s *script) Enrol(_ context.Context, by access.Actor, req wire.EnrolRequest) (wire.Credential, error) {
	s.by, s.asked = by, req
	return wire.Credential{Connector: "con_1"}, s.refuse
}

func (s *script) Renew(_ context.Context, by access.Actor, req wire.SignedRequest) (wire.Credential, error) {
	s.by, s.asked = by, req
	return wire.Credential{Connector: "con_2"}, s.refuse
}

func (s *script) Deregister(_ context.Context, by access.Actor, req wire.SignedRequest) error {
	s.by, s.asked = by, req
	return s.refuse
}

func (s *script) AgentConfiguration(_ context.Context, who access.ID, ask wire.AskConfiguration) (wire.Configuration, error) {
	s.who, s.asked = who, ask
	return wire.Configuration{Hash: "h"}, s.refuse
}

func (s *script) SignConfiguration(c wire.Configuration) (wire.SignedConfiguration, error) {
	return wire.SignedConfiguration{Payload: []byte(c.Hash)}, nil
}

func (s *script) ReportConnector(_ context.Context, who access.ID, report wire.Report) error {
	s.who, s.asked = who, report
	return s.refuse
}

// face is the API behind real HTTP, and what stands behind it.
func face(t *testing.T, change func(*agentapi.Config)) (*agentapi.API, *script, *httptest.Server) {
	t.Helper()
	s := &script{}
	cfg := agentapi.Config{Enrolments: s, Configurations: s, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	api, err := agentapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return api, s, server
}

// send gives status, headers and body of the answer.
func send(t *testing.T, method, url, kind string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(data)
}

func TestQuestionsReachControl(t *testing.T) {
	_, s, server := face(t, nil)
	signed := wire.SignedRequest{Payload: []byte("p"), Signature: []byte("s")}
	tests := []struct {
		path string
		ask  any
		want string
	}{
		{wire.PathEnrol, wire.EnrolRequest{Version: 1, TokenID: "tok_1", Secret: "x", CSR: []byte("csr")}, `"connector":"con_1"`},
		{wire.PathRenew, signed, `"connector":"con_2"`},
		{wire.PathDeregister, signed, `{}`},
	}
	for _, test := range tests {
		response, body := send(t, http.MethodPost, server.URL+test.path, "application/json; charset=utf-8", bytes.NewReader(wire.Encode(test.ask)))
		if response.StatusCode != http.StatusOK || !strings.Contains(body, test.want) || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", test.path, response.StatusCode, body)
		}
		if diff := cmp.Diff(test.ask, s.asked); diff != "" {
			t.Error(diff)
		}
		if s.by.Kind != access.ActorAnyone || s.by.Address != "127.0.0.1" || s.by.Request != response.Header.Get("Postern-Reference") || s.by.Request == "" {
			t.Errorf("%s: by %+v", test.path, s.by)
		}
	}
}

func TestNewerAgentsAreUnderstood(t *testing.T) {
	_, s, server := face(t, nil)
	response, body := send(t, http.MethodPost, server.URL+wire.PathEnrol, "application/json", strings.NewReader(`{"tokenId":"tok_1","colour":"red"}`))
	if response.StatusCode != http.StatusOK || s.asked.(wire.EnrolRequest).TokenID != "tok_1" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}

func TestBadRequestsAreProblems(t *testing.T) {
	_, s, server := face(t, nil)
	huge := `{"secret":"` + strings.Repeat("x", agentapi.MaxBody) + `"}`
	chunked := struct{ io.Reader }{strings.NewReader(huge)} // hides its length
	tests := []struct {
		name, method, path, kind string
		body                     io.Reader
		status                   int
		want                     string
	}{
		{"GET", http.MethodGet, wire.PathEnrol, "application/json", nil, 405, "takes POST only"},
		{"PUT", http.MethodPut, wire.PathRenew, "application/json", strings.NewReader("{}"), 405, "takes POST only"},
		{"unknown path", http.MethodPost, "/admin", "application/json", strings.NewReader("{}"), 404, "nothing at this path"},
		{"path below", http.MethodPost, wire.PathEnrol + "/x", "application/json", strings.NewReader("{}"), 404, "nothing at this path"},
		{"form", http.MethodPost, wire.PathEnrol, "application/x-www-form-urlencoded", strings.NewReader("{}"), 422, "Content-Type"},
		{"no type", http.MethodPost, wire.PathEnrol, "", strings.NewReader("{}"), 422, "Content-Type"},
		{"empty", http.MethodPost, wire.PathEnrol, "application/json", nil, 422, "JSON object"},
		{"list", http.MethodPost, wire.PathEnrol, "application/json", strings.NewReader("[]"), 422, "JSON object"},
		{"two values", http.MethodPost, wire.PathEnrol, "application/json", strings.NewReader("{}{}"), 422, "JSON object"},
		{"wrong type", http.MethodPost, wire.PathEnrol, "application/json", strings.NewReader(`{"tokenId":7}`), 422, "tokenId"},
		{"nested wrong type", http.MethodPost, wire.PathEnrol, "application/json", strings.NewReader(`{"host":{"os":[]}}`), 422, "host.os"},
		{"huge", http.MethodPost, wire.PathEnrol, "application/json", strings.NewReader(huge), 413, "larger than"},
		{"huge in chunks", http.MethodPost, wire.PathEnrol, "application/json", chunked, 413, "larger than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			response, body := send(t, test.method, server.URL+test.path, test.kind, test.body)
			var doc web.Document
			if err := json.Unmarshal([]byte(body), &doc); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if response.StatusCode != test.status || doc.Status != test.status || !strings.Contains(body, test.want) || doc.Reference == "" ||
				response.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", response.StatusCode, body)
			}
		})
	}
	if s.asked != nil {
		t.Errorf("control was asked %+v", s.asked)
	}
}

func TestRefusalsAreTold(t *testing.T) {
	_, s, server := face(t, nil)
	for _, test := range []struct {
		err    error
		status int
		want   string
	}{
		{fault.Unauthenticated("the enrolment token was used already"), 401, "was used already"},
		{fault.Unavailable("later").After(7 * time.Second), 503, "later"},
		{errors.New("password=hunter2"), 500, "postern:internal"},
	} {
		s.refuse = test.err
		response, body := send(t, http.MethodPost, server.URL+wire.PathRenew, "application/json", strings.NewReader("{}"))
		if response.StatusCode != test.status || !strings.Contains(body, test.want) || strings.Contains(body, "hunter2") {
			t.Errorf("%d %s", response.StatusCode, body)
		}
	}
}

func TestLimitByAddress(t *testing.T) {
	clock := now
	api, _, _ := face(t, func(c *agentapi.Config) { c.Rate, c.Burst, c.Now = 0.5, 3, func() time.Time { return clock } })
	try := func(from string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, wire.PathEnrol, strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = from
		api.ServeHTTP(w, r)
		return w
	}
	spend := func(from string, times, status int) {
		t.Helper()
		for range times {
			if w := try(from); w.Code != status {
				t.Fatalf("%s: %d, want %d", from, w.Code, status)
			}
		}
	}
	spend("192.0.2.1:1000", 3, 200)
	w := try("192.0.2.1:1001")
	if w.Code != 429 || w.Header().Get("Retry-After") != "2" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	spend("[::ffff:192.0.2.1]:1002", 1, 429) // the same in IPv6 clothes
	spend("192.0.2.2:1000", 3, 200)
	spend("[2001:db8::1]:1", 3, 200)
	spend("[2001:db8::ffff:2]:1", 1, 429) // a neighbour in the same /64
	spend("[2001:db8:0:1::1]:1", 3, 200)
	clock = clock.Add(2 * time.Second)
	spend("192.0.2.1:1000", 1, 200)
	spend("192.0.2.1:1000", 1, 429)
	clock = clock.Add(-time.Hour) // steps back: nothing is given, nothing hangs
	spend("192.0.2.1:1000", 1, 429)
	clock = clock.Add(2 * time.Second)
	spend("192.0.2.1:1000", 1, 200)
}

// TestMemoryOfAddressesIsBounded floods from more addresses than are remembered.
func TestMemoryOfAddressesIsBounded(t *testing.T) {
	api, _, _ := face(t, func(c *agentapi.Config) { c.Burst, c.Now = 1, func() time.Time { return now } })
	for i := range agentapi.MaxAddresses + 1000 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)
		api.ServeHTTP(httptest.NewRecorder(), r)
	}
	if n := api.Addresses(); n != agentapi.MaxAddresses {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestAsk(t *testing.T) {
	api, s, _ := face(t, nil)
	connector := wire.Identity{TrustDomain: "here", Role: wire.RoleConnector, ID: "con_1"}
	gateway := wire.Identity{TrustDomain: "here", Role: wire.RoleGateway, ID: "gtw_1"}
	big := []byte(`"` + strings.Repeat("x", wire.MaxAsk) + `"`)
	tests := []struct {
		name, question string
		peer           wire.Identity
		body           []byte
		refuse         error
		want, problem  string
	}{
		{"configuration", wire.QuestionConfiguration, connector, []byte(`{"hash":"a","wait":5,"connector":"con_2"}`), nil, `"payload":"aA=="`, ""},
		{"report", wire.QuestionReport, connector, []byte(`{"streams":3}`), nil, `{}`, ""},
		{"report refused", wire.QuestionReport, connector, []byte(`{}`), fault.NotFound("gone"), "", "gone"},
		{"a gateway", wire.QuestionConfiguration, gateway, []byte(`{}`), nil, "", "nothing to ask"},
		{"nobody", wire.QuestionConfiguration, wire.Identity{}, []byte(`{}`), nil, "", "nothing to ask"},
		{"a probe", wire.QuestionProbe, connector, []byte(`{}`), nil, "", "does not know"},
		{"noise", wire.QuestionReport, connector, []byte(`noise`), nil, "", "JSON object"},
		{"too large", wire.QuestionReport, connector, big, nil, "", "larger than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.refuse, s.who = test.refuse, ""
			answer, err := api.Ask(t.Context(), test.peer, test.question, test.body)
			if (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Fatalf("Ask: %v, want %q", err, test.problem)
			}
			if err == nil && (!strings.Contains(string(answer), test.want) || s.who != "con_1") {
				t.Errorf("answer %s for %s", answer, s.who)
			}
		})
	}
}

func TestNewRefusesWhatIsMissing(t *testing.T) {
	if _, err := agentapi.New(agentapi.Config{}); err == nil {
		t.Error("an API without control")
	}
}
