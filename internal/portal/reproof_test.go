package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/posterntest/idp"
)

// policy puts a policy for everyone and everything in force, and waits until the gateway has it.
func (a *abroad) policy(t *testing.T, in api.PolicyInput) {
	t.Helper()
	in.Everyone, in.AllApplications = true, true
	if _, err := a.API.Policies.Create(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	a.AwaitSnapshot(func(snap *access.Snapshot) bool { return len(snap.Policies) > 0 })
}

// settled goes to a page until the service has got used to a clock that was put ahead: until the database is heard
// of again, it is as good as away.
func (a *abroad) settled(b *posterntest.Browser, target string) (page posterntest.Page) {
	a.T.Helper()
	a.Await("an answer of "+target, func() bool {
		page = b.Go(target)
		return page.StatusCode != http.StatusServiceUnavailable
	})
	return page
}

// script asks for something as a page's script does.
func (a *abroad) script(t *testing.T, b *posterntest.Browser, target string) posterntest.Page {
	t.Helper()
	return b.Send(ofScript(t, target))
}

// scriptUntil asks as a page's script does, again and again, while its right may end.
func (a *abroad) scriptUntil(t *testing.T, b *posterntest.Browser, what string, is func(posterntest.Page) bool) posterntest.Page {
	t.Helper()
	return b.SendUntil(what, func() *http.Request { return ofScript(t, a.URL("wiki", "/api")) }, is)
}

func ofScript(t *testing.T, target string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Mode", "cors")
	return req
}

// stepUp follows the link of the page that asks for another sign-in.
func (a *abroad) stepUp(t *testing.T, b *posterntest.Browser, page posterntest.Page) posterntest.Page {
	t.Helper()
	_, rest, ok := strings.Cut(page.Text, `href="/upstreams/`)
	link, _, _ := strings.Cut(rest, `"`)
	if page.Request.URL.Path != "/step-up" || !ok || !strings.Contains(page.Text, "Sign in again with Example &amp; Sons") {
		t.Fatalf("no such link at %s: %s %s", page.Request.URL, page.Status, page.Text)
	}
	return b.Go(a.PortalURL + "/upstreams/" + strings.ReplaceAll(link, "&amp;", "&"))
}

// TestStepUpElsewhere: a policy asks for more than one factor, and the upstream is asked for that, anew.
func TestStepUpElsewhere(t *testing.T) {
	a := newAbroad(t, func(in *api.UpstreamCreate) { in.OIDC.StrongACR = []string{"urn:mfa"} })
	b := a.Browser()
	if page := b.Go(a.begin(t, b, a.URL("wiki", "/x"))); page.Text != "private page /x?" {
		t.Fatalf("%s: %s", page.Status, page.Text)
	}
	if asked, _ := a.idp.Asked(); asked.Has("acr_values") || asked.Has("prompt") {
		t.Errorf("without need it was asked for %v", asked)
	}
	a.policy(t, api.PolicyInput{Name: "Strong", Strength: "multi-factor"})
	page := b.GoUntil("the policy holds", a.URL("wiki", "/y?z=1"), func(p posterntest.Page) bool { return p.Request.URL.Path == "/step-up" })
	for _, test := range []struct {
		name string
		does idp.Behaviour
		says []string
	}{
		{"it does nothing of it", idp.Behaviour{AMR: []string{"pwd"}}, []string{"Example &amp; Sons did not ask you for as much", "multi-factor", `amr &#34;pwd&#34;`}},
		{"it says nothing at all", idp.Behaviour{}, []string{"neither acr nor amr"}},
		{"another context", idp.Behaviour{ACR: []string{"urn:other"}, AMR: []string{"pwd"}}, []string{"did not ask you for as much"}},
		{"not anew", idp.Behaviour{ACR: []string{"urn:mfa"}, Stubborn: true, Ago: time.Hour}, []string{"did not ask you again", "auth_time"}},
	} {
		a.idp.Behave(test.does)
		_, before := a.idp.Asked()
		answer := a.stepUp(t, b, page)
		asked, times := a.idp.Asked()
		if asked.Get("acr_values") != "urn:mfa" || asked.Get("prompt") != "login" || asked.Get("max_age") != "0" || times != before+1 {
			t.Errorf("%s: it was asked %d times for %v", test.name, times-before, asked)
		}
		for _, says := range test.says {
			if answer.StatusCode != http.StatusForbidden || !strings.Contains(answer.Text, says) {
				t.Errorf("%s: %s, without %q: %s", test.name, answer.Status, says, answer.Text)
			}
		}
		a.stepUpIsOffered(t, answer)
		if home := b.Go(a.PortalURL + "/"); !strings.Contains(home.Text, "wiki") {
			t.Errorf("%s: signed out by it: %s", test.name, home.Text)
		}
	}
	stolen := a.Browser()
	portal, _ := url.Parse(a.PortalURL)
	stolen.Jar.SetCookies(portal, b.Jar.Cookies(portal))
	a.idp.Behave(idp.Behaviour{ACR: []string{"urn:mfa"}, Ago: time.Hour})
	if done := a.stepUp(t, b, page); done.Text != "private page /y?z=1" {
		t.Fatalf("%s at %s: %s", done.Status, done.Request.URL, done.Text)
	}
	if page := stolen.WithoutRedirects().Go(a.PortalURL + "/account"); page.Header.Get("Location") != "/sign-in" {
		t.Errorf("the cookie from before is still good: %s", page.Status)
	}
}

// stepUpIsOffered wants a page that offers another try.
func (a *abroad) stepUpIsOffered(t *testing.T, page posterntest.Page) {
	t.Helper()
	if !strings.Contains(page.Text, "step-up=1") {
		t.Errorf("no way on from %s: %s", page.Request.URL, page.Text)
	}
}

// TestTooOldElsewhere: a policy asks for a recent sign-in.
func TestTooOldElsewhere(t *testing.T) {
	a := newAbroad(t)
	b := a.Browser()
	b.Go(a.begin(t, b, a.URL("wiki", "/")))
	a.policy(t, api.PolicyInput{Name: "Recent", MaxAge: "30m"})
	a.pass(40 * time.Minute)
	a.idp.Behave(idp.Behaviour{Ago: 40 * time.Minute})
	a.settled(b, a.URL("wiki", "/x"))
	page := b.GoUntil("the policy holds", a.URL("wiki", "/x"), func(p posterntest.Page) bool { return p.Request.URL.Path == "/step-up" })
	if page = a.stepUp(t, b, page); page.Text != "private page /x?" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if asked, _ := a.idp.Asked(); asked.Get("prompt") != "login" || asked.Has("acr_values") {
		t.Errorf("it was asked for %v", asked)
	}
}

// TestOwnFactorAfterUpstream: where nothing is known of the upstream's factors, one of ours is added.
func TestOwnFactorAfterUpstream(t *testing.T) {
	a := newAbroad(t)
	b := a.Browser()
	b.Go(a.begin(t, b, a.URL("wiki", "/")))
	a.policy(t, api.PolicyInput{Name: "Strong", Strength: "multi-factor"})
	page := b.GoUntil("the policy holds", a.URL("wiki", "/"), func(p posterntest.Page) bool { return p.Request.URL.Path == "/step-up" })
	page = a.stepUp(t, b, page)
	if !strings.Contains(page.Text, "Set up a second factor") {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	request := field(t, page, "request")
	page = b.Post(a.PortalURL+"/sign-in/continue", url.Values{"state": {field(t, page, "state")}, "request": {request}, "code": {codeOf(t, page)}})
	if !strings.Contains(page.Text, "recovery codes") {
		t.Fatalf("%s: %s", page.Status, page.Text)
	}
	if page := b.Go(a.URL("wiki", "/z")); page.Text != "private page /z?" {
		t.Errorf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
}

func noRefresh(a *abroad) { a.idp.Behave(idp.Behaviour{NoRefresh: true}) }

// TestReproof: an upstream that cannot be asked behind the browser's back is asked with the next page, unseen.
func TestReproof(t *testing.T) {
	a := newAbroad(t)
	noRefresh(a)
	b := a.Browser()
	b.Go(a.begin(t, b, a.URL("wiki", "/")))
	_, before := a.idp.Asked()
	a.pass(8 * time.Minute) // what is done at real pace has minutes to spare, on slow machines too
	if page := a.settled(b, a.URL("wiki", "/early")); page.Text != "private page /early?" {
		t.Fatalf("%s: %s", page.Status, page.Text)
	}
	a.pass(8 * time.Minute)
	if page := a.script(t, b, a.URL("wiki", "/api")); page.Text != "private page /api?" {
		t.Errorf("a script of the page: %s %s", page.Status, page.Text)
	}
	if _, times := a.idp.Asked(); times != before {
		t.Fatalf("the provider was asked %d times too early", times-before)
	}
	a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "ada", "name": "Ada King", "groups": []string{"employees"}}})
	if page := b.Go(a.URL("wiki", "/due?x=%20")); page.Text != "private page /due?x=%20" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if asked, times := a.idp.Asked(); times != before+1 || asked.Get("prompt") != "none" {
		t.Errorf("the provider was asked %d times, at last for %v", times-before, asked)
	}
	if page := b.Go(a.PortalURL + "/"); !strings.Contains(page.Text, "Ada King") {
		t.Errorf("what it said is not known: %s", page.Text)
	}
	a.pass(16 * time.Minute)
	if page := a.settled(b, a.PortalURL+"/account"); !strings.Contains(page.Text, "Your account") || page.Request.URL.Path != "/account" {
		t.Errorf("a page of the portal: %s at %s", page.Status, page.Request.URL)
	}
	if _, times := a.idp.Asked(); times != before+2 {
		t.Errorf("the provider was asked %d times", times-before)
	}
}

// TestReproofHasAnEnd: an hour after the last word of the upstream nothing works without another one.
func TestReproofHasAnEnd(t *testing.T) {
	a := newAbroad(t)
	noRefresh(a)
	b := a.Browser()
	b.Go(a.begin(t, b, a.URL("wiki", "/")))
	a.pass(50 * time.Minute)
	a.Await("scripts go on", func() bool { return a.script(t, b, a.URL("wiki", "/api")).Text == "private page /api?" })
	a.pass(11 * time.Minute)
	page := a.scriptUntil(t, b, "scripts end", func(p posterntest.Page) bool { return p.StatusCode != http.StatusServiceUnavailable })
	if page.StatusCode != http.StatusUnauthorized || !strings.Contains(page.Text, "proof-due") || page.Header.Get("Postern-Sign-In") == "" {
		t.Fatalf("a script: %s %s", page.Status, page.Text)
	}
	if form := a.follow(b).WithoutRedirects().Post(a.PortalURL+"/account/password", url.Values{"password": {"x"}, "again": {"x"}}); form.Header.Get("Location") != "/sign-in" {
		t.Errorf("a form of the portal was taken: %s %s", form.Status, form.Header.Get("Location"))
	}
	a.pass(2 * time.Hour)
	if page := a.settled(b, a.URL("wiki", "/page")); page.Text != "private page /page?" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if page := a.script(t, b, a.URL("wiki", "/api")); page.Text != "private page /api?" {
		t.Errorf("a script after the page: %s %s", page.Status, page.Text)
	}
}

// TestReproofIsAsked: where the provider has to ask its user, the browser goes there for that, and comes back.
func TestReproofIsAsked(t *testing.T) {
	a := newAbroad(t)
	noRefresh(a)
	b := a.Browser()
	b.Go(a.begin(t, b, a.URL("wiki", "/")))
	a.idp.Behave(idp.Behaviour{NoRefresh: true, SignedOut: true})
	_, before := a.idp.Asked()
	a.pass(16 * time.Minute)
	if page := a.settled(b, a.URL("wiki", "/back")); page.Text != "private page /back?" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if asked, times := a.idp.Asked(); times != before+2 || asked.Has("prompt") {
		t.Errorf("asked %d times, at last for %v", times-before, asked)
	}
}

// TestReproofOnce: many tabs at once send one browser there once, and the others go on.
func TestReproofOnce(t *testing.T) {
	a := newAbroad(t)
	noRefresh(a)
	b := a.Browser()
	b.Go(a.begin(t, b, a.URL("wiki", "/")))
	a.pass(16 * time.Minute)
	a.Await("the clock is known", func() bool { return a.script(t, b, a.URL("wiki", "/api")).StatusCode == http.StatusOK })
	_, before := a.idp.Asked()
	first := a.follow(b).WithoutRedirects()
	page := first.Go(a.URL("wiki", "/first"))
	page = first.Go(page.Header.Get("Location")) // at the portal, which sends it to the provider
	if !strings.HasPrefix(page.Header.Get("Location"), a.idp.Issuer()) {
		t.Fatalf("%s leads to %s", page.Request.URL, page.Header.Get("Location"))
	}
	for range 3 {
		if page := a.follow(b).Go(a.URL("wiki", "/other")); page.Text != "private page /other?" {
			t.Errorf("another tab: %s at %s: %s", page.Status, page.Request.URL, page.Text)
		}
	}
	if _, times := a.idp.Asked(); times != before {
		t.Errorf("other tabs went to the provider %d times", times-before)
	}
	if page := a.follow(b).Go(page.Header.Get("Location")); page.Text != "private page /first?" {
		t.Errorf("the first tab: %s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
}

// TestReproofRefused: who is not let in any more there is out here, at once.
func TestReproofRefused(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(*abroad)
		says   string
	}{
		"by the provider": {func(a *abroad) { a.idp.Deny("access_denied") }, "did not let you in"},
		"by a required claim": {func(a *abroad) {
			a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "ada", "tid": "2"}})
		}, "tid"},
		"somebody else is there": {func(a *abroad) {
			a.idp.Put(idp.User{Subject: "43", Claims: map[string]any{"preferred_username": "grace", "tid": "1"}})
		}, "somebody else is signed in"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAbroad(t, func(in *api.UpstreamCreate) {
				in.Mapping.Required = []api.UpstreamRequirement{{Claim: "tid", Values: []string{"1"}}}
			})
			noRefresh(a)
			a.idp.Put(idp.User{Subject: "42", Claims: map[string]any{"preferred_username": "ada", "tid": "1", "groups": []string{"employees"}}})
			b := a.Browser()
			if page := b.Go(a.begin(t, b, a.URL("wiki", "/"))); page.Text != "private page /?" {
				t.Fatalf("%s: %s", page.Status, page.Text)
			}
			a.pass(16 * time.Minute)
			a.Await("the clock is known", func() bool { return a.script(t, b, a.URL("wiki", "/api")).StatusCode == http.StatusOK })
			test.refuse(a)
			page := b.Go(a.URL("wiki", "/x"))
			if page.StatusCode != http.StatusForbidden || !strings.Contains(page.Text, test.says) {
				t.Errorf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
			}
			a.scriptUntil(t, b, "the session is over", func(p posterntest.Page) bool { return p.StatusCode == http.StatusUnauthorized })
			if page := b.WithoutRedirects().Go(a.PortalURL + "/"); page.Header.Get("Location") != "/sign-in" {
				t.Errorf("the portal: %s", page.Status)
			}
		})
	}
}

// TestReproofAway: a provider that is away takes nobody's session within the hour.
func TestReproofAway(t *testing.T) {
	a := newAbroad(t)
	noRefresh(a)
	b := a.Browser()
	b.Go(a.begin(t, b, a.URL("wiki", "/")))
	for range 3 {
		a.pass(16 * time.Minute)
		a.Await("the clock is known", func() bool { return a.script(t, b, a.URL("wiki", "/api")).StatusCode == http.StatusOK })
		// It takes the browser, and does not answer us: the code is worth nothing for now.
		quiet := a.follow(b).WithoutRedirects()
		page := quiet.Go(quiet.Go(a.URL("wiki", "/x")).Header.Get("Location"))
		page = quiet.Go(page.Header.Get("Location"))
		a.idp.Away(true)
		if page = a.follow(b).Go(page.Header.Get("Location")); page.Text != "private page /x?" {
			t.Errorf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
		}
		a.idp.Away(false)
	}
}

// codeOf gives the code that an app would show for the seed on a page.
func codeOf(t *testing.T, page posterntest.Page) string {
	t.Helper()
	seed := seedText.FindStringSubmatch(page.Text)
	if seed == nil {
		t.Fatalf("no seed: %s %s", page.Status, page.Text)
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(seed[1], " ", ""), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}
