package saml

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/internal/posterntest/samlidp"
)

// TestPrivatePageBehindLemonldap: from a private page to the provider's pages and back, by the whole of the product,
// and out again.
func TestPrivatePageBehindLemonldap(t *testing.T) {
	idp := New(t)
	sys := posterntest.New(t)
	sys.Roots.AppendCertsFromPEM([]byte(idp.CA))
	group, err := sys.API.Groups.Create(t.Context(), api.GroupInput{Name: "Staff"})
	if err != nil {
		t.Fatal(err)
	}
	up, err := sys.API.Upstreams.Create(t.Context(), api.UpstreamCreate{Secret: samlidp.NewPair(t).PEM(), UpstreamInput: api.UpstreamInput{Name: "Campus", Kind: "saml",
		Mapping: &api.UpstreamMapping{Name: "uid", Email: "mail", Groups: []api.UpstreamGroup{{From: "dwho@badwolf.org", To: group.ID}}},
		SAML:    &api.UpstreamSAML{MetadataURL: idp.URL + "/saml/metadata", SignRequests: true, GroupsAttribute: "mail", AllowLoopback: true, CA: idp.CA}}})
	if err != nil {
		t.Fatal(err)
	}
	at := sys.PortalURL + "/upstreams/" + up.ID
	idp.Start(sys.Browser().Go(at + "/metadata").Text)
	sys.Connector("site")
	backend := posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "private page %s", r.URL) }))
	app := sys.Publish("wiki", backend.URL)
	if _, err := sys.API.Assignments.Create(t.Context(), api.AssignmentInput{Application: app.ID, Group: group.ID}); err != nil {
		t.Fatal(err)
	}
	sys.AwaitSnapshot(func(snap *access.Snapshot) bool { return len(snap.Assignments) == 1 })

	b := sys.Browser()
	b.Timeout = 2 * time.Minute
	page := b.Go(sys.URL("wiki", "/deep?x=1"))
	_, rest, _ := strings.Cut(page.Text, `href="/upstreams/`)
	link, _, _ := strings.Cut(rest, `"`)
	form := onPages(t, b, b.Go(sys.PortalURL+"/upstreams/"+html.UnescapeString(link)), at, url.Values{"user": {"dwho"}, "password": {"dwho"}})
	if text, err := base64.StdEncoding.DecodeString(form.Get("SAMLResponse")); err != nil || !strings.Contains(string(text), "EncryptedAssertion") {
		t.Errorf("its answer is not encrypted: %.300s", text)
	}
	if page := bring(t, b, at+"/callback", form); page.Text != "private page /deep?x=1" {
		t.Fatalf("%s at %s: %s", page.Status, page.Request.URL, page.Text)
	}
	page = b.Post(sys.PortalURL+"/sign-out", nil)
	to, ok := strings.CutPrefix(page.Header.Get("Refresh"), "0; url=")
	if !ok || !strings.HasPrefix(to, idp.URL) {
		t.Fatalf("after signing out: %s, %q", page.Status, to)
	}
	if back := onPages(t, b, b.Go(to), at+"/logout", nil); back.Get("SAMLResponse") == "" {
		t.Errorf("the provider sends %v", back)
	}
	quiet := b.WithoutRedirects()
	quiet.GoUntil("the private page is closed", sys.URL("wiki", "/"), func(p posterntest.Page) bool { return p.StatusCode/100 == 3 })
}

// onPages fills in the provider's forms until one would lead to an address of ours, or we are there, and gives what it
// brings there.
func onPages(t *testing.T, b *posterntest.Browser, page posterntest.Page, ours string, fill url.Values) url.Values {
	t.Helper()
	for range 8 {
		if page.Request.URL.Hostname() != Host {
			return cameWith(page)
		}
		at := action.FindStringSubmatch(page.Text)
		if at == nil {
			t.Fatalf("%s at %s: no form:\n%s", page.Status, page.Request.URL, page.Text)
		}
		form := url.Values{}
		for _, f := range input.FindAllStringSubmatch(page.Text, -1) {
			form.Set(f[1], html.UnescapeString(f[2]))
		}
		if strings.HasPrefix(html.UnescapeString(at[1]), ours) {
			return form
		}
		for name, values := range fill {
			form[name] = values
		}
		to, err := page.Request.URL.Parse(html.UnescapeString(at[1]))
		if err != nil {
			t.Fatal(err)
		}
		page = b.Post(to.String(), form)
	}
	t.Fatal("the provider asks without end")
	return nil
}

// cameWith gives the query with which the provider sent a browser to us.
func cameWith(page posterntest.Page) url.Values {
	for r := page.Request; r != nil; {
		if q := r.URL.Query(); q.Has("SAMLResponse") {
			return q
		}
		if r.Response == nil {
			break
		}
		r = r.Response.Request
	}
	return page.Request.URL.Query()
}

// bring sends the provider's form to us as a browser does, and follows pages that go on by themselves.
func bring(t *testing.T, b *posterntest.Browser, to string, form url.Values) posterntest.Page {
	t.Helper()
	form.Set("again", "1") // as our own page sends it once more
	page := b.Post(to, form)
	for {
		where, ok := strings.CutPrefix(page.Header.Get("Refresh"), "0; url=")
		if !ok {
			return page
		}
		next, err := page.Request.URL.Parse(where)
		if err != nil {
			t.Fatal(err)
		}
		page = b.Go(next.String())
	}
}
