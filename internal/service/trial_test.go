package service_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/posterntest"
	"postern/internal/wire"
)

// TestApplicationsAreTriedBeforeTheyArePublished: each row is an internal URL, and what the connector says of it.
func TestApplicationsAreTriedBeforeTheyArePublished(t *testing.T) {
	s := posterntest.New(t)
	k := s.Connector("site-1")
	plain := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved/":
			http.Redirect(w, r, "https://sso.internal/login", http.StatusFound)
		case "/broken/":
			w.WriteHeader(http.StatusInternalServerError)
		case "/long/":
			w.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		}
	}))
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Server", "wiki/1 "+r.Host) }))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	tests := []struct {
		name   string
		in     api.ApplicationTest
		label  string
		code   string
		phase  string
		status int
		trust  string // "", "yes", or the code of why not
	}{
		{"a page", api.ApplicationTest{InternalURL: plain.URL}, "active", "", "", 200, ""},
		{"a redirect", api.ApplicationTest{InternalURL: plain.URL + "moved/"}, "active", "", "", 302, ""},
		{"a page that is broken", api.ApplicationTest{InternalURL: plain.URL + "broken/"}, "active", "", "", 500, ""},
		{"an endless head", api.ApplicationTest{InternalURL: plain.URL + "long/"}, "active", "", "", 0, ""},
		{"nobody listens", api.ApplicationTest{InternalURL: "http://127.0.0.1:1/"}, "unreachable", "connection-refused", "connect", 0, ""},
		{"a name that there is not", api.ApplicationTest{InternalURL: "http://nowhere.invalid/"}, "unreachable", "*", "resolve", 0, ""}, // by whatever DNS this machine has
		{"what the local rules do not allow", api.ApplicationTest{InternalURL: "http://169.254.169.254/"}, "unreachable", "address-refused", "local", 0, ""},
		{"not TLS", api.ApplicationTest{InternalURL: strings.Replace(plain.URL, "http:", "https:", 1)}, "unreachable", "not-tls", "tls", 0, ""},
		{"an unknown authority", api.ApplicationTest{InternalURL: secure.URL + "/"}, "unreachable", "certificate-untrusted", "tls", 0, "certificate-untrusted"},
		{"an authority that is given", api.ApplicationTest{InternalURL: secure.URL + "/", BackendCA: ca}, "active", "", "", 200, "yes"},
		{"not to be verified", api.ApplicationTest{InternalURL: secure.URL + "/", SkipVerify: true}, "active", "", "", 200, "certificate-untrusted"},
		{"HTTP/2", api.ApplicationTest{InternalURL: secure.URL + "/", BackendCA: ca, BackendProtocol: "http2"}, "active", "", "", 200, "yes"},
		{"HTTP/2 of who does not speak it", api.ApplicationTest{InternalURL: plain.URL, BackendProtocol: "http2"}, "unreachable", wire.CodeNoHTTP2, "tls", 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := s.API.TestApplication(t.Context(), test.in)
			if err != nil || len(out.Items) != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
			got, trust, status := out.Items[0], "", 0
			if c := got.Certificate; c != nil {
				if trust = c.Code; c.Trusted {
					trust = "yes"
				}
				if c.SHA256 == "" || c.NotAfter.IsZero() || c.Issuer == "" {
					t.Errorf("certificate: %+v", c)
				}
			}
			if got.Answer != nil {
				status = got.Answer.Status
			}
			if got.Connector != string(k.ID) || got.Label != test.label || test.code != "*" && got.Code != test.code || got.Phase != test.phase || trust != test.trust || status != test.status {
				t.Errorf("%+v %+v %+v", got, got.Certificate, got.Answer)
			}
			if got.Label != "active" && got.Why == "" || got.Label == "active" && got.Address == "" {
				t.Errorf("it does not say where or why: %+v", got)
			}
		})
	}
	if bytes := string(plain.Bytes()); strings.Contains(bytes, "Cookie") || !strings.Contains(bytes, "GET /moved/ HTTP/1.1") {
		t.Errorf("the application got\n%s", bytes)
	}
	if list, err := s.API.Applications.List(t.Context(), api.ListOptions{}); err != nil || len(list.Items) != 0 {
		t.Errorf("stored: %+v, %v", list.Items, err)
	}
	log, err := s.API.Audit.List(t.Context(), api.AuditOptions{Action: "application.test"}.Options())
	if err != nil || len(log.Items) != len(tests) || log.Items[0].Outcome != "done" {
		t.Errorf("the audit log has %d entries of %d tests, %v", len(log.Items), len(tests), err)
	}
}

// TestTrialsAreRefused: by roles, by what is wrong with the input, and in words where a connector cannot be asked.
func TestTrialsAreRefused(t *testing.T) {
	s := posterntest.New(t)
	good := api.ApplicationTest{InternalURL: "http://127.0.0.1:9/"}
	for _, role := range []string{"reader", "policy-administrator", "log-reader"} {
		key, err := s.API.Keys.Create(t.Context(), api.KeyInput{Name: role, Roles: []string{role}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Client(key.Secret).TestApplication(t.Context(), good); !fault.Is(err, fault.KindForbidden) {
			t.Errorf("as %s: %v", role, err)
		}
	}
	for field, in := range map[string]api.ApplicationTest{
		"internalUrl": {InternalURL: "ftp://x/"}, "connectorGroup": {InternalURL: "http://x/", ConnectorGroup: "cgr_00000000000000000000000000"},
		"hostHeader": {InternalURL: "http://x/", HostHeader: "mine"}, "externalUrl": {InternalURL: "http://x/", HostHeader: "external"},
		"backendProtocol": {InternalURL: "http://x/", BackendProtocol: "auto"}, "backendCa": {InternalURL: "https://x/", BackendCA: "no certificate"},
	} {
		_, err := s.API.TestApplication(t.Context(), in)
		if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	out, err := s.API.TestApplication(t.Context(), good)
	if err != nil || len(out.Items) != 0 {
		t.Errorf("without a connector: %+v, %v", out, err)
	}
	k := s.Connector("site-1")
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	s.Await("its end", func() bool { return s.Service.Control().ConnectorStatus(k.ID).Tunnels == 0 })
	out, err = s.API.TestApplication(t.Context(), good)
	if err != nil || len(out.Items) != 1 || slices.Contains([]string{"active", "unreachable"}, out.Items[0].Label) || out.Items[0].Why == "" {
		t.Errorf("of a connector that is away: %+v, %v", out, err)
	}
}
