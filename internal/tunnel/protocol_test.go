package tunnel

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// TestBrokenRules sends what a peer must not send: the session ends with the rule's name, here and at the peer.
func TestBrokenRules(t *testing.T) {
	open := func(id uint32) []byte { return appendOpen(nil, id, openFrame{startWindow, startWindow, nil}) }
	data := func(id uint32, n int) []byte { return appendData(nil, id, make([]byte, n)) }
	tests := []struct {
		name   string
		send   []byte
		code   Code
		reason string
	}{
		{"unknown type", frame(77, 0, 0, nil), CodeProtocol, "unknown frame type 77"},
		{"type zero", frame(0, 0, 0, nil), CodeProtocol, "unknown frame type 0"},
		{"ignorable but too large", frame(0x90, 0, 0, make([]byte, MaxMessage+1)), CodeProtocol, "ignorable"},
		{"unknown flag", frame(frameFin, 0x40, 1, nil), CodeProtocol, "FIN with unknown flags"},
		{"second HELLO", appendHello(nil, helloFrame{Hello{Version: Version}, 0}), CodeProtocol, "HELLO twice"},
		{"reserved id bit", frame(frameFin, 0, 1<<31|1, nil), CodeProtocol, "FIN on stream id"},
		{"PING on a stream", frame(framePing, 0, 1, make([]byte, 8)), CodeProtocol, "PING on stream id 1"},
		{"GOAWAY on a stream", frame(frameGoaway, 0, 1, make([]byte, 2)), CodeProtocol, "GOAWAY on stream id 1"},
		{"OPEN on the session", frame(frameOpen, 0, 0, make([]byte, 8)), CodeProtocol, "OPEN on stream id 0"},
		{"OPEN too short", frame(frameOpen, 0, 1, make([]byte, 7)), CodeProtocol, "OPEN of 7 bytes"},
		{"OPEN too long", frame(frameOpen, 0, 1, make([]byte, openPrefix+MaxMessage+1)), CodeProtocol, "OPEN of 16393 bytes"},
		{"OPEN of our id", open(2), CodeProtocol, "OPEN of stream 2, expected 1"},
		{"OPEN skips ids", open(3), CodeProtocol, "OPEN of stream 3, expected 1"},
		{"OPEN reuses an id", join(open(1), open(1)), CodeProtocol, "OPEN of stream 1, expected 3"},
		{"OPEN assumes more credit than announced", appendOpen(nil, 1, openFrame{startWindow + 1, 0, nil}), CodeFlowControl, "assumes a credit"},
		{"OPEN after GOAWAY", join(appendGoaway(nil, 0, 0, ""), open(1)), CodeProtocol, "OPEN after GOAWAY"},
		{"OPENED by the opener", join(open(1), appendOpened(nil, 1, nil)), CodeProtocol, "unexpected OPENED on stream 1"},
		{"DATA on a stream never opened", data(1, 1), CodeProtocol, "DATA on stream 1, which was never opened"},
		{"DATA on a stream of ours never opened", data(2, 1), CodeProtocol, "DATA on stream 2, which was never opened"},
		{"DATA too long", frame(frameData, 0, 1, make([]byte, 16<<10+1)), CodeProtocol, "DATA of 16385 bytes"},
		{"DATA after FIN", join(open(1), appendFin(nil, 1), data(1, 1)), CodeProtocol, "DATA after FIN on stream 1"},
		{"FIN twice", join(open(1), appendFin(nil, 1), appendFin(nil, 1)), CodeProtocol, "unexpected FIN on stream 1"},
		{"FIN with payload", frame(frameFin, 0, 1, []byte{1}), CodeProtocol, "FIN of 1 bytes"},
		{"DATAGRAM after FIN", join(open(1), appendFin(nil, 1), appendDatagram(nil, 1, []byte{1})), CodeProtocol, "unexpected DATAGRAM"},
		{"DATAGRAM too long", frame(frameDatagram, 0, 1, make([]byte, MaxDatagram+1)), CodeProtocol, "DATAGRAM of 65508 bytes"},
		{"window overrun", join(open(1), bytes.Repeat(data(1, 16<<10), 5)), CodeFlowControl, "DATA beyond the window of stream 1"},
		{"WINDOW goes back", join(open(1), appendWindow(nil, 1, startWindow-1)), CodeFlowControl, "WINDOW of stream 1 goes back"},
		{"WINDOW beyond all bounds", join(open(1), appendWindow(nil, 1, 1<<63)), CodeFlowControl, "WINDOW of offset"},
		{"WINDOW on a stream never opened", appendWindow(nil, 9, 1), CodeProtocol, "never opened"},
		{"WINDOW too short", frame(frameWindow, 0, 1, make([]byte, 4)), CodeProtocol, "WINDOW of 4 bytes"},
		{"RESET too short", frame(frameReset, 0, 1, make([]byte, 1)), CodeProtocol, "RESET of 1 bytes"},
		{"RESET on a stream never opened", appendReset(nil, 1, CodeCancelled, nil), CodeProtocol, "never opened"},
		{"GOAWAY twice", join(appendGoaway(nil, 0, 0, ""), appendGoaway(nil, 0, 0, "")), CodeProtocol, "GOAWAY twice"},
		{"last GOAWAY first", appendGoaway(nil, flagLast, 0, ""), CodeProtocol, "last GOAWAY"},
		{"last GOAWAY with a stream open", join(open(1), appendGoaway(nil, 0, 0, ""), appendGoaway(nil, flagLast, 0, "")), CodeProtocol, "last GOAWAY with 1 open streams"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// The handler holds streams as they are: nothing but the rule ends the session.
			s, peer := hostile(t, func(cfg *Config) {
				cfg.Accept = func(st *Stream) {
					st.Accept(nil)
					<-st.Context().Done()
					st.Close()
				}
			})
			peer.send(test.send)
			var rule *ConnError
			if err := s.result(t); !errors.As(err, &rule) || rule.Code != test.code || rule.Remote || !strings.Contains(rule.Reason, test.reason) {
				t.Fatalf("Run: %v; want %s: %s", err, test.code, test.reason)
			}
			for {
				f := peer.expect(frameGoaway, 0)
				code, reason, err := decodeGoaway(f.payload)
				if err != nil {
					t.Fatal(err)
				}
				if code == 0 {
					continue // the answer to our own GOAWAY
				}
				if code != test.code || !strings.Contains(reason, test.reason) {
					t.Fatalf("GOAWAY: %s: %s; want %s: %s", code, reason, test.code, test.reason)
				}
				return
			}
		})
	}
}

// TestBrokenAnswers sends what an acceptor must not send about a stream that this side opened.
func TestBrokenAnswers(t *testing.T) {
	tests := []struct {
		name   string
		send   []byte
		reason string
	}{
		{"DATA before OPENED", appendData(nil, 2, []byte{1}), "DATA before OPENED on stream 2"},
		{"FIN before OPENED", appendFin(nil, 2), "unexpected FIN on stream 2"},
		{"DATAGRAM before OPENED", appendDatagram(nil, 2, []byte{1}), "unexpected DATAGRAM on stream 2"},
		{"OPENED twice", join(appendOpened(nil, 2, nil), appendOpened(nil, 2, nil)), "unexpected OPENED on stream 2"},
		{"OPENED of a stream never opened", appendOpened(nil, 4, nil), "never opened"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, peer := hostile(t, nil)
			st, err := s.Open(testContext(t), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			peer.expect(frameOpen, 2)
			peer.send(test.send)
			var rule *ConnError
			if err := s.result(t); !errors.As(err, &rule) || rule.Code != CodeProtocol || !strings.Contains(rule.Reason, test.reason) {
				t.Fatalf("Run: %v; want %s", err, test.reason)
			}
			var reset *ResetError
			if _, err := st.Read(make([]byte, 1)); !errors.As(err, &reset) || reset.Code != CodeConnectionLost {
				t.Fatalf("Read: %v", err)
			}
		})
	}
}

func TestBrokenHello(t *testing.T) {
	good := appendHello(nil, helloFrame{Hello{Version: Version, Instance: "x"}, 0})
	change := func(at int, b byte) []byte {
		c := bytes.Clone(good)
		c[at] = b
		return c
	}
	tests := []struct {
		name   string
		send   []byte
		code   Code
		reason string
	}{
		{"something else first", appendPing(nil, 0, 1), CodeProtocol, "PING before HELLO"},
		{"another protocol", []byte("GET / HTTP/1.1\r\n\r\n"), CodeProtocol, "unknown frame type 71"},
		{"wrong magic", change(headerSize, 'X'), CodeProtocol, "another protocol"},
		{"other version", change(headerSize+5, 9), CodeVersion, "peer speaks version 9"},
		{"instance id longer than the frame", change(headerSize+20, 2), CodeProtocol, "instance id of 2 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dialled, accepted := tcpPair(t)
			s := run(t, Config{Conn: accepted})
			if _, err := dialled.Write(test.send); err != nil {
				t.Fatal(err)
			}
			var rule *ConnError
			if err := s.result(t); !errors.As(err, &rule) || rule.Code != test.code || !strings.Contains(rule.Reason, test.reason) {
				t.Fatalf("Run: %v; want %s", err, test.reason)
			}
			if _, err := s.Ready(testContext(t)); err == nil {
				t.Fatal("Ready: no error")
			}
		})
	}
}

// TestPeerNamesTheRule reports the reason that a peer gives for ending the session, without control characters.
func TestPeerNamesTheRule(t *testing.T) {
	s, peer := hostile(t, nil)
	peer.send(appendGoaway(nil, 0, CodeFlood, "too\nmuch"))
	var rule *ConnError
	if err := s.result(t); !errors.As(err, &rule) || !rule.Remote || rule.Code != CodeFlood || rule.Reason != "too?much" {
		t.Fatalf("Run: %v", err)
	}
}

// TestIgnorable skips what a later version may send, and goes on.
func TestIgnorable(t *testing.T) {
	_, peer := hostile(t, nil)
	longHello := frame(0x81, 0xff, 1<<31|5, make([]byte, MaxMessage))
	peer.send(join(longHello, appendOpen(nil, 1, openFrame{startWindow, startWindow, []byte("x")})))
	if f := peer.expect(frameOpened, 1); string(f.payload) != "welcome x" {
		t.Fatalf("OPENED: %q", f.payload)
	}
}

// TestHelloOfLaterMinor accepts what a later minor version appends.
func TestHelloOfLaterMinor(t *testing.T) {
	dialled, accepted := tcpPair(t)
	s := run(t, Config{Conn: accepted})
	hello := appendHello(nil, helloFrame{Hello{Version: Version, Minor: 7, Capabilities: 5, Instance: "abc"}, startWindow})
	hello = append(hello, "more"...)
	hello[3] += 4
	if _, err := dialled.Write(hello); err != nil {
		t.Fatal(err)
	}
	got, err := s.Ready(testContext(t))
	if want := (Hello{Version, 7, 5, "abc"}); err != nil || got != want {
		t.Fatalf("Ready: %+v, %v; want %+v", got, err, want)
	}
}

func TestLateFramesAreDropped(t *testing.T) {
	s, peer := hostile(t, func(cfg *Config) {
		cfg.Accept = func(st *Stream) { st.Reset(CodeInternal) }
	})
	peer.open(1)
	peer.expect(frameReset, 1)
	eventually(t, "the stream is forgotten", func() bool { return s.Streams() == 0 })
	peer.send(join(appendData(nil, 1, make([]byte, 100)), appendWindow(nil, 1, 1<<20), appendFin(nil, 1), appendReset(nil, 1, CodeCancelled, nil),
		appendPing(nil, 0, 7)))
	for {
		f := peer.expect(framePing, 0)
		if f.flags == flagAnswer {
			break
		}
	}
	if stats := s.Stats(); stats.LateFrames != 4 || stats.Resets["internal error"] != 1 {
		t.Fatalf("late frames %d, resets %v", stats.LateFrames, stats.Resets)
	}
}

func TestNewChecks(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no Conn: no error")
	}
	a, _ := tcpPair(t)
	if _, err := New(Config{Conn: a, Hello: Hello{Instance: strings.Repeat("x", 129)}}); err == nil {
		t.Error("long instance id: no error")
	}
	s, err := New(Config{Conn: a})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := s.Run(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("Run after Close: %v", err)
	}
}
