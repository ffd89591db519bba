package security

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/posterntest/slapd"
)

// upstreamLife lets people sign in by a directory and makes every error of it and of a provider, with their secrets.
func upstreamLife(t *testing.T, s *posterntest.System, known secrets, answers io.Writer) {
	t.Helper()
	dir := slapd.New(t)
	known["bind password"], known["wrong bind password"], known["client secret"] = slapd.Password, "a bind password of yesterday", "client secret of a provider"
	known["password in the directory"], known["wrong password in the directory"] = "directory battery staple", "wrong directory staple"
	dir.Person(t, "zoe", known["password in the directory"])
	create := func(name, secret string, change func(*api.UpstreamInput)) api.Upstream {
		in := api.UpstreamInput{Name: name, Kind: "ldap", LDAP: &api.UpstreamLDAP{URLs: []string{dir.URL}, CA: dir.CA, BaseDN: slapd.Base, BindDN: slapd.BindDN, AllowLoopback: true}}
		change(&in)
		made, err := s.API.Upstreams.Create(t.Context(), api.UpstreamCreate{UpstreamInput: in, Secret: secret})
		fmt.Fprintln(answers, made, err)
		return made
	}
	good := create("Directory", known["bind password"], func(*api.UpstreamInput) {})
	wrong := create("Yesterday", known["wrong bind password"], func(in *api.UpstreamInput) { in.Domains = []string{"yesterday.test"} })
	provider := create("Provider", known["client secret"], func(in *api.UpstreamInput) {
		in.Kind, in.LDAP, in.OIDC = "oidc", nil, &api.UpstreamOIDC{Issuer: "https://login.invalid", ClientID: "postern"}
	})
	create("Directory", known["bind password"], func(*api.UpstreamInput) {}) // the name is taken
	create("Nothing", known["client secret"], func(in *api.UpstreamInput) { in.LDAP = nil })
	for _, u := range []api.Upstream{good, wrong, provider} {
		found, err := s.API.Upstreams.Check(t.Context(), u.ID)
		fmt.Fprintf(answers, "%+v %v\n", found, err)
		tested, err := s.API.Upstreams.Test(t.Context(), u.ID, api.UpstreamTest{User: "zoe"})
		fmt.Fprintf(answers, "%+v %v\n", tested, err)
		fmt.Fprintln(answers, s.API.Upstreams.SetSecret(t.Context(), u.ID, known["client secret"]+"\x00"))
	}
	b := s.Browser()
	for _, try := range []struct{ name, password string }{
		{"zoe", known["wrong password in the directory"]}, {"zoe@yesterday.test", known["password in the directory"]}, {known["wrong password in the directory"], "x"}, {"zoe", known["password in the directory"]},
	} {
		page := b.Post(s.PortalURL+"/sign-in", url.Values{"name": {try.name}, "password": {try.password}})
		if try.name != known["wrong password in the directory"] { // the form shows a name again to who typed it
			fmt.Fprintln(answers, page.Status, page.Text)
		}
	}
	known["portal cookie of a directory's user"] = cookieOf(t, b, s.PortalURL, portalCookie)
	past, err := s.API.Upstreams.History(t.Context(), good.ID)
	check(t, err)
	fmt.Fprintf(answers, "%+v\n", past)
}

var accessKey = regexp.MustCompile(`postern-access-1\.[A-Za-z0-9_-]{43}`)

// programLife signs a program in without a browser, lets it use what it got, and makes an access key.
func programLife(t *testing.T, s *posterntest.System, known secrets, answers io.Writer) {
	t.Helper()
	post := func(path string, form url.Values) (answer map[string]any) {
		resp := must(s.Browser().PostForm(s.PortalURL+path, form))(t)
		defer resp.Body.Close()
		check(t, json.NewDecoder(resp.Body).Decode(&answer))
		return answer
	}
	text := func(answer map[string]any, name string) string {
		value, _ := answer[name].(string)
		if value == "" {
			t.Fatalf("the answer has no %s but %v", name, answer["error_description"])
		}
		return value
	}
	app := s.Publish("git", posterntest.NewBackend(t, http.HandlerFunc(page)).URL, func(in *api.ApplicationInput) { in.AccessKeys = true })
	user := s.User("kay")
	s.Assign(app, user)
	cli := url.Values{"client_id": {access.ClientCLI}, "resource": {s.URL("git", "/")}}
	asked := post("/oauth/device", cli)
	known["device code"] = text(asked, "device_code")
	b := s.Browser()
	b.Post(s.PortalURL+"/sign-in", url.Values{"name": {"kay"}, "password": {posterntest.Password}})
	question := b.Post(s.PortalURL+"/device", url.Values{"user_code": {text(asked, "user_code")}})
	field := regexp.MustCompile(`name="user_code" value="([^"]*)"`).FindStringSubmatch(question.Text)
	if field == nil {
		t.Fatalf("%s: %s", question.Status, question.Text)
	}
	b.Post(s.PortalURL+"/device/decide", url.Values{"user_code": {html.UnescapeString(field[1])}, "answer": {"allow"}})
	got := post("/oauth/token", url.Values{"client_id": {access.ClientCLI}, "grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {known["device code"]}})
	known["access token"], known["refresh token"] = text(got, "access_token"), text(got, "refresh_token")
	got = post("/oauth/token", url.Values{"client_id": {access.ClientCLI}, "grant_type": {"refresh_token"}, "refresh_token": {known["refresh token"]}})
	known["second access token"], known["second refresh token"] = text(got, "access_token"), text(got, "refresh_token")
	b.Post(s.PortalURL+"/account/confirm", url.Values{"password": {posterntest.Password}})
	made := b.Post(s.PortalURL+"/account/keys", url.Values{"name": {"Backup"}, "application": {app.ID}, "days": {"30"}})
	if known["access key"] = accessKey.FindString(made.Text); known["access key"] == "" {
		t.Fatalf("%s: %s", made.Status, made.Text)
	}
	for _, form := range []url.Values{ // each an error with a secret in it
		{"grant_type": {"refresh_token"}, "refresh_token": {known["refresh token"] + "x"}}, {"grant_type": {"refresh_token"}, "refresh_token": {known["access key"]}},
		{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {known["device code"]}}, {"grant_type": {known["access token"]}},
	} {
		form.Set("client_id", access.ClientCLI)
		fmt.Fprintln(answers, post("/oauth/token", form))
	}
	for _, credential := range []string{known["access token"], known["access key"], known["access key"] + "x"} {
		req := must(http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL("git", "/"), nil))(t)
		req.Header.Set("Authorization", "Bearer "+credential)
		resp := must(s.Browser().Do(req))(t)
		io.Copy(answers, resp.Body)
		resp.Body.Close()
	}
	for _, path := range []string{"/account", "/account/keys", "/"} {
		fmt.Fprintln(answers, b.Go(s.PortalURL+path).Text)
	}
	keys := must(s.API.AccessKeys.List(t.Context(), api.ListOptions{}))(t)
	fmt.Fprintf(answers, "%+v\n", keys)
}

// written gives what the API tells of everything: the export, and the sign-in log.
func written(t *testing.T, s *posterntest.System, into map[string]string) {
	t.Helper()
	document := must(s.API.Export(t.Context()))(t)
	into["export"] = string(must(json.Marshal(document))(t))
	log := ""
	s.Await("the sign-in log", func() bool { // it is written in batches
		log = ""
		for entry, err := range s.API.SignIns.All(t.Context(), api.ListOptions{}) {
			check(t, err)
			log += fmt.Sprintf("%+v\n", entry)
		}
		return len(log) > 100
	})
	into["sign-in log"] = log
}
