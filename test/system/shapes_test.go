package system

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"postern/internal/posterntest"
)

// shapes is a backend with every shape of answer. What next waits for is the test's to give.
func shapes(next <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		flush := func() { http.NewResponseController(w).Flush() }
		switch r.URL.Path {
		case "/known":
			w.Header().Set("Content-Length", "1000")
			w.Write(make([]byte, 1000))
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/same":
			w.Header().Set("ETag", `"1"`)
			w.WriteHeader(http.StatusNotModified)
		case "/trailers":
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Trailer", "X-Sum")
			fmt.Fprintf(w, "%s sent %s", r.Trailer.Get("X-Check"), body)
			w.Header().Set("X-Sum", "the sum")
		case "/length":
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%d %v %d", r.ContentLength, r.TransferEncoding, len(body))
		case "/unwanted":
			w.WriteHeader(http.StatusForbidden) // without reading the body: its server sends no 100
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 5 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				flush()
				<-next
			}
		case "/huge-header":
			w.Header().Set("X-Huge", strings.Repeat("a", 2<<20))
		case "/hints":
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
		}
	}
}

// TestShapes: every shape of request and answer passes as it is, through the real processes.
func TestShapes(t *testing.T) { eachWay(t, testShapes) }

func testShapes(t *testing.T, w way) {
	next := make(chan struct{})
	s := w.wiki(t, 1, shapes(next))
	for _, c := range s.clients {
		for _, test := range []struct {
			name, method, path string
			body               io.Reader
			header             http.Header
			status             int
			want               string
			wantHeader         http.Header
		}{
			{name: "HEAD", method: "HEAD", path: "/known", status: 200, wantHeader: http.Header{"Content-Length": {"1000"}}},
			{name: "HEAD of no content", method: "HEAD", path: "/empty", status: 204},
			{name: "204", method: "GET", path: "/empty", status: 204, wantHeader: http.Header{"Content-Length": nil}},
			{name: "204 to an upload", method: "PUT", path: "/empty", body: strings.NewReader("x"), status: 204},
			{name: "304", method: "GET", path: "/same", header: http.Header{"If-None-Match": {`"1"`}}, status: 304, wantHeader: http.Header{"Etag": {`"1"`}}},
			{name: "known length", method: "POST", path: "/length", body: strings.NewReader("12345"), status: 200, want: "5 [] 5"},
			{name: "no body", method: "POST", path: "/length", status: 200, want: "0 [] 0"},
			{name: "unknown length", method: "POST", path: "/length", body: io.LimitReader(endless{}, 300_000), status: 200, want: "-1 [chunked] 300000"},
			{name: "upload nobody reads", method: "POST", path: "/unwanted", body: strings.NewReader("12345"),
				header: http.Header{"Expect": {"100-continue"}}, status: 403},
			{name: "a backend's huge header", method: "GET", path: "/huge-header", status: 502, want: "*"},
		} {
			t.Run(test.name+" with "+c.name, func(t *testing.T) {
				req := must(http.NewRequestWithContext(t.Context(), test.method, s.wiki(test.path), test.body))(t)
				maps.Copy(req.Header, test.header)
				resp := must(c.Do(req))(t)
				defer resp.Body.Close()
				got := must(io.ReadAll(resp.Body))(t)
				if resp.StatusCode != test.status || test.want != "*" && string(got) != test.want {
					t.Errorf("%s %q, want %d %q", resp.Status, got, test.status, test.want)
				}
				for name, want := range test.wantHeader {
					if diff := cmp.Diff(want, resp.Header[name]); diff != "" {
						t.Errorf("%s (-want +got):\n%s", name, diff)
					}
				}
			})
		}
		t.Run("events with "+c.name, func(t *testing.T) { s.events(t, c, next) })
		t.Run("trailers with "+c.name, func(t *testing.T) { s.trailers(t, c) })
		t.Run("interim answers with "+c.name, func(t *testing.T) { s.interim(t, c) })
	}
	t.Run("requests that are refused", s.refused)
}

// events reads one event after the other, each before the next one is sent.
func (s *site) events(t *testing.T, c client, next chan<- struct{}) {
	ctx, cancel := context.WithTimeout(t.Context(), posterntest.Patience)
	defer cancel()
	resp := must(c.Do(must(http.NewRequestWithContext(ctx, http.MethodGet, s.wiki("/events"), nil))(t)))(t)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 5 {
		if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d: %q, %v", i, line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		next <- struct{}{}
	}
	if _, err := lines.ReadByte(); err != io.EOF {
		t.Errorf("the stream of events ends with %v", err)
	}
}

func (s *site) trailers(t *testing.T, c client) {
	req := must(http.NewRequestWithContext(t.Context(), http.MethodPost, s.wiki("/trailers"), io.LimitReader(strings.NewReader("body"), 4)))(t)
	req.ContentLength = -1
	req.Trailer = http.Header{"X-Check": {"client"}}
	resp := must(c.Do(req))(t)
	defer resp.Body.Close()
	got := must(io.ReadAll(resp.Body))(t)
	if string(got) != "client sent body" || resp.Trailer.Get("X-Sum") != "the sum" {
		t.Errorf("%q with the trailers %v", got, resp.Trailer)
	}
}

// interim asks with Expect: 100-continue, and for early hints.
func (s *site) interim(t *testing.T, c client) {
	var mu sync.Mutex
	var codes []int
	var link []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		mu.Lock()
		defer mu.Unlock()
		codes, link = append(codes, code), append(link, h["Link"]...)
		return nil
	}})
	for path, body := range map[string]io.Reader{"/length": strings.NewReader("12345"), "/hints": nil} {
		req := must(http.NewRequestWithContext(ctx, http.MethodPost, s.wiki(path), body))(t)
		if body != nil {
			req.Header.Set("Expect", "100-continue")
		}
		resp := must(c.Do(req))(t)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(codes)
	if diff := cmp.Diff([]int{100, 103}, codes); diff != "" || !slices.Equal(link, []string{"</style.css>; rel=preload"}) {
		t.Errorf("interim answers %v with Link %v", codes, link)
	}
}

// refused sends by hand what no proper client would. The service stays as it was.
func (s *site) refused(t *testing.T) {
	for _, test := range []struct {
		name, lines string
		status      int
		want        string // optional
	}{
		{"a header of 1 MiB", "X-Huge: " + strings.Repeat("a", 1<<20) + "\r\n", 431, ""},
		{"1 MiB of headers", strings.Repeat("X-Many: "+strings.Repeat("a", 1014)+"\r\n", 1<<10), 431, ""},
		{"two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", 400, ""},
		{"a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, ""},
		{"an unknown coding", "Transfer-Encoding: gzip, chunked\r\n", 400, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := must(tls.Dial("tcp", s.Address(), &tls.Config{ServerName: "wiki.test.localhost", RootCAs: s.Roots}))(t)
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(posterntest.Patience))
			go fmt.Fprintf(conn, "POST /length HTTP/1.1\r\nHost: wiki.test.localhost:%d\r\nCookie: %s\r\n%s\r\n0\r\n\r\n", s.Port(), s.cookies(t), test.lines)
			resp := must(http.ReadResponse(bufio.NewReader(conn), nil))(t)
			defer resp.Body.Close()
			got, _ := io.ReadAll(resp.Body) // a refusal may end in any way
			if resp.StatusCode != test.status || test.want != "" && string(got) != test.want {
				t.Errorf("%s %.200q, want %d %q", resp.Status, got, test.status, test.want)
			}
		})
	}
	if status, _ := s.get(s.clients[0], "/"); status != http.StatusOK {
		t.Errorf("afterwards: %d", status)
	}
}

// cookies gives what the clients' Cookie header holds.
func (s *site) cookies(t *testing.T) string {
	t.Helper()
	var all []string
	for _, c := range s.clients[0].Jar.Cookies(must(url.Parse(s.wiki("/")))(t)) {
		all = append(all, c.String())
	}
	return strings.Join(all, "; ")
}

// TestWebSocket: messages of any size pass both ways at once, and either side's farewell arrives.
func TestWebSocket(t *testing.T) { eachWay(t, testWebSocket) }

func testWebSocket(t *testing.T, w way) {
	closed := make(chan error, 1)
	s := w.wiki(t, 1, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/socket" {
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"chat"}, OriginPatterns: []string{"*"}})
		if err != nil {
			closed <- err
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(64 << 20)
		closed <- echoSocket(r.Context(), conn)
	})
	dial := func(t *testing.T) *websocket.Conn {
		conn, _, err := websocket.Dial(t.Context(), s.wiki("/socket"), &websocket.DialOptions{HTTPClient: s.clients[0].Client, Subprotocols: []string{"chat"}})
		if err != nil {
			t.Fatal(err)
		}
		conn.SetReadLimit(64 << 20)
		t.Cleanup(func() { conn.CloseNow() })
		return conn
	}
	t.Run("messages", func(t *testing.T) {
		conn := dial(t)
		if conn.Subprotocol() != "chat" {
			t.Errorf("the subprotocol is %q", conn.Subprotocol())
		}
		s.talk(t, conn)
		if err := conn.Close(4001, "enough"); err != nil {
			t.Error(err)
		}
		if err := await(t, "the backend's end", closed); websocket.CloseStatus(err) != 4001 || !strings.Contains(err.Error(), "enough") {
			t.Errorf("the backend sees %v", err)
		}
	})
	t.Run("the backend says farewell", func(t *testing.T) {
		conn := dial(t)
		conn.Write(t.Context(), websocket.MessageText, []byte("close"))
		if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != 4002 {
			t.Errorf("the client sees %v", err)
		}
		await(t, "the backend's end", closed)
	})
	t.Run("the client is gone", func(t *testing.T) {
		conn := dial(t)
		left := time.Now()
		conn.CloseNow()
		await(t, "the backend's end", closed)
		if took := time.Since(left); took > goneWithin {
			t.Errorf("the backend noticed after %v", took)
		}
	})
	t.Run("the connector is gone", func(t *testing.T) {
		conn := dial(t)
		s.connectors[0].kill()
		if _, _, err := conn.Read(t.Context()); err == nil {
			t.Error("the WebSocket goes on")
		}
		await(t, "the backend's end", closed)
	})
}

func echoSocket(ctx context.Context, conn *websocket.Conn) error {
	for {
		kind, message, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if string(message) == "close" {
			return conn.Close(4002, "as you wish")
		}
		if err := conn.Write(ctx, kind, message); err != nil {
			return err
		}
	}
}

// talk sends messages of many sizes without waiting for their echo, which must be the same in the same order.
func (s *site) talk(t *testing.T, conn *websocket.Conn) {
	ctx, cancel := context.WithTimeout(t.Context(), posterntest.Patience)
	defer cancel()
	var messages [][]byte
	for i := range 200 {
		messages = append(messages, bytes.Repeat([]byte(strconv.Itoa(i)+" "), i*i/4))
	}
	messages = append(messages, bytes.Repeat([]byte("much"), 1<<20))
	var sending sync.WaitGroup
	sending.Go(func() {
		for _, m := range messages {
			if err := conn.Write(ctx, websocket.MessageBinary, m); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i, want := range messages {
		if kind, got, err := conn.Read(ctx); err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, want) {
			t.Fatalf("message %d: %d bytes, want %d, %v", i, len(got), len(want), err)
		}
	}
	sending.Wait()
}
