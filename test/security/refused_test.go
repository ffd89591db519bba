package security

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
)

// TestNobodyReachesTheBackend tries every cookie that is not good for the application, in every way
// in which a client can ask. Each is answered without a byte reaching the backend.
func TestNobodyReachesTheBackend(t *testing.T) {
	w := newWorld(t)
	none := func(*testing.T) string { return "" }
	tests := []struct {
		name   string
		cookie func(*testing.T) string // the value of the session cookie
		status [3]int                  // page, program, WebSocket
	}{
		{"signed out", none, [3]int{302, 401, 401}},
		{"empty cookie", func(*testing.T) string { return sessionCookie + "=" }, [3]int{302, 401, 401}},
		{"a word", func(*testing.T) string { return sessionCookie + "=admin" }, [3]int{302, 401, 401}},
		{"unassigned", w.unassigned, [3]int{403, 403, 403}},
		{"out of the group", w.outOfGroup, [3]int{403, 403, 403}},
		{"group deleted", w.groupDeleted, [3]int{403, 403, 403}},
		{"disabled user", w.disabledUser, [3]int{302, 401, 401}},
		{"deleted user", w.deletedUser, [3]int{302, 401, 401}},
		{"password changed by an administrator", w.changedPassword, [3]int{302, 401, 401}},
		{"signed out at the portal", w.signedOutAtPortal, [3]int{302, 401, 401}},
		{"signed out at the application", w.signedOutAtApplication, [3]int{302, 401, 401}},
		{"signed out at another application", w.signedOutAtOther, [3]int{302, 401, 401}},
		{"cookie of another application", w.otherApplication, [3]int{302, 401, 401}},
		{"cookie of the portal", w.portalsCookie, [3]int{302, 401, 401}},
		{"cookie of the portal under its own name", w.portalsCookieAsItself, [3]int{302, 401, 401}},
		{"two different cookies, one good", w.twoCookies, [3]int{302, 401, 401}},
		{"good cookie under another name", w.otherName, [3]int{302, 401, 401}},
	}
	_, _, good, _ := w.member(t)
	arrives := rand.Text()
	w.exchange(t, "wiki", w.rawRequest("wiki", good, "X-Mark: "+arrives))
	w.Await("one that is allowed to arrive", func() bool { return bytes.Contains(w.backend.Bytes(), []byte(arrives)) })
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cookie := test.cookie(t)
			mark := rand.Text() // a request before the change that it cut may still be on its way
			for i, way := range ways {
				resp := w.exchange(t, "wiki", w.rawRequest("wiki", cookie, append(slices.Clone(way.lines), "X-Mark: "+mark)...))
				if resp.StatusCode != test.status[i] {
					t.Errorf("%s: status %d, want %d", way.name, resp.StatusCode, test.status[i])
				}
				if location := resp.Header.Get("Location"); location != "" && !strings.HasPrefix(location, w.PortalURL+"/authorize?") {
					t.Errorf("%s: sent to %s", way.name, location)
				}
			}
			if bytes.Contains(w.backend.Bytes(), []byte(mark)) {
				t.Error("the backend got one of them")
			}
		})
	}
}

// member makes a user with a session at wiki and another way out of it than the others have.
func (w *world) member(t *testing.T) (user api.User, assignment api.Assignment, cookie string, b *posterntest.Browser) {
	t.Helper()
	user = w.User(string(access.NewID(access.PrefixUser, time.Now())))
	assignment = w.Assign(w.wiki, user)
	cookie, b = w.session(t, "wiki", user.Name)
	if resp := w.exchange(t, "wiki", w.rawRequest("wiki", sessionCookie+"="+cookie)); resp.StatusCode != http.StatusOK {
		t.Fatalf("the cookie is not good to begin with: %s", resp.Status)
	}
	return user, assignment, sessionCookie + "=" + cookie, b
}

func (w *world) unassigned(t *testing.T) string {
	_, assignment, cookie, _ := w.member(t)
	if err := w.API.Assignments.Delete(t.Context(), assignment.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.awaitRefused(t, cookie)
	return cookie
}

// grouped makes a user who may use wiki only by a group.
func (w *world) grouped(t *testing.T) (api.User, api.Group, string) {
	t.Helper()
	user := w.User(string(access.NewID(access.PrefixUser, time.Now())))
	group := must(w.API.Groups.Create(t.Context(), api.GroupInput{Name: "Group of " + user.Name, Members: []string{user.ID}}))(t)
	must(w.API.Assignments.Create(t.Context(), api.AssignmentInput{Application: w.wiki.ID, Group: group.ID}))(t)
	who := &access.Principal{Groups: []access.ID{access.ID(group.ID)}}
	w.AwaitSnapshot(func(snap *access.Snapshot) bool {
		_, ok := snap.Assigned(access.ID(w.wiki.ID), who, time.Now())
		return ok
	})
	cookie, _ := w.session(t, "wiki", user.Name)
	return user, group, sessionCookie + "=" + cookie
}

func (w *world) outOfGroup(t *testing.T) string {
	_, group, cookie := w.grouped(t)
	must(w.API.Groups.Update(t.Context(), group.ID, group.Version, api.Patch{"members": []string{}}))(t)
	w.awaitRefused(t, cookie)
	return cookie
}

func (w *world) groupDeleted(t *testing.T) string {
	_, group, cookie := w.grouped(t)
	for a := range w.API.Assignments.All(t.Context(), api.ListOptions{}) {
		if a.Group == group.ID {
			if err := w.API.Assignments.Delete(t.Context(), a.ID, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.API.Groups.Delete(t.Context(), group.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.awaitRefused(t, cookie)
	return cookie
}

func (w *world) disabledUser(t *testing.T) string {
	user, _, cookie, _ := w.member(t)
	must(w.API.Users.Update(t.Context(), user.ID, user.Version, api.Patch{"disabled": true}))(t)
	w.awaitRefused(t, cookie)
	return cookie
}

func (w *world) deletedUser(t *testing.T) string {
	user, _, cookie, _ := w.member(t)
	if err := w.API.Users.Delete(t.Context(), user.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.awaitRefused(t, cookie)
	return cookie
}

func (w *world) changedPassword(t *testing.T) string {
	user, _, cookie, _ := w.member(t)
	if err := w.API.Users.SetPassword(t.Context(), user.ID, "another horse battery"); err != nil {
		t.Fatal(err)
	}
	w.awaitRefused(t, cookie)
	return cookie
}

// awaitRefused waits until a change that was acknowledged is in force, which must be soon.
func (w *world) awaitRefused(t *testing.T, cookie string) {
	t.Helper()
	start := time.Now()
	w.Await("the cookie to be refused", func() bool {
		resp, err := w.tryExchange(t, "wiki", w.rawRequest("wiki", cookie))
		return err == nil && resp.StatusCode != http.StatusOK // one that was allowed and is cut has no answer
	})
	if took := time.Since(start); took > cutWithin {
		t.Errorf("the change came into force after %v", took)
	}
}

func (w *world) signedOutAtPortal(t *testing.T) string {
	_, _, cookie, b := w.member(t)
	if p := b.Post(w.PortalURL+"/sign-out", nil); p.StatusCode != http.StatusOK {
		t.Fatal(p.Status)
	}
	w.awaitRefused(t, cookie)
	return cookie
}

func (w *world) signedOutAtApplication(t *testing.T) string {
	_, _, cookie, b := w.member(t)
	if p := b.Post(w.URL("wiki", "/.postern/sign-out"), nil); p.StatusCode != http.StatusOK {
		t.Fatal(p.Status)
	}
	w.awaitRefused(t, cookie)
	return cookie
}

func (w *world) signedOutAtOther(t *testing.T) string {
	user, _, cookie, b := w.member(t)
	w.Assign(w.files, user)
	if p := b.Go(w.URL("files", "/")); p.StatusCode != http.StatusOK {
		t.Fatal(p.Status)
	}
	if p := b.Post(w.URL("files", "/.postern/sign-out"), nil); p.StatusCode != http.StatusOK {
		t.Fatal(p.Status)
	}
	w.awaitRefused(t, cookie)
	return cookie
}

func (w *world) otherApplication(t *testing.T) string {
	user, _, _, b := w.member(t)
	w.Assign(w.files, user)
	if p := b.Go(w.URL("files", "/")); p.StatusCode != http.StatusOK {
		t.Fatal(p.Status)
	}
	return sessionCookie + "=" + cookieOf(t, b, w.URL("files", "/"), sessionCookie)
}

func (w *world) portalsCookie(t *testing.T) string {
	_, _, _, b := w.member(t)
	return sessionCookie + "=" + cookieOf(t, b, w.PortalURL, portalCookie)
}

func (w *world) portalsCookieAsItself(t *testing.T) string {
	_, _, _, b := w.member(t)
	return portalCookie + "=" + cookieOf(t, b, w.PortalURL, portalCookie)
}

func (w *world) twoCookies(t *testing.T) string {
	_, _, mine, _ := w.member(t)
	_, _, other, _ := w.member(t)
	return mine + "; " + other
}

func (w *world) otherName(t *testing.T) string {
	_, _, cookie, _ := w.member(t)
	return strings.Replace(cookie, "__Host-", "__host-", 1)
}

// TestAnApplicationsCookieIsNoPortalCookie shows an application's session to the portal and to the
// admin center.
func TestAnApplicationsCookieIsNoPortalCookie(t *testing.T) {
	w := newWorld(t)
	_, _, cookie, _ := w.member(t)
	_, value, _ := strings.Cut(cookie, "=")
	for _, at := range []struct{ host, path string }{{"portal", "/"}, {"admin", "/api/v1/users"}} {
		request := strings.Replace(w.rawRequest(at.host, portalCookie+"="+value+"; "+sessionCookie+"="+value), "GET / ", "GET "+at.path+" ", 1)
		resp := w.exchange(t, at.host, request)
		if resp.StatusCode == http.StatusOK {
			t.Errorf("%s took an application's cookie: %s", at.host, resp.Status)
		}
	}
}

// TestEveryFlippedBitKillsTheCookie flips one bit of each character of a good cookie.
func TestEveryFlippedBitKillsTheCookie(t *testing.T) {
	w := newWorld(t)
	_, _, cookie, _ := w.member(t)
	_, value, _ := strings.Cut(cookie, "=")
	w.backend.Forget()
	connections := w.backend.Connections()
	conn := newRaw(t, w, "wiki")
	for i := range len(value) {
		flipped := []byte(value)
		flipped[i] ^= 1 << (i % 7)
		if c := flipped[i]; c <= ' ' || c == 0x7f || c == ';' || c == ',' {
			flipped[i] = '_' ^ value[i]&1
		}
		if status := conn.ask(w.rawRequest("wiki", sessionCookie+"="+string(flipped))); status != http.StatusUnauthorized {
			t.Errorf("character %d: %q became %q: status %d", i, value[i], flipped[i], status)
		}
	}
	for _, value := range []string{value[:len(value)-1], value + "A", value + ".", "." + value, value + "=", strings.ToUpper(value), value + "\t.x", value + " " + value, `"` + value + `"`} {
		if status := conn.ask(w.rawRequest("wiki", sessionCookie+"="+value)); status != http.StatusUnauthorized {
			t.Errorf("%q: status %d", value, status)
		}
	}
	if n := len(w.backend.Bytes()); n > 0 || w.backend.Connections() > connections {
		t.Errorf("the backend got %d bytes", n)
	}
}

// TestAStolenCodeIsWorthNothing shows a one-time code to everything but the browser, host and
// application that it was made for, twice, and too late.
func TestAStolenCodeIsWorthNothing(t *testing.T) {
	w := newWorld(t)
	user := w.User("ada")
	w.Assign(w.wiki, user)
	w.Assign(w.files, user)
	b := w.Browser().WithoutRedirects()
	portal := w.Browser()
	portal.SignIn(w.URL("wiki", "/"), "ada")
	w.backend.Forget()
	b.Jar.SetCookies(must(url.Parse(w.PortalURL))(t), []*http.Cookie{{
		Name: portalCookie, Value: cookieOf(t, portal, w.PortalURL, portalCookie), Secure: true, Path: "/",
	}})
	tests := []struct {
		name string
		use  func(t *testing.T, callback *url.URL, binding string) int
	}{
		{"in a browser without binding", func(t *testing.T, c *url.URL, _ string) int { return w.callback(t, c, "") }},
		// Which may be the same one, whose tabs were opened at once: it is led to the page, to sign in for itself.
		{"in another browser", func(t *testing.T, c *url.URL, _ string) int {
			resp := w.callbackAnswer(t, c, newBinding(t, w))
			if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != w.URL("wiki", "/") || len(resp.Cookies()) > 0 {
				t.Errorf("%s to %q with %v", resp.Status, resp.Header.Get("Location"), resp.Cookies())
			}
			return w.callback(t, c, newBinding(t, w)) // and the code is spent
		}},
		{"at another host", func(t *testing.T, c *url.URL, binding string) int {
			c.Host = w.host("files")
			return w.callback(t, c, binding)
		}},
		{"at another host with its application", func(t *testing.T, c *url.URL, binding string) int {
			c.Host = w.host("files")
			c.RawQuery = "code=" + c.Query().Get("code") + "&application=" + w.files.ID
			return w.callback(t, c, binding)
		}},
		{"a second time", func(t *testing.T, c *url.URL, binding string) int {
			if status := w.callback(t, c, binding); status != http.StatusSeeOther {
				t.Errorf("the first time: %d", status)
			}
			return w.callback(t, c, binding)
		}},
		{"after its time", func(t *testing.T, c *url.URL, binding string) int {
			w.ageCodes(t)
			return w.callback(t, c, binding)
		}},
		{"cut short", func(t *testing.T, c *url.URL, binding string) int {
			c.RawQuery = strings.Replace(c.RawQuery, "code=", "code=A", 1)
			return w.callback(t, c, binding)
		}},
		{"after the sign-out", func(t *testing.T, c *url.URL, binding string) int {
			portal.Post(w.PortalURL+"/sign-out", nil)
			return w.callback(t, c, binding)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			start := b.Go(w.URL("wiki", "/"))
			answer := b.Go(start.Header.Get("Location"))
			callback := must(url.Parse(answer.Header.Get("Location")))(t)
			if callback.Path != "/.postern/callback" || callback.Query().Get("code") == "" {
				t.Fatalf("the portal gave no code but %s %s", answer.Status, callback)
			}
			status := test.use(t, callback, cookieOf(t, b, w.URL("wiki", "/"), bindingCookie))
			if status != http.StatusBadRequest {
				t.Errorf("status %d", status)
			}
		})
	}
	if got := w.backend.Bytes(); len(got) > 0 {
		t.Errorf("the backend got %d bytes", len(got))
	}
}

// callback shows a code with a binding and fails if a session comes of what is refused.
func (w *world) callback(t *testing.T, c *url.URL, binding string) int {
	t.Helper()
	return w.callbackAnswer(t, c, binding).StatusCode
}

func (w *world) callbackAnswer(t *testing.T, c *url.URL, binding string) *http.Response {
	t.Helper()
	name, _, _ := strings.Cut(c.Hostname(), ".")
	cookie := ""
	if binding != "" {
		cookie = bindingCookie + "=" + binding
	}
	request := strings.Replace(w.rawRequest(name, cookie, "Sec-Fetch-Mode: navigate", "Accept: text/html"), "GET / ", "GET "+c.RequestURI()+" ", 1)
	resp := w.exchange(t, name, request)
	if resp.StatusCode != http.StatusSeeOther && len(resp.Cookies()) > 0 {
		t.Errorf("%s sets %v", resp.Status, resp.Cookies())
	}
	return resp
}

// newBinding gives the binding of a browser that nobody has.
func newBinding(t *testing.T, w *world) string {
	b := w.Browser().WithoutRedirects()
	b.Go(w.URL("wiki", "/"))
	return cookieOf(t, b, w.URL("wiki", "/"), bindingCookie)
}

// ageCodes makes all one-time codes older than they live. Only the database can: the service has
// no other clock than the machine's.
func (w *world) ageCodes(t *testing.T) {
	t.Helper()
	execute(t, w.System, "UPDATE codes SET expires = expires - $1", (31 * time.Second).Microseconds())
}

// TestOneHostTwoApplications shows the session of one application to the other one at the same
// host, to which its user is not assigned.
func TestOneHostTwoApplications(t *testing.T) {
	w := newWorld(t)
	secret := posterntest.NewBackend(t, http.HandlerFunc(page))
	shared := w.Publish("shared", w.backend.URL)
	w.Publish("shared-secret", secret.URL, func(in *api.ApplicationInput) { in.ExternalURL = w.URL("shared", "/secret/") })
	w.Assign(shared, w.User("ada"))
	cookie, _ := w.session(t, "shared", "ada")
	for _, name := range []string{sessionCookie, sessionCookie + "-" + strings.TrimPrefix(shared.ID, "app_")} {
		for _, path := range []string{"/secret/", "/secret", "/secret/x", "/secret/.", "/x/../secret/", "/%73ecret/", "/secret%2f", "//secret/", "/secret;x/"} {
			request := strings.Replace(w.rawRequest("shared", name+"="+cookie), "GET / ", "GET "+path+" ", 1)
			if resp := w.exchange(t, "shared", request); resp.StatusCode == http.StatusOK {
				t.Errorf("%s with cookie %s: %s", path, name, resp.Status)
			}
		}
	}
	untouched(t, secret)
}

// TestOthersRequestsAreRefused has no cookie at all but other ways to speak for somebody.
func TestOthersRequestsAreRefused(t *testing.T) {
	w := newWorld(t)
	_, _, cookie, b := w.member(t)
	_, value, _ := strings.Cut(cookie, "=")
	w.backend.Forget()
	body := "GET / HTTP/1.1\r\nHost: x\r\nCookie: " + cookie + "\r\n\r\n"
	tests := []struct{ name, request string }{
		{"cookie in the query", strings.Replace(w.rawRequest("wiki", ""), "GET / ", "GET /?"+sessionCookie+"="+value+" ", 1)},
		{"cookie as a bearer", w.rawRequest("wiki", "", "Authorization: Bearer "+value)},
		{"user by header", w.rawRequest("wiki", "", "X-Forwarded-User: ada", "X_Forwarded_User: ada", "Remote-User: ada", "X-Postern-User: ada")},
		{"another URL by header", w.rawRequest("wiki", "", "X-Original-URL: /healthz", "X-Rewrite-URL: /healthz", "X-Forwarded-Uri: /healthz")},
		{"health checker", w.rawRequest("wiki", "", "User-Agent: GoogleHC/1.0", "User-Agent: kube-probe/1.30")},
		{"health path", strings.Replace(w.rawRequest("wiki", ""), "GET / ", "GET /healthz ", 1)},
		{"request in the body of a stranger", "POST / HTTP/1.1\r\nHost: " + w.host("wiki") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)) + body},
		{"the API's key", w.rawRequest("wiki", "", "Authorization: Bearer "+w.Key)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if resp := w.exchange(t, "wiki", test.request); resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("status %s", resp.Status)
			}
		})
	}
	if got := w.backend.Bytes(); len(got) > 0 {
		t.Errorf("the backend got %q", got)
	}
	resp := must(b.Get(w.URL("wiki", "/")))(t)
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("whoever may: %s", resp.Status)
	}
}
