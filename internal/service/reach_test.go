package service_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/posterntest"
)

// TestExplainAsksTheConnector: the hop behind the connector is named, by the connector itself.
func TestExplainAsksTheConnector(t *testing.T) {
	s := posterntest.New(t)
	site := s.Connector("site")
	ada := s.User("ada")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "private") }))
	sealed := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(sealed.Close)
	tests := []struct {
		name, internal string
		reason         string // of the failed hop; empty: it is reached
		detail, cure   string
	}{
		{"good", backend.URL, "", "reaches " + backend.URL + " at 127.0.0.1:", ""},
		{"refused", "http://127.0.0.1:1", "connection-refused", "cannot connect: ", "whether the application runs"},
		{"nameless", "http://no-such-host.invalid/", "", "", ""}, // by whatever DNS this machine has
		{"forbidden", "http://127.0.0.2/", "address-refused", "refused by its local rules: 127.0.0.2", "local rules on the machine of site"},
		{"sealed", sealed.URL, "", "no TLS with the application: ", "--backend-ca-file"},
	}
	for _, test := range tests {
		app := s.Publish(test.name, test.internal)
		s.Assign(app, ada)
		e, err := s.API.Explain(t.Context(), api.ExplainQuestion{User: ada.ID, Application: app.ID})
		if err != nil {
			t.Fatal(err)
		}
		last := e.Hops[len(e.Hops)-1]
		good := test.name == "good"
		if last.Name != "target" || last.Object != "site" || e.Allow != good || (last.State == "ok") != good || (e.Failed == "target") == good {
			t.Errorf("%s: %+v", test.name, e)
		}
		if test.reason != "" && e.Reason != test.reason || !strings.HasPrefix(last.Detail, test.detail) || !strings.Contains(e.Cure, test.cure) || !good && (e.Reason == "" || e.Message == "" || e.Cure == "") {
			t.Errorf("%s: %q %q %q %q", test.name, e.Reason, last.Detail, e.Cure, e.Message)
		}
		quiet, err := s.API.Explain(t.Context(), api.ExplainQuestion{User: ada.ID, Application: app.ID, Unasked: true})
		if err != nil || !quiet.Allow || quiet.Hops[len(quiet.Hops)-1].Name != "connectors" {
			t.Errorf("%s, without asking: %+v, %v", test.name, quiet, err)
		}
	}
	if backend.Connections() != 1 || len(backend.Bytes()) != 0 {
		t.Errorf("asking made %d connections and sent %q", backend.Connections(), backend.Bytes())
	}
	if err := site.Stop(); err != nil {
		t.Fatal(err)
	}
}
