package posterntest

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"postern/internal/dial"
)

// Browser is an HTTP client with cookies that behaves as a browser does: it follows redirects and
// says that it navigates.
type Browser struct {
	*http.Client
	t   testing.TB
	sys *System
}

// Browser gives a new browser with no cookies.
func (s *System) Browser() *Browser {
	s.T.Helper()
	jar := must(cookiejar.New(nil))(s.T)
	transport := &http.Transport{
		DialContext:         dial.Context,
		TLSClientConfig:     &tls.Config{RootCAs: s.Roots},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 256,
	}
	s.T.Cleanup(transport.CloseIdleConnections)
	return &Browser{Client: &http.Client{Jar: jar, Transport: transport, Timeout: Patience}, t: s.T, sys: s}
}

// WithoutHTTP2 makes the browser speak HTTP/1.1 only.
func (b *Browser) WithoutHTTP2() *Browser {
	transport := b.Transport.(*http.Transport)
	transport.ForceAttemptHTTP2 = false
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	return b
}

// WithoutRedirects makes the browser show redirects instead of following them.
func (b *Browser) WithoutRedirects() *Browser {
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// Page is an answer with its body.
type Page struct {
	*http.Response
	Text string
}

// Go navigates to a URL and gives the page where it ends up.
func (b *Browser) Go(target string) Page {
	b.t.Helper()
	req := must(http.NewRequestWithContext(b.t.Context(), http.MethodGet, target, nil))(b.t)
	return b.Send(req)
}

// Send navigates with a request.
func (b *Browser) Send(req *http.Request) Page {
	b.t.Helper()
	return must(b.page(req))(b.t)
}

func (b *Browser) page(req *http.Request) (Page, error) {
	if req.Header.Get("Sec-Fetch-Mode") == "" { // it navigates
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Sec-Fetch-Dest", "document")
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	}
	resp, err := b.Do(req)
	if err != nil {
		return Page{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Page{resp, string(text)}, err
}

// GoUntil navigates to a URL again and again until the page is as it should be, and gives it.
func (b *Browser) GoUntil(what, target string, is func(Page) bool) Page {
	b.t.Helper()
	return b.SendUntil(what, func() *http.Request {
		return must(http.NewRequestWithContext(b.t.Context(), http.MethodGet, target, nil))(b.t)
	}, is)
}

// SendUntil sends one request after the other until the page is as it should be, and gives it. An answer that is under way when a right ends is
// cut: that is no page yet.
func (b *Browser) SendUntil(what string, next func() *http.Request, is func(Page) bool) (page Page) {
	b.t.Helper()
	b.sys.Await(what, func() bool {
		var err error
		if page, err = b.page(next()); err != nil && isCut(err) {
			return false
		}
		must(page, err)(b.t)
		return is(page)
	})
	return page
}

// isCut tells whether an answer did not come to its end, or, over HTTP/1.1, not even to its head.
func isCut(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "INTERNAL_ERROR")
}

var requestField = regexp.MustCompile(`name="request" value="([^"]*)"`)

// SignIn navigates to a URL, fills in the form that it meets with the name and Password, and gives
// the page after it.
func (b *Browser) SignIn(target, name string) Page {
	b.t.Helper()
	page := b.Go(target)
	field := requestField.FindStringSubmatch(page.Text)
	if field == nil {
		b.t.Fatalf("%s led to no sign-in form but to %s: %s", target, page.Request.URL, page.Status)
	}
	return b.Post(b.sys.PortalURL+"/sign-in", url.Values{
		"request": {field[1]}, "name": {name}, "password": {Password},
	})
}

// Post sends a form as the page's own form does.
func (b *Browser) Post(target string, form url.Values) Page {
	b.t.Helper()
	req := must(http.NewRequestWithContext(b.t.Context(), http.MethodPost, target, strings.NewReader(form.Encode())))(b.t)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	return b.Send(req)
}
