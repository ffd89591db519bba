package oidc

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
)

// TestPrivatePageBehindTheProvider: from the provider's pages to a private page and out again, through the whole of
// the product, with a provider that nobody here wrote.
func TestPrivatePageBehindTheProvider(t *testing.T) {
	sys := posterntest.New(t)
	provider := Start(t, nil, ada())
	provider.Trust(string(sys.RootsPEM))
	sys.Roots.AppendCertsFromPEM([]byte(provider.CA))
	app := publish(t, sys)
	up, err := sys.API.Upstreams.Create(t.Context(), api.UpstreamCreate{Secret: client().Secret, UpstreamInput: api.UpstreamInput{Name: "Example", Kind: "oidc",
		Mapping: &api.UpstreamMapping{Groups: []api.UpstreamGroup{{From: "staff", To: app.group}}},
		OIDC: &api.UpstreamOIDC{Issuer: provider.Issuer, ClientID: client().ID, Scopes: []string{"profile", "email", "groups", "offline_access"},
			AllowLoopback: true, CA: provider.CA}}})
	if err != nil {
		t.Fatal(err)
	}
	at := sys.PortalURL + "/upstreams/" + up.ID
	us := client()
	us.RedirectURIs, us.PostLogoutRedirectURIs = []string{at + "/callback"}, []string{sys.PortalURL + "/sign-out"}
	us.BackChannelLogoutURI, us.BackChannelNeedsSID = at+"/logout", true
	provider.Clients(us)

	b := sys.Browser()
	page := fillIn(t, b, b.Go(link(t, b, sys, sys.URL("wiki", "/deep?x=1"), up.ID)), url.Values{"login": {"ada"}, "password": {"any"}})
	if page.StatusCode != http.StatusOK || page.Text != "private page /deep?x=1" {
		t.Fatalf("after signing in: %s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	users, err := sys.API.Users.List(t.Context(), api.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(fmt.Sprintf("%+v", users), "ada@example.com") {
		t.Errorf("no user came of it: %+v", users)
	}

	// Signed out there, by the provider's own page: it tells us by the back channel, and the private page is closed.
	discovered := b.Go(provider.Issuer + "/session/end")
	if page := fillIn(t, b, discovered, url.Values{"logout": {"yes"}}); page.StatusCode != http.StatusOK {
		t.Fatalf("signing out there: %s: %s", page.Status, page.Text)
	}
	quiet := b.WithoutRedirects()
	quiet.GoUntil("the private page is closed", sys.URL("wiki", "/"), func(p posterntest.Page) bool { return p.StatusCode/100 == 3 })
	if page := quiet.Go(sys.PortalURL + "/"); page.Header.Get("Location") != "/sign-in" {
		t.Errorf("the portal: %s", page.Status)
	}
}

type published struct{ group string }

// publish makes a private page that one group may open.
func publish(t *testing.T, sys *posterntest.System) published {
	t.Helper()
	group, err := sys.API.Groups.Create(t.Context(), api.GroupInput{Name: "Staff"})
	if err != nil {
		t.Fatal(err)
	}
	sys.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "private page %s?%s", r.URL.Path, r.URL.RawQuery)
	}))
	app := sys.Publish("wiki", backend.URL)
	if _, err := sys.API.Assignments.Create(t.Context(), api.AssignmentInput{Application: app.ID, Group: group.ID}); err != nil {
		t.Fatal(err)
	}
	sys.AwaitSnapshot(func(snap *access.Snapshot) bool { return len(snap.Assignments) == 1 })
	return published{group.ID}
}

// link gives where the sign-in page leads for the upstream.
func link(t *testing.T, b *posterntest.Browser, sys *posterntest.System, target, id string) string {
	t.Helper()
	page := b.Go(target)
	_, rest, ok := strings.Cut(page.Text, `href="/upstreams/`+id)
	end, _, _ := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("%s offers no such sign-in: %s", page.Request.URL, page.Text)
	}
	return sys.PortalURL + "/upstreams/" + id + strings.ReplaceAll(end, "&amp;", "&")
}

// fillIn sends the forms of the provider's pages until there is none.
func fillIn(t *testing.T, b *posterntest.Browser, page posterntest.Page, with url.Values) posterntest.Page {
	t.Helper()
	for range 5 {
		at := action.FindStringSubmatch(page.Text)
		if at == nil || !strings.HasPrefix(page.Request.URL.Hostname(), "idp.") {
			return page
		}
		form := url.Values{}
		for _, input := range hidden.FindAllStringSubmatch(page.Text, -1) {
			form.Set(input[1], input[2])
		}
		for name, values := range with {
			form[name] = values
		}
		to, err := page.Request.URL.Parse(at[1])
		if err != nil {
			t.Fatal(err)
		}
		page = b.Post(to.String(), form)
	}
	return page
}
