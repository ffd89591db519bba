package posterntest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"postern/internal/posterntest"
)

func TestAPrivatePageIsReached(t *testing.T) {
	sys := posterntest.New(t)
	sys.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "private page %s", r.URL.Path)
	}))
	app := sys.Publish("wiki", backend.URL)
	sys.Assign(app, sys.User("ada"))

	page := sys.Browser().SignIn(sys.URL("wiki", "/deep/page?x=1"), "ada")
	if page.StatusCode != http.StatusOK || page.Text != "private page /deep/page" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if got := string(backend.Bytes()); strings.Contains(got, "__Host-postern") {
		t.Errorf("the backend saw a cookie of ours: %s", got)
	}
}
