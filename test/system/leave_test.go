package system

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"postern/internal/posterntest"
	"postern/test/size"
)

// goneWithin is how soon a backend's work ends once nobody waits for it.
var goneWithin = size.Within(time.Second)

// working is a backend whose work has no end of its own.
type working struct {
	begun chan struct{}
	gone  chan error // what became of the upload, if it was one
}

func (b *working) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		return
	}
	var block [32 << 10]byte
	upload := errCut
	switch r.URL.Path {
	case "/download":
		b.begun <- struct{}{}
		for {
			if _, err := w.Write(block[:]); err != nil {
				break
			}
		}
	case "/quiet-download":
		io.WriteString(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
		b.begun <- struct{}{}
		<-r.Context().Done()
	case "/upload":
		io.ReadFull(r.Body, block[:10])
		b.begun <- struct{}{}
		_, upload = io.Copy(io.Discard, r.Body)
	case "/wait":
		io.Copy(io.Discard, r.Body)
		b.begun <- struct{}{}
		<-r.Context().Done()
	}
	b.gone <- upload
}

// trickle is a body that stands still after its beginning.
type trickle struct {
	ctx   context.Context
	begun bool
}

func (t *trickle) Read(p []byte) (int, error) {
	if !t.begun {
		t.begun = true
		return copy(p, "0123456789"), nil
	}
	<-t.ctx.Done()
	return 0, t.ctx.Err()
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestClientLeaves: whoever leaves takes the backend's work along.
func TestClientLeaves(t *testing.T) { eachWay(t, testClientLeaves) }

func testClientLeaves(t *testing.T, w way) {
	backend := &working{begun: make(chan struct{}, 1), gone: make(chan error, 1)}
	s := w.wiki(t, 1, backend.ServeHTTP)
	for _, test := range []struct {
		name, path string
		body       func(context.Context) io.Reader
	}{
		{"during a download", "/download", nil},
		{"during a download that stands still", "/quiet-download", nil},
		{"during an upload", "/upload", func(context.Context) io.Reader { return endless{} }},
		{"during an upload that stands still", "/upload", func(ctx context.Context) io.Reader { return &trickle{ctx: ctx} }},
		{"while waiting", "/wait", nil},
		{"while waiting after an upload", "/wait", func(context.Context) io.Reader { return io.LimitReader(endless{}, 1<<20) }},
	} {
		for _, c := range s.clients {
			t.Run(test.name+" with "+c.name, func(t *testing.T) {
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				method, body := http.MethodGet, io.Reader(nil)
				if test.body != nil {
					method, body = http.MethodPost, test.body(ctx)
				}
				req := must(http.NewRequestWithContext(ctx, method, s.wiki(test.path), body))(t)
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					if resp, err := c.Do(req); err == nil {
						io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				}()
				await(t, "the work to begin", backend.begun)
				left := time.Now()
				leave()
				if err := await(t, "the work to end", backend.gone); err == nil {
					t.Error("an upload that was given up looked complete to the backend")
				}
				if took := time.Since(left); took > goneWithin {
					t.Errorf("the backend worked for another %v", took)
				}
				await(t, "the client to leave", ended)
			})
		}
	}
}

// await waits for a channel.
func await[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(posterntest.Patience):
		t.Fatalf("waited %v for: %s", posterntest.Patience, what)
	}
	return v
}
