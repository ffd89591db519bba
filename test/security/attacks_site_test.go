package security

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/posterntest"
)

// cookieAttacks plant, toss, double and keep cookies.
func cookieAttacks() (list []attack) {
	// What a sibling host could toss: names that look like ours, in every order beside the true one.
	tossed := map[string]func(good, evil string) (cookies, want string){
		"one in lower case":      func(_, e string) (string, string) { return strings.ToLower(portalCookie) + "=" + e, "" },
		"one without the prefix": func(_, e string) (string, string) { return strings.TrimPrefix(portalCookie, "__Host-") + "=" + e, "" },
		"one with __Secure-": func(_, e string) (string, string) {
			return strings.Replace(portalCookie, "__Host-", "__Secure-", 1) + "=" + e, ""
		},
		"one without a name":           func(_, e string) (string, string) { return "=" + portalCookie + "=" + e, "" },
		"one with a blank in its name": func(_, e string) (string, string) { return portalCookie + " =" + e, "" },
		"one inside another":           func(_, e string) (string, string) { return `x="; ` + `y=` + portalCookie + "=" + e + `"`, "" },
		"a second one in front":        func(g, e string) (string, string) { return portalCookie + "=" + e + "; " + portalCookie + "=" + g, "" },
		"a second one behind":          func(g, e string) (string, string) { return portalCookie + "=" + g + "; " + portalCookie + "=" + e, "" },
		"the same one twice": func(g, _ string) (string, string) {
			return portalCookie + "=" + g + "; " + portalCookie + "=" + g, "ada"
		},
		"4,000 others in front": func(g, _ string) (string, string) {
			return strings.Repeat("a=b; ", 4000) + portalCookie + "=" + g, "ada"
		},
	}
	for name, toss := range tossed {
		list = append(list, attack{"a sibling host tosses the portal " + name, func(t *testing.T, v *victim) {
			eve := v.signedIn(t, "eve")
			cookies, want := toss(v.portal, cookieOf(t, eve, v.PortalURL, portalCookie))
			if got := v.who(t, cookies); got != want && got != "" { // nobody is never wrong
				t.Errorf("the browser is taken for %q, want %q", got, want)
			}
		}})
	}
	list = append(list, attack{"eve's cookie is in the browser before ada signs in", func(t *testing.T, v *victim) {
		eve := cookieOf(t, v.signedIn(t, "eve"), v.PortalURL, portalCookie)
		b := v.stranger()
		b.Jar.SetCookies(must(url.Parse(v.PortalURL))(t), []*http.Cookie{{Name: portalCookie, Value: eve, Secure: true, Path: "/"}})
		b.Post(v.PortalURL+"/sign-in", url.Values{"name": {"ada"}, "password": {posterntest.Password}})
		if got := cookieOf(t, b, v.PortalURL, portalCookie); got == eve || v.who(t, portalCookie+"="+got) != "ada" {
			t.Errorf("after signing in the cookie is of %q", v.who(t, portalCookie+"="+got))
		}
		if got := v.who(t, portalCookie+"="+eve); got == "ada" {
			t.Error("the cookie that eve knows is ada's now")
		}
	}})
	list = append(list, attack{"a made-up cookie is in the browser before ada signs in", func(t *testing.T, v *victim) {
		b := v.stranger()
		b.Jar.SetCookies(must(url.Parse(v.PortalURL))(t), []*http.Cookie{{Name: portalCookie, Value: "made.up.by.eve", Secure: true, Path: "/"}})
		b.Post(v.PortalURL+"/sign-in", url.Values{"name": {"ada"}, "password": {posterntest.Password}})
		if got := cookieOf(t, b, v.PortalURL, portalCookie); got == "made.up.by.eve" {
			t.Error("the made-up cookie is taken over")
		}
	}})
	list = append(list, attack{"eve's session at the application is in the browser before ada signs in", func(t *testing.T, v *victim) {
		eve, _ := v.world.session(t, "wiki", "eve")
		b := v.Browser()
		b.SignIn(v.URL("files", "/"), "ada") // at the portal, and at another application
		b.Jar.SetCookies(must(url.Parse(v.URL("wiki", "/")))(t), []*http.Cookie{{Name: sessionCookie, Value: "x" + eve, Secure: true, Path: "/"}})
		b.Go(v.URL("wiki", "/"))
		if got := cookieOf(t, b, v.URL("wiki", "/"), sessionCookie); strings.Contains(got, eve) {
			t.Error("eve's cookie is taken over")
		}
	}})
	list = append(list, attack{"eve knows the binding that ada's browser will use", func(t *testing.T, v *victim) {
		known := newBinding(t, v.world)
		b := v.signedIn(t, "ada")
		b.Jar.SetCookies(must(url.Parse(v.URL("wiki", "/")))(t), []*http.Cookie{{Name: bindingCookie, Value: known, Secure: true, Path: "/"}})
		page := b.Go(v.startAt(t, b, v.URL("wiki", "/")).String())
		callback := must(url.Parse(page.Header.Get("Location")))(t)
		b.Go(callback.String()) // ada is in
		if status := v.callback(t, callback, known); status != http.StatusBadRequest {
			t.Errorf("the code works a second time, for eve: %d", status)
		}
	}})
	for _, name := range []string{portalCookie, sessionCookie, bindingCookie} {
		list = append(list, attack{"an application sets " + name, func(t *testing.T, v *victim) {
			evilApp := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Add("Set-Cookie", name+"=evil; Path=/; Secure")
				w.Header().Add("Set-Cookie", strings.ToLower(name)+"=evil; Path=/; Domain=test.localhost")
				w.Header().Add("Set-Cookie", name+"=evil; Domain=portal.test.localhost")
				w.Header().Add("Set-Cookie", "fine=yes; Path=/")
			}))
			label := "evil" + strings.ToLower(strings.TrimPrefix(name, "__Host-postern-"))
			v.Publish(label, evilApp.URL, func(in *api.ApplicationInput) { in.PreAuthentication = "passthrough" })
			page := v.raw(t, label, v.rawRequest(label, ""))
			fine := false
			for _, c := range page.Cookies() {
				fine = fine || c.Name == "fine"
				if strings.EqualFold(c.Name, name) {
					t.Errorf("it reaches the browser: %s", c)
				}
			}
			if !fine {
				t.Errorf("its own cookie does not: %s %v", page.Status, page.Header)
			}
		}})
	}
	return append(list, attack{"a cookie that can be read, sent or set from elsewhere", func(t *testing.T, v *victim) {
		b := v.stranger()
		seen := map[string]bool{}
		look := func(p posterntest.Page) posterntest.Page {
			for _, c := range p.Cookies() {
				seen[c.Name] = true
				if !strings.HasPrefix(c.Name, "__Host-postern-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite == http.SameSiteNoneMode || c.SameSite == http.SameSiteDefaultMode {
					t.Errorf("%s", c)
				}
			}
			return p
		}
		on := func(p posterntest.Page) posterntest.Page { // follows one redirect
			return look(b.Go(p.Request.URL.ResolveReference(must(url.Parse(p.Header.Get("Location")))(t)).String()))
		}
		form := on(on(look(b.Go(v.URL("wiki", "/")))))
		field := requestField.FindStringSubmatch(form.Text)
		if field == nil {
			t.Fatalf("no form at %s: %s", form.Request.URL, form.Status)
		}
		on(on(look(b.Post(v.PortalURL+"/sign-in", url.Values{"request": {field[1]}, "name": {"ada"}, "password": {posterntest.Password}}))))
		for _, name := range []string{portalCookie, sessionCookie, bindingCookie} {
			if !seen[name] {
				t.Errorf("%s was never set: nothing was looked at", name)
			}
		}
	}}, attack{"a cookie from before the sign-out", func(t *testing.T, v *victim) {
		session, b := v.world.session(t, "wiki", "ada")
		portal := cookieOf(t, b, v.PortalURL, portalCookie)
		b.Post(v.PortalURL+"/sign-out", nil)
		if got := v.who(t, portalCookie+"="+portal); got != "" {
			t.Errorf("the portal takes it for %q", got)
		}
		v.awaitRefused(t, sessionCookie+"="+session)
	}})
}

// redirectAttacks ask our pages to lead somewhere else.
func redirectAttacks() (list []attack) {
	words := []string{"next", "return", "return_to", "returnUrl", "redirect", "redirect_uri", "url", "continue", "goto", "dest", "rd", "RelayState", "target", "post_logout_redirect_uri"}
	query := url.Values{}
	for _, w := range words {
		query.Set(w, "https://"+evil+"/")
	}
	for _, path := range []string{"/", "/sign-in", "/sign-out", "/account", "/account/confirm", "/device", "/authorize", "/link", "/step-up", "/requests/ask", "/oauth/authorize"} {
		list = append(list, attack{"an open redirect at " + path, func(t *testing.T, v *victim) {
			for _, cookies := range []string{"", portalCookie + "=" + v.portal} {
				page := v.raw(t, "portal", v.lines("GET", path+"?"+query.Encode(), "portal", "Cookie: "+cookies, "Sec-Fetch-Mode: navigate", "Accept: text/html"))
				v.ours(t, page)
				if strings.Contains(page.Header.Get("Location"), evil) || slices.ContainsFunc(links(page.Text), func(l string) bool { return strings.HasPrefix(l, "https://"+evil) }) {
					t.Errorf("%s: %s %.300s", path, page.Header.Get("Location"), page.Text)
				}
			}
		}})
	}
	for _, path := range []string{"/sign-in", "/sign-out", "/account/confirm"} {
		list = append(list, attack{"an open redirect behind the form of " + path, func(t *testing.T, v *victim) {
			form := url.Values{"name": {"eve"}, "password": {posterntest.Password}}
			for _, w := range words {
				form.Set(w, "https://"+evil+"/")
			}
			page := v.signedIn(t, "eve").Post(v.PortalURL+path, form)
			v.ours(t, page)
			if strings.Contains(page.Header.Get("Location"), evil) {
				t.Errorf("to %s", page.Header.Get("Location"))
			}
		}})
	}
	for _, path := range []string{"//" + evil, "/%2f%2f" + evil, "//" + evil + "/..", `/\` + evil, "/sign-in//" + evil, "/./sign-in", "/account/../" + evil, "//" + evil + "/%2e%2e"} {
		list = append(list, attack{"an open redirect by a path that is put in order: " + path, func(t *testing.T, v *victim) {
			page := v.raw(t, "portal", v.lines("GET", path, "portal", "Cookie: "+portalCookie+"="+v.portal, "Sec-Fetch-Mode: navigate"))
			v.ours(t, page)
		}})
	}
	return list
}

// headerAttacks name other hosts, schemes, methods and addresses in headers.
func headerAttacks() (list []attack) {
	at := func(name, host, request string, wrong func(posterntest.Page) bool) {
		list = append(list, attack{name, func(t *testing.T, v *victim) {
			text := strings.NewReplacer("{portal}", v.host("portal"), "{wiki}", v.host("wiki"), "{cookie}", portalCookie+"="+v.portal).Replace(request)
			page := v.raw(t, host, text)
			v.ours(t, page)
			if strings.Contains(page.Header.Get("Location")+page.Text, evil) || wrong != nil && wrong(page) {
				t.Errorf("%s %v %.200s", page.Status, page.Header, page.Text)
			}
			v.still(t)
		}})
	}
	ok := func(p posterntest.Page) bool { return p.StatusCode < 400 }
	get := func(path, host string, lines ...string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n" + strings.Join(append(lines, "Connection: close", "", ""), "\r\n")
	}
	at("another Host at the portal", "portal", get("/sign-in", evil), ok)
	at("another Host and our port", "portal", get("/sign-in", evil+":443"), ok)
	at("a Host with somebody in front", "portal", get("/sign-in", "{portal}@"+evil), ok)
	at("a Host with a path", "portal", get("/sign-in", "{portal}/"+evil), ok)
	at("two Hosts", "portal", get("/sign-in", "{portal}", "Host: "+evil), ok)
	at("no Host", "portal", "GET /sign-in HTTP/1.1\r\nConnection: close\r\n\r\n", ok)
	at("another Host in the request's target", "portal", get("https://"+evil+"/sign-in", "{portal}"), ok)
	for _, header := range []string{"X-Forwarded-Host", "X-Host", "X-Original-Host", "X-Forwarded-Server", "X-HTTP-Host-Override"} {
		at("another host in "+header, "wiki", get("/", "{wiki}", header+": "+evil), nil)
		at("another host in "+header+" at the portal", "portal", get("/account", "{portal}", header+": "+evil), nil)
	}
	at("another host in Forwarded", "wiki", get("/", "{wiki}", "Forwarded: host="+evil+";proto=http"), nil)
	at("plain HTTP in X-Forwarded-Proto", "wiki", get("/", "{wiki}", "X-Forwarded-Proto: http", "X-Forwarded-Ssl: off"), func(p posterntest.Page) bool {
		return strings.HasPrefix(p.Header.Get("Location"), "http:") || slices.ContainsFunc(p.Cookies(), func(c *http.Cookie) bool { return !c.Secure })
	})
	for _, header := range []string{"X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Prefix", "X-Script-Name"} {
		at("another path in "+header, "portal", get("/sign-in", "{portal}", header+": /account", "Cookie: x=y"), nil)
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"} {
		at("another method in "+header, "portal", get("/sign-out", "{portal}", header+": POST", "Cookie: {cookie}"), nil)
	}
	at("another method in the query", "portal", get("/sign-out?_method=POST", "{portal}", "Cookie: {cookie}"), nil)
	for _, path := range []string{"/sign-out", "/account/password", "/account/recovery", "/account/factors/remove", "/account/sessions/end"} {
		at("an image whose address is "+path, "portal", strings.Replace(get(path+"?id=x&password=another+password&again=another+password", "{portal}", "Cookie: {cookie}", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"), "navigate", "no-cors", 1), nil)
	}
	list = append(list, attack{"guessing from another address in X-Forwarded-For each time", func(t *testing.T, v *victim) {
		limited := false
		for i := range 12 {
			body := url.Values{"name": {"grace"}, "password": {"wrong"}}.Encode()
			page := v.raw(t, "portal", v.lines("POST", "/sign-in", "portal", "X-Forwarded-For: 198.51.100."+string(rune('0'+i%10)), "Forwarded: for=198.51.100.1", "X-Real-IP: 198.51.100.7",
				"Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin", "Content-Length: "+itoa(len(body)))+body)
			limited = limited || page.StatusCode == http.StatusTooManyRequests
		}
		if !limited {
			t.Error("it is never slowed down")
		}
	}})
	return list
}

// exempt are the portal's writes that other sites and programs are meant to make; each has a proof of its own
// (the state of the flow, a signed token, a client's credential) and takes no cookie for one.
var exempt = []string{"/oauth/token", "/oauth/device", "/oauth/revoke", "/upstreams/{id}/callback", "/upstreams/{id}/logout", "/setup"}

// formAttacks send every form of the portal from elsewhere, with ada's cookie. The table is read from the code, so
// that no new form is left out.
func formAttacks(t *testing.T) (list []attack) {
	t.Helper()
	var paths []string
	handled := regexp.MustCompile(`HandleFunc\("POST ([^"]+)"`)
	for _, file := range must(filepath.Glob("../../internal/portal/*.go"))(t) {
		for _, found := range handled.FindAllStringSubmatch(string(must(os.ReadFile(file))(t)), -1) {
			if !slices.Contains(exempt, found[1]) {
				paths = append(paths, found[1])
			}
		}
	}
	if len(paths) < 15 {
		t.Fatalf("found only the forms %q: has the way to write them changed?", paths)
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		list = append(list, attack{"another site sends the form of " + path, func(t *testing.T, v *victim) { v.forge(t, path) }})
	}
	return list
}

const crossOrigin = "cross-origin request detected" // as net/http says it

// forge sends a form as pages of others can, and once as our own does, which must get further.
func (v *victim) forge(t *testing.T, path string) {
	t.Helper()
	path = strings.ReplaceAll(path, "{id}", "x")
	form := url.Values{"id": {"x"}, "name": {"eve"}, "password": {posterntest.Password}, "again": {posterntest.Password}, "request": {"x"}, "code": {"x"}}.Encode()
	ada := "Cookie: " + portalCookie + "=" + v.portal
	send := func(kind string, lines ...string) posterntest.Page {
		lines = append(lines, "Content-Type: "+kind, "Content-Length: "+itoa(len(form)))
		return v.raw(t, "portal", v.lines("POST", path, "portal", lines...)+form)
	}
	const encoded = "application/x-www-form-urlencoded"
	for _, from := range [][]string{
		{"Sec-Fetch-Site: cross-site", "Origin: https://" + evil}, {"Sec-Fetch-Site: same-site", "Origin: " + strings.TrimSuffix(v.URL("wiki", "/"), "/")},
		{"Sec-Fetch-Site: cross-site", "Origin: null"}, {"Origin: https://" + evil}, {"Origin: null"}, {"Origin: http://" + v.host("portal")},
		{"Origin: " + strings.TrimSuffix(v.URL("wiki", "/"), "/")}, {"Origin: https://portal.test.localhost"}, {"Sec-Fetch-Site: cross-site", "Origin: " + v.PortalURL},
	} {
		for _, kind := range []string{encoded, "text/plain", "multipart/form-data; boundary=x", "application/json"} {
			page := send(kind, append(from, ada)...)
			if page.StatusCode != http.StatusForbidden || !strings.Contains(page.Text, crossOrigin) || len(page.Cookies()) > 0 {
				t.Errorf("from %q as %s: %s with %v: %.200s", from, kind, page.Status, page.Cookies(), page.Text)
			}
		}
	}
	v.still(t)
	// Without the cookie: our own form works, and ada is to stay who she is.
	if page := send(encoded, "Sec-Fetch-Site: same-origin"); strings.Contains(page.Text, crossOrigin) || page.StatusCode == http.StatusNotFound && strings.Contains(page.Text, "no page at this address") {
		t.Errorf("from our own page: %s: nothing was tested", page.Status)
	}
}

// writes lists what the admin API can change, as its own description has it.
func writes(t *testing.T) (list []route) {
	t.Helper()
	text := string(must(os.ReadFile("../../docs/openapi.yaml"))(t))
	_, text, _ = strings.Cut(text, "\npaths:\n")
	path := ""
	for line := range strings.Lines(text) {
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(line, "  /"):
			path = strings.TrimSuffix(trimmed, ":")
		case line == "    post:\n", line == "    put:\n", line == "    patch:\n", line == "    delete:\n":
			list = append(list, route{strings.ToUpper(strings.TrimSuffix(trimmed, ":")), path})
		}
	}
	if len(list) < 40 {
		t.Fatalf("found only %d routes: has the way to write them changed?", len(list))
	}
	return list
}
