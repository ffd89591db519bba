//go:build linux

package directory

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/service"
)

var requestField = regexp.MustCompile(`name="request" value="([^"]*)"`)

// signIn goes to a URL and fills in the form that it meets.
func signIn(t *testing.T, s *posterntest.System, b *posterntest.Browser, target, name, password string) posterntest.Page {
	t.Helper()
	page := b.Go(target)
	field := requestField.FindStringSubmatch(page.Text)
	if field == nil {
		t.Fatalf("%s led to no sign-in form but to %s: %s", target, page.Request.URL, page.Status)
	}
	return b.Post(s.PortalURL+"/sign-in", url.Values{"request": {field[1]}, "name": {name}, "password": {password}})
}

// upstream makes a domain known to the service.
func (d *domain) upstream(t *testing.T, s *posterntest.System, groups ...api.UpstreamGroup) api.Upstream {
	t.Helper()
	set := d.settings()
	return must(s.API.Upstreams.Create(t.Context(), api.UpstreamCreate{Secret: readerSecret, UpstreamInput: api.UpstreamInput{
		Name: d.realm, Kind: "ldap", Domains: []string{strings.ToLower(d.realm)}, Mapping: &api.UpstreamMapping{Groups: groups},
		LDAP: &api.UpstreamLDAP{URLs: set.URLs, CA: set.CA, BaseDN: set.BaseDN, BindDN: set.BindDN, NestedGroups: true, ActiveDirectory: true, Workgroup: d.netbios},
	}}))(t)
}

// TestPortal is the whole way: two domains, people who sign in with the passwords that they have there, a nested
// group that gives access, and access that ends when the account does.
func TestPortal(t *testing.T) {
	corp, lab := newDomain(t, "CORP.TEST", "CORP", 0), newDomain(t, "LAB.TEST", "LAB", 1)
	corp.people(t)
	lab.user(t, "reader", readerSecret)
	lab.user(t, "alice", "An0ther-Passw0rd!")

	var skew atomic.Int64
	s := posterntest.New(t, posterntest.With(func(c *service.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	}))
	s.Connector("site")
	wiki := s.Publish("wiki", posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "private page") })).URL)
	group := must(s.API.Groups.Create(t.Context(), api.GroupInput{Name: "wiki users"}))(t)
	must(s.API.Assignments.Create(t.Context(), api.AssignmentInput{Application: wiki.ID, Group: group.ID}))(t)
	s.AwaitSnapshot(func(snap *access.Snapshot) bool {
		_, ok := snap.Assigned(access.ID(wiki.ID), &access.Principal{Groups: []access.ID{access.ID(group.ID)}}, time.Now())
		return ok
	})
	outer := api.UpstreamGroup{From: corp.dn("outer"), To: group.ID} // alice is in it by two groups between
	for _, u := range []api.Upstream{corp.upstream(t, s, outer), lab.upstream(t, s)} {
		if found, err := s.API.Upstreams.Check(t.Context(), u.ID); err != nil || !found.Works {
			t.Fatalf("check %s: %+v %v", u.Name, found, err)
		}
	}

	began := time.Now()
	alice := s.Browser()
	p := signIn(t, s, alice, s.URL("wiki", "/"), "alice@corp.test", userPassword)
	if p.StatusCode != http.StatusOK || p.Text != "private page" {
		t.Fatalf("alice of CORP: %s: %.300s", p.Status, p.Text)
	}
	t.Logf("from the first request to the private page: %v", time.Since(began).Round(time.Millisecond))
	if p := signIn(t, s, s.Browser(), s.URL("wiki", "/"), `CORP\alice`, userPassword); p.Text != "private page" {
		t.Errorf(`CORP\alice: %s`, p.Status)
	}
	for _, who := range []struct{ name, password string }{
		{"otto@corp.test", userPassword},        // in another group
		{"alice@lab.test", "An0ther-Passw0rd!"}, // of the same name in the other domain
	} {
		if p := signIn(t, s, s.Browser(), s.URL("wiki", "/"), who.name, who.password); p.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", who.name, p.Status)
		}
	}
	for _, who := range []struct{ name, password string }{
		{"alice@corp.test", "wrong"}, {"alice@corp.test", ""}, {"alice@corp.test", "An0ther-Passw0rd!"}, {"alice@lab.test", userPassword}, {"alice", userPassword},
		{"bob@corp.test", userPassword}, {"carol@corp.test", userPassword}, {"dave@corp.test", userPassword}, {"nobody@corp.test", userPassword},
	} {
		if p := signIn(t, s, s.Browser(), s.URL("wiki", "/"), who.name, who.password); p.Text == "private page" || !strings.Contains(p.Text, "is not right") {
			t.Errorf("%s with %q: %s: %.300s", who.name, who.password, p.Status, p.Text)
		}
	}

	// The account is disabled there; at the next time that is asked, a quarter of an hour later, access ends here.
	corp.set(t, corp.dn("alice"), "userAccountControl", "514")
	if p := alice.Go(s.URL("wiki", "/")); p.Text != "private page" {
		t.Errorf("before anybody has asked: %s", p.Status)
	}
	skew.Store(int64(16 * time.Minute))
	late, tick := time.After(3*time.Minute), time.NewTicker(500*time.Millisecond)
	defer tick.Stop()
	for began = time.Now(); ; {
		if p := alice.Go(s.URL("wiki", "/")); p.Text != "private page" {
			if !requestField.MatchString(p.Text) {
				t.Errorf("alice is not asked to sign in but gets %s", p.Status)
			}
			break
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("alice is disabled and still has access")
		}
	}
	t.Logf("once it was due, access ended after %v", time.Since(began).Round(time.Millisecond))
	if p := signIn(t, s, alice, s.URL("wiki", "/"), "alice@corp.test", userPassword); p.Text == "private page" {
		t.Error("alice is disabled and signs in")
	}
}
