package portal_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crewjam/saml"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/posterntest/samlidp"
	"postern/internal/service"
)

// campus is a system with a published page and a SAML provider, whose users may open it by their group.
type campus struct {
	*posterntest.System
	idp   *samlidp.Provider
	up    api.Upstream
	ahead atomic.Int64 // of all clocks
}

func newCampus(t *testing.T, changes ...func(*api.UpstreamCreate)) *campus {
	t.Helper()
	c := &campus{idp: samlidp.New(t)}
	c.System = posterntest.New(t, posterntest.With(func(cfg *service.Config) {
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }
	}))
	c.Roots.AppendCertsFromPEM([]byte(c.idp.CA()))
	group, err := c.API.Groups.Create(t.Context(), api.GroupInput{Name: "Staff"})
	if err != nil {
		t.Fatal(err)
	}
	in := api.UpstreamCreate{Secret: samlidp.NewPair(t).PEM(), UpstreamInput: api.UpstreamInput{Name: "Campus", Kind: "saml",
		Mapping: &api.UpstreamMapping{Name: "uid", Groups: []api.UpstreamGroup{{From: "faculty", To: group.ID}}},
		SAML:    &api.UpstreamSAML{MetadataURL: c.idp.MetadataURL(), SignRequests: true, AllowLoopback: true, CA: c.idp.CA()}}}
	for _, change := range changes {
		change(&in)
	}
	if c.up, err = c.API.Upstreams.Create(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	metadata := c.Browser().Go(c.PortalURL + "/upstreams/" + c.up.ID + "/metadata")
	c.idp.Know([]byte(metadata.Text))
	c.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "private page %s", r.URL) }))
	app := c.Publish("wiki", backend.URL)
	if _, err := c.API.Assignments.Create(t.Context(), api.AssignmentInput{Application: app.ID, Group: group.ID}); err != nil {
		t.Fatal(err)
	}
	c.AwaitSnapshot(func(snap *access.Snapshot) bool { return len(snap.Assignments) == 1 })
	c.idp.Put(ada())
	return c
}

func ada() samlidp.User {
	return samlidp.User{ID: "ada-4711", Attributes: map[string][]string{"uid": {"ada"}, "mail": {"ada@example.edu"}, "groups": {"faculty", "others"}}}
}

func (c *campus) pass(d time.Duration) { c.idp.Ahead(time.Duration(c.ahead.Add(int64(d)))) }

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	formField  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// formOf gives the form that a page sends on by itself.
func formOf(t *testing.T, page posterntest.Page) samlidp.Sent {
	t.Helper()
	at := formAction.FindStringSubmatch(page.Text)
	if at == nil {
		t.Fatalf("no form at %s: %s %s", page.Request.URL, page.Status, page.Text)
	}
	to, err := page.Request.URL.Parse(html.UnescapeString(at[1]))
	if err != nil {
		t.Fatal(err)
	}
	sent := samlidp.Sent{Action: to.String(), Form: url.Values{}}
	for _, f := range formField.FindAllStringSubmatch(page.Text, -1) {
		sent.Form.Set(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	return sent
}

// bring does with the provider's form what browsers do: from another site it comes without our cookies, our page sends
// it once more, and the page after that goes on by itself.
func (c *campus) bring(t *testing.T, b *posterntest.Browser, sent samlidp.Sent) posterntest.Page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sent.Action, strings.NewReader(sent.Form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Origin", "null")
	once := formOf(t, c.Browser().Send(req))
	page := b.Post(once.Action, once.Form)
	for {
		where, ok := strings.CutPrefix(page.Header.Get("Refresh"), "0; url=")
		if !ok {
			return page
		}
		to, err := page.Request.URL.Parse(where)
		if err != nil {
			t.Fatal(err)
		}
		page = b.Go(to.String())
	}
}

// depart goes to the provider by the sign-in page that a URL leads to, and gives what it answers.
func (c *campus) depart(t *testing.T, b *posterntest.Browser, target string) samlidp.Sent {
	t.Helper()
	page := b.Go(target)
	_, rest, ok := strings.Cut(page.Text, `href="/upstreams/`)
	link, _, _ := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("%s has no link to the provider: %s", page.Request.URL, page.Text)
	}
	return formOf(t, b.Go(c.PortalURL+"/upstreams/"+strings.ReplaceAll(link, "&amp;", "&")))
}

// TestSAML: from a private page to the provider and back to it, encrypted and signed; and out again from here.
func TestSAML(t *testing.T) {
	c := newCampus(t)
	b := c.Browser()
	sent := c.depart(t, b, c.URL("wiki", "/deep?x=1"))
	if asked, _ := c.idp.Asked(); asked.ForceAuthn != nil || asked.IsPassive != nil || asked.RequestedAuthnContext != nil {
		t.Errorf("the request is %+v", asked)
	}
	if page := c.bring(t, b, sent); page.Text != "private page /deep?x=1" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	users, err := c.API.Users.List(t.Context(), api.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%+v", users); !strings.Contains(got, "ada-4711") || !strings.Contains(got, "ada@example.edu") {
		t.Errorf("the users are %s", got)
	}
	for name, browser := range map[string]*posterntest.Browser{"the same browser": b, "another one": c.Browser()} {
		if page := c.bring(t, browser, sent); page.StatusCode < 400 || page.StatusCode >= 500 {
			t.Errorf("the answer again, in %s: %s at %s", name, page.Status, page.Request.URL)
		}
	}
	page := b.Post(c.PortalURL+"/sign-out", nil)
	to, ok := strings.CutPrefix(page.Header.Get("Refresh"), "0; url=")
	if !ok || !strings.Contains(to, "/slo?SAMLRequest=") {
		t.Fatalf("after signing out: %s, %q", page.Status, to)
	}
	if page := b.Go(to); !strings.Contains(page.Text, "You are signed out") {
		t.Errorf("back from there: %s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if ended := c.idp.Ended(); len(ended) != 1 || ended[0] != "s-1" {
		t.Errorf("the provider was asked to end %v", ended)
	}
	quiet := b.WithoutRedirects()
	quiet.GoUntil("the private page is closed", c.URL("wiki", "/"), func(p posterntest.Page) bool { return p.StatusCode/100 == 3 })
}

// TestSAMLSignOutThere: the provider ends one session, and that one alone ends here.
func TestSAMLSignOutThere(t *testing.T) {
	c := newCampus(t)
	one, two := c.Browser(), c.Browser()
	for _, b := range []*posterntest.Browser{one, two} {
		if page := c.bring(t, b, c.depart(t, b, c.URL("wiki", "/"))); page.Text != "private page /" {
			t.Fatalf("%s: %s", page.Status, page.Text)
		}
	}
	out := c.idp.LogoutURL("ada-4711", "s-1")
	forged := strings.Replace(out, "SAMLRequest=", "SAMLRequest=A", 1)
	if page := c.Browser().Go(forged); page.StatusCode < 400 {
		t.Errorf("a forged request: %s at %s", page.Status, page.Request.URL)
	}
	if page := one.Go(out); page.Text != "signed out" {
		t.Fatalf("the provider's request leads to %s: %s %s", page.Request.URL, page.Status, page.Text)
	}
	quiet := c.Browser().WithoutRedirects()
	quiet.Jar = one.Jar
	quiet.GoUntil("the session is over", c.URL("wiki", "/"), func(p posterntest.Page) bool { return p.StatusCode/100 == 3 })
	if page := two.Go(c.URL("wiki", "/")); page.Text != "private page /" {
		t.Errorf("the other session: %s", page.Status)
	}
	if page := two.Go(c.idp.LogoutURL("ada-4711", "")); page.Text != "signed out" {
		t.Errorf("all sessions: %s at %s", page.Status, page.Request.URL)
	}
	quiet.Jar = two.Jar
	quiet.GoUntil("the other session is over", c.URL("wiki", "/"), func(p posterntest.Page) bool { return p.StatusCode/100 == 3 })
}

// TestSAMLUnasked: a sign-in that begins at the provider, where that is allowed, once.
func TestSAMLUnasked(t *testing.T) {
	c := newCampus(t)
	if page := c.bring(t, c.Browser(), c.idp.Unasked()); page.StatusCode != http.StatusForbidden {
		t.Errorf("where it is not allowed: %s: %s", page.Status, page.Text)
	}
	c = newCampus(t, func(in *api.UpstreamCreate) { in.SAML.IdPInitiated = true })
	sent := c.idp.Unasked()
	browsers := []*posterntest.Browser{c.Browser(), c.Browser(), c.Browser(), c.Browser()}
	var in atomic.Int64
	var all sync.WaitGroup
	for _, b := range browsers {
		all.Go(func() {
			if page := b.Post(sent.Action, url.Values{"SAMLResponse": sent.Form["SAMLResponse"], "again": {"1"}}); page.Header.Get("Refresh") == "0; url=/" {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 {
		t.Errorf("one answer signed in %d browsers", in.Load())
	}
	b := c.Browser()
	if page := c.bring(t, b, c.idp.Unasked()); page.Request.URL.Path != "/" || !strings.Contains(page.Text, "wiki") {
		t.Errorf("a new one: %s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
}

// TestSAMLAnswersForOthers: assertions that a provider signed, and that are not for us, this sign-in, or now.
func TestSAMLAnswersForOthers(t *testing.T) {
	c := newCampus(t)
	for name, spoil := range map[string]func(*saml.Assertion){
		"another audience": func(a *saml.Assertion) { a.Conditions.AudienceRestrictions[0].Audience.Value = "https://other.example" },
		"another recipient": func(a *saml.Assertion) {
			a.Subject.SubjectConfirmations[0].SubjectConfirmationData.Recipient = "https://other.example/acs"
		},
		"another request": func(a *saml.Assertion) { a.Subject.SubjectConfirmations[0].SubjectConfirmationData.InResponseTo = "p0" },
		"another issuer":  func(a *saml.Assertion) { a.Issuer.Value = "https://other.example" },
		"expired":         func(a *saml.Assertion) { a.Conditions.NotOnOrAfter = time.Now().Add(-time.Hour) },
		"no sign-in":      func(a *saml.Assertion) { a.AuthnStatements = nil },
		"a passing name": func(a *saml.Assertion) {
			a.Subject.NameID.Format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
		},
		"nobody": func(a *saml.Assertion) { a.Subject.NameID.Value = "" },
		"a session long over": func(a *saml.Assertion) {
			at := time.Now().Add(-time.Hour)
			a.AuthnStatements[0].SessionNotOnOrAfter = &at
		},
	} {
		b := c.Browser()
		c.idp.Behave(samlidp.Behaviour{Spoil: spoil})
		page := c.bring(t, b, c.depart(t, b, c.URL("wiki", "/")))
		if page.StatusCode < 400 || strings.Contains(page.Text, "private page") || strings.Contains(page.Text, "other.example/acs\"") {
			t.Errorf("%s: %s at %s", name, page.Status, page.Request.URL)
		}
		if home := b.WithoutRedirects().Go(c.PortalURL + "/"); home.Header.Get("Location") != "/sign-in" {
			t.Errorf("%s: signed in", name)
		}
	}
	// One that began in another browser is worth nothing in this one (login CSRF), nor is somebody else's flow.
	c.idp.Behave(samlidp.Behaviour{})
	attacker, victim := c.Browser(), c.Browser()
	theirs := c.depart(t, attacker, c.URL("wiki", "/"))
	if page := c.bring(t, victim, theirs); page.StatusCode < 400 {
		t.Errorf("an attacker's answer: %s at %s", page.Status, page.Request.URL)
	}
	if page := c.bring(t, attacker, theirs); page.Text != "private page /" {
		t.Errorf("the same in the right browser: %s: %s", page.Status, page.Text)
	}
}

// TestSAMLKeysChange: while a provider changes its key both are in its metadata; then the old one is not any more.
func TestSAMLKeysChange(t *testing.T) {
	c := newCampus(t)
	in := func(what string, good bool) *posterntest.Browser {
		t.Helper()
		b := c.Browser()
		if page := c.bring(t, b, c.depart(t, b, c.URL("wiki", "/"))); (page.Text == "private page /") != good {
			t.Fatalf("%s: %s at %s: %s", what, page.Status, page.Request.URL, page.Text)
		}
		return b
	}
	first := in("at first", true)
	old, next := c.idp.Pairs()[0], samlidp.NewPair(t)
	c.idp.Keys(old, next) // announced, and not in use
	c.pass(61 * time.Minute)
	c.scripted(t, first) // until the clock is known
	in("with the new one announced", true)
	c.idp.Keys(next, old)
	in("with the new one in use, known since the metadata was read anew", true)
	c.idp.Keys(old)
	in("with the old one, which is still known", true)
	c.idp.Keys(samlidp.NewPair(t))
	c.pass(2 * time.Minute)
	in("with one that nobody announced", true)
	c.idp.Keys(old)
	in("with the old one, which is gone", false)
}

// TestSAMLByForm: a provider that takes requests only by HTTP-POST.
func TestSAMLByForm(t *testing.T) {
	idpOnly := samlidp.Behaviour{PostOnly: true}
	c := newCampus(t)
	c.idp.Behave(idpOnly)
	if _, err := c.API.Upstreams.Update(t.Context(), c.up.ID, c.up.Version, api.Patch{"name": "Campus by form"}); err != nil { // its metadata is read anew
		t.Fatal(err)
	}
	b := c.Browser()
	page := b.Go(c.URL("wiki", "/x"))
	_, rest, _ := strings.Cut(page.Text, `href="/upstreams/`)
	link, _, _ := strings.Cut(rest, `"`)
	page = b.Go(c.PortalURL + "/upstreams/" + strings.ReplaceAll(link, "&amp;", "&"))
	provider, err := url.Parse(c.idp.MetadataURL())
	if err != nil {
		t.Fatal(err)
	}
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://"+provider.Host) || !strings.Contains(page.Text, "data-onward") {
		t.Fatalf("the page cannot send its form: %s %s", policy, page.Text)
	}
	request := formOf(t, page)
	answer := formOf(t, b.Post(request.Action, request.Form))
	if page := c.bring(t, b, answer); page.Text != "private page /x" {
		t.Errorf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
}
