package http2_test

import (
	"strings"
	"testing"

	frames "golang.org/x/net/http2"

	"postern/internal/http2"
)

// frame makes a frame of any kind.
func frame(kind, flags byte, id uint32, payload string) string {
	n := len(payload)
	return string([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}) + payload
}

// TestBrokenRules sends what no client may, and wants the connection ended for the right reason: while stream 1 waits for its
// content and stream 3 for its answer, and stream 5 is over.
func TestBrokenRules(t *testing.T) {
	for _, row := range []struct {
		name   string
		send   string
		code   http2.Code
		reason string
	}{
		{"large frame", frame(0, 0, 1, strings.Repeat("x", 16385)), http2.FrameSizeError, "frame-size"},
		{"DATA on zero", frame(0, 0, 0, "x"), http2.ProtocolError, "stream-zero"},
		{"DATA on an idle stream", frame(0, 0, 99, "x"), http2.ProtocolError, "idle-stream"},
		{"DATA on our stream", frame(0, 0, 2, "x"), http2.ProtocolError, "idle-stream"},
		{"DATA padded and empty", frame(0, 8, 1, ""), http2.FrameSizeError, "frame-size"},
		{"DATA with too much padding", frame(0, 8, 1, "\x05xxxx"), http2.ProtocolError, "padding"},
		{"HEADERS on zero", frame(1, 5, 0, ""), http2.ProtocolError, "stream-zero"},
		{"HEADERS on an even stream", frame(1, 5, 100, "\x82"), http2.ProtocolError, "stream-id"},
		{"HEADERS on a stream that is over", frame(1, 5, 5, "\x82"), http2.StreamClosed, "stream-closed"},
		{"HEADERS padded and empty", frame(1, 13, 7, ""), http2.FrameSizeError, "frame-size"},
		{"HEADERS with too much padding", frame(1, 13, 7, "\x05\x82"), http2.ProtocolError, "padding"},
		{"HEADERS without the priority that it says", frame(1, 37, 7, "\x82"), http2.FrameSizeError, "frame-size"},
		{"HEADERS with an index that is none", frame(1, 5, 7, "\xff\x7f"), http2.CompressionError, "compression"},
		{"HEADERS cut in a field", frame(1, 5, 7, "\x40\x05ab"), http2.CompressionError, "compression"},
		{"HEADERS with a table too large", frame(1, 5, 7, "\x3f\xff\xff\x7f\x82"), http2.CompressionError, "compression"},
		{"HEADERS with three table sizes", frame(1, 5, 7, "\x20\x20\x20\x82"), http2.CompressionError, "compression"},
		{"HEADERS interrupted by DATA", frame(1, 1, 7, "\x82") + frame(0, 0, 7, "x"), http2.ProtocolError, "continuation"},
		{"HEADERS interrupted by HEADERS", frame(1, 1, 7, "\x82") + frame(1, 4, 9, "\x82"), http2.ProtocolError, "continuation"},
		{"HEADERS interrupted by what is unknown", frame(1, 1, 7, "\x82") + frame(0x70, 0, 7, "x"), http2.ProtocolError, "continuation"},
		{"CONTINUATION of another stream", frame(1, 1, 7, "\x82") + frame(9, 4, 9, "\x82"), http2.ProtocolError, "continuation"},
		{"CONTINUATION of nothing", frame(9, 4, 1, "\x82"), http2.ProtocolError, "continuation"},
		{"PRIORITY on zero", frame(2, 0, 0, "\x00\x00\x00\x00\x00"), http2.ProtocolError, "priority"},
		{"PRIORITY_UPDATE on a stream", frame(0x10, 0, 1, "\x00\x00\x00\x01u=1"), http2.ProtocolError, "priority"},
		{"PRIORITY of an idle stream on itself", frame(2, 0, 99, "\x00\x00\x00\x63\x00"), http2.ProtocolError, "priority"},
		{"RST_STREAM on zero", frame(3, 0, 0, "\x00\x00\x00\x00"), http2.ProtocolError, "stream-zero"},
		{"RST_STREAM on an idle stream", frame(3, 0, 99, "\x00\x00\x00\x00"), http2.ProtocolError, "idle-stream"},
		{"RST_STREAM too short", frame(3, 0, 1, "\x00\x00\x00"), http2.FrameSizeError, "frame-size"},
		{"SETTINGS on a stream", frame(4, 0, 1, ""), http2.ProtocolError, "stream-zero"},
		{"SETTINGS of an odd size", frame(4, 0, 0, "\x00\x01\x00"), http2.FrameSizeError, "frame-size"},
		{"SETTINGS acknowledged with more", frame(4, 1, 0, "\x00\x01\x00\x00\x00\x00"), http2.FrameSizeError, "frame-size"},
		{"SETTINGS_ENABLE_PUSH 2", frame(4, 0, 0, "\x00\x02\x00\x00\x00\x02"), http2.ProtocolError, "setting"},
		{"SETTINGS_MAX_FRAME_SIZE small", frame(4, 0, 0, "\x00\x05\x00\x00\x3f\xff"), http2.ProtocolError, "setting"},
		{"SETTINGS_MAX_FRAME_SIZE large", frame(4, 0, 0, "\x00\x05\x01\x00\x00\x00"), http2.ProtocolError, "setting"},
		{"SETTINGS_INITIAL_WINDOW_SIZE large", frame(4, 0, 0, "\x00\x04\x80\x00\x00\x00"), http2.FlowControlError, "window"},
		{"SETTINGS_INITIAL_WINDOW_SIZE over a window", frame(8, 0, 1, "\x7f\xff\x00\x00") + frame(4, 0, 0, "\x00\x04\x00\x02\x00\x00"), http2.FlowControlError, "window"},
		{"PUSH_PROMISE", frame(5, 4, 1, "\x00\x00\x00\x02"), http2.ProtocolError, "push"},
		{"PING on a stream", frame(6, 0, 1, "12345678"), http2.ProtocolError, "stream-zero"},
		{"PING too short", frame(6, 0, 0, "1234567"), http2.FrameSizeError, "frame-size"},
		{"GOAWAY on a stream", frame(7, 0, 1, "\x00\x00\x00\x00\x00\x00\x00\x00"), http2.ProtocolError, "stream-zero"},
		{"GOAWAY too short", frame(7, 0, 0, "\x00\x00\x00\x00"), http2.FrameSizeError, "frame-size"},
		{"WINDOW_UPDATE too short", frame(8, 0, 0, "\x00\x00\x01"), http2.FrameSizeError, "frame-size"},
		{"WINDOW_UPDATE of nothing", frame(8, 0, 0, "\x00\x00\x00\x00"), http2.ProtocolError, "window-zero"},
		{"WINDOW_UPDATE on an idle stream", frame(8, 0, 99, "\x00\x00\x00\x01"), http2.ProtocolError, "idle-stream"},
		{"WINDOW_UPDATE over the connection's", frame(8, 0, 0, "\x7f\xff\xff\xff"), http2.FlowControlError, "window"},
		{"HTTP/1.1", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", http2.FrameSizeError, "frame-size"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, p := busy(t)
			p.raw(row.send)
			if got, want := p.next(), "goaway"; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, frames.ErrCode(row.code).String()) {
				t.Fatalf("got %q, want GOAWAY with %v", got, frames.ErrCode(row.code))
			}
			p.wants("closed")
			_ = p.conn.Close()
			until(t, "Serve has returned", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.ends) == 1 })
			if got := connReason(s.ends[0]); got != row.reason || s.count(row.reason) != 1 {
				t.Fatalf("ended for %q (%v), counted %v; want %q", got, s.ends[0], s.refused, row.reason)
			}
		})
	}
}

// TestBrokenStreams sends what ends a stream, and no more: the others go on.
func TestBrokenStreams(t *testing.T) {
	for _, row := range []struct {
		name string
		send string
		want string
	}{
		{"WINDOW_UPDATE of nothing", frame(8, 0, 1, "\x00\x00\x00\x00"), "1 reset PROTOCOL_ERROR"},
		{"WINDOW_UPDATE too large", frame(8, 0, 1, "\x7f\xff\xff\xff"), "1 reset FLOW_CONTROL_ERROR"},
		{"DATA after the end", frame(0, 0, 3, "x"), "3 reset STREAM_CLOSED"},
		{"DATA on a stream that is over", frame(0, 0, 5, "x"), "5 reset STREAM_CLOSED"},
		{"HEADERS after the end", frame(1, 5, 3, "\x82"), "3 reset STREAM_CLOSED"},
		{"more than the window", strings.Repeat(frame(0, 0, 1, strings.Repeat("x", 16384)), 4), "1 reset FLOW_CONTROL_ERROR"},
		{"PRIORITY of the wrong size", frame(2, 0, 1, "\x00\x00\x00\x00"), "1 reset FRAME_SIZE_ERROR"},
		{"PRIORITY of a stream on itself", frame(2, 0, 1, "\x00\x00\x00\x01\x00"), "1 reset PROTOCOL_ERROR"},
		{"HEADERS that depend on themselves", frame(1, 37, 7, "\x00\x00\x00\x07\x00\x82\x87\x84\x01\x01a"), "7 reset PROTOCOL_ERROR"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, p := busy(t)
			p.raw(row.send)
			p.wants(row.want)
			p.ask(9, with(get, "x: now")...)
			p.wants("9 200 content-length: 0 end")
		})
	}
}

// TestIgnored sends what is to be passed over.
func TestIgnored(t *testing.T) {
	for _, row := range []struct{ name, send string }{
		{"unknown frame", frame(0x70, 0xff, 1, "what is this")},
		{"unknown frame on zero", frame(0x70, 0xff, 0, "")},
		{"unknown setting", frame(4, 0, 0, "\x70\x70\xff\xff\xff\xff")},
		{"SETTINGS_ENABLE_PUSH", frame(4, 0, 0, "\x00\x02\x00\x00\x00\x01")},
		{"table of no size", frame(4, 0, 0, "\x00\x01\x00\x00\x00\x00")},
		{"PING answered unasked", frame(6, 1, 0, "12345678")},
		{"PRIORITY of an idle stream", frame(2, 0, 99, "\x00\x00\x00\x00\x00")},
		{"PRIORITY_UPDATE", frame(0x10, 0, 0, "\x00\x00\x00\x01u=1")},
		{"WINDOW_UPDATE of a stream that is over", frame(8, 0, 5, "\x00\x00\x00\x01")},
		{"RST_STREAM of a stream that is over", frame(3, 0, 5, "\x00\x00\x00\x00")},
		{"reserved bit", frame(8, 0, 1<<31|1, "\x80\x00\x00\x01")},
		{"GOAWAY with an error", frame(7, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x01")},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, p := busy(t)
			p.raw(row.send)
			p.ask(9, with(get, "x: now")...)
			p.wants("9 200 content-length: 0 end")
		})
	}
}

// TestFirstFrames sends beginnings that are none.
func TestFirstFrames(t *testing.T) {
	for _, row := range []struct {
		name, send, reason string
		code               http2.Code
	}{
		{"HTTP/1.1", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "preface", http2.ProtocolError},
		{"preface of another version", "PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n", "preface", http2.ProtocolError},
		{"no settings", frames.ClientPreface + frame(6, 0, 0, "12345678"), "first-frame", http2.ProtocolError},
		{"settings acknowledged first", frames.ClientPreface + frame(4, 1, 0, ""), "first-frame", http2.ProtocolError},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, http2.Config{Handle: tell})
			p := s.dialRaw(t)
			p.raw(row.send)
			p.wants("goaway 0 "+frames.ErrCode(row.code).String(), "closed")
			if s.count(row.reason) != 1 {
				t.Fatalf("counted %v, want %s", s.refused, row.reason)
			}
		})
	}
}

// busy gives a connection with a stream 1 that waits for its content, 3 for its answer, and 5 that is over. Further requests
// with a field x are answered at once.
func busy(t *testing.T) (*site, *peer) {
	t.Helper()
	hold := make(chan struct{})
	s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
		if st.Request().Fields.Count("x") == 0 {
			gone := make(chan struct{})
			st.OnGone(func(error) { close(gone) })
			select {
			case <-hold:
			case <-gone:
			}
		}
		if st.Start(200, nil, 0) == nil {
			_ = st.End(nil)
		}
	}})
	t.Cleanup(func() { close(hold) })
	p := s.dial(t)
	p.begin(1, post...)
	p.ask(3, get...)
	p.ask(5, with(get, "x: now")...)
	p.wants("5 200 content-length: 0 end")
	return s, p
}
