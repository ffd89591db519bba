package system

import (
	"net/http"
	"testing"
	"time"

	"postern/internal/posterntest"
)

// TestFIPS has service and connector use nothing but Go's FIPS 140-3 module for what it covers: set-up, enrolment, sign-in, a request over the
// tunnel, and a renewal under another root all work, and the connectors say that it is on.
func TestFIPS(t *testing.T) {
	t.Setenv("GODEBUG", "fips140=on") // for the processes: this one has decided at its start
	s := newSite(t, "")
	s.connect()
	for _, p := range []*process{s.service, s.connectors[0]} {
		s.Await(p.name+" to say that the mode is on", func() bool { return p.logged("fips140=true") })
	}
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("private")) }))
	s.Assign(s.Publish("wiki", backend.URL), s.User("ada"))
	browser := s.signIn(s.URL("wiki", "/"), "ada")
	if page := browser.Go(s.URL("wiki", "/")); page.Text != "private" {
		t.Fatalf("%s: %s", page.Status, page.Text)
	}
	if _, err := s.API.ExchangeRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.AwaitFor(20*time.Second+2*posterntest.Patience, "the connector to renew under the next root", func() bool {
		state, err := s.API.Authority(t.Context())
		return err == nil && state.Exchange != nil && len(state.Exchange.Waiting) == 0 && s.connectors[0].logged("certificate renewed")
	})
	if page := browser.Go(s.URL("wiki", "/")); page.Text != "private" {
		t.Errorf("after the renewal: %s: %s", page.Status, page.Text)
	}
}
