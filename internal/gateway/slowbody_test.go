package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
)

// A trickle is a body of which a byte comes now and then, for ever.
type trickle struct{ stop <-chan struct{} }

func (b trickle) Read(p []byte) (int, error) {
	select {
	case <-b.stop:
		return 0, io.ErrClosedPipe
	case <-time.After(50 * time.Millisecond): // slow is what it is
		p[0] = 'x'
		return 1, nil
	}
}

// TestSlowBodies: a body that stands still and one that comes byte by byte hold an exchange for the idle time and no longer, whatever
// carries them. Their clients are told that it was they.
func TestSlowBodies(t *testing.T) {
	w := newWorld(t)
	w.connect("a")
	idle := func(protocol access.BackendProtocol) func(*access.Application) {
		return func(a *access.Application) {
			passthrough(a)
			a.IdleTimeout, a.BackendProtocol = time.Second, protocol
		}
	}
	drain := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	w.publish("https://wiki.test/", newBackend(t, http.HandlerFunc(drain)).URL, idle(access.BackendHTTP1))
	w.publish("https://slow.test/", newH2C(t, drain, false).URL+"/", idle(access.BackendHTTP2))
	for _, host := range []string{"wiki.test", "slow.test"} {
		for name, body := range map[string]string{"nothing more": "4\r\nhalf\r\n", "half a chunk": "10\r\nhalf"} {
			t.Run(host+"/"+name, func(t *testing.T) {
				c := w.tls(host)
				fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n%s", host, body)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				tooSlow(t, res)
			})
		}
		for name, change := range map[string]func(*http.Transport){"byte by byte": nil, "byte by byte over HTTP/2": http2} {
			t.Run(host+"/"+name, func(t *testing.T) {
				stop := make(chan struct{})
				defer close(stop)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+host+"/", trickle{stop})
				if err != nil {
					t.Fatal(err)
				}
				late := time.AfterFunc(patience, func() { t.Error("it is held for ever") })
				defer late.Stop()
				res, err := w.client(change).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				tooSlow(t, res)
			})
		}
	}
}

func tooSlow(t *testing.T, res *http.Response) {
	t.Helper()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(text), "request-timeout") || !strings.Contains(string(text), `"you"`) {
		t.Errorf("%s %q %v", res.Status, text, err)
	}
}
