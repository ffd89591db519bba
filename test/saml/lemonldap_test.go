package saml

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/internal/fetch"
	"postern/internal/identity/saml"
	"postern/internal/match"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

const consumer = "https://portal.localhost/upstreams/ups_1/callback"

var (
	action = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	input  = regexp.MustCompile(`<input[^>]* name="([^"]*)"[^>]*?(?: value="([^"]*)")?[^>]*>`)
)

// TestLemonldap signs in at a provider that nobody here wrote (Lasso's SAML), and out again from both sides.
func TestLemonldap(t *testing.T) {
	idp := New(t)
	key, _ := idp.certificate("us")
	u, _ := url.Parse(idp.URL)
	rules, err := match.ParseRules("allow 127.0.0.1:" + u.Port())
	if err != nil {
		t.Fatal(err)
	}
	asks := fetch.New(fetch.Config{Rules: rules, Roots: idp.Roots, Timeout: time.Minute})
	t.Cleanup(asks.Close)
	us, err := saml.New(saml.Config{MetadataURL: idp.URL + "/saml/metadata", EntityID: "https://portal.localhost/upstreams/ups_1/metadata", Consumer: consumer,
		Logout: "https://portal.localhost/upstreams/ups_1/logout", Secret: rsaPEM(t, key), SignRequests: true, Fetch: asks})
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := us.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	idp.Start(string(metadata))
	sent, state, err := us.Begin(t.Context(), saml.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	b := browser(t, idp)
	form := b.until(sent.URL, consumer, url.Values{"user": {"dwho"}, "password": {"dwho"}})
	if text, err := base64.StdEncoding.DecodeString(form.Get("SAMLResponse")); err != nil || !strings.Contains(string(text), "EncryptedAssertion") {
		t.Errorf("its answer is not encrypted: %.300s", text)
	}
	a, err := us.Finish(t.Context(), state, form)
	if err != nil {
		t.Fatal(err)
	}
	if a.Subject == "" || a.Issuer != idp.URL+"/saml/metadata" || a.Claims["mail"] != "dwho@badwolf.org" || a.Session == "" {
		t.Errorf("got %+v", a)
	}
	sent, second, err := us.Begin(t.Context(), saml.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := us.Finish(t.Context(), second, b.until(sent.URL, consumer, nil))
	if err != nil || again.Subject != a.Subject {
		t.Errorf("a second time: %v, %q and %q", err, again.Subject, a.Subject)
	}
	if _, err := us.Finish(t.Context(), second, form); err == nil {
		t.Error("the first answer was taken for the second")
	}
	// In passing, it asks nothing of who is signed in there.
	sent, silent, err := us.Begin(t.Context(), saml.Ask{Silent: true})
	if err != nil {
		t.Fatal(err)
	}
	if passing, err := us.Finish(t.Context(), silent, b.until(sent.URL, consumer, nil)); err != nil || passing.Subject != a.Subject {
		t.Errorf("in passing: %q, %v", passing.Subject, err)
	}
	// And it asks again where that is wanted.
	sent, fresh, err := us.Begin(t.Context(), saml.Ask{Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	if proved, err := us.Finish(t.Context(), fresh, b.until(sent.URL, consumer, url.Values{"user": {"dwho"}, "password": {"dwho"}})); err != nil || proved.Authenticated.Before(fresh.Started.Add(-2*time.Minute)) {
		t.Errorf("anew: at %s, %v", proved.Authenticated, err)
	}
	out, err := us.LogoutURL(t.Context(), again.Renewal, "")
	if err != nil || out == "" {
		t.Fatalf("where to sign out: %q, %v", out, err)
	}
	back := b.until(out, "https://portal.localhost/upstreams/ups_1/logout", nil)
	if back.Get("SAMLResponse") == "" {
		t.Errorf("signed out, the provider sends %v", back)
	}
}

type pages struct {
	t    *testing.T
	http *http.Client
}

func browser(t *testing.T, idp *Provider) *pages {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: idp.Roots}, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &pages{t, &http.Client{Jar: jar, Transport: transport, Timeout: 2 * time.Minute, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Hostname() != Host {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

// until goes on, filling in forms, until the browser would go to an address of ours, and gives what it brings there.
func (p *pages) until(address, ours string, fill url.Values) url.Values {
	p.t.Helper()
	resp, err := p.http.Get(address)
	for range 8 {
		if err != nil {
			p.t.Fatal(err)
		}
		text, err2 := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err2 != nil {
			p.t.Fatal(err2)
		}
		if to, err := resp.Location(); err == nil {
			if !strings.HasPrefix(to.String(), ours) {
				p.t.Fatalf("the provider leads to %s", to)
			}
			return to.Query()
		}
		at := action.FindStringSubmatch(string(text))
		if at == nil {
			p.t.Fatalf("%s at %s: no form:\n%s", resp.Status, resp.Request.URL, text)
		}
		form := url.Values{}
		for _, f := range input.FindAllStringSubmatch(string(text), -1) {
			form.Set(f[1], html.UnescapeString(f[2]))
		}
		if action := html.UnescapeString(at[1]); strings.HasPrefix(action, ours) {
			return form
		}
		for name, values := range fill {
			form[name] = values
		}
		to, err2 := resp.Request.URL.Parse(html.UnescapeString(at[1]))
		if err2 != nil {
			p.t.Fatal(err2)
		}
		resp, err = p.http.PostForm(to.String(), form)
	}
	p.t.Fatal("the provider asks without end")
	return nil
}

func rsaPEM(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return encode("PRIVATE KEY", der)
}
