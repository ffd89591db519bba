package admin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/internal/access"
	"postern/internal/admin"
	"postern/internal/api"
)

// Incidents of other products that this code must not have. Each test has the incident's name.

// CVE-2026-3209 (Pangolin): a role id in the body overrode the one in the URL, which was the one
// that had been authorised.
func TestIncident_CVE_2026_3209_BodyOverridesTheIDInTheURL(t *testing.T) {
	s := newSystem(t)
	mine, other := s.fixture(), s.fixture()
	before := s.dump()
	match := map[string]string{"If-Match": `"1"`}
	requests := []request{
		{"PATCH", "/api/v1/users/" + mine.usr, `{"id":"` + other.usr + `","disabled":true}`, s.key, match},
		{"PATCH", "/api/v1/users/" + mine.usr, `{"ID":"` + other.usr + `","disabled":true}`, s.key, match},
		{"PATCH", "/api/v1/users/" + mine.usr, `{"user":"` + other.usr + `","disabled":true}`, s.key, match},
		{"PATCH", "/api/v1/groups/" + mine.grp, `{"id":"` + other.grp + `","members":[]}`, s.key, match},
		{"PATCH", "/api/v1/applications/" + mine.app, `{"id":"` + other.app + `","disabled":true}`, s.key, match},
		{"PATCH", "/api/v1/applications/" + mine.app, `{"meta":{"id":"` + other.app + `"},"disabled":true}`, s.key, match},
		{"PATCH", "/api/v1/connector-groups/" + mine.cgr, `{"id":"` + other.cgr + `","name":"x"}`, s.key, match},
		{"POST", "/api/v1/users/" + mine.usr + "/password", `{"id":"` + other.usr + `","password":"` + password + `"}`, s.key, nil},
		{"POST", "/api/v1/users/" + mine.usr + "/password?id=" + other.usr, `{"password":"` + password + `"}`, s.key, nil},
		{"DELETE", "/api/v1/users/" + mine.usr + "?id=" + other.usr, "", s.key, match},
		{"PUT", "/api/v1/certificates/a.example.com", `{"domain":"b.example.com","chain":"x","key":"x"}`, s.key, nil},
	}
	for _, r := range requests {
		if a := s.send(r); a.status != 422 {
			t.Errorf("%s %s %s: %d %s", r.method, r.path, r.body, a.status, a.body)
		}
	}
	if s.dump() != before {
		t.Error("something was changed")
	}
	// A policy administrator must not make somebody stronger than itself by any spelling.
	weak := s.as("policy-administrator")
	for _, body := range []string{`{"roles":["owner"]}`, `{"Roles":["owner"]}`, `{"roles":[],"roles":["owner"]}`} {
		if a := s.send(request{"PATCH", "/api/v1/users/" + mine.usr, body, weak, match}); a.status != 403 && a.status != 422 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if s.dump() == before {
		return
	}
	user, err := s.owner.Users.Show(t.Context(), mine.usr)
	if err != nil || len(user.Roles) > 0 {
		t.Errorf("the user became %v (%v)", user.Roles, err)
	}
}

// GHSA-6v5r-p2wr-q492 (OpenZiti): a list endpoint was not scoped: whoever was signed in saw
// everybody's certificates.
func TestIncident_GHSA_6v5r_ListsAreAuthorisedLikeWhatTheyList(t *testing.T) {
	s := newSystem(t)
	f := s.fixture()
	seen := []string{f.app, f.cgr, f.usr, f.grp, f.asg, f.tok, f.key}
	logs := s.as("log-reader")
	expired := "postern-key-1." + strings.Repeat("A", 43)
	for _, r := range admin.Table() {
		if r.Method != http.MethodGet || strings.Contains(r.Pattern, "{") || r.Open {
			continue
		}
		for who, key := range map[string]string{"a log reader": logs, "nobody": "", "a stranger": expired} {
			a := s.send(request{method: "GET", path: r.Pattern, key: key})
			isLog := strings.HasPrefix(r.Pattern, "/api/v1/audit") || r.Name == "listSignIns" || r.Name == "listTraffic" || r.Name == "listDiscovery" || r.Name == "listExports"
			if a.status == 200 && (who != "a log reader" || r.Roles != nil && !isLog) {
				t.Errorf("%s lists %s: %.1000s", who, r.Pattern, a.body)
			}
			if isLog {
				continue
			}
			for _, id := range seen {
				if strings.Contains(a.body, id) {
					t.Errorf("%s sees %s in %s", who, id, r.Pattern)
				}
			}
		}
	}
}

// An endless body that counts how much of it was read.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }

// GHSA-q8g9-jc4c-jp6q, GHSA-j952-6x8x-jmj6 (OpenZiti): a body was buffered without limit before it
// was known who sends it.
func TestIncident_GHSA_q8g9_NoBodyIsReadBeforeAuthentication(t *testing.T) {
	s := newSystem(t)
	for _, r := range admin.Table() {
		for who, key := range map[string]string{"nobody": "", "a stranger": "wrong", "a log reader": s.as("log-reader"), "the owner": s.key} {
			body := &endless{}
			req := httptest.NewRequest(r.Method, strings.NewReplacer("{id}", "app_"+strings.Repeat("0", 26), "{domain}", "x").Replace(r.Pattern), body)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("If-Match", `"1"`)
			if key != "" {
				req.Header.Set("Authorization", "Bearer "+key)
			}
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, req)
			limit := api.MaxBody + 64<<10
			if r.Large {
				limit = api.MaxApply + 64<<10
			}
			switch {
			case r.Open:
				limit = 80 << 10
			case who == "nobody" || who == "a stranger" || !r.Body:
				limit = 0
			}
			if body.read > limit {
				t.Errorf("%s by %s: %d bytes were read, answer %d", r.Name, who, body.read, w.Code)
			}
		}
	}
	body := &endless{}
	req := httptest.NewRequest("POST", "/setup", body)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	s.handler.ServeHTTP(httptest.NewRecorder(), req)
	if body.read > 128<<10 {
		t.Errorf("%d bytes of the set-up form were read", body.read)
	}
}

// What a browser sends for a page of another site must not change anything, also when it has our
// cookie; what it sends for our own page may.
func TestCookiesOfOtherSitesChangeNothing(t *testing.T) {
	var s *system
	s = newSystem(t, func(c *admin.Config) {
		c.Authenticate = func(r *http.Request) (access.Actor, error) { // as the admin center's sessions will
			me, err := s.owner.Me(r.Context())
			return access.Actor{Kind: access.ActorKey, ID: access.ID(me.ID), Name: me.Name, Roles: []access.Role{access.RoleOwner}}, err
		}
	})
	tests := []struct {
		name, method string
		header       map[string]string
		status       int
	}{
		{"another site", "POST", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"a sibling of ours", "POST", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"an old browser on another site", "POST", map[string]string{"Origin": "https://evil.example.com"}, 403},
		{"a sandboxed frame", "POST", map[string]string{"Origin": "null"}, 403},
		{"our page", "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 201},
		{"an old browser on our page", "POST", map[string]string{"Origin": s.server.URL}, 201},
		{"reading", "GET", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
	}
	for _, test := range tests {
		body := ""
		if test.method == "POST" {
			body = `{"name":"` + s.name("csrf") + `"}`
		}
		a := s.send(request{test.method, "/api/v1/connector-groups", body, "", test.header})
		if a.status != test.status || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %s", test.name, a.status, a.body)
		}
	}
	preflight := s.send(request{method: "OPTIONS", path: "/api/v1/applications", header: map[string]string{
		"Origin": "https://evil.example.com", "Access-Control-Request-Method": "POST"}})
	if preflight.status < 400 || preflight.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight: %d %v", preflight.status, preflight.header)
	}
}

// Every answer has the headers that keep browsers safe, and a reference.
func TestEveryAnswerIsSafe(t *testing.T) {
	s := newSystem(t)
	for _, path := range []string{"/", "/setup", "/setup.js", "/openapi.yaml", "/openapi.json", "/api/v1/me", "/nothing", "/api/v1/applications"} {
		a := s.send(request{method: "GET", path: path})
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
			if a.header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, a.header.Get(name))
			}
		}
		csp := a.header.Get("Content-Security-Policy")
		if a.header.Get("Postern-Reference") == "" || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe-inline") {
			t.Errorf("%s: %v", path, a.header)
		}
	}
}
