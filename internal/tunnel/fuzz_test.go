package tunnel

import (
	"bytes"
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// FuzzDecode feeds the frame decoder: it must not panic, must never ask for more than a frame may hold, and what it accepts must encode to the same bytes.
func FuzzDecode(f *testing.F) {
	f.Add(appendHello(nil, helloFrame{Hello{Version, 1, 2, "instance"}, startWindow}))
	f.Add(appendOpen(nil, 1, openFrame{1, 2, []byte("message")}))
	f.Add(appendOpened(nil, 2, []byte("message")))
	f.Add(appendData(nil, 3, []byte("data")))
	f.Add(appendWindow(nil, 4, 1<<40))
	f.Add(appendFin(nil, 5))
	f.Add(appendReset(nil, 6, CodeRefused, []byte("reason")))
	f.Add(appendDatagram(nil, 7, []byte("datagram")))
	f.Add(appendPing(nil, flagAnswer, 8))
	f.Add(appendGoaway(nil, flagLast, CodeProtocol, "reason"))
	f.Add(frame(0x90, 3, 9, []byte("ignorable")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headerSize {
			return
		}
		h, err := parseHeader(b)
		if err != nil {
			return
		}
		if h.length > MaxDatagram {
			t.Fatalf("%s of %d bytes was accepted", h.kind, h.length)
		}
		p := b[headerSize:]
		if len(p) < h.length || !h.known() {
			return
		}
		p = p[:h.length]
		again, ok := reencode(h, p)
		if ok && !bytes.HasPrefix(b, again) {
			t.Fatalf("%x became %x", b[:headerSize+h.length], again)
		}
	})
}

// reencode decodes a frame and encodes it again; ok is false where that need not give the same bytes.
func reencode(h header, p []byte) (again []byte, ok bool) {
	switch h.kind {
	case frameHello:
		f, err := decodeHello(p)
		return appendHello(nil, f), err == nil && helloSize+len(f.Instance) == len(p)
	case frameOpen:
		f, err := decodeOpen(p)
		return appendOpen(nil, h.id, f), err == nil
	case frameWindow:
		offset, err := decodeWindow(p)
		return appendWindow(nil, h.id, offset), err == nil
	case frameReset:
		code, message, err := decodeReset(p)
		return appendReset(nil, h.id, code, message), err == nil && code != CodeCancelled
	case frameGoaway:
		_, _, err := decodeGoaway(p)
		return nil, err == nil
	}
	return append(appendHeader(nil, h), p...), true
}

// FuzzSession lets a whole session, with streams of its own and handlers for the peer's, read hostile bytes. It must end when the
// connection does, with all its goroutines, nothing charged to the budget, and never hold more than its limits.
func FuzzSession(f *testing.F) {
	hello := appendHello(nil, helloFrame{Hello{Version: Version}, startWindow})
	open := func(id uint32) []byte { return appendOpen(nil, id, openFrame{startWindow, startWindow, []byte("x")}) }
	f.Add(hello)
	f.Add(join(hello, open(1), appendData(nil, 1, []byte("data")), appendFin(nil, 1)))
	f.Add(join(hello, open(1), open(3), appendReset(nil, 1, CodeCancelled, nil), appendData(nil, 3, make([]byte, 5000)), appendWindow(nil, 3, 1<<20)))
	f.Add(join(hello, appendOpened(nil, 2, []byte("y")), appendData(nil, 2, make([]byte, maxData)), appendFin(nil, 2)))
	f.Add(join(hello, appendReset(nil, 2, CodeRefused, []byte("no"))))
	f.Add(join(hello, open(1), appendDatagram(nil, 1, []byte("d")), appendDatagram(nil, 1, make([]byte, 2000))))
	f.Add(join(hello, appendPing(nil, 0, 1), appendPing(nil, flagAnswer, 1), frame(0x90, 1, 2, []byte("later"))))
	f.Add(join(hello, open(1), appendGoaway(nil, 0, 0, ""), appendFin(nil, 1), appendGoaway(nil, flagLast, 0, "")))
	f.Add(join(hello, appendGoaway(nil, 0, CodeFlood, "bye")))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, hostile []byte) {
		if len(hostile) > 1<<20 {
			return
		}
		before := goroutines()
		budget := NewBudget(256 << 10)
		fuzzOnce(t, hostile, budget)
		if held := budget.Buffered(); held != 0 {
			t.Errorf("%d bytes stay charged", held)
		}
		for end := time.Now().Add(10 * time.Second); goroutines() > before; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d goroutines before, %d after", before, goroutines())
			}
		}
	})
}

// goroutines counts exactly, which [runtime.NumGoroutine] does not: it adds up numbers that change meanwhile, and once told of one
// goroutine where five ran, which then looked like four that had stayed.
func goroutines() int {
	stacks := make([]byte, 1<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("\ngoroutine ")) // without the first, which is this one
}

func fuzzOnce(t *testing.T, hostile []byte, budget *Budget) {
	ours, theirs := net.Pipe()
	s, err := New(Config{Conn: ours, Budget: budget, Limits: Limits{Linger: 10 * time.Millisecond, Streams: 100},
		Accept: func(st *Stream) {
			if len(st.Payload()) > 0 && st.Payload()[0]%2 == 0 {
				st.Refuse([]byte("no"))
				return
			}
			echo(st)
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { s.Run(ctx) })
	all.Go(func() {
		st, err := s.Open(ctx, []byte("ours"))
		if err != nil {
			return
		}
		defer st.Close()
		st.Write([]byte("hello"))
		st.Opened(ctx)
		io.Copy(io.Discard, st)
	})
	all.Go(func() { io.Copy(io.Discard, theirs) })
	theirs.SetDeadline(time.Now().Add(10 * time.Second))
	theirs.Write(hostile)
	if held := budget.Buffered(); held > budget.Limit()+slot {
		t.Errorf("%d bytes are buffered", held)
	}
	theirs.Close()
	all.Wait()
	if ctx.Err() != nil {
		t.Fatal("the session hangs")
	}
	if s.Streams() != 0 {
		t.Errorf("%d streams are left", s.Streams())
	}
}
