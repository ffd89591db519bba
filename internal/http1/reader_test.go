package http1_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"postern/internal/http1"
)

// source gives its parts one by one, and looks before each.
type source struct {
	parts []string
	look  func(part int)
	next  int
}

func (s *source) Read(p []byte) (int, error) {
	if s.look(s.next); s.next == len(s.parts) {
		return 0, io.EOF
	}
	n := copy(p, s.parts[s.next])
	if s.parts[s.next] = s.parts[s.next][n:]; s.parts[s.next] == "" {
		s.next++
	}
	return n, nil
}

// TestIdleHoldsNothing: whoever waits for the next message holds no buffer, whatever the last one needed.
func TestIdleHoldsNothing(t *testing.T) {
	post := "POST / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 20<<10) + "\r\nContent-Length: 3\r\n\r\nabc"
	src := &source{parts: []string{post, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"}}
	r := http1.NewReader(src, http1.Limits{})
	idle := true
	src.look = func(int) {
		if held := r.Held(); idle && held > 0 {
			t.Errorf("%d bytes are held while nothing is read", held)
		}
		idle = false
	}
	for range 2 {
		var q http1.Request
		if err := r.Request(&q); err != nil {
			t.Fatal(err)
		}
		body := r.RequestBody(&q)
		if _, err := io.Copy(io.Discard, &body); err != nil {
			t.Fatal(err)
		}
		idle = true
	}
	var q http1.Request
	if err := r.Request(&q); err != io.EOF {
		t.Error(err)
	}
}

// TestHeadStays: the head is what it was until the next message, however much of the body was read.
func TestHeadStays(t *testing.T) {
	long := strings.Repeat("v", 3800) // so that there is no room behind it
	chunks := strings.Repeat("10\r\n0123456789abcdef\r\n", 600) + "0\r\nEnd: 1\r\n\r\n"
	src := &source{parts: []string{"POST /path HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nLong: " + long + "\r\n\r\n" + chunks}, look: func(int) {}}
	r := http1.NewReader(src, http1.Limits{})
	var q http1.Request
	if err := r.Request(&q); err != nil {
		t.Fatal(err)
	}
	body := r.RequestBody(&q)
	n, err := io.Copy(io.Discard, &body)
	if err != nil || n != 9600 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if string(q.Path) != "/path" || string(q.Fields.Get("long")) != long || string(body.Trailer().Get("end")) != "1" {
		t.Errorf("the head has become %s %.80q", q.Path, q.Fields)
	}
}

// TestAfterAnError: nothing that follows is read as a message.
func TestAfterAnError(t *testing.T) {
	r := http1.NewReader(strings.NewReader("GET / HTTP/1.1\nHost: a\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"), http1.Limits{})
	var q http1.Request
	first := r.Request(&q)
	if refusal(first) != "bare-lf 400" || r.Request(&q) != first || r.Wait() != first {
		t.Errorf("after %v something was read", first)
	}
}

// TestUnread: what came after a switch of protocols goes to whoever speaks the other one.
func TestUnread(t *testing.T) {
	r := http1.NewReader(strings.NewReader("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"), http1.Limits{})
	var s http1.Response
	if err := r.Response(&s, http1.Asked{Upgrade: true}); err != nil || s.Status != http.StatusSwitchingProtocols {
		t.Fatal(s.Status, err)
	}
	if rest := string(r.Unread()); rest != "\x81\x05hello" {
		t.Errorf("got %q", rest)
	}
	if err := r.Wait(); err == nil {
		t.Error("the reader goes on")
	}
}

// TestFields: lists and names as the gateway asks for them.
func TestFields(t *testing.T) {
	r := http1.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, ,Close\r\nvia: 1\r\nconnection: Upgrade\r\n\r\n"), http1.Limits{})
	var q http1.Request
	if err := r.Request(&q); err != nil {
		t.Fatal(err)
	}
	var list []string
	for e := range q.Fields.List("connection") {
		list = append(list, string(e))
	}
	if strings.Join(list, "|") != "x|Close|Upgrade" || !q.Fields.Lists("connection", "close") || q.Fields.Lists("connection", "clos") ||
		q.Fields.Count("connection") != 2 || string(q.Fields.Get("VIA")) != "" || string(q.Fields.Get("via")) != "1" || q.Fields.Get("none") != nil {
		t.Errorf("list %v, fields %q", list, q.Fields)
	}
}

// TestFailedHeadKeepsItsMethod: what is said of a request that failed is of that request, also when its head had outgrown its buffer
// and others have that buffer now.
func TestFailedHeadKeepsItsMethod(t *testing.T) {
	src := &source{parts: []string{"PATCH /secret HTTP/1.1\r\nHost: a\r\n", "X: " + strings.Repeat("y", 20<<10), "\r\nX: y\n"}, look: func(int) {}}
	r := http1.NewReader(src, http1.Limits{})
	var q http1.Request
	if err := r.Request(&q); err == nil {
		t.Fatal("a bare LF was taken")
	}
	for range 8 { // what takes the buffers that were given back
		other := http1.NewReader(&source{parts: []string{strings.Repeat("z", 4<<10)}, look: func(int) {}}, http1.Limits{})
		_ = other.Request(new(http1.Request)) // it is none
	}
	if string(q.Method) != "PATCH" || string(q.Path) != "/secret" {
		t.Errorf("%q %q", q.Method, q.Path)
	}
}
