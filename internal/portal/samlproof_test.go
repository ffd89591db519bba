package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/posterntest/samlidp"
)

// scripted asks for something as a page's script does, once the service has got used to its clock.
func (c *campus) scripted(t *testing.T, b *posterntest.Browser) posterntest.Page {
	t.Helper()
	return b.SendUntil("an answer to a script", func() *http.Request { return ofScript(t, c.URL("wiki", "/api")) },
		func(p posterntest.Page) bool { return p.StatusCode != http.StatusServiceUnavailable })
}

// TestSAMLReproof: SAML cannot be asked behind the browser's back, so the browser goes by it, without a question.
func TestSAMLReproof(t *testing.T) {
	c := newCampus(t)
	b := c.Browser()
	c.bring(t, b, c.depart(t, b, c.URL("wiki", "/")))
	_, before := c.idp.Asked()
	c.pass(16 * time.Minute)
	if page := c.scripted(t, b); page.Text != "private page /api" {
		t.Fatalf("a script: %s %s", page.Status, page.Text)
	}
	page := c.bring(t, b, formOf(t, b.Go(c.URL("wiki", "/due?x=1"))))
	if asked, times := c.idp.Asked(); times != before+1 || asked.IsPassive == nil || !*asked.IsPassive {
		t.Errorf("asked %d times, at last %+v", times-before, asked)
	}
	if page.Text != "private page /due?x=1" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if page := b.Go(c.URL("wiki", "/next")); page.Text != "private page /next" {
		t.Errorf("right after that: %s at %s", page.Status, page.Request.URL)
	}
	// Where it has to ask, it does.
	c.pass(16 * time.Minute)
	c.scripted(t, b)
	c.idp.Behave(samlidp.Behaviour{SignedOut: true})
	page = c.bring(t, b, formOf(t, b.Go(c.URL("wiki", "/asked"))))
	if !strings.Contains(page.Text, "SAMLResponse") {
		t.Fatalf("the provider is not asked to ask: %s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if page = c.bring(t, b, formOf(t, page)); page.Text != "private page /asked" {
		t.Errorf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	if asked, times := c.idp.Asked(); times != before+3 || asked.IsPassive != nil {
		t.Errorf("asked %d times, at last %+v", times-before, asked)
	}
	// Who is refused there is out here.
	c.pass(16 * time.Minute)
	c.scripted(t, b)
	c.idp.Behave(samlidp.Behaviour{Refuses: "RequestDenied"})
	if page := c.bring(t, b, formOf(t, b.Go(c.URL("wiki", "/refused")))); page.StatusCode != http.StatusForbidden || !strings.Contains(page.Text, "did not let you in") {
		t.Errorf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	c.Await("the session is over", func() bool { return c.scripted(t, b).StatusCode == http.StatusUnauthorized })
}

// TestSAMLSessionEndsThere: the end that a provider gives its own session is that of ours, until it vouches anew.
func TestSAMLSessionEndsThere(t *testing.T) {
	c := newCampus(t)
	b := c.Browser()
	c.idp.Behave(samlidp.Behaviour{Lasts: 10 * time.Minute})
	c.bring(t, b, c.depart(t, b, c.URL("wiki", "/")))
	c.pass(4 * time.Minute)
	if page := c.scripted(t, b); page.Text != "private page /api" {
		t.Fatalf("before: %s %s", page.Status, page.Text)
	}
	c.pass(7 * time.Minute)
	if page := c.scripted(t, b); page.StatusCode != http.StatusUnauthorized || !strings.Contains(page.Text, "proof-due") {
		t.Fatalf("after: %s %s", page.Status, page.Text)
	}
	if page := c.bring(t, b, formOf(t, b.Go(c.URL("wiki", "/anew")))); page.Text != "private page /anew" {
		t.Errorf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
}

// TestSAMLStepUp: a policy asks for more than one factor, and the provider is asked for that, anew.
func TestSAMLStepUp(t *testing.T) {
	const strong = "https://refeds.org/profile/mfa"
	c := newCampus(t, func(in *api.UpstreamCreate) { in.SAML.StrongContexts = []string{strong} })
	b := c.Browser()
	c.bring(t, b, c.depart(t, b, c.URL("wiki", "/")))
	if _, err := c.API.Policies.Create(t.Context(), api.PolicyInput{Name: "Strong", Strength: "multi-factor", Everyone: true, AllApplications: true}); err != nil {
		t.Fatal(err)
	}
	c.AwaitSnapshot(func(snap *access.Snapshot) bool { return len(snap.Policies) > 0 })
	page := b.GoUntil("the policy holds", c.URL("wiki", "/y"), func(p posterntest.Page) bool { return p.Request.URL.Path == "/step-up" })
	for _, test := range []struct {
		name string
		does samlidp.Behaviour
		says string
	}{
		{"with a password again", samlidp.Behaviour{}, "PasswordProtectedTransport"},
		{"not anew", samlidp.Behaviour{Contexts: []string{strong}, Stubborn: true, Ago: time.Hour}, "AuthnInstant"},
		{"it says that it cannot", samlidp.Behaviour{Refuses: "NoAuthnContext"}, "cannot sign you in as strongly"},
	} {
		c.idp.Behave(test.does)
		answer := c.bring(t, b, c.depart(t, b, page.Request.URL.String()))
		if asked, _ := c.idp.Asked(); asked.ForceAuthn == nil || !*asked.ForceAuthn || asked.RequestedAuthnContext == nil || asked.RequestedAuthnContext.AuthnContextClassRef != strong {
			t.Errorf("%s: it was asked %+v", test.name, asked)
		}
		if answer.StatusCode != http.StatusForbidden || !strings.Contains(answer.Text, test.says) || !strings.Contains(answer.Text, "step-up=1") {
			t.Errorf("%s: %s at %s: %s", test.name, answer.Status, answer.Request.URL, answer.Text)
		}
	}
	c.idp.Behave(samlidp.Behaviour{Contexts: []string{strong}})
	if done := c.bring(t, b, c.depart(t, b, page.Request.URL.String())); done.Text != "private page /y" {
		t.Errorf("%s at %s: %s", done.Status, done.Request.URL, done.Text)
	}
}
