package posterntest_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/posterntest"
	"postern/internal/wire"
)

// TestHeldConnectorCarriesNothing: a connector that waits for approval has tunnels, knows what it waits for, and carries no request, until
// an administrator approves it; then it does without being started anew.
func TestHeldConnectorCarriesNothing(t *testing.T) {
	sys := posterntest.New(t)
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "private") }))
	sys.Assign(sys.Publish("wiki", backend.URL), sys.User("ada"))
	made, err := sys.API.Tokens.Create(t.Context(), api.TokenInput{Name: "site", Hold: true})
	if err != nil {
		t.Fatal(err)
	}
	token, err := wire.ParseEnrolmentToken(made.Text)
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	cred, err := connector.Enrol(t.Context(), connector.Enrolment{State: state, Token: token, Name: "site", Dialer: sys.Dialer(), Host: wire.Host{MachineName: "test"}, Log: sys.Log})
	if err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(rules, []byte(posterntest.Rules), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := connector.New(connector.Config{State: state, Rules: rules, Dialer: sys.Dialer(), Host: wire.Host{MachineName: "test"}, Log: sys.Log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })

	id := access.ID(cred.Identity.ID)
	sys.Await("its tunnels, and its own word that it waits", func() bool {
		s := sys.Service.Control().ConnectorStatus(id)
		says := slices.ContainsFunc(c.Status().Why, func(why string) bool { return strings.Contains(why, "postern connectors approve site") })
		return s.Tunnels > 0 && s.Label == "waiting" && says
	})
	browser := sys.Browser()
	if page := browser.SignIn(sys.URL("wiki", "/"), "ada"); page.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("while it waits: %s: %s", page.Status, page.Text)
	}
	if s := c.Status(); len(s.Targets) != 0 {
		t.Errorf("it knows what it may not reach: %+v", s.Targets)
	}
	if _, err := sys.API.Connectors.Approve(t.Context(), string(id)); err != nil {
		t.Fatal(err)
	}
	sys.AwaitConnector(id, "active")
	sys.Await("it to know the application", func() bool { return len(c.Status().Targets) == 1 })
	if why := c.Status().Why; slices.ContainsFunc(why, func(why string) bool { return strings.Contains(why, "approval") }) {
		t.Errorf("it still waits: %q", why)
	}
	sys.Await("the page", func() bool {
		page := browser.Go(sys.URL("wiki", "/"))
		return page.StatusCode == http.StatusOK && page.Text == "private"
	})
}
