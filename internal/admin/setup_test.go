package admin_test

import (
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"postern/internal/admin"
	"postern/internal/api"
	"postern/internal/fault"
)

func (s *system) form(values url.Values, header map[string]string) answer {
	h := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for name, value := range header {
		h[name] = value
	}
	return s.send(request{method: "POST", path: "/setup", body: values.Encode(), header: h})
}

// TestSetupByForm claims a service as a person without script does.
func TestSetupByForm(t *testing.T) {
	s := newUnclaimed(t, func(c *admin.Config) { c.CAFile = "/var/lib/postern/ca.pem" })
	page := s.send(request{method: "GET", path: "/setup"})
	for _, field := range []string{"code", "name", "displayName", "email", "password"} {
		if !strings.Contains(page.body, `name="`+field+`"`) || !strings.Contains(page.body, `for="`+field+`"`) {
			t.Errorf("the form has no labelled field %s", field)
		}
	}
	if !strings.Contains(page.body, `src="/setup.js"`) || page.status != 200 {
		t.Errorf("%d %s", page.status, page.body)
	}
	good := url.Values{"code": {s.code}, "name": {"ada"}, "password": {password}}
	with := func(name string, value ...string) url.Values {
		v := url.Values{}
		for n, values := range good {
			v[n] = values
		}
		v[name] = value
		return v
	}
	wrong := []struct {
		name   string
		values url.Values
		says   string
	}{
		{"another code", with("code", s.code[1:]+s.code[:1]+"x"), "code"},
		{"no code", with("code", ""), `id="code-wrong"`},
		{"no password", with("password", ""), `id="password-wrong"`},
		{"weak password", with("password", "secret"), `id="password-wrong"`},
		{"bad name", with("name", "Ada Lovelace"), `id="name-wrong"`},
		{"bad e-mail", with("email", "x"), `id="email-wrong"`},
		{"a field twice", with("name", "ada", "eve"), "must be given once"},
		{"an unknown field", with("roles", "owner"), ""},
		{"markup", with("displayName", "<script>alert(1)</script>\x00"), ""},
	}
	for _, test := range wrong {
		a := s.form(test.values, nil)
		if a.status < 400 || a.status >= 500 || strings.Contains(a.body, password) || strings.Contains(a.body, "<script>alert") {
			t.Errorf("%s: %d %s", test.name, a.status, a.body)
		}
		if test.says != "" && test.says != "must be given once" && !strings.Contains(a.body, test.says) {
			t.Errorf("%s: the page does not say %s: %s", test.name, test.says, a.body)
		}
	}
	if a := s.form(good, map[string]string{"Origin": "https://evil.example.com"}); a.status != 403 {
		t.Errorf("from another site: %d", a.status)
	}
	done := s.form(good, nil)
	key := regexp.MustCompile(`<code id="key">([^<]+)</code>`).FindStringSubmatch(done.body)
	if done.status != 200 || key == nil || !strings.Contains(done.body, "postern login https://admin.example.com --ca-file &#39;/var/lib/postern/ca.pem&#39;") {
		t.Fatalf("%d %s", done.status, done.body)
	}
	if done.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the page with the key may be kept: %q", done.header.Get("Cache-Control"))
	}
	me, err := s.client(key[1]).Me(t.Context())
	if err != nil || me.Kind != "api-key" || len(me.Roles) != 1 || me.Roles[0] != "owner" {
		t.Errorf("%+v, %v", me, err)
	}
	if again := s.form(good, nil); again.status < 400 || again.status >= 500 {
		t.Errorf("claimed twice: %d %s", again.status, again.body)
	}
}

// TestSetupByAPI claims a service as a program does; wrong codes are limited.
func TestSetupByAPI(t *testing.T) {
	s := newUnclaimed(t)
	c := s.client("")
	limited := false
	for range 60 {
		_, err := c.Setup(t.Context(), api.SetupRequest{Code: "wrong", Name: "eve", Password: password})
		if err == nil {
			t.Fatal("a wrong code was taken")
		}
		if limited = fault.Is(err, fault.KindLimited); limited {
			break
		}
	}
	if !limited {
		t.Error("sixty wrong codes were all looked at")
	}
	s = newUnclaimed(t)
	for _, body := range []string{`{}`, `{"code":"","name":"a","password":"x"}`, `{"code":"x","name":"a","password":"x","roles":["owner"]}`, `[]`} {
		if a := s.send(request{method: "POST", path: "/api/v1/setup", body: body}); a.status != 422 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if _, err := s.client("").Setup(t.Context(), api.SetupRequest{Code: s.code, Name: "ada", Password: password}); err != nil {
		t.Error(err)
	}
}

// TestStandInIsHonest: the page of a program that was built without its admin center says how else to administer.
func TestStandInIsHonest(t *testing.T) {
	s := newUnclaimed(t)
	answer := httptest.NewRecorder()
	s.handler.StandIn(answer, httptest.NewRequest("GET", "/", nil))
	for _, want := range []string{"postern login https://admin.example.com", "/openapi.yaml", "/setup", "make build"} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("the page does not name %s", want)
		}
	}
}
