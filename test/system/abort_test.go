package system

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/posterntest"
)

// begun is the part of every body that arrives.
var begun = strings.Repeat("0123456789abcdef", 256)

// The ways in which a backend says how long its answer is, each with an answer that has begun.
// What is more is sent once the client has what arrived before: net/http holds back a part of a chunk.
var framings = []struct{ name, answer, more string }{
	{"known length", "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + begun, "and"},
	{"between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + begun + "\r\n", ""},
	{"within a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + begun + "\r\n", "2000\r\nand"},
	{"until the end", "HTTP/1.0 200 OK\r\n\r\n" + begun, "and"},
}

// dying is a backend that begins its answers and then does what the test says. It does not use net/http,
// which would put its own order into it.
type dying struct {
	net.Listener
	mu    sync.Mutex              // guards conns
	conns map[*net.TCPConn]string // what is more
}

func newDying(t *testing.T) *dying {
	d := &dying{Listener: must(net.Listen("tcp", "127.0.0.1:0"))(t), conns: map[*net.TCPConn]string{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := d.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { d.serve(conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		d.Close()
		d.end(true)
		serving.Wait()
	})
	return d
}

func (d *dying) serve(conn *net.TCPConn) {
	var request [8 << 10]byte
	n, err := conn.Read(request[:])
	if err != nil {
		return
	}
	_, target, _ := strings.Cut(string(request[:n]), " ")
	target, _, _ = strings.Cut(target, " ")
	for _, f := range framings {
		if target == "/"+url.PathEscape(f.name) {
			d.mu.Lock()
			d.conns[conn] = f.more
			d.mu.Unlock()
			io.WriteString(conn, f.answer)
			return
		}
	}
	io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfront")
	conn.Close()
}

// end ends what is open, with a RST, as a process does that is killed before it has read all, or with
// a FIN, as one that is killed when it has.
func (d *dying) end(reset bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.conns {
		if reset {
			conn.SetLinger(0)
		}
		conn.Close()
	}
	clear(d.conns)
}

// more sends a little more of every answer.
func (d *dying) more() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn, text := range d.conns {
		io.WriteString(conn, text)
	}
}

// TestAbortedDownload: a download that was cut anywhere never looks complete to the client.
func TestAbortedDownload(t *testing.T) { eachWay(t, testAbortedDownload) }

func testAbortedDownload(t *testing.T, w way) {
	s := w.site(t, 1)
	d := newDying(t)
	s.publish("http://" + d.Addr().String() + "/")
	type end struct {
		name  string
		do    func()
		after func() // optional
		valid func(framing string) bool
	}
	ends := []end{
		{name: "backend reset", do: func() { d.end(true) }},
		// The plain end of a body without a length is its end: nobody could tell.
		{name: "backend ended", do: func() { d.end(false) }, valid: func(f string) bool { return f == "until the end" }},
		{name: "connector killed", do: func() { s.connectors[0].kill() }, after: func() {
			s.awaitActive(0) // or the old tunnel would pass for the new one
			s.connectors[0].start()
			s.awaitActive(1)
		}},
		{name: "service killed", do: func() { s.service.kill() }, after: func() { s.service.start(); s.awaitActive(1) }},
	}
	if s.beyond != nil {
		ends = append(ends, end{name: "the other service killed", do: func() { s.beyond.kill() }, after: func() {
			s.awaitActive(0)
			s.beyond.start()
			s.awaitActive(1)
		}})
	}
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			var open []download
			for _, f := range framings {
				for _, c := range s.clients {
					open = append(open, s.begin(t, f.name, c))
				}
				open = append(open, s.beginHTTP10(t, f.name))
			}
			d.more()
			end.do()
			for _, o := range open {
				rest, err := io.ReadAll(o.body)
				complete := err == nil
				if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s, %s: does not end", o.client, o.framing)
				}
				if want := end.valid != nil && end.valid(o.framing); complete != want {
					t.Errorf("%s, %s: after %d more bytes: %v; looks complete: %v, want %v", o.client, o.framing, len(rest), err, complete, want)
				}
			}
			if end.after != nil {
				end.after()
			}
		})
	}
}

// download is one that has begun.
type download struct {
	client, framing string
	body            io.Reader
}

// begin reads what comes of a download before it is cut.
func (s *site) begin(t *testing.T, framing string, c client) download {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), posterntest.Patience)
	t.Cleanup(cancel)
	req := must(http.NewRequestWithContext(ctx, http.MethodGet, s.wiki("/"+url.PathEscape(framing)), nil))(t)
	resp := must(c.Do(req))(t)
	t.Cleanup(func() { resp.Body.Close() })
	readBegun(t, resp)
	return download{c.name, framing, resp.Body}
}

func readBegun(t *testing.T, resp *http.Response) {
	t.Helper()
	got := make([]byte, 4096)
	if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != begun || resp.StatusCode != http.StatusOK {
		t.Fatalf("the download begins with %s %.100q, %v", resp.Status, got, err)
	}
}

// beginHTTP10 does the same with HTTP/1.0, where a body without a length ends with the connection:
// only the missing farewell of TLS tells that it was cut.
func (s *site) beginHTTP10(t *testing.T, framing string) download {
	t.Helper()
	raw := &ending{Conn: must(net.Dial("tcp", s.Address()))(t)}
	conn := tls.Client(raw, &tls.Config{ServerName: "wiki.test.localhost", RootCAs: s.Roots})
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(posterntest.Patience))
	fmt.Fprintf(conn, "GET /%s HTTP/1.0\r\nHost: wiki.test.localhost:%d\r\nCookie: %s\r\n\r\n", url.PathEscape(framing), s.Port(), s.cookies(t))
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		var b [1]byte
		if _, err := conn.Read(b[:]); err != nil {
			t.Fatalf("the head: %q, %v", head.String(), err)
		}
		head.Write(b[:])
	}
	got := make([]byte, 4096)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != begun {
		t.Fatalf("the download begins with %q %.100q, %v", head.String(), got, err)
	}
	return download{"HTTP/1.0", framing, &oldBody{conn: conn, raw: raw, known: strings.Contains(head.String(), "Content-Length: 10000000\r\n"), n: len(got)}}
}

// ending notes that its connection ended.
type ending struct {
	net.Conn
	ended bool
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	e.ended = e.ended || err == io.EOF
	return n, err
}

// oldBody reads a body by HTTP/1.0.
type oldBody struct {
	conn  io.Reader
	raw   *ending
	known bool // its length
	n     int
}

var errCut = errors.New("ended too early")

func (b *oldBody) Read(p []byte) (int, error) {
	n, err := b.conn.Read(p)
	b.n += n
	// crypto/tls takes an end of TCP between two records for an end of TLS.
	if err == io.EOF && (b.raw.ended || b.known && b.n < 10000000) {
		return n, errCut
	}
	return n, err
}
