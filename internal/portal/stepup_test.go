package portal_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/service"
)

// grounds is a service with a connector and the applications wiki and payroll, which ada may use.
type grounds struct {
	*posterntest.System
	ada   api.User
	apps  map[string]api.Application
	ahead atomic.Int64 // of the service's clock
}

func newGrounds(t *testing.T) *grounds {
	s := &grounds{apps: map[string]api.Application{}}
	s.System = posterntest.New(t, posterntest.With(func(c *service.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
	}))
	s.Connector("site")
	s.ada = s.User("ada")
	for _, name := range []string{"wiki", "payroll"} {
		backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "private %s", name) }))
		s.apps[name] = s.Publish(name, backend.URL)
		s.Assign(s.apps[name], s.ada)
	}
	return s
}

// policy puts a policy for everyone in force, and waits until the gateway has it.
func (s *grounds) policy(in api.PolicyInput) api.Policy {
	s.T.Helper()
	in.Everyone, in.AllApplications = true, len(in.Applications) == 0
	made, err := s.API.Policies.Create(s.T.Context(), in)
	if err != nil {
		s.T.Fatal(err)
	}
	s.AwaitSnapshot(func(snap *access.Snapshot) bool {
		for _, rule := range snap.Rules(access.ID(s.apps["payroll"].ID)) {
			if string(rule.ID) == made.ID {
				return true
			}
		}
		return false
	})
	return made
}

// await goes to an application until the answer is as wanted: the gateway learns of changes a moment later.
func (s *grounds) await(b *posterntest.Browser, target, what string, ok func(posterntest.Page) bool) posterntest.Page {
	s.T.Helper()
	return b.GoUntil(what, target, ok)
}

func at(path string) func(posterntest.Page) bool {
	return func(p posterntest.Page) bool { return p.Request.URL.Path == path }
}

var seedText = regexp.MustCompile(`<code id="seed">([A-Z2-7 ]+)</code>`)

// TestStepUp: an application asks for a second factor; who has none is led through adding one, and
// comes back to the very page. What is open elsewhere goes on, and the cookie from before is dead.
func TestStepUp(t *testing.T) {
	s := newGrounds(t)
	browser := s.Browser()
	if page := browser.SignIn(s.URL("wiki", "/"), "ada"); page.Text != "private wiki" {
		t.Fatalf("%s at %s", page.Status, page.Request.URL)
	}
	s.policy(api.PolicyInput{Name: "Second factor", Strength: "multi-factor", Applications: []string{s.apps["payroll"].ID}})
	page := s.await(browser, s.URL("payroll", "/pay?month=3"), "the policy holds", at("/step-up"))
	if !strings.Contains(page.Text, "asks for a second factor") || page.StatusCode != 200 {
		t.Fatalf("%s: %s", page.Status, page.Text)
	}
	stolen := s.Browser()
	portal, _ := url.Parse(s.PortalURL)
	stolen.Jar.SetCookies(portal, browser.Jar.Cookies(portal))
	request := field(t, page, "request")
	page = browser.Post(s.PortalURL+"/step-up", url.Values{"request": {request}, "password": {"wrong"}})
	if page.StatusCode != http.StatusUnauthorized || !strings.Contains(page.Text, "not right") {
		t.Fatalf("a wrong password: %s", page.Status)
	}
	page = browser.Post(s.PortalURL+"/step-up", url.Values{"request": {request}, "password": {posterntest.Password}})
	seed := seedText.FindStringSubmatch(page.Text)
	if seed == nil {
		t.Fatalf("no factor is asked for: %s %s", page.Status, page.Text)
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(seed[1], " ", ""), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	page = browser.Post(s.PortalURL+"/sign-in/continue", url.Values{"state": {field(t, page, "state")}, "request": {request}, "code": {code}})
	next := regexp.MustCompile(`href="(/authorize[^"]*)"`).FindStringSubmatch(page.Text)
	if next == nil {
		t.Fatalf("no way on after the recovery codes: %s %s", page.Status, page.Text)
	}
	page = browser.Go(s.PortalURL + html.UnescapeString(next[1]))
	if page.Text != "private payroll" || page.Request.URL.RequestURI() != "/pay?month=3" {
		t.Fatalf("%s at %s", page.Status, page.Request.URL)
	}
	if page := browser.WithoutRedirects().Go(s.URL("wiki", "/")); page.Text != "private wiki" {
		t.Errorf("what was open elsewhere: %s", page.Status)
	}
	if page := stolen.WithoutRedirects().Go(s.PortalURL + "/account"); page.Header.Get("Location") != "/sign-in" {
		t.Errorf("the cookie from before the second factor is still good: %s", page.Status)
	}
}

// TestTooOldASignIn: the same password anew is enough where only its age was wrong.
func TestTooOldASignIn(t *testing.T) {
	s := newGrounds(t)
	s.policy(api.PolicyInput{Name: "Every hour", MaxAge: "1h"})
	browser := s.Browser()
	s.await(browser, s.URL("wiki", "/"), "the gateway knows the policy", at("/sign-in"))
	if page := browser.SignIn(s.URL("wiki", "/"), "ada"); page.Text != "private wiki" {
		t.Fatalf("%s at %s", page.Status, page.Request.URL)
	}
	s.ahead.Store(int64(time.Hour + time.Minute))
	// A clock that jumps looks as if the database had been away for an hour, until it is heard of again.
	page := s.await(browser, s.URL("wiki", "/again"), "an answer after the jump", func(p posterntest.Page) bool { return p.StatusCode != http.StatusServiceUnavailable })
	if page.Request.URL.Path != "/step-up" || !strings.Contains(page.Text, "too long ago") {
		t.Fatalf("an hour later: %s at %s", page.Status, page.Request.URL)
	}
	page = browser.Post(s.PortalURL+"/step-up", url.Values{"request": {field(t, page, "request")}, "password": {posterntest.Password}})
	if page.Text != "private wiki" || page.Request.URL.Path != "/again" {
		t.Errorf("signed in again: %s at %s", page.Status, page.Request.URL)
	}
	s.ahead.Store(int64(2*time.Hour + 2*time.Minute))
	s.Await("an answer after the second jump", func() bool {
		program, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL("wiki", "/api"), nil)
		if err != nil {
			t.Fatal(err)
		}
		program.Header.Set("Sec-Fetch-Mode", "cors")
		page = browser.Send(program)
		return page.StatusCode != http.StatusServiceUnavailable
	})
	if page.StatusCode != http.StatusUnauthorized || !strings.Contains(page.Text, "policy-age") || page.Header.Get("Postern-Sign-In") == "" {
		t.Errorf("a script: %s %s", page.Status, page.Text)
	}
}

// TestDeniedByPolicy: what signing in does not help says so, and what may help instead.
func TestDeniedByPolicy(t *testing.T) {
	s := newGrounds(t)
	browser := s.Browser()
	browser.SignIn(s.URL("wiki", "/"), "ada")
	for _, test := range []struct {
		in         api.PolicyInput
		code, says string
	}{
		{api.PolicyInput{Name: "Office", AllowedNetworks: []string{"192.0.2.0/24"}}, "policy-network", "from the network that you are in"},
		{api.PolicyInput{Name: "Here not", BlockedNetworks: []string{"127.0.0.0/8", "::1/128"}}, "policy-network", "from the network that you are in"},
		{api.PolicyInput{Name: "Hours", Windows: []string{closed()}}, "policy-time", "It is open " + closed()},
	} {
		made := s.policy(test.in)
		page := s.await(browser, s.URL("wiki", "/"), test.in.Name+" holds", func(p posterntest.Page) bool { return p.StatusCode == http.StatusForbidden })
		if !strings.Contains(page.Text, test.code) || !strings.Contains(page.Text, test.says) {
			t.Errorf("%s: %s", test.in.Name, page.Text)
		}
		fresh := s.Browser()
		if page := fresh.SignIn(s.URL("payroll", "/"), "ada"); page.StatusCode != http.StatusForbidden || !strings.Contains(page.Text, test.says) {
			t.Errorf("%s, signing in: %s %s", test.in.Name, page.Status, page.Text)
		}
		if _, err := s.API.Policies.Update(t.Context(), made.ID, made.Version, api.Patch{"mode": "report-only"}); err != nil {
			t.Fatal(err)
		}
		s.await(browser, s.URL("wiki", "/"), test.in.Name+" only reports", func(p posterntest.Page) bool { return p.Text == "private wiki" })
	}
}

// closed is a window of an hour that is not open now, nor soon.
func closed() string {
	then := time.Now().UTC().Add(4 * 24 * time.Hour)
	return strings.ToLower(then.Weekday().String()[:3]) + " 10:00-11:00 UTC"
}
