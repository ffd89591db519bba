package http2_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	frames "golang.org/x/net/http2"

	"postern/internal/field"
	"postern/internal/http2"
)

func fieldsOf(pairs ...string) (l field.Fields) {
	for i := 0; i < len(pairs); i += 2 {
		l = append(l, field.Field{Name: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return l
}

// TestResponses has handlers answer in all ways, and says what the client sees.
func TestResponses(t *testing.T) {
	large := strings.Repeat("x", 40<<10)
	for _, row := range []struct {
		name   string
		method string
		handle func(t *testing.T, st *http2.Stream)
		want   []string
	}{
		{"nothing", "GET", func(*testing.T, *http2.Stream) {}, []string{"1 reset INTERNAL_ERROR"}},
		{"panic", "GET", func(*testing.T, *http2.Stream) { panic("a test's") }, []string{"1 reset INTERNAL_ERROR"}},
		{"no content", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(204, nil, -1), nil)
			expect(t, st.End(nil), nil)
		}, []string{"1 204 end"}},
		{"not modified", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(304, fieldsOf("Content-Length", "7"), 7), nil)
		}, []string{"1 304 content-length: 7 end"}},
		{"head", "HEAD", func(t *testing.T, st *http2.Stream) { expect(t, st.Start(200, nil, 7), nil) }, []string{"1 200 content-length: 7 end"}},
		{"head of unknown length", "HEAD", func(t *testing.T, st *http2.Stream) { expect(t, st.Start(200, nil, -1), nil) }, []string{"1 200 end"}},
		{"length", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(200, nil, 5), nil)
			write(t, st, "hello")
			expect(t, st.End(nil), nil)
		}, []string{"1 200 content-length: 5", `1 "hello" end`}},
		{"length said by a field", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(200, fieldsOf("Content-Length", "5"), 5), nil)
			write(t, st, "hel")
			write(t, st, "lo")
			expect(t, st.End(nil), nil)
		}, []string{"1 200 content-length: 5", `1 "hel"`, `1 "lo" end`}},
		{"no length", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(200, nil, -1), nil)
			expect(t, st.Flush(), nil)
			write(t, st, "hello")
			expect(t, st.Flush(), nil)
			expect(t, st.End(nil), nil)
			expect(t, st.End(nil), nil) // once more is no harm
		}, []string{"1 200", `1 "hello"`, `1 "" end`}},
		{"interim", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Inform(103, fieldsOf("Link", "</a>")), nil)
			expect(t, st.Inform(101, nil), http2.ErrUnwritable)
			expect(t, st.Start(200, nil, 0), nil)
			expect(t, st.Inform(103, nil), http2.ErrOrder)
		}, []string{"1 103 link: </a>", "1 200 content-length: 0 end"}},
		{"trailers", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(200, nil, -1), nil)
			write(t, st, "hello")
			expect(t, st.End(fieldsOf("Grpc-Status", "0")), nil)
		}, []string{"1 200", `1 "hello"`, "1 grpc-status: 0 end"}},
		{"fields of a connection are left out", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(200, fieldsOf("Connection", "x", "Keep-Alive", "1", "A", " b "), 0), nil)
		}, []string{"1 200 a: b content-length: 0 end"}},
		{"large head", "GET", func(t *testing.T, st *http2.Stream) { expect(t, st.Start(200, fieldsOf("a", large), 0), nil) }, []string{"1 200 a: " + large + " content-length: 0 end"}},
		{"what cannot be a field", "GET", func(t *testing.T, st *http2.Stream) {
			for _, f := range []field.Fields{fieldsOf("a", "x\ny"), fieldsOf("a b", "x"), fieldsOf("", "x"), fieldsOf(":status", "200"), fieldsOf("a", "x\x00")} {
				expect(t, st.Start(200, f, 0), http2.ErrUnwritable)
			}
			expect(t, st.Start(99, nil, 0), http2.ErrUnwritable)
			expect(t, st.Start(418, nil, 0), nil)
		}, []string{"1 418 content-length: 0 end"}},
		{"too long", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(200, nil, 3), nil)
			_, err := st.Write([]byte("hello"))
			expect(t, err, http2.ErrTooLong)
		}, []string{"1 200 content-length: 3", "1 reset INTERNAL_ERROR"}},
		{"too short", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(200, nil, 7), nil)
			write(t, st, "hello")
			expect(t, st.End(nil), http2.ErrTooShort)
		}, []string{"1 200 content-length: 7", `1 "hello"`, "1 reset INTERNAL_ERROR"}},
		{"not ended", "GET", func(t *testing.T, st *http2.Stream) {
			expect(t, st.Start(200, nil, -1), nil)
			write(t, st, "hello")
		}, []string{"1 200", `1 "hello"`, "1 reset INTERNAL_ERROR"}},
		{"wrong order", "GET", func(t *testing.T, st *http2.Stream) {
			_, err := st.Write([]byte("hello"))
			expect(t, err, http2.ErrOrder)
			expect(t, st.End(nil), http2.ErrOrder)
			expect(t, st.Start(200, nil, 0), nil)
			expect(t, st.Start(200, nil, 0), http2.ErrOrder)
			_, err = st.Write([]byte("hello"))
			expect(t, err, http2.ErrOrder)
		}, []string{"1 200 content-length: 0 end"}},
		{"reset", "GET", func(t *testing.T, st *http2.Stream) {
			st.Reset(http2.EnhanceYourCalm)
			var reset *http2.ResetError
			if err := st.Start(200, nil, 0); !errors.As(err, &reset) || reset.Remote || reset.Code != http2.EnhanceYourCalm {
				t.Errorf("after a reset: %v", err)
			}
			st.Reset(http2.Cancel) // once more is no harm
		}, []string{"1 reset ENHANCE_YOUR_CALM"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, http2.Config{Handle: func(st *http2.Stream) { row.handle(t, st) }})
			p := s.dial(t)
			p.ask(1, with(get[1:], ":method: "+row.method)...)
			p.wants(row.want...)
			p.ok(p.WritePing(false, [8]byte{1})) // nothing follows
			p.pong()
		})
	}
}

// pong waits for the answer to a ping, and nothing about streams before it.
func (p *peer) pong() {
	p.t.Helper()
	for {
		f, err := p.ReadFrame()
		if err != nil {
			p.t.Fatal(err)
		}
		switch f := f.(type) {
		case *frames.PingFrame:
			if f.IsAck() {
				return
			}
		case *frames.HeadersFrame, *frames.DataFrame, *frames.RSTStreamFrame, *frames.GoAwayFrame:
			p.t.Fatalf("unexpected %v", f)
		}
	}
}

func expect(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func write(t *testing.T, st *http2.Stream, text string) {
	t.Helper()
	if n, err := st.Write([]byte(text)); n != len(text) || err != nil {
		t.Errorf("wrote %d of %d: %v", n, len(text), err)
	}
}

// TestUnreadRequest answers without reading the content: the client is told that it is of no interest, and what comes
// nevertheless does no harm, also to the connection's window.
func TestUnreadRequest(t *testing.T) {
	s := serve(t, http2.Config{Limits: http2.Limits{Work: 1 << 20}, Handle: func(st *http2.Stream) { _ = st.Start(413, nil, 0) }})
	p := s.dial(t)
	for id := uint32(1); id < 2000; id += 2 {
		p.begin(id, post...)
		p.wants(line(id, "413 content-length: 0 end"), line(id, "reset NO_ERROR"))
		p.ok(p.WriteData(id, false, make([]byte, 16<<10)))
		p.ok(p.WriteData(id, true, make([]byte, 1<<10)))
	}
	p.ask(2001, get...)
	p.wants("2001 413 content-length: 0 end")
}

// TestWaitsEnd has handlers wait in Read and in Write, and ends the wait in every way there is.
func TestWaitsEnd(t *testing.T) {
	read := func(st *http2.Stream) error { _, err := st.Read(make([]byte, 10)); return err }
	send := func(st *http2.Stream) error {
		if err := st.Start(200, nil, -1); err != nil {
			return err
		}
		_, err := st.Write(make([]byte, 1<<20))
		return err
	}
	var reset *http2.ResetError
	byClient := func(err error) bool { return errors.As(err, &reset) && reset.Remote && reset.Code == http2.Cancel }
	byUs := func(err error) bool {
		return errors.As(err, &reset) && !reset.Remote && reset.Code == http2.RefusedStream
	}
	lost := func(err error) bool { return errors.Is(err, http2.ErrLost) }
	late := func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
	for _, row := range []struct {
		name string
		end  func(p *peer, st *http2.Stream)
		want func(error) bool
		gone bool
	}{
		{"reset by the client", func(p *peer, _ *http2.Stream) { p.ok(p.WriteRSTStream(1, frames.ErrCodeCancel)) }, byClient, true},
		{"reset by us", func(_ *peer, st *http2.Stream) { st.Reset(http2.RefusedStream) }, byUs, true},
		{"connection lost", func(p *peer, _ *http2.Stream) { _ = p.conn.Close() }, lost, true},
		{"connection broken", func(p *peer, _ *http2.Stream) { p.raw(frame(0, 0, 0, "x")) }, lost, true},
		{"deadline", func(_ *peer, st *http2.Stream) { st.SetReadDeadline(time.Now()); st.SetWriteDeadline(time.Now()) }, late, false},
	} {
		for name, wait := range map[string]func(*http2.Stream) error{"read": read, "write": send} {
			t.Run(row.name+"/"+name, func(t *testing.T) {
				streams, waited, gone := make(chan *http2.Stream, 1), make(chan error, 1), make(chan error, 1)
				s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
					st.OnGone(func(err error) { gone <- err })
					streams <- st
					waited <- wait(st)
				}})
				p := s.dial(t)
				p.begin(1, post...)
				st := <-streams
				if name == "write" {
					p.wants("1 200")
				}
				row.end(p, st)
				if err := <-waited; !row.want(err) {
					t.Errorf("got %v", err)
				}
				if row.gone {
					if err := <-gone; !row.want(err) {
						t.Errorf("told %v", err)
					}
				}
			})
		}
	}
}

// TestDeadlineMoves takes a deadline away before it is over, and one that is over.
func TestDeadlineMoves(t *testing.T) {
	s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
		st.SetReadDeadline(time.Now().Add(time.Hour))
		st.SetReadDeadline(time.Now().Add(-time.Second))
		if _, err := st.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("late: %v", err)
		}
		_ = st.Inform(100, nil)
		_ = st.Flush()
		st.SetReadDeadline(time.Time{})
		tell(st)
	}})
	p := s.dial(t)
	p.begin(1, post...)
	p.wants("1 100")
	p.ok(p.WriteData(1, true, []byte("hello")))
	p.wants("1 200", `1 "POST https example.com / -1 \"hello\"" end`)
}

// TestCutRequest ends a request before it is whole: what came of it is not given as if it were all.
func TestCutRequest(t *testing.T) {
	came, result := make(chan struct{}), make(chan error, 1)
	s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
		_, _ = io.ReadFull(st, make([]byte, 5))
		close(came)
		_, err := io.Copy(io.Discard, st)
		result <- err
	}})
	p := s.dial(t)
	p.begin(1, post...)
	p.ok(p.WriteData(1, false, []byte("hello")))
	<-came
	_ = p.conn.Close()
	if err := <-result; err == nil {
		t.Fatal("a cut request looks whole")
	}
}

// TestDuplex reads and writes at once, as gRPC does.
func TestDuplex(t *testing.T) {
	s := serve(t, http2.Config{Handle: func(st *http2.Stream) {
		_ = st.Start(200, nil, -1)
		_ = st.Flush()
		buf := make([]byte, 100)
		for {
			n, err := st.Read(buf)
			if err != nil {
				_ = st.End(fieldsOf("grpc-status", "0"))
				return
			}
			_, _ = st.Write(bytes.ToUpper(buf[:n]))
			_ = st.Flush()
		}
	}})
	p := s.dial(t)
	p.begin(1, post...)
	p.wants("1 200")
	for range 100 {
		p.ok(p.WriteData(1, false, []byte("ping")))
		p.wants(`1 "PING"`)
	}
	p.ok(p.WriteData(1, true, nil))
	p.wants("1 grpc-status: 0 end")
}

// TestBrokenWhileReading closes connections on which requests just came, before our settings were taken: writing finds it while
// the reader still opens streams. None of them may be left waiting for a client that is gone.
func TestBrokenWhileReading(t *testing.T) {
	for range 300 {
		server := http2.NewServer(http2.Config{Handle: tell, Limits: http2.Limits{Linger: time.Millisecond}})
		ours, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- server.Serve(t.Context(), ours) }()
		raw := frames.ClientPreface + frame(4, 0, 0, "")
		for i := range uint32(20) {
			raw += frame(1, 4, 2*i+1, good)
		}
		_, _ = io.WriteString(theirs, raw)
		_ = theirs.Close()
		select {
		case <-done:
		case <-time.After(within):
			t.Fatal("a handler waits for a client that is gone")
		}
		server.Close()
	}
}
