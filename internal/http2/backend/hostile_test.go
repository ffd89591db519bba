package backend

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// TestNotHTTP2: who does not speak HTTP/2 is found out before a request is sent, and it is said how.
func TestNotHTTP2(t *testing.T) {
	for _, test := range []struct{ name, says, want string }{
		{"HTTP/1", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "it answers HTTP/1"},
		{"hangs up", "", "it hung up"},
		{"half a frame", "\x00\x00\x00\x04", "it hung up"},
		{"something else", "220 mail.test ESMTP ready\r\n", "it begins with something else"},
		{"a wrong frame", "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678", "it begins with something else"},
		{"an acknowledgement", "\x00\x00\x00\x04\x01\x00\x00\x00\x00", "it begins with something else"},
		{"settings of odd length", "\x00\x00\x05\x04\x00\x00\x00\x00\x0012345", "a frame is malformed"},
		{"settings out of range", "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\xff\xff\xff\xff", "a frame is malformed"},
	} {
		client, server := pair(t)
		go func() {
			_, _ = io.WriteString(server, test.says)
			_ = server.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, server)
		}()
		_, err := Dial(t.Context(), client, Config{})
		preface, ok := errors.AsType[*PrefaceError](err)
		if !ok || !strings.HasPrefix(preface.Why, test.want) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
	}
	client, _ := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, client, Config{}); err == nil || !strings.Contains(err.Error(), "it does not answer") {
		t.Errorf("who says nothing: %v", err)
	}
}

// TestMalformedResponses: a response that breaks the rules is an error and is reset; its connection and the others go on.
func TestMalformedResponses(t *testing.T) {
	c, p := scripted(t, Config{Limits: Limits{HeaderBytes: 4096}})
	ok := []string{":status", "200"}
	many := make([]string, 0, 200)
	for range 100 {
		many = append(many, "x-many", strings.Repeat("v", 50))
	}
	for _, test := range []struct {
		name string
		send func(id uint32)
	}{
		{"no status", func(id uint32) { p.head(id, true, "a", "b") }},
		{"status after fields", func(id uint32) { p.head(id, true, "a", "b", ":status", "200") }},
		{"two", func(id uint32) { p.head(id, true, ":status", "200", ":status", "200") }},
		{"none such", func(id uint32) { p.head(id, true, ":status", "20") }},
		{"signed", func(id uint32) { p.head(id, true, ":status", "+20") }},
		{"too large a status", func(id uint32) { p.head(id, true, ":status", "600") }},
		{"a path", func(id uint32) { p.head(id, true, ":status", "200", ":path", "/") }},
		{"upper case", func(id uint32) { p.head(id, true, ":status", "200", "X-A", "b") }},
		{"a line break", func(id uint32) { p.head(id, true, ":status", "200", "x-a", "b\r\nset-cookie: c") }},
		{"a zero", func(id uint32) { p.head(id, true, ":status", "200", "x-a", "b\x00") }},
		{"an empty name", func(id uint32) { p.head(id, true, ":status", "200", "", "b") }},
		{"connection", func(id uint32) { p.head(id, true, ":status", "200", "connection", "close") }},
		{"transfer-encoding", func(id uint32) { p.head(id, false, ":status", "200", "transfer-encoding", "chunked") }},
		{"upgrade", func(id uint32) { p.head(id, true, ":status", "200", "upgrade", "websocket") }},
		{"101", func(id uint32) { p.head(id, false, ":status", "101") }},
		{"an interim one ends it", func(id uint32) { p.head(id, true, ":status", "103") }},
		{"two lengths", func(id uint32) { p.head(id, false, ":status", "200", "content-length", "1", "content-length", "1") }},
		{"odd length", func(id uint32) { p.head(id, false, ":status", "200", "content-length", "+1") }},
		{"a length, and no body", func(id uint32) { p.head(id, true, ":status", "200", "content-length", "1") }},
		{"too large a header", func(id uint32) { p.head(id, true, append(ok, many...)...) }},
		{"a body without head", func(id uint32) { p.wrote(p.WriteData(id, true, []byte("x"))) }},
		{"too short a body", func(id uint32) {
			p.head(id, false, ":status", "200", "content-length", "5")
			p.wrote(p.WriteData(id, true, []byte("four")))
		}},
		{"too long a body", func(id uint32) {
			p.head(id, false, ":status", "200", "content-length", "3")
			p.wrote(p.WriteData(id, true, []byte("four")))
		}},
		{"a body of 204", func(id uint32) { p.head(id, false, ":status", "204"); p.wrote(p.WriteData(id, true, []byte("x"))) }},
		{"trailers that are no end", func(id uint32) { p.head(id, false, ok...); p.head(id, false, "a", "b") }},
		{"trailers with a status", func(id uint32) { p.head(id, false, ok...); p.head(id, true, ok...) }},
		{"a window of nothing", func(id uint32) { p.wrote(p.WriteWindowUpdate(id, 0)) }},
		{"too large a window", func(id uint32) { p.wrote(p.WriteWindowUpdate(id, maxWindow)) }},
		{"more than its window", func(id uint32) {
			p.head(id, false, ok...)
			for range 5 {
				p.wrote(p.WriteData(id, false, make([]byte, 16<<10)))
			}
		}},
	} {
		s := must(c.Open(get("/")))(t)
		id := await[*http2.MetaHeadersFrame](p).StreamID
		test.send(id)
		var err error
		if _, err = s.Head(); err == nil {
			_, err = io.Copy(io.Discard, onlyAfter{s, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return s.err != nil }, t})
		}
		reset, ok := errors.AsType[*ResetError](err)
		if !ok || reset.Remote || Unprocessed(err) {
			t.Errorf("%s: %v", test.name, err)
		}
		if f := await[*http2.RSTStreamFrame](p); f.StreamID != id {
			t.Errorf("%s: stream %d was reset, not %d", test.name, f.StreamID, id)
		}
		s.Close()
	}
	s := must(c.Open(get("/")))(t)
	defer s.Close()
	id := await[*http2.MetaHeadersFrame](p).StreamID
	p.head(id, false, ok...)
	p.wrote(p.WriteDataPadded(id, true, []byte("good"), make([]byte, 100)))
	if _, body, err := whole(s); err != nil || body != "good" {
		t.Error(body, err)
	}
}

// onlyAfter reads once a condition holds, so that a window that is too small is not read empty meanwhile.
type onlyAfter struct {
	s  *Stream
	ok func() bool
	t  *testing.T
}

func (r onlyAfter) Read(b []byte) (int, error) {
	eventually(r.t, "the fault is seen", r.ok)
	return r.s.Read(b)
}

// TestBrokenConnection: what breaks the connection ends it with all its streams, with a GOAWAY that says why.
func TestBrokenConnection(t *testing.T) {
	for _, test := range []struct {
		name string
		code http2.ErrCode
		send func(p *peer)
	}{
		{"a frame of a stream that never was", http2.ErrCodeProtocol, func(p *peer) { p.wrote(p.WriteRSTStream(99, 0)) }},
		{"of an even stream", http2.ErrCodeProtocol, func(p *peer) { p.head(2, true, ":status", "200") }},
		{"a push", http2.ErrCodeProtocol, func(p *peer) {
			p.wrote(p.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true}))
		}},
		{"too large a frame", http2.ErrCodeFrameSize, func(p *peer) { p.wrote(p.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, maxFrame+1))) }},
		{"a continuation of nothing", http2.ErrCodeProtocol, func(p *peer) { p.wrote(p.WriteContinuation(1, true, nil)) }},
		{"bad compression", http2.ErrCodeCompression, func(p *peer) {
			p.wrote(p.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, EndHeaders: true}))
		}},
		{"the connection's window of nothing", http2.ErrCodeProtocol, func(p *peer) { p.wrote(p.WriteWindowUpdate(0, 0)) }},
		{"its window too large", http2.ErrCodeFlowControl, func(p *peer) { p.wrote(p.WriteWindowUpdate(0, maxWindow)) }},
		{"a window by settings too large", http2.ErrCodeFlowControl, func(p *peer) {
			p.wrote(p.WriteWindowUpdate(1, maxWindow-65535))
			p.wrote(p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65536}))
		}},
	} {
		c, p := scripted(t, Config{})
		s := must(c.Open(get("/")))(t)
		await[*http2.MetaHeadersFrame](p)
		test.send(p)
		_, err := s.Head()
		if _, ok := errors.AsType[*ConnError](err); !ok || Unprocessed(err) {
			t.Errorf("%s: %v", test.name, err)
		}
		if f := await[*http2.GoAwayFrame](p); f.ErrCode != test.code {
			t.Errorf("%s: GOAWAY %s, want %s", test.name, f.ErrCode, test.code)
		}
		if _, err := c.Open(get("/")); err != ErrUnusable || !c.Gone() {
			t.Errorf("%s: %v", test.name, err)
		}
		s.Close()
		<-c.Done()
	}
}

// TestEndInTheMiddle: a response that the connection's end cuts never looks complete.
func TestEndInTheMiddle(t *testing.T) {
	c, p := scripted(t, Config{})
	s := must(c.Open(get("/")))(t)
	defer s.Close()
	await[*http2.MetaHeadersFrame](p)
	p.head(1, false, ":status", "200")
	p.wrote(p.WriteData(1, false, []byte("half")))
	p.conn.Close()
	_, body, err := whole(s)
	if body != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", body, err)
	}
}

// TestGoAway: what the backend did not look at may go elsewhere, what it did finishes, and nothing new begins.
func TestGoAway(t *testing.T) {
	c, p := scripted(t, Config{})
	first, second := must(c.Open(get("/1")))(t), must(c.Open(get("/2")))(t)
	await[*http2.MetaHeadersFrame](p)
	await[*http2.MetaHeadersFrame](p)
	p.wrote(p.WriteGoAway(1, http2.ErrCodeNo, nil))
	if _, err := second.Head(); !Unprocessed(err) {
		t.Errorf("the second: %v", err)
	}
	if _, err := c.Open(get("/")); err != ErrUnusable || !Unprocessed(err) {
		t.Errorf("a third: %v", err)
	}
	p.head(1, false, ":status", "200")
	p.wrote(p.WriteData(1, true, []byte("done")))
	if _, body, err := whole(first); err != nil || body != "done" {
		t.Errorf("the first: %q, %v", body, err)
	}
	first.Close()
	second.Close()
	<-c.Done()
}

// TestRefused: REFUSED_STREAM says that the request was not looked at, but not after something came of it.
func TestRefused(t *testing.T) {
	c, p := scripted(t, Config{})
	for _, test := range []struct {
		code http2.ErrCode
		head string
		want bool
	}{
		{http2.ErrCodeRefusedStream, "", true}, {http2.ErrCodeCancel, "", false}, {http2.ErrCodeEnhanceYourCalm, "", false},
		{http2.ErrCodeRefusedStream, "103", false}, {http2.ErrCodeRefusedStream, "200", false},
	} {
		s := must(c.Open(get("/")))(t)
		id := await[*http2.MetaHeadersFrame](p).StreamID
		if test.head != "" {
			p.head(id, false, ":status", test.head)
		}
		p.wrote(p.WriteRSTStream(id, test.code))
		var err error
		for err == nil {
			_, err = s.Head()
		}
		if Unprocessed(err) != test.want {
			t.Errorf("%s after %q: %v", test.code, test.head, err)
		}
		s.Close()
	}
}

// TestEarlyAnswer: a backend that answers before it has read the request, and wants no more of it, has answered.
func TestEarlyAnswer(t *testing.T) {
	c, p := scripted(t, Config{})
	s := must(c.Open(post(-1)))(t)
	defer s.Close()
	await[*http2.MetaHeadersFrame](p)
	p.head(1, false, ":status", "413")
	p.wrote(p.WriteData(1, true, []byte("too large")))
	p.wrote(p.WriteRSTStream(1, http2.ErrCodeNo))
	if h, body, err := whole(s); err != nil || h.Status != 413 || body != "too large" {
		t.Error(body, err)
	}
	var err error
	for err == nil {
		_, err = s.Write(make([]byte, 1000))
	}
	if err != ErrStopped {
		t.Error(err)
	}
	if err := s.CloseWrite(nil); err != nil {
		t.Error(err)
	}
}
