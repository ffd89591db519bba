package security

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postern/internal/posterntest"
)

// An attack is one thing that another site, a sibling host, somebody at the same browser or a forger of links and
// headers does to somebody who uses the portal. It fails the test if it gains anything.
type attack struct {
	name string
	do   func(t *testing.T, v *victim)
}

// TestAttacksOnTheBrowser is the table of them all.
func TestAttacksOnTheBrowser(t *testing.T) {
	v := newVictim(t)
	var all []attack
	for _, topic := range [][]attack{returnAttacks(), tabAttacks(), cookieAttacks(), redirectAttacks(), headerAttacks(), pageAttacks(), formAttacks(t), adminAttacks(t, v)} {
		all = append(all, topic...)
	}
	if len(all) < 60 {
		t.Errorf("%d attacks, want at least 60", len(all))
	}
	for i, a := range all {
		if slices.ContainsFunc(all[:i], func(other attack) bool { return other.name == a.name }) {
			t.Errorf("two attacks are called %q", a.name)
		}
		t.Run(a.name, func(t *testing.T) { a.do(t, v) })
	}
	t.Logf("%d attacks", len(all))
}

// victim is ada, signed in at the portal and at wiki, in a world where eve has an account, too.
type victim struct {
	*world
	browser *posterntest.Browser
	portal  string // value of the portal's cookie
	session string // of the session cookie at wiki
}

const evil = "evil.example"

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{world: newWorld(t)}
	for _, name := range []string{"ada", "eve"} {
		user := v.User(name)
		v.Assign(v.wiki, user)
		v.Assign(v.files, user)
	}
	v.session, v.browser = v.world.session(t, "wiki", "ada")
	v.portal = cookieOf(t, v.browser, v.PortalURL, portalCookie)
	return v
}

// raw sends a request as it is written, on a connection of its own, and gives the answer with its text.
func (v *victim) raw(t *testing.T, host, request string) posterntest.Page {
	t.Helper()
	conn := v.dial(t, host)
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp := must(http.ReadResponse(bufio.NewReader(conn), nil))(t)
	defer resp.Body.Close()
	return posterntest.Page{Response: resp, Text: string(must(io.ReadAll(io.LimitReader(resp.Body, 1<<20)))(t))}
}

// lines writes a request to a host of ours: its first line's method and path, and header lines.
func (v *victim) lines(method, path, host string, lines ...string) string {
	return method + " " + path + " HTTP/1.1\r\n" + strings.Join(append(append([]string{"Host: " + v.host(host)}, lines...), "Connection: close", "", ""), "\r\n")
}

// who gives the name of whoever a portal cookie signs in, empty for nobody.
func (v *victim) who(t *testing.T, cookies string) string {
	t.Helper()
	page := v.raw(t, "portal", v.lines("GET", "/account", "portal", "Cookie: "+cookies, "Sec-Fetch-Mode: navigate", "Accept: text/html"))
	if page.StatusCode != http.StatusOK {
		return ""
	}
	found := signedInAs.FindStringSubmatch(page.Text)
	if found == nil {
		t.Fatalf("a page of an account that names nobody: %.500s", page.Text)
	}
	return found[1]
}

var signedInAs = regexp.MustCompile(`Signed in as <strong>([^<]*)</strong>`)

// still fails the test if ada is not signed in any more, or not as ada.
func (v *victim) still(t *testing.T) {
	t.Helper()
	if got := v.who(t, portalCookie+"="+v.portal); got != "ada" {
		t.Errorf("the portal's cookie of ada is now of %q", got)
	}
	if resp := v.exchange(t, "wiki", v.rawRequest("wiki", sessionCookie+"="+v.session)); resp.StatusCode != http.StatusOK {
		t.Errorf("ada's session at wiki: %s", resp.Status)
	}
}

// ours fails the test if an answer leads away from hosts of ours, by its Location or by a link or form.
func (v *victim) ours(t *testing.T, page posterntest.Page) {
	t.Helper()
	for _, where := range append([]string{page.Header.Get("Location"), page.Header.Get("Refresh"), page.Header.Get("Content-Location")}, links(page.Text)...) {
		if strings.HasPrefix(where, "data:image/") {
			continue
		}
		u, err := url.Parse(where)
		if err != nil || strings.Contains(where, `\`) {
			t.Errorf("a link that browsers may read in another way: %q", where)
			continue
		}
		if u.Host != "" && !strings.HasSuffix(u.Hostname(), ".test.localhost") || u.Host == "" && strings.HasPrefix(u.Path, "//") || u.Scheme != "" && u.Scheme != "https" {
			t.Errorf("led to %q", where)
		}
	}
}

var link = regexp.MustCompile(`(?i)(?:href|action|src|formaction|content="\d+;\s*url)\s*=\s*"([^"]*)"`)

// links lists where a page's links, forms and scripts lead.
func links(page string) (list []string) {
	for _, found := range link.FindAllStringSubmatch(page, -1) {
		list = append(list, strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(found[1]))
	}
	return list
}

var requestField = regexp.MustCompile(`name="request" value="([^"]*)"`)

// startAt asks for a page of an application without a session and gives the portal's address to which that leads.
func (v *victim) startAt(t *testing.T, b *posterntest.Browser, target string) *url.URL {
	t.Helper()
	page := b.Go(target)
	where := must(url.Parse(page.Header.Get("Location")))(t)
	if page.StatusCode != http.StatusFound || !strings.HasPrefix(where.String(), v.PortalURL+"/authorize?") {
		t.Fatalf("%s led to %s %q", target, page.Status, where)
	}
	return where
}

// stranger gives a browser in which nobody is signed in and that shows redirects.
func (v *victim) stranger() *posterntest.Browser { return v.Browser().WithoutRedirects() }

// signedIn gives a browser in which somebody is signed in at the portal alone.
func (v *victim) signedIn(t *testing.T, name string) *posterntest.Browser {
	t.Helper()
	b := v.stranger()
	page := b.Post(v.PortalURL+"/sign-in", url.Values{"name": {name}, "password": {posterntest.Password}})
	if page.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign in as %s: %s", name, page.Status)
	}
	return b
}

// adminAttacks are writes of the admin API that a page of another site makes a browser send, with every cookie that
// it has of ours. The API knows keys alone: a browser has none to give.
func adminAttacks(t *testing.T, v *victim) (list []attack) {
	for _, route := range writes(t) {
		list = append(list, attack{"another site sends " + route.method + " " + route.path, func(t *testing.T, v *victim) {
			path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(route.path, "x")
			for _, from := range [][]string{
				{"Sec-Fetch-Site: cross-site", "Origin: https://" + evil}, {"Sec-Fetch-Site: same-site", "Origin: " + strings.TrimSuffix(v.URL("wiki", ""), "/")}, {"Origin: null"}, nil,
			} {
				lines := append([]string{"Cookie: " + portalCookie + "=" + v.portal + "; " + sessionCookie + "=" + v.session, "Content-Type: text/plain", "Content-Length: 2"}, from...)
				page := v.raw(t, "admin", v.lines(route.method, path, "admin", lines...)+"{}")
				noForm := route.path == "/api/v1/setup" && strings.Contains(page.Text, "must be application/json") // it asks for no key but for a code, and takes no form
				if page.StatusCode != http.StatusUnauthorized && page.StatusCode != http.StatusForbidden && !noForm || page.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("from %q: %s: %.200s", from, page.Status, page.Text)
				}
			}
		}})
	}
	return list
}

// pageAttacks put our pages into frames, caches and the hands of other sites' scripts.
func pageAttacks() (list []attack) {
	for _, path := range []string{"/", "/account", "/account/confirm", "/sign-in", "/sign-out", "/device", "/nothing", "/authorize?request=x"} {
		list = append(list, attack{"framed, kept or read by another site: " + path, func(t *testing.T, v *victim) {
			page := v.raw(t, "portal", v.lines("GET", path, "portal", "Cookie: "+portalCookie+"="+v.portal, "Origin: https://"+evil, "Accept: text/html", "Sec-Fetch-Mode: navigate"))
			policy := page.Header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe-inline") || !strings.Contains(policy, "base-uri 'none'") {
				t.Errorf("Content-Security-Policy: %s", policy)
			}
			if page.Header.Get("Access-Control-Allow-Origin") != "" || page.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%v", page.Header)
			}
			if !strings.Contains(page.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("Cache-Control: %s", page.Header.Get("Cache-Control"))
			}
			if got := page.Header.Get("Referrer-Policy"); got != "no-referrer" && got != "same-origin" && got != "strict-origin" {
				t.Errorf("Referrer-Policy: %s", got)
			}
		}})
	}
	return list
}

// route is a method and a path.
type route struct{ method, path string }

func itoa(n int) string { return strconv.Itoa(n) }
