package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// get sends a request and gives the reply with its body.
func get(t testing.TB, client *http.Client, url string, header ...string) (*http.Response, string) {
	t.Helper()
	return do(t, client, "GET", url, "", header...)
}

// statusAs is get while a right ends: an answer that is under way then may be cut, which gives 0.
func statusAs(t testing.TB, client *http.Client, url, cookie string) int {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

func do(t testing.TB, client *http.Client, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

const signedIn = "__Host-postern-session=good"

func echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.RequestURI, body)
	})
}

func newBackend(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	b := httptest.NewServer(h)
	t.Cleanup(b.Close)
	return b
}

func TestRequest(t *testing.T) {
	w := newWorld(t)
	backend := newBackend(t, echo())
	w.connect("a")
	w.publish("https://wiki.test/", backend.URL, nil)
	host := strings.TrimPrefix(backend.URL, "http://")
	for _, test := range []struct {
		name   string
		client *http.Client
		proto  string
	}{{"HTTP/1.1", w.client(nil), "HTTP/1.1"}, {"HTTP/2", w.client(http2), "HTTP/2.0"}} {
		t.Run(test.name, func(t *testing.T) {
			res, body := get(t, test.client, "https://wiki.test/a%20b?c=%2f&&", "Cookie", signedIn)
			if res.StatusCode != 200 || body != "GET "+host+" /a%20b?c=%2f&& " || res.Proto != test.proto {
				t.Errorf("%s %d %q", res.Proto, res.StatusCode, body)
			}
			res, body = do(t, test.client, "POST", "https://wiki.test/x", "payload", "Cookie", signedIn)
			if res.StatusCode != 200 || body != "POST "+host+" /x payload" {
				t.Errorf("%d %q", res.StatusCode, body)
			}
			if res.Header.Get("Postern-Reference") == "" {
				t.Error("no reference")
			}
		})
	}
	if n := w.grants.Load(); n != 1 {
		t.Errorf("%d grants were asked for, want 1", n)
	}
}
