package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/posterntest/idp"
	"postern/internal/service"
)

// abroad is a system with a published page and an upstream, whose users may open it by their group.
type abroad struct {
	*posterntest.System
	idp   *idp.Provider
	up    api.Upstream
	ahead atomic.Int64 // of all clocks
}

// pass puts the clocks of the service and of the provider ahead.
func (a *abroad) pass(d time.Duration) {
	a.idp.Ahead(time.Duration(a.ahead.Add(int64(d))))
}

func newAbroad(t *testing.T, changes ...func(*api.UpstreamCreate)) *abroad {
	t.Helper()
	a := &abroad{idp: idp.New(t)}
	a.System = posterntest.New(t, posterntest.With(func(c *service.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(a.ahead.Load())) }
	}))
	a.Roots.AppendCertsFromPEM([]byte(a.idp.CA()))
	ctx := t.Context()
	group, err := a.API.Groups.Create(ctx, api.GroupInput{Name: "Staff"})
	if err != nil {
		t.Fatal(err)
	}
	in := api.UpstreamCreate{Secret: idp.Secret, UpstreamInput: api.UpstreamInput{Name: "Example & Sons", Kind: "oidc",
		Mapping: &api.UpstreamMapping{Groups: []api.UpstreamGroup{{From: "employees", To: group.ID}}},
		OIDC:    &api.UpstreamOIDC{Issuer: a.idp.Issuer(), ClientID: idp.ClientID, AllowLoopback: true, CA: a.idp.CA()}}}
	for _, change := range changes {
		change(&in)
	}
	if a.up, err = a.API.Upstreams.Create(ctx, in); err != nil {
		t.Fatal(err)
	}
	a.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "private page %s?%s", r.URL.Path, r.URL.RawQuery)
	}))
	app := a.Publish("wiki", backend.URL)
	if _, err := a.API.Assignments.Create(ctx, api.AssignmentInput{Application: app.ID, Group: group.ID}); err != nil {
		t.Fatal(err)
	}
	a.AwaitSnapshot(func(snap *access.Snapshot) bool { return len(snap.Assignments) == 1 })
	a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "ada", "groups": []string{"employees"}}})
	return a
}

// begin gives the link of the sign-in page that a URL leads to.
func (a *abroad) begin(t *testing.T, b *posterntest.Browser, target string) string {
	t.Helper()
	page := b.Go(target)
	_, rest, ok := strings.Cut(page.Text, `href="/upstreams/`)
	link, _, _ := strings.Cut(rest, `"`)
	if !ok || !strings.Contains(page.Text, "Sign in with Example &amp; Sons") {
		t.Fatalf("%s has no such link: %s", page.Request.URL, page.Text)
	}
	return a.PortalURL + "/upstreams/" + strings.ReplaceAll(link, "&amp;", "&")
}

func TestSignInElsewhere(t *testing.T) {
	a := newAbroad(t)
	b := a.Browser()
	page := b.Go(a.begin(t, b, a.URL("wiki", "/deep/page?x=1&y=%20")))
	if page.StatusCode != http.StatusOK || page.Text != "private page /deep/page?x=1&y=%20" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if page := b.Go(a.PortalURL + "/"); !strings.Contains(page.Text, "wiki") {
		t.Errorf("the list of applications: %s", page.Text)
	}
	// The provider ends its session: the application's ends too, without the browser's help.
	plain := a.Browser()
	resp, err := a.idp.Post(plain.Client, a.PortalURL+"/upstreams/"+a.up.ID+"/logout", a.idp.LogoutToken(map[string]any{"sub": "42"}))
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("back-channel logout: %v, %v", resp, err)
	}
	resp.Body.Close()
	quiet := b.WithoutRedirects()
	quiet.GoUntil("the application's session is over", a.URL("wiki", "/"), func(p posterntest.Page) bool { return p.StatusCode/100 == 3 })
	if page := quiet.Go(a.PortalURL + "/"); page.Header.Get("Location") != "/sign-in" {
		t.Errorf("the portal: %s", page.Status)
	}
}

func TestSignOutLeadsElsewhere(t *testing.T) {
	a := newAbroad(t)
	b := a.Browser()
	b.Go(a.begin(t, b, a.PortalURL+"/sign-in"))
	page := b.Post(a.PortalURL+"/sign-out", nil)
	to, ok := strings.CutPrefix(page.Header.Get("Refresh"), "0; url=")
	where, err := url.Parse(to)
	if !ok || err != nil || !strings.HasPrefix(to, a.idp.Issuer()+"/end?") || where.Query().Get("id_token_hint") == "" ||
		where.Query().Get("post_logout_redirect_uri") != a.PortalURL+"/sign-out" {
		t.Fatalf("after signing out: %s, %q", page.Status, to)
	}
	if page := b.Go(to); !strings.Contains(page.Text, "You are signed out") {
		t.Errorf("back from there: %s at %s", page.Status, page.Request.URL)
	}
}

func TestDefaultUpstream(t *testing.T) {
	a := newAbroad(t, func(in *api.UpstreamCreate) { in.Default = true })
	b := a.Browser()
	if page := b.Go(a.URL("wiki", "/x")); page.Text != "private page /x?" {
		t.Errorf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if page := a.Browser().Go(a.PortalURL + "/sign-in?local=1"); !strings.Contains(page.Text, `name="password"`) {
		t.Errorf("the form of our own: %s", page.Text)
	}
}

// TestConfirmElsewhere: who wants to change the account proves it where they prove everything.
func TestConfirmElsewhere(t *testing.T) {
	a := newAbroad(t)
	b := a.Browser()
	b.Go(a.begin(t, b, a.PortalURL+"/sign-in"))
	if page := b.Go(a.PortalURL + "/account"); strings.Contains(page.Text, "New password") || !strings.Contains(page.Text, "no password here") {
		t.Errorf("the account: %s", page.Text)
	}
	page := b.Go(a.PortalURL + "/account/confirm")
	if !strings.Contains(page.Text, "Confirm with Example &amp; Sons") || strings.Contains(page.Text, `type="password"`) {
		t.Fatalf("to confirm: %s", page.Text)
	}
	confirm := a.PortalURL + "/upstreams/" + a.up.ID + "/begin?confirm=1"
	if page := b.Go(confirm); page.Header.Get("Refresh") != "0; url=/account" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if page := b.Go(a.PortalURL + "/account"); !strings.Contains(page.Text, "Add a factor") {
		t.Errorf("the account is not confirmed: %s", page.Text)
	}
	// Somebody else at the provider confirms nothing, and is not signed in by it.
	a.idp.Put(idp.User{Subject: "43", Claims: map[string]any{"preferred_username": "grace"}})
	other := a.Browser()
	other.Go(a.begin(t, other, a.PortalURL+"/sign-in"))
	a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "ada"}})
	if page := other.Go(confirm); page.StatusCode != http.StatusForbidden {
		t.Errorf("confirmed by somebody else: %s", page.Status)
	}
	if page := other.Go(a.PortalURL + "/account"); strings.Contains(page.Text, "Add a factor") || !strings.Contains(page.Text, "grace") {
		t.Errorf("the account of the other: %s", page.Text)
	}
}

// TestBackFromElsewhere opens callbacks that nobody here began, and those with which the provider says no.
func TestBackFromElsewhere(t *testing.T) {
	a := newAbroad(t)
	callback := a.PortalURL + "/upstreams/" + a.up.ID + "/callback"
	victim, attacker := a.Browser(), a.Browser().WithoutRedirects()
	begun := attacker.Go(a.begin(t, attacker, a.PortalURL+"/sign-in"))
	theirs := attacker.Go(begun.Header.Get("Location")).Header.Get("Location") // with a code of the attacker
	if !strings.HasPrefix(theirs, callback) {
		t.Fatalf("the attacker is sent to %s", theirs)
	}
	for name, target := range map[string]string{
		"nothing":               callback,
		"an attacker's answer":  theirs,
		"a made-up state":       callback + "?state=x&code=y",
		"another upstream":      strings.Replace(theirs, a.up.ID, "ups_"+strings.Repeat("0", 26), 1),
		"no upstream":           a.PortalURL + "/upstreams/x/callback?state=x",
		"a script":              callback + "?state=%3Cscript%3E&error=%3Cscript%3E&error_description=%3Cscript%3Ealert(1)%3C/script%3E",
		"an address to go to":   callback + "?state=x&code=y&request=https://evil.example&redirect_uri=https://evil.example&RelayState=https://evil.example",
		"a very long parameter": callback + "?state=" + strings.Repeat("x", 20_000),
	} {
		page := victim.Go(target)
		if page.StatusCode < 400 || page.StatusCode >= 500 || strings.Contains(page.Text, "<script>alert") || strings.Contains(page.Text, "evil.example") {
			t.Errorf("%s: %s at %s", name, page.Status, page.Request.URL)
		}
		for _, c := range victim.Jar.Cookies(page.Request.URL) {
			if strings.Contains(c.Name, "portal") {
				t.Fatalf("%s signed the victim in", name)
			}
		}
	}
	if home := victim.WithoutRedirects().Go(a.PortalURL + "/"); home.Header.Get("Location") != "/sign-in" {
		t.Errorf("the victim is at %s", home.Status)
	}
	b := a.Browser()
	a.idp.Deny("access_denied")
	if page := b.Go(a.begin(t, b, a.URL("wiki", "/x"))); page.StatusCode < 400 || page.StatusCode >= 500 {
		t.Errorf("the provider said no: %s", page.Status)
	}
	b = a.Browser()
	link := a.begin(t, b, a.URL("wiki", "/x"))
	a.idp.Away(true)
	for range 2 {
		if page := b.Go(link); page.StatusCode != http.StatusOK && page.StatusCode != http.StatusServiceUnavailable && page.StatusCode != http.StatusBadGateway {
			t.Errorf("the provider is away: %s: %s", page.Status, page.Text)
		}
	}
	a.idp.Away(false)
}

// TestTwentyTabs begins twenty sign-ins in one browser before any of them ends.
func TestTwentyTabs(t *testing.T) {
	a := newAbroad(t)
	b := a.Browser().WithoutRedirects()
	var back []string
	for i := range 20 {
		link := a.begin(t, a.follow(b), a.URL("wiki", fmt.Sprintf("/tab/%d", i)))
		begun := b.Go(link)
		back = append(back, b.Go(begun.Header.Get("Location")).Header.Get("Location"))
	}
	for i, target := range back {
		page := a.follow(b).Go(target)
		if want := fmt.Sprintf("private page /tab/%d?", i); page.Text != want {
			t.Fatalf("tab %d: %s at %s: %.300s", i, page.Status, page.Request.URL, page.Text)
		}
	}
}

// follow gives the same browser, following redirects.
func (a *abroad) follow(b *posterntest.Browser) *posterntest.Browser {
	f := a.Browser()
	f.Jar = b.Jar
	return f
}
