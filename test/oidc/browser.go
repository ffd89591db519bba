package oidc

import (
	"context"
	"crypto/tls"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Browser is what signs in on the provider's pages: it keeps cookies and fills in forms.
type Browser struct {
	t    testing.TB
	http *http.Client
}

// Browser makes one that trusts the provider. It stops at every redirect that leads away from it.
func (p *Provider) Browser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.Roots}, DialContext: loopback}
	t.Cleanup(transport.CloseIdleConnections)
	home, err := url.Parse(p.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, http: &http.Client{Transport: transport, Jar: jar, Timeout: time.Minute, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != home.Host || len(via) > 20 {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

// loopback dials this machine, as browsers do for names under localhost.
func loopback(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
}

var (
	action = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// SignIn goes to an address of the provider, signs in as the user if it is asked to, and gives the address to
// which the provider sends the browser in the end.
func (b *Browser) SignIn(address, user string) *url.URL {
	b.t.Helper()
	return b.follow(address, func(page string, form url.Values) {
		if strings.Contains(page, `name="login"`) {
			form.Set("login", user)
			form.Set("password", "any")
		}
	})
}

// SignOut goes to the provider's logout and agrees.
func (b *Browser) SignOut(address string) *url.URL {
	b.t.Helper()
	return b.follow(address, func(_ string, form url.Values) { form.Set("logout", "yes") })
}

func (b *Browser) follow(address string, fill func(page string, form url.Values)) *url.URL {
	b.t.Helper()
	resp, err := b.http.Get(address)
	for range 10 {
		if err != nil {
			b.t.Fatalf("on the provider's pages: %v", err)
		}
		page, err2 := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if err2 != nil {
			b.t.Fatalf("on the provider's pages: %v", err2)
		}
		if to, err := resp.Location(); err == nil {
			return to
		}
		at := action.FindStringSubmatch(string(page))
		if resp.StatusCode != http.StatusOK || at == nil {
			if resp.StatusCode == http.StatusOK {
				return resp.Request.URL // the end: a page without a question
			}
			b.t.Fatalf("the provider answers %s with %s:\n%s", resp.Request.URL.Path, resp.Status, page)
		}
		form := url.Values{}
		for _, input := range hidden.FindAllStringSubmatch(string(page), -1) {
			form.Set(html.UnescapeString(input[1]), html.UnescapeString(input[2]))
		}
		fill(string(page), form)
		to, err2 := resp.Request.URL.Parse(html.UnescapeString(at[1]))
		if err2 != nil {
			b.t.Fatal(err2)
		}
		resp, err = b.http.PostForm(to.String(), form)
	}
	b.t.Fatal("the provider asks without end")
	return nil
}
