package gateway_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
)

var update = flag.Bool("update", false, "write the golden files anew; look at what changed")

// rows reads a table of tests: lines of so many parts between tabs, the last one quoted.
func rows(t *testing.T, file string, parts int) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) != parts {
			t.Fatalf("%s: %q has not %d parts", file, line, parts)
		}
		if row[parts-1], err = strconv.Unquote(row[parts-1]); err != nil {
			t.Fatalf("%s: %q: %v", file, line, err)
		}
		list = append(list, row)
	}
	return list
}

// golden compares what came out with what was found right before.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (want -, got +; go test -update writes it anew):\n%s", file, diff)
	}
}

// A rawBackend answers in bytes and knows which it got.
type rawBackend struct {
	address string
	answer  func(request string) (answer string, end bool) // the head of each request; what is not answered waits

	mu  sync.Mutex // guards got
	got bytes.Buffer
}

func newRawBackend(t *testing.T, answer func(string) (string, bool)) *rawBackend {
	l := listen(t)
	b := &rawBackend{address: l.Addr().String(), answer: answer}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { b.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close() })
	return b
}

func (b *rawBackend) serve(c net.Conn) {
	defer c.Close()
	var whole bytes.Buffer // what was cut is nobody's request, and may come late
	in := bufio.NewReader(io.TeeReader(c, &whole))
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err = io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		b.keep(&whole)
		answer, end := b.answer(req.URL.Path)
		if _, err := io.WriteString(c, answer); err != nil || end {
			return
		}
	}
}

func (b *rawBackend) keep(text *bytes.Buffer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, _ = text.WriteTo(&b.got) // a buffer takes everything
}

// taken gives what came since the last time, without what differs each time and without what all requests get.
func (b *rawBackend) taken() string {
	return sameForAll.ReplaceAllString(strings.ReplaceAll(b.raw(), b.address, "BACKEND"), "")
}

// raw gives the very bytes that came since the last time.
func (b *rawBackend) raw() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.got.Reset()
	return b.got.String()
}

var sameForAll = regexp.MustCompile(`X-Forwarded-For: 127\.0\.0\.1\r\nX-Forwarded-Host: open\.test\r\nX-Forwarded-Proto: https\r\n` +
	`Forwarded: for=127\.0\.0\.1;host=open\.test;proto=https\r\nX-Request-Id: [a-z2-7]{16}\r\n`)

// short makes long runs of one character short.
func short(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		n := 1
		for i+n < len(text) && text[i+n] == text[i] {
			n++
		}
		if n > 20 {
			fmt.Fprintf(&out, "<%d %q>", n, text[i])
		} else {
			out.WriteString(text[i : i+n])
		}
		i += n
	}
	return out.String()
}

// answers reads responses up to the end of the connection: their statuses.
func answers(c net.Conn) string {
	in := bufio.NewReader(c)
	var list []string
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			break
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			list = append(list, "cut")
			break
		}
		list = append(list, strconv.Itoa(res.StatusCode))
	}
	return strings.Join(list, " ")
}

// TestRequestTable sends each request of the table, and after it one that ends the connection: what is answered, and the very
// bytes that the backend gets, are those of the golden file. A request that is not where it belongs would show there.
func TestRequestTable(t *testing.T) {
	w := newWorld(t)
	backend := newRawBackend(t, func(string) (string, bool) { return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false })
	w.connect("a")
	w.publish("https://open.test/", "http://"+backend.address, func(a *access.Application) { passthrough(a); a.IdleTimeout = 6 * time.Second })
	var out bytes.Buffer
	for _, row := range rows(t, "testdata/requests.txt", 2) {
		c := w.tls("open.test")
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(c, row[1]+"GET /last HTTP/1.1\r\nHost: open.test\r\nConnection: close\r\n\r\n"); err != nil {
			t.Logf("%s: %v", row[0], err) // it was answered before it was all sent
		}
		fmt.Fprintf(&out, "%s: %s\n", row[0], answers(c))
		if got := backend.taken(); got != "" {
			fmt.Fprintf(&out, "\t%q\n", short(got))
		}
		c.Close()
	}
	golden(t, "testdata/requests.golden", out.Bytes())
}

// TestResponseTable has a backend answer in each way of the table. After each, the same client asks for something else and has
// to get that: what a backend says wrong is never part of another answer.
func TestResponseTable(t *testing.T) {
	table := rows(t, "testdata/responses.txt", 3)
	backend := newRawBackend(t, func(path string) (string, bool) {
		n, err := strconv.Atoi(strings.TrimPrefix(path, "/"))
		if err != nil {
			return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine", false
		}
		return table[n][2], strings.HasSuffix(table[n][1], " end")
	})
	w := newWorld(t)
	w.connect("a")
	w.publish("https://open.test/", "http://"+backend.address, func(a *access.Application) {
		passthrough(a)
		a.BackendTimeout = 6 * time.Second
		a.IdleTimeout = 6 * time.Second
	})
	w.publish("https://other.test/", "http://"+backend.address, passthrough)
	var out bytes.Buffer
	for n, row := range table {
		how, _, _ := strings.Cut(row[1], " ")
		fmt.Fprintf(&out, "%s: %s\n", row[0], w.answerTo(how, n))
		res, body := get(t, w.client(nil), "https://other.test/mine")
		if res.StatusCode != 200 || body != "mine" {
			t.Errorf("after %q: %s %q", row[0], res.Status, body)
		}
	}
	golden(t, "testdata/responses.golden", out.Bytes())
}

// answerTo gives what a client sees of an answer, and how it ended.
func (w *world) answerTo(how string, n int) string {
	c := w.tls("open.test")
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	method, more := how, ""
	if how == "WebSocket" {
		method, more = "GET", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	fmt.Fprintf(c, "%s /%d HTTP/1.1\r\nHost: open.test\r\n%s\r\n", method, n, more)
	in, out := bufio.NewReader(c), ""
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return out + "cut"
		}
		if out += strconv.Itoa(res.StatusCode) + " "; res.StatusCode == 101 {
			return out + "switched"
		}
		if res.StatusCode < 200 {
			continue
		}
		body, err := io.ReadAll(res.Body)
		if res.StatusCode == 502 || res.StatusCode == 504 {
			body = []byte("(page)")
		}
		out += short(fmt.Sprintf("%q %v %v", body, res.Header["Content-Length"], res.TransferEncoding))
		if len(res.Trailer) > 0 {
			out += fmt.Sprintf(" trailers %v", res.Trailer)
		}
		if err != nil {
			out += " cut"
		}
		return out
	}
}
