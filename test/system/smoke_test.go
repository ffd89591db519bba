package system

import (
	"net/http"
	"testing"

	"postern/internal/posterntest"
)

func TestProcessesServeAPage(t *testing.T) {
	s := newSite(t, "")
	s.connect()
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("private"))
	}))
	s.Assign(s.Publish("wiki", backend.URL), s.User("ada"))
	browser := s.signIn(s.URL("wiki", "/"), "ada")
	if page := browser.Go(s.URL("wiki", "/")); page.Text != "private" {
		t.Fatalf("%s: %s", page.Status, page.Text)
	}
}
