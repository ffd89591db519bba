package fetch

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
)

// TestBadAnswers: whatever a server does, there is one short error, in bounded time and memory, and nothing of
// the question or the answer is in it.
func TestBadAnswers(t *testing.T) {
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	_, _ = zip.Write(bytes.Repeat([]byte("[0,"), 1<<20))
	zip.Close()
	raw := func(w http.ResponseWriter, text string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, text)
			conn.Close()
		}
	}
	tests := []struct {
		name    string
		timeout time.Duration // short where the answer never ends, long where it must not matter
		handler http.HandlerFunc
		kind    fault.Kind
		want    string
	}{
		{"silence", time.Second / 2, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, fault.KindTimeout, "did not answer within"},
		{"a drip of header", time.Second / 2, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			for i := 0; err == nil; i++ {
				_, err = fmt.Fprintf(conn, "%s", "HTTP/1.1 200 OK\r\nX-Secret: s3cret\r\n"[i%30:i%30+1])
				pause(r, 20*time.Millisecond)
			}
		}, fault.KindTimeout, "did not answer within"},
		{"a drip of body", time.Second / 2, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				pause(r, 20*time.Millisecond)
			}
		}, fault.KindTimeout, "did not answer within"},
		{"a body without end", 0, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for chunk := []byte(strings.Repeat(" s3cret", 1000)); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, fault.KindUpstream, "more than 65536 bytes"},
		{"a header without end", 0, func(w http.ResponseWriter, _ *http.Request) {
			raw(w, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-Secret: s3cret\r\n", 1<<16))
		}, fault.KindUpstream, "no answer that can be read"},
		{"interim answers without end", 0, func(w http.ResponseWriter, _ *http.Request) {
			raw(w, strings.Repeat("HTTP/1.1 103 Early Hints\r\nX-Secret: s3cret\r\n\r\n", 1<<16))
		}, fault.KindUpstream, "no answer that can be read"},
		{"no HTTP", 0, func(w http.ResponseWriter, _ *http.Request) { raw(w, "220 mail s3cret ESMTP\r\n") }, fault.KindUpstream, "no answer that can be read"},
		{"nothing", 0, func(w http.ResponseWriter, _ *http.Request) { raw(w, "") }, fault.KindUnavailable, "broke off"},
		{"cut short", 0, func(w http.ResponseWriter, _ *http.Request) {
			raw(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"s3cret\":")
		}, fault.KindUnavailable, "broke off"},
		{"HTML", 0, answer("text/html; charset=utf-8", "<html>s3cret</html>"), fault.KindUpstream, "a web page (text/html) where JSON is due"},
		{"no type", 0, answer("", "{}"), fault.KindUpstream, "without a type where JSON is due"},
		{"a type that is none", 0, answer("s3cret", "{}"), fault.KindUpstream, "where JSON is due"},
		{"a type without end", 0, answer("application/"+strings.Repeat("x", 30_000), "{}"), fault.KindUpstream, "where JSON is due"},
		{"another alphabet", 0, answer("application/json; charset=utf-7", "{}"), fault.KindUpstream, "where JSON is due"},
		{"HTML that says it is JSON", 0, answer("application/json", "<html>s3cret</html>"), fault.KindUpstream, "cannot be read"},
		{"half of it", 0, answer("application/json", `{"s3cret":`), fault.KindUpstream, "cannot be read"},
		{"two of them", 0, answer("application/json", `{}{"s3cret":1}`), fault.KindUpstream, "cannot be read"},
		{"not UTF-8", 0, answer("application/json", "{\"s3cret\":\"\xff\"}"), fault.KindUpstream, "not UTF-8"},
		{"a list", 0, answer("application/json", `["s3cret"]`), fault.KindUpstream, "not what is due"},
		{"deep", 0, answer("application/json", `{"a":`+strings.Repeat("[", 30_000)+strings.Repeat("]", 30_000)+"}"), fault.KindUpstream, "cannot be read"},
		{"packed though nobody asked", 0, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		}, fault.KindUpstream, "where JSON is due"},
		{"not found", 0, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "s3cret", 404) }, fault.KindUpstream, "status 404"},
		{"out of order", 0, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "s3cret", 500) }, fault.KindUnavailable, "status 500"},
		{"a status that is none", 0, func(w http.ResponseWriter, _ *http.Request) { raw(w, "HTTP/1.1 999 s3cret\r\n\r\n") }, fault.KindUnavailable, "status 999"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.handler)
			if test.timeout == 0 {
				test.timeout = 30 * time.Second
			}
			c := s.client(t, func(cfg *Config) { cfg.Timeout, cfg.MaxBody = test.timeout, 1<<16 })
			c.http.Transport.(*http.Transport).ForceAttemptHTTP2 = false // hijacking is of HTTP/1.1
			var into map[string]any
			err := c.JSON(t.Context(), s.URL+"/s3cret?s3cret", &into)
			if !fault.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 250 {
				t.Errorf("got %v (%s), want %s that says %q", err, fault.KindOf(err), test.kind, test.want)
			}
			if strings.Contains(everything(err), "s3cret") {
				t.Errorf("the error tells: %s", everything(err))
			}
		})
	}
}

func answer(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{kind}
		if kind == "" {
			w.Header()["Content-Type"] = nil
		}
		_, _ = io.WriteString(w, body)
	}
}

// pause lets a server of the tests be slow, until nobody listens.
func pause(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

func TestJSON(t *testing.T) {
	for _, kind := range []string{"application/json", "application/json; charset=UTF-8", "APPLICATION/JSON", "application/jwk-set+json"} {
		s := serve(t, answer(kind, `{"issuer":"x"}`))
		var into struct{ Issuer string }
		if err := s.client(t, nil).JSON(t.Context(), s.URL, &into); err != nil || into.Issuer != "x" {
			t.Errorf("%s: %v, %q", kind, err, into.Issuer)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	tests := map[string]time.Duration{"": 0, "7": 7 * time.Second, "999999": time.Hour, "99999999999999999999": 0, "-1": 0, "Fri, 31 Dec 1999 23:59:59 GMT": 0}
	for value, want := range tests {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(429)
		})
		_, err := s.client(t, nil).Get(t.Context(), s.URL)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.KindUnavailable || f.RetryAfter != want {
			t.Errorf("%q: got %v, want %s", value, err, want)
		}
	}
}

// TestManyAtOnce: one server holds a bounded number of connections, and everybody gets an answer.
func TestManyAtOnce(t *testing.T) {
	var now, beyond atomic.Int64
	var once sync.Once
	full := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch n := now.Add(1); {
		case n == connections:
			once.Do(func() { close(full) })
		case n > connections:
			beyond.Add(1)
		}
		select {
		case <-full:
		case <-r.Context().Done():
		}
		now.Add(-1) // before the answer: whoever has the connection next comes later
		fmt.Fprint(w, "answer")
	})
	c := s.client(t, nil)
	c.http.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if a, err := c.Get(t.Context(), s.URL); err != nil || string(a.Body) != "answer" {
				t.Errorf("got %v, %q", err, a.Body)
			}
		})
	}
	all.Wait()
	if n := beyond.Load(); n > 0 {
		t.Errorf("%d questions came while the server held %d already", n, connections)
	}
}
