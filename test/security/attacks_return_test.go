package security

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"postern/internal/posterntest"
)

// returnAttacks are addresses at an application from which signing in would have to lead somewhere else, and requests
// to sign in that were tampered with or are somebody else's.
func returnAttacks() (list []attack) {
	for _, path := range []string{
		"//" + evil + "/", "/%2f%2f" + evil, `/\` + evil, "/%5c" + evil, "/.//" + evil, "/..//" + evil, "/x/..//" + evil, "/;@" + evil, "/@" + evil, "/%0d%0aLocation:%20https://" + evil,
		"/%09//" + evil, "/x?next=https://" + evil, "/?request=x&request=y", "/.postern/callback", "/.postern/callback?code=x&return=//" + evil, "/.postern/sign-out?return=https://" + evil,
	} {
		list = append(list, attack{"signing in for " + path, func(t *testing.T, v *victim) { v.walk(t, path) }})
	}
	for _, target := range []string{"https://" + evil + "/", "http://" + evil + "/x", evil + ":443", "*", "https://wiki.test.localhost:1@" + evil + "/"} {
		list = append(list, attack{"signing in for the whole target " + target, func(t *testing.T, v *victim) {
			page := v.raw(t, "wiki", v.lines("GET", target, "wiki", "Sec-Fetch-Mode: navigate", "Accept: text/html"))
			v.ours(t, page)
			if where := page.Header.Get("Location"); strings.Contains(where, evil) {
				t.Errorf("%s leads to %s", target, where)
			}
		}})
	}
	tampered := map[string]func(request string) url.Values{
		"cut short":     func(r string) url.Values { return url.Values{"request": {r[:len(r)/2]}} },
		"a bit flipped": func(r string) url.Values { return url.Values{"request": {flip(r, len(r)/3)}} },
		"its end":       func(r string) url.Values { return url.Values{"request": {flip(r, len(r)-2)}} },
		"given twice":   func(r string) url.Values { return url.Values{"request": {flip(r, 10), r}} },
		"left out":      func(string) url.Values { return url.Values{} },
		"emptied":       func(string) url.Values { return url.Values{"request": {""}} },
		"an address":    func(string) url.Values { return url.Values{"request": {"https://" + evil + "/"}} },
		"a megabyte":    func(string) url.Values { return url.Values{"request": {strings.Repeat("A", 60<<10)}} },
	}
	for name, tamper := range tampered {
		list = append(list, attack{"a request to sign in with " + name, func(t *testing.T, v *victim) {
			b := v.signedIn(t, "ada")
			where := v.startAt(t, b, v.URL("wiki", "/x"))
			where.RawQuery = tamper(where.Query().Get("request")).Encode()
			page := b.Go(where.String())
			v.ours(t, page)
			if strings.Contains(page.Header.Get("Location"), "code=") {
				t.Errorf("it gives a code: %s", page.Header.Get("Location"))
			}
		}})
	}
	return append(list,
		attack{"a request to sign in with more in its address", func(t *testing.T, v *victim) {
			b := v.signedIn(t, "ada")
			where := v.startAt(t, b, v.URL("wiki", "/x"))
			where.RawQuery += "&return=https://" + evil + "/&host=" + evil + "&redirect_uri=https://" + evil
			page := b.Go(where.String())
			v.ours(t, page)
			if !strings.HasPrefix(page.Header.Get("Location"), v.URL("wiki", "/.postern/callback?")) {
				t.Errorf("%s to %s", page.Status, page.Header.Get("Location"))
			}
		}},
		attack{"a link with which eve would sign ada's browser in as eve", func(t *testing.T, v *victim) {
			eve := v.signedIn(t, "eve")
			page := eve.Go(v.startAt(t, eve, v.URL("wiki", "/")).String())
			callback := page.Header.Get("Location") // has eve's code; ada is made to open it
			b := v.stranger()
			v.startAt(t, b, v.URL("wiki", "/")) // ada's browser has a binding of its own
			got := b.Go(callback)
			if got.Header.Get("Location") != v.URL("wiki", "/") || len(got.Cookies()) > 0 { // to sign in for herself
				t.Errorf("%s to %q with %v", got.Status, got.Header.Get("Location"), got.Cookies())
			}
		}},
		attack{"a link with which eve would have ada sign in for eve's browser", func(t *testing.T, v *victim) {
			eve := v.stranger()
			where := v.startAt(t, eve, v.URL("wiki", "/"))
			ada := v.signedIn(t, "ada")
			got := ada.Go(ada.Go(where.String()).Header.Get("Location")) // in ada's browser, where eve's binding is not
			if got.StatusCode != http.StatusBadRequest || len(got.Cookies()) > 0 {
				t.Errorf("%s with %v", got.Status, got.Cookies())
			}
		}},
	)
}

func flip(text string, at int) string {
	other := byte('A')
	if text[at] == 'A' {
		other = 'B'
	}
	return text[:at] + string(other) + text[at+1:]
}

// walk asks for a path without a session and goes on, signed in at the portal, wherever that leads. It must stay at
// the portal and the application, and end at the address that was asked for or at a refusal.
func (v *victim) walk(t *testing.T, path string) {
	t.Helper()
	b := v.signedIn(t, "ada")
	page := v.raw(t, "wiki", v.lines("GET", path, "wiki", "Sec-Fetch-Mode: navigate", "Accept: text/html"))
	for _, c := range page.Cookies() {
		b.Jar.SetCookies(must(url.Parse(v.URL("wiki", "/")))(t), []*http.Cookie{c})
	}
	for range 6 {
		v.ours(t, page)
		where := page.Header.Get("Location")
		if where == "" {
			return
		}
		next := must(url.Parse(where))(t)
		if next.Host == "" { // at the host that was asked
			next = must(url.Parse(v.PortalURL))(t).ResolveReference(next)
		}
		if next.Host != v.host("wiki") && next.Host != v.host("portal") {
			t.Errorf("%s leads to %s", path, next)
			return
		}
		if next.Host == v.host("wiki") && next.Path != "/.postern/callback" {
			if got := strings.TrimPrefix(next.String(), strings.TrimSuffix(v.URL("wiki", "/"), "/")); got != path {
				t.Errorf("%s ends at %s", path, got)
			}
			return
		}
		page = b.Go(next.String())
	}
	t.Errorf("%s leads on and on", path)
}

// tabAttacks open many tabs in one browser, in which signing in must not mix up who goes where.
func tabAttacks() []attack {
	return []attack{
		{"20 tabs at once, one signs in", func(t *testing.T, v *victim) {
			b := v.Browser()
			tabs := openTabs(t, v, b, 20, func(i int) string { return v.URL("wiki", "/tab/"+string(rune('a'+i))) })
			for i := range tabs { // a person fills in one form after the other
				p := b.Post(v.PortalURL+"/sign-in", url.Values{"request": {tabs[i].request}, "name": {"ada"}, "password": {posterntest.Password}})
				if p.StatusCode != http.StatusOK || p.Request.URL.String() != tabs[i].target || p.Text != "private page "+p.Request.URL.Path {
					t.Errorf("%s ends at %s: %s", tabs[i].target, p.Request.URL, p.Status)
				}
			}
		}},
		{"20 tabs at once at two applications", func(t *testing.T, v *victim) {
			b := v.Browser()
			tabs := openTabs(t, v, b, 20, func(i int) string { return v.URL([]string{"wiki", "files"}[i%2], "/tab/"+string(rune('a'+i))) })
			for i := range tabs { // a person fills in one form after the other
				p := b.Post(v.PortalURL+"/sign-in", url.Values{"request": {tabs[i].request}, "name": {"ada"}, "password": {posterntest.Password}})
				if p.StatusCode != http.StatusOK || p.Request.URL.String() != tabs[i].target {
					t.Errorf("%s ends at %s: %s", tabs[i].target, p.Request.URL, p.Status)
				}
			}
		}},
		{"20 tabs, one signed in as somebody else meanwhile", func(t *testing.T, v *victim) {
			b := v.Browser()
			tabs := openTabs(t, v, b, 20, func(i int) string { return v.URL("wiki", "/tab/"+string(rune('a'+i))) })
			b.Post(v.PortalURL+"/sign-in", url.Values{"request": {tabs[0].request}, "name": {"eve"}, "password": {posterntest.Password}})
			for _, each := range tabs[1:] {
				b.Post(v.PortalURL+"/sign-in", url.Values{"request": {each.request}, "name": {"ada"}, "password": {posterntest.Password}})
			}
			// Whatever the tabs did, the browser is one person's, and who is shown is who acts.
			if got := v.who(t, portalCookie+"="+cookieOf(t, b, v.PortalURL, portalCookie)); got != "ada" {
				t.Errorf("the browser is %q", got)
			}
		}},
		{"20 tabs at once, signed in at the portal alone", func(t *testing.T, v *victim) {
			b := v.signedIn(t, "ada")
			b.CheckRedirect = func(_ *http.Request, via []*http.Request) error { // as patient as browsers are
				if len(via) > 20 {
					return errors.New("more than 20 redirects")
				}
				return nil
			}
			b.Go(v.URL("wiki", "/"))
			each(20, func(i int) {
				target := v.URL([]string{"wiki", "files"}[i%2], "/tab/"+string(rune('a'+i)))
				p := b.Go(target)
				// The first ones at files come before the browser has its binding there, and overwrite each other's.
				if p.StatusCode != http.StatusOK || p.Request.URL.String() != target {
					t.Errorf("%s ends at %s: %s", target, p.Request.URL, p.Status)
				}
			})
			for _, app := range []string{"wiki", "files"} {
				if p := b.Go(v.URL(app, "/after")); p.StatusCode != http.StatusOK || p.Text != "private page /after" {
					t.Errorf("afterwards %s: %s", app, p.Status)
				}
			}
		}},
		{"a tab that signs in after another tab has signed out", func(t *testing.T, v *victim) {
			b := v.Browser()
			tabs := openTabs(t, v, b, 2, func(int) string { return v.URL("wiki", "/") })
			b.Post(v.PortalURL+"/sign-in", url.Values{"request": {tabs[0].request}, "name": {"ada"}, "password": {posterntest.Password}})
			before := cookieOf(t, b, v.PortalURL, portalCookie)
			b.Post(v.PortalURL+"/sign-out", nil)
			if got := v.who(t, portalCookie+"="+before); got != "" {
				t.Errorf("signed out and still %q", got)
			}
			p := b.Post(v.PortalURL+"/sign-in", url.Values{"request": {tabs[1].request}, "name": {"ada"}, "password": {posterntest.Password}})
			if p.StatusCode != http.StatusOK || cookieOf(t, b, v.PortalURL, portalCookie) == before {
				t.Errorf("%s", p.Status)
			}
		}},
	}
}

// tab is one that waits at the form for signing in.
type tab struct{ target, request string }

func openTabs(t *testing.T, v *victim, b *posterntest.Browser, count int, target func(i int) string) []tab {
	t.Helper()
	tabs := make([]tab, count)
	b.Go(target(0)) // the browser has its bindings from the first ones
	b.Go(target(1))
	each(count, func(i int) {
		page := b.Go(target(i))
		field := requestField.FindStringSubmatch(page.Text)
		if field == nil {
			t.Errorf("%s led to no form: %s", target(i), page.Status)
			return
		}
		tabs[i] = tab{target(i), field[1]}
	})
	return tabs
}

// each does something count times at once.
func each(count int, do func(i int)) {
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() { do(i) })
	}
	all.Wait()
}
