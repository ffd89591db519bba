package backend

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
)

// TestRequest: what is sent is what the server understands.
func TestRequest(t *testing.T) {
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %d %q %v %q|%v|%v|%q", r.Method, r.Host, r.RequestURI, r.ContentLength, body, err, r.Header["X-One"], r.Header.Get("Te"), r.Header["Connection"], r.Trailer.Get("X-Sum"))
	}, Config{}, http.HTTP2Config{})
	r := post(-1)
	r.Path = "/a%2Fb;c?d=e"
	r.Fields = fields("X-One", "1", "x-ONE", "2", "Connection", "close", "Transfer-Encoding", "chunked", "Host", "other", "Content-Length", "7", "TE", "trailers", "Trailer", "x-sum", "Upgrade", "h2c")
	s := must(c.Open(r))(t)
	defer s.Close()
	for _, part := range []string{"hel", "", "lo"} {
		if n, err := s.Write([]byte(part)); err != nil || n != len(part) {
			t.Error(n, err)
		}
	}
	if err := s.CloseWrite(fields("X-Sum", "5")); err != nil {
		t.Error(err)
	}
	h, body, err := whole(s)
	if want := `POST app.test /a%2Fb;c?d=e -1 "hello" <nil> ["1" "2"]|trailers|[]|"5"`; err != nil || h.Status != 200 || body != want {
		t.Errorf("%s, %v; want %s", body, err, want)
	}
}

// TestResponse: head, interim heads, body and trailers come as the server sent them.
func TestResponse(t *testing.T) {
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.Header().Set("X-Answer", "42")
		w.Header()["Date"] = nil
		w.Header().Set("Content-Type", "text/x")
		switch r.URL.Path {
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/trailers-only":
			w.WriteHeader(http.StatusOK)
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "5")
		default:
			_, _ = io.WriteString(w, "body")
			_ = http.NewResponseController(w).Flush()
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		}
	}, Config{}, http.HTTP2Config{})
	for _, test := range []struct {
		request               *Request
		status                int
		body, fields, trailer string
	}{
		{get("/"), 200, "body", "x-answer: 42\ncontent-type: text/x\n", "grpc-status: 0\n"},
		{get("/none"), 204, "", "x-answer: 42\ncontent-type: text/x\n", ""},
		{get("/trailers-only"), 200, "", "x-answer: 42\ncontent-type: text/x\n", "grpc-status: 5\n"},
		{&Request{Method: "HEAD", Scheme: "http", Authority: "app.test", Path: "/"}, 200, "", "x-answer: 42\ncontent-type: text/x\n", ""},
	} {
		s := must(c.Open(test.request))(t)
		early := must(s.Head())(t)
		if early.Status != 103 || text(early.Fields) != "link: </style.css>\n" {
			t.Errorf("%s: first %d %s", test.request.Path, early.Status, text(early.Fields))
		}
		h, body, err := whole(s)
		got := ""
		for _, line := range strings.SplitAfter(text(h.Fields), "\n") {
			if !strings.HasPrefix(line, "trailer:") && !strings.HasPrefix(line, "content-length:") {
				got += line
			}
		}
		if err != nil || h.Status != test.status || body != test.body || sorted(got) != sorted(test.fields) || test.request.Method != "HEAD" && text(s.Trailer()) != test.trailer {
			t.Errorf("%s %s: %d %q %q %q, %v", test.request.Method, test.request.Path, h.Status, body, got, text(s.Trailer()), err)
		}
		s.Close()
	}
	eventually(t, "nothing is open", func() bool { return c.Active() == 0 })
}

func sorted(lines string) string {
	list := strings.Split(lines, "\n")
	if len(list) == 3 && list[0] > list[1] {
		list[0], list[1] = list[1], list[0]
	}
	return strings.Join(list, "\n")
}

// TestBodies: bodies of many sizes, up and down at once on many streams, arrive as they were sent, with windows that have to grow and
// windows that must not.
func TestBodies(t *testing.T) {
	for _, cfg := range []Config{{}, {Budget: NewBudget(8 << 20)}, {Limits: Limits{Window: 70_000, MaxWindow: 100_000}, Budget: NewBudget(100_000)}} {
		c := served(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyBuffer(struct{ io.Writer }{w}, r.Body, make([]byte, 30_000))
		}, cfg, http.HTTP2Config{MaxReceiveBufferPerStream: 70_000})
		var running sync.WaitGroup
		for i := range 32 {
			running.Go(func() {
				data := make([]byte, []int{0, 1, 4095, 4096, 4097, 65_535, 65_536, 300_000, 3 << 20}[i%9])
				chacha := rand.NewChaCha8(sha256.Sum256([]byte{byte(i)}))
				_, _ = chacha.Read(data)
				s, err := c.Open(post(-1))
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				go func() {
					_, _ = s.Write(data)
					_ = s.CloseWrite(nil)
				}()
				if _, body, err := whole(s); err != nil || !bytes.Equal([]byte(body), data) {
					t.Errorf("%d bytes, got %d, %v", len(data), len(body), err)
				}
			})
		}
		running.Wait()
		eventually(t, "nothing is open", func() bool { return c.Active() == 0 })
		if cfg.Budget != nil && cfg.Budget.left.Load() != NewBudget(map[bool]int64{true: 8 << 20, false: 100_000}[cfg.Limits.Window == 0]).left.Load() {
			t.Errorf("%d bytes of the budget are left", cfg.Budget.left.Load())
		}
	}
}

// TestConversation: a body goes up while the response comes down, each part as soon as it is there.
func TestConversation(t *testing.T) {
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		buffer := make([]byte, 100)
		for {
			n, err := r.Body.Read(buffer)
			_, _ = w.Write(bytes.ToUpper(buffer[:n]))
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				return
			}
		}
	}, Config{}, http.HTTP2Config{})
	s := must(c.Open(post(-1)))(t)
	defer s.Close()
	if h, err := s.Head(); err != nil || h.Status != 200 || h.Length != -1 {
		t.Fatal(h, err)
	}
	for _, word := range []string{"one", "two", "three"} {
		_, _ = s.Write([]byte(word))
		got := make([]byte, len(word))
		if _, err := io.ReadFull(s, got); err != nil || string(got) != strings.ToUpper(word) {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_ = s.CloseWrite(nil)
	if rest, err := io.ReadAll(s); len(rest) > 0 || err != nil {
		t.Error(rest, err)
	}
}

// TestStalledReader: a response that nobody reads holds no more than its window, and the others of its connection lose nothing.
func TestStalledReader(t *testing.T) {
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 32<<10)
		for range 64 { // 2 MiB
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}, Config{Budget: NewBudget(64 << 20)}, http.HTTP2Config{MaxConcurrentStreams: 100})
	var stalled []*Stream
	for range 40 {
		s := must(c.Open(get("/")))(t)
		must(s.Head())(t)
		stalled = append(stalled, s)
	}
	for range 10 {
		s := must(c.Open(get("/")))(t)
		if _, body, err := whole(s); err != nil || len(body) != 2<<20 {
			t.Error(len(body), err)
		}
		s.Close()
	}
	for _, s := range stalled {
		eventually(t, "the window is full", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return s.body.len == 64<<10 })
	}
	for _, s := range stalled[:20] {
		s.Close()
	}
	for _, s := range stalled[20:] {
		if body, err := io.ReadAll(s); err != nil || len(body) != 2<<20 {
			t.Error(len(body), err)
		}
		s.Close()
	}
	if left := c.cfg.Budget.left.Load(); left != 64<<20 {
		t.Errorf("%d of the budget are left", left)
	}
}

// TestCut: who cuts one stream makes the server see it, and the others go on.
func TestCut(t *testing.T) {
	gone := make(chan struct{}, 1)
	release := make(chan struct{})
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			gone <- struct{}{}
			return
		}
		<-release
		_, _ = io.WriteString(w, "whole")
	}, Config{}, http.HTTP2Config{})
	other := must(c.Open(get("/other")))(t)
	defer other.Close()
	why := errors.New("revoked")
	s := must(c.Open(&Request{Method: "POST", Scheme: "http", Authority: "app.test", Path: "/long", Length: -1}))(t)
	must(s.Head())(t)
	reading, writing := make(chan error), make(chan error)
	go func() { _, err := s.Read(make([]byte, 1)); reading <- err }()
	go func() {
		var err error
		for err == nil {
			_, err = s.Write(make([]byte, 10_000)) // until the window is full
		}
		writing <- err
	}()
	s.Reset(http2.ErrCodeCancel, why)
	if r, w := <-reading, <-writing; r != why || w != why {
		t.Errorf("read: %v, write: %v", r, w)
	}
	s.Close()
	<-gone
	close(release)
	if _, body, err := whole(other); err != nil || body != "whole" {
		t.Error(body, err)
	}
}
