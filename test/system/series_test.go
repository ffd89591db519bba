package system

import (
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"

	"postern/internal/api"
	"postern/internal/posterntest"
)

// TestSeriesAgreeWithTheBackend: over restarts of the service, orderly ones and those of the connector, the series count every request
// that the backend counted, and none twice.
func TestSeriesAgreeWithTheBackend(t *testing.T) {
	s := newSite(t, "")
	s.connect()
	var hits atomic.Int64
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hits.Add(1)%5 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Write([]byte("private"))
	}))
	app := s.Publish("wiki", backend.URL)
	s.Assign(app, s.User("ada"))
	browser := s.signIn(s.URL("wiki", "/"), "ada")
	connector := s.connectorID()
	for round := range 3 {
		for range 10 {
			if page := browser.Go(s.URL("wiki", "/")); page.Text != "private" {
				t.Fatalf("%s: %s", page.Status, page.Text)
			}
		}
		if round == 1 { // another worker, that counts from the beginning
			s.connectors[0].signal(syscall.SIGTERM)
			s.connectors[0].start()
		}
		s.service.signal(syscall.SIGTERM) // what was not written yet is written at the end
		s.service.start()
		s.awaitActive(1)
	}
	for name, read := range map[string]func() (api.Series, error){
		"connector": func() (api.Series, error) {
			return s.API.Connectors.Series(t.Context(), connector, api.SeriesQuestion{})
		},
		"application": func() (api.Series, error) {
			return s.API.Applications.Series(t.Context(), app.ID, api.SeriesQuestion{})
		},
	} { // the application answers the ends of sign-ins, too, which no backend sees
		got := must(read())(t)
		var count, errors, first uint64
		for _, p := range got.Points {
			if p.Requests != nil {
				count, errors = count+p.Requests.Count, errors+p.Requests.Errors
				if p.Requests.FirstByte != nil && p.Requests.FirstByte.P95 > 0 {
					first++
				}
			}
		}
		if want := uint64(hits.Load()); count < want || name == "connector" && count > want || errors != want/5 || first == 0 {
			t.Errorf("%s: %d requests, %d errors, the backend counted %d", name, count, errors, want)
		}
	}
	whole := must(s.API.Series(t.Context(), api.SeriesQuestion{}))(t)
	var all uint64
	for _, p := range whole.Points {
		all += p.Requests.Count
	}
	if all < uint64(hits.Load()) {
		t.Errorf("the service as a whole: %d requests", all)
	}
}

func (s *site) connectorID() string {
	s.t.Helper()
	page, err := s.API.Connectors.List(s.t.Context(), api.ListOptions{})
	if err != nil || len(page.Items) != 1 {
		s.t.Fatalf("%d connectors, %v", len(page.Items), err)
	}
	return page.Items[0].ID
}
