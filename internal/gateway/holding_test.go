package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/test/size"
)

// newScripted starts a backend that plays a part on each connection.
func newScripted(t testing.TB, play func(c net.Conn, in *bufio.Reader)) (address string) {
	l := listen(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(2 * patience)) // an open connection takes any
				play(c, bufio.NewReader(c))
			}()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return l.Addr().String()
}

// head reads the head of a request.
func head(in *bufio.Reader) error {
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == "\r\n" {
			return err
		}
	}
}

func newScriptedSite(t testing.TB, play func(c net.Conn, in *bufio.Reader), options ...option) *world {
	w := newWorld(t, options...)
	w.connect("a")
	w.publish("https://wiki.test/", "http://"+newScripted(t, play)+"/", passthrough)
	return w
}

// TestAnsweredBeforeTheBodyIsSent: the client does not wait for 100 (Continue), and the backend says it together with its answer. The
// body is there, on its way, and nobody's any more at the same moment. The next request on the connection is what it was.
func TestAnsweredBeforeTheBodyIsSent(t *testing.T) {
	w := newScriptedSite(t, func(c net.Conn, in *bufio.Reader) {
		for head(in) == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // reading tells
			body := make([]byte, 4)
			if _, err := io.ReadFull(in, body); err != nil || string(body) != "abcd" {
				return // the request was given up, as it may be
			}
		}
	})
	c := w.tls("wiki.test")
	in := bufio.NewReader(c)
	for n := range size.Of(200, 20_000) {
		if c == nil {
			c = w.tls("wiki.test")
			in.Reset(c)
		}
		fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: wiki.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd")
		for {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("request %d: %v", n, err)
			}
			if res.StatusCode == http.StatusContinue {
				continue
			}
			if body, err := io.ReadAll(res.Body); err != nil || string(body) != "ok" {
				t.Fatalf("request %d: %d %q %v", n, res.StatusCode, body, err)
			}
			if res.Close {
				c = nil
			}
			break
		}
	}
}

// TestInterimResponsesThatNobodyReads: a backend that tells of its progress for ever does so to nobody. Nothing stays.
func TestInterimResponsesThatNobodyReads(t *testing.T) {
	gone := make(chan struct{}, 1)
	w := newScriptedSite(t, func(c net.Conn, in *bufio.Reader) {
		_ = head(in) // or writing fails
		hint := "HTTP/1.1 103 Early Hints\r\nLink: </" + strings.Repeat("x", 200<<10) + ">\r\n\r\n"
		for {
			if _, err := io.WriteString(c, hint); err != nil {
				gone <- struct{}{}
				return
			}
		}
	}, unread)
	c := w.tls("wiki.test")
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: wiki.test\r\n\r\n")
	soon(t, "the backend is let go", gone)
	w.until("the connection ends", func() bool { return w.metric("postern_gateway_connections") == 1 }) // the tunnel's
}

// TestAnswerInPiecesInsteadOfContinue: a backend answers without asking for the body, slowly. Its answer stays one.
func TestAnswerInPiecesInsteadOfContinue(t *testing.T) {
	w := newScriptedSite(t, func(c net.Conn, in *bufio.Reader) {
		_ = head(in) // or writing fails
		_, _ = io.WriteString(c, "HTTP/1.1 417 Expectation Failed\r\nX-Slow: ")
		<-time.After(1300 * time.Millisecond) // longer than the gateway waits for 100: that is the matter
		_, _ = io.WriteString(c, "yes\r\nContent-Length: 2\r\n\r\nno")
	})
	c := w.tls("wiki.test")
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: wiki.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusExpectationFailed || res.Header.Get("X-Slow") != "yes" || string(body) != "no" {
		t.Errorf("%d %v %q", res.StatusCode, res.Header, body)
	}
}

// TestBackendThatAnswersAndReadsNoMore: its answer is whole, the rest of the request is the client's loss and not its connection's.
func TestBackendThatAnswersAndReadsNoMore(t *testing.T) {
	over := make(chan struct{})
	w := newScriptedSite(t, func(c net.Conn, in *bufio.Reader) {
		_ = head(in) // or writing fails
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		<-over
	})
	defer close(over)
	const much = 512 << 10
	c := w.tls("wiki.test")
	in := bufio.NewReader(c)
	for n := range 3 {
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: %d\r\n\r\n", much)
		if _, err := c.Write(make([]byte, much)); err != nil {
			return // what does not fit on the way ends the connection, after the answer
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "ok" {
			t.Fatalf("request %d: %q %v", n, body, err)
		}
		if res.Close {
			return
		}
	}
}
