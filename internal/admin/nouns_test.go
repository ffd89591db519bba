package admin_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/api"
	"postern/internal/fault"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestEveryNounFromBirthToDeath makes, reads, changes and deletes one of each with the client.
func TestEveryNounFromBirthToDeath(t *testing.T) {
	s := newSystem(t)
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	in := api.ApplicationInput{Name: "Wiki", ExternalURL: "https://wiki.example.com/", InternalURL: "http://wiki.internal:8080/", BackendTimeout: "90s"}
	app, err := s.owner.Applications.Create(ctx, in)
	check(err)
	if app.PreAuthentication != "sign-in" || app.HostHeader != "internal" || app.BackendTimeout != "1m30s" || app.Version != 1 {
		t.Errorf("created %+v", app)
	}
	group, err := s.owner.ConnectorGroups.Show(ctx, app.ConnectorGroup)
	check(err)
	if !group.Default {
		t.Error("without a group the application is not in the default one")
	}
	shown, err := s.owner.Applications.Show(ctx, app.ID)
	check(err)
	if diff := cmp.Diff(app, shown); diff != "" {
		t.Error(diff)
	}
	app, err = s.owner.Applications.Update(ctx, app.ID, 1, api.Patch{"disabled": true, "backendTimeout": nil, "idleTimeout": "1h"})
	check(err)
	if !app.Disabled || app.BackendTimeout != "" || app.IdleTimeout != "1h" || app.Version != 2 || app.Name != "Wiki" {
		t.Errorf("updated %+v", app)
	}

	user, err := s.owner.Users.Create(ctx, api.UserCreate{UserInput: api.UserInput{Name: "ada", Email: "ada@example.com", Roles: []string{"reader"}}, Password: password})
	check(err)
	if user.PasswordSet.IsZero() {
		t.Error("the password is not set")
	}
	check(s.owner.Users.SetPassword(ctx, user.ID, password+"!"))
	staff, err := s.owner.Groups.Create(ctx, api.GroupInput{Name: "Staff", Members: []string{user.ID}})
	check(err)
	user, err = s.owner.Users.Show(ctx, user.ID)
	check(err)
	if diff := cmp.Diff([]string{staff.ID}, user.Groups); diff != "" {
		t.Error(diff)
	}
	assigned, err := s.owner.Assignments.Create(ctx, api.AssignmentInput{Application: app.ID, Group: staff.ID})
	check(err)
	page, err := s.owner.Assignments.List(ctx, api.ListOptions{Filter: url.Values{"application": {app.ID}}})
	check(err)
	if len(page.Items) != 1 || page.Items[0].ID != assigned.ID {
		t.Errorf("assignments of the application: %+v", page)
	}
	token, err := s.owner.Tokens.Create(ctx, api.TokenInput{Name: "hq-1"})
	check(err)
	if left := time.Until(token.Expires); !strings.HasPrefix(token.Text, "postern-enrol-1.") || left < 59*time.Minute || left > time.Hour {
		t.Errorf("token %+v", token)
	}
	chain, private := certificate(t, "wiki.example.com")
	cert, err := s.owner.Certificates.Put(ctx, "wiki.example.com", 0, api.CertificateInput{Chain: chain, Key: private})
	check(err)
	if _, err = s.owner.Certificates.Put(ctx, "wiki.example.com", 0, api.CertificateInput{Chain: chain, Key: private}); !fault.Is(err, fault.KindPrecondition) {
		t.Errorf("replaced without saying which: %v", err)
	}
	cert, err = s.owner.Certificates.Put(ctx, "wiki.example.com", cert.Version, api.CertificateInput{Chain: chain, Key: private})
	check(err)

	check(s.owner.Assignments.Delete(ctx, assigned.ID, 1))
	check(s.owner.Applications.Delete(ctx, app.ID, 2))
	check(s.owner.Groups.Delete(ctx, staff.ID, 1))
	check(s.owner.Users.Delete(ctx, user.ID, 0))
	check(s.owner.Tokens.Delete(ctx, token.ID, 1))
	check(s.owner.Certificates.Delete(ctx, "wiki.example.com", cert.Version))
	if _, err := s.owner.Applications.Show(ctx, app.ID); !fault.Is(err, fault.KindNotFound) {
		t.Errorf("a deleted application: %v", err)
	}
	entries := 0
	for e, err := range s.owner.Audit.All(ctx, api.AuditOptions{Object: app.ID}.Options()) {
		check(err)
		if e.Actor.Kind != "api-key" || e.Actor.Request == "" || e.Outcome != "done" {
			t.Errorf("audit entry %+v", e)
		}
		entries++
	}
	if entries < 3 {
		t.Errorf("%d audit entries about the application", entries)
	}
}

// TestPages goes through a list with small pages, by cursor and by Link.
func TestPages(t *testing.T) {
	s := newSystem(t)
	want := map[string]bool{}
	for i := range 25 {
		g, err := s.owner.Groups.Create(t.Context(), api.GroupInput{Name: "page-" + itoa(i)})
		if err != nil {
			t.Fatal(err)
		}
		want[g.ID] = true
	}
	got := map[string]bool{}
	for g, err := range s.owner.Groups.All(t.Context(), api.ListOptions{Limit: 4, Search: "PAGE"}) {
		if err != nil {
			t.Fatal(err)
		}
		if got[g.ID] {
			t.Errorf("%s comes twice", g.Name)
		}
		got[g.ID] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	next, pages := "/api/v1/groups?limit=10", 0
	for next != "" {
		a := s.send(request{method: "GET", path: next, key: s.key})
		if a.status != 200 {
			t.Fatal(a.body)
		}
		link, ok := strings.CutSuffix(a.header.Get("Link"), `>; rel="next"`)
		next, pages = strings.TrimPrefix(link, "<"), pages+1
		if !ok {
			next = ""
		}
	}
	if pages != 3 {
		t.Errorf("%d pages of at most ten for 25 groups", pages)
	}
}

// TestSecretsAreNotGivenBack looks for every secret in every answer that could have it.
func TestSecretsAreNotGivenBack(t *testing.T) {
	s := newSystem(t)
	ctx := t.Context()
	token, err := s.owner.Tokens.Create(ctx, api.TokenInput{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.owner.Keys.Create(ctx, api.KeyInput{Name: "k", Roles: []string{"reader"}})
	if err != nil {
		t.Fatal(err)
	}
	user, err := s.owner.Users.Create(ctx, api.UserCreate{UserInput: api.UserInput{Name: "u"}, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	chain, private := certificate(t, "secret.example.com")
	if _, err := s.owner.Certificates.Put(ctx, "secret.example.com", 0, api.CertificateInput{Chain: chain, Key: private}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(private), "\n")
	secrets := []string{token.Text, key.Secret, password, lines[1], s.key, "argon2", "hash"}
	for _, path := range []string{"applications", "tokens", "tokens/" + token.ID, "keys", "keys/" + key.ID, "users", "users/" + user.ID,
		"certificates", "certificates/secret.example.com", "audit?limit=1000", "me", "health"} {
		a := s.send(request{method: "GET", path: "/api/v1/" + path, key: s.key})
		if a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(a.body), strings.ToLower(secret)) {
				t.Errorf("%s gives back %.12s…", path, secret)
			}
		}
	}
}

// TestConnector reads, changes and deletes one that enrolled.
func TestConnector(t *testing.T) {
	s := newSystem(t)
	f := s.fixture()
	ctx := t.Context()
	k, err := s.owner.Connectors.Show(ctx, f.con)
	if err != nil {
		t.Fatal(err)
	}
	if k.Host.MachineName != "machine" || k.Host.Version != "1.2.3" || k.Certificate.Serial == "" || k.Certificate.NotAfter.Before(time.Now()) {
		t.Errorf("%+v", k)
	}
	if k.Status.Label == "active" || k.Status.Label == "" || k.Status.Tunnels != 0 || k.Status.Why == "" {
		t.Errorf("without a tunnel its status is %+v", k.Status)
	}
	k, err = s.owner.Connectors.Update(ctx, f.con, k.Version, api.Patch{"name": "moved", "connectorGroup": f.cgr, "disabled": true})
	if err != nil || k.Name != "moved" || k.ConnectorGroup != f.cgr || k.Status.Label != "disabled" {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := s.owner.Connectors.Update(ctx, f.con, k.Version, api.Patch{"host": map[string]any{"os": "x"}}); !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "host ") {
		t.Error(err)
	}
	if err := s.owner.Connectors.Delete(ctx, f.con, k.Version); err != nil {
		t.Error(err)
	}
}
