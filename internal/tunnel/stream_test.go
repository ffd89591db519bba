package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// twoEnds returns both ends of one accepted stream.
func twoEnds(t testing.TB) (opener, acceptor *Stream) {
	t.Helper()
	ends := make(chan *Stream, 1)
	client, _ := pair(t, func(st *Stream) {
		if st.Accept(nil) == nil {
			ends <- st
		}
	}, nil)
	ctx := testContext(t)
	st, err := client.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Opened(ctx); err != nil {
		t.Fatal(err)
	}
	peer := <-ends
	t.Cleanup(func() { st.Close(); peer.Close() })
	return st, peer
}

func wantReset(t *testing.T, what string, err error, code Code, remote bool) {
	t.Helper()
	var reset *ResetError
	if !errors.As(err, &reset) || reset.Code != code || reset.Remote != remote {
		t.Errorf("%s: %v; want %s, remote %v", what, err, code, remote)
	}
}

func TestRefuse(t *testing.T) {
	client, server := pair(t, func(st *Stream) {
		if err := st.Refuse([]byte("phase: dial")); err != nil {
			t.Errorf("Refuse: %v", err)
		}
		if err := st.Accept(nil); err == nil {
			t.Error("Accept after Refuse: no error")
		}
	}, nil)
	ctx := testContext(t)
	st, err := client.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if _, err := st.Opened(ctx); !errors.As(err, &refused) || string(refused.Payload) != "phase: dial" {
		t.Errorf("Opened: %v", err)
	}
	if _, err := st.Read(make([]byte, 1)); !errors.As(err, &refused) {
		t.Errorf("Read: %v", err)
	}
	if _, err := st.Write(make([]byte, 1)); !errors.As(err, &refused) {
		t.Errorf("Write: %v", err)
	}
	st.Close()
	eventually(t, "no stream is left", func() bool { return client.Streams() == 0 && server.Streams() == 0 })
}

// TestUnanswered: a handler that forgets its answer does not leave the opener waiting. A session without a handler refuses.
func TestUnanswered(t *testing.T) {
	ctx := testContext(t)
	client, _ := pair(t, func(*Stream) {}, nil)
	st, err := client.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Opened(ctx)
	wantReset(t, "Opened", err, CodeInternal, true)
	client, _ = pair(t, nil, nil)
	if st, err = client.Open(ctx, nil); err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if _, err = st.Opened(ctx); !errors.As(err, &refused) {
		t.Errorf("no handler: %v", err)
	}
}

func TestMisuse(t *testing.T) {
	checked := make(chan struct{})
	client, _ := pair(t, func(st *Stream) {
		defer close(checked)
		if _, err := st.Write([]byte{1}); !errors.Is(err, ErrMisuse) {
			t.Errorf("Write before Accept: %v", err)
		}
		if err := st.CloseWrite(); !errors.Is(err, ErrMisuse) {
			t.Errorf("CloseWrite before Accept: %v", err)
		}
		if err := st.SendDatagram(nil); !errors.Is(err, ErrMisuse) {
			t.Errorf("SendDatagram before Accept: %v", err)
		}
		if _, err := st.Opened(context.Background()); !errors.Is(err, ErrMisuse) {
			t.Errorf("Opened by the acceptor: %v", err)
		}
		if err := st.Accept(make([]byte, MaxMessage+1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Accept with a large message: %v", err)
		}
		if err := st.Accept(nil); err != nil {
			t.Errorf("Accept: %v", err)
		}
		if err := st.Accept(nil); !errors.Is(err, ErrMisuse) {
			t.Errorf("Accept twice: %v", err)
		}
		st.Close()
	}, nil)
	ctx := testContext(t)
	if _, err := client.Open(ctx, make([]byte, MaxMessage+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Open with a large message: %v", err)
	}
	st, err := client.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Accept(nil); !errors.Is(err, ErrMisuse) {
		t.Errorf("Accept by the opener: %v", err)
	}
	<-checked
	st.Close()
}

// TestEnds is the table of how a stream may end: what the acceptor does after it wrote "data", and what the opener then reads.
func TestEnds(t *testing.T) {
	cut := errors.New("cut")
	tests := []struct {
		name string
		end  func(opener, acceptor *Stream)
		data string // what the opener reads
		eof  bool   // and whether io.EOF follows, otherwise
		code Code   // a reset with this code
	}{
		{"half-close", func(_, a *Stream) { a.CloseWrite() }, "data", true, 0},
		{"reset", func(_, a *Stream) { a.Reset(CodeInternal) }, "", false, CodeInternal},
		{"half-close, then reset", func(_, a *Stream) { a.CloseWrite(); a.Reset(CodeInternal) }, "data", true, 0},
		{"close although the opener has not finished", func(_, a *Stream) { a.Close() }, "data", false, CodeClosed},
		{"half-close, then close", func(_, a *Stream) { a.CloseWrite(); a.Close() }, "data", true, 0},
		{"close after the opener finished", func(o, a *Stream) { o.CloseWrite(); io.Copy(io.Discard, a); a.Close() }, "data", true, 0},
		{"close with unread data", func(o, a *Stream) {
			o.Write([]byte("unread"))
			o.CloseWrite()
			eventually(t, "FIN arrived", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.finIn })
			a.Close()
		}, "data", false, CodeClosed},
		{"close after a Write was cut short", func(o, a *Stream) {
			o.CloseWrite()
			io.Copy(io.Discard, a)
			var write sync.WaitGroup
			write.Go(func() { a.Write(make([]byte, 1<<20)) })
			eventually(t, "as much arrived as may", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.q.bytes == startWindow })
			a.SetWriteDeadline(time.Now())
			write.Wait()
			a.Close()
		}, "data" + string(make([]byte, startWindow-4)), false, CodeClosed},
		{"session closed", func(_, a *Stream) { a.Session().Close() }, "data", false, CodeConnectionLost},
		{"connection cut", func(_, a *Stream) { a.Session().conn.(interface{ NetConn() net.Conn }).NetConn().Close() }, "data", false, CodeConnectionLost},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, a := twoEnds(t)
			if _, err := a.Write([]byte("data")); err != nil {
				t.Fatal(err)
			}
			eventually(t, "data arrived", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.q.bytes > 0 })
			test.end(o, a)
			if !test.eof {
				// What follows the end must not be read before it.
				eventually(t, "the end arrived", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.over })
			}
			got, err := io.ReadAll(o)
			if string(got) != test.data {
				t.Errorf("read %d bytes %.10q, want %d", len(got), got, len(test.data))
			}
			if test.eof {
				if err != nil {
					t.Errorf("Read: %v, want io.EOF", err)
				}
				return
			}
			if err == nil {
				err = cut
			}
			wantReset(t, "Read", err, test.code, test.code != CodeConnectionLost)
			_, err = o.Write([]byte{1})
			if err == nil || errors.Is(err, io.EOF) {
				t.Errorf("Write: %v", err)
			}
		})
	}
}

// TestResetAtOwnEnd: after Reset and after Close nothing is read any more at this end, whatever had arrived.
func TestResetAtOwnEnd(t *testing.T) {
	o, a := twoEnds(t)
	a.Write([]byte("data"))
	a.CloseWrite()
	eventually(t, "FIN arrived", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.finIn })
	o.CloseWrite()
	o.Reset(CodeCancelled)
	_, err := o.Read(make([]byte, 1))
	wantReset(t, "Read after Reset", err, CodeCancelled, false)
	o.Close()
	if _, err := o.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if _, err := o.Write(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

// TestBlockedCallsEnd: whoever waits learns of the end.
func TestBlockedCallsEnd(t *testing.T) {
	ends := []struct {
		name string
		end  func(o, a *Stream)
		is   error
	}{
		{"own close", func(o, _ *Stream) { o.Close() }, ErrClosed},
		{"read and write deadline", func(o, _ *Stream) { o.SetDeadline(time.Now().Add(20 * time.Millisecond)) }, os.ErrDeadlineExceeded},
		{"deadline in the past", func(o, _ *Stream) { o.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		{"peer's reset", func(_, a *Stream) { a.Reset(CodeCancelled) }, nil},
		{"session's end", func(o, _ *Stream) { o.Session().Close() }, ErrClosed},
	}
	for _, test := range ends {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, a := twoEnds(t)
			errs := make(chan error, 3)
			go func() { _, err := o.Read(make([]byte, 1)); errs <- err }()
			go func() { _, err := o.Write(make([]byte, 1<<20)); errs <- err }()
			go func() { _, err := o.ReceiveDatagram(context.Background()); errs <- err }()
			eventually(t, "all wait", func() bool {
				o.mu.Lock()
				defer o.mu.Unlock()
				return o.want != nil && o.sent == startWindow
			})
			test.end(o, a)
			for range 3 {
				if err := <-errs; err == nil || err == io.EOF || test.is != nil && !errors.Is(err, test.is) {
					t.Errorf("%v; want %v", err, test.is)
				}
			}
		})
	}
}

func TestDeadlineIsLifted(t *testing.T) {
	o, a := twoEnds(t)
	o.SetReadDeadline(time.Unix(1, 0))
	var timeout net.Error
	if _, err := o.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("Read: %v", err)
	}
	o.SetReadDeadline(time.Now().Add(time.Hour))
	o.SetReadDeadline(time.Time{})
	a.Write([]byte("x"))
	if n, err := o.Read(make([]byte, 9)); n != 1 || err != nil {
		t.Fatalf("Read: %d, %v", n, err)
	}
}

// TestContext: whoever works for a stream learns that its peer left.
func TestContext(t *testing.T) {
	o, a := twoEnds(t)
	ctx := a.Context()
	if ctx.Err() != nil {
		t.Fatal("ended too early")
	}
	o.Reset(CodeCancelled)
	<-ctx.Done()
	wantReset(t, "cause", context.Cause(ctx), CodeCancelled, true)
	<-a.Context().Done()
	<-o.Context().Done()
}

func TestOpenedHonoursContext(t *testing.T) {
	hold := make(chan struct{})
	client, _ := pair(t, func(st *Stream) { <-hold; st.Reset(CodeInternal) }, nil)
	defer close(hold)
	st, err := client.Open(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := st.Opened(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Opened: %v", err)
	}
	st.Close()
}

func TestDatagrams(t *testing.T) {
	o, a := twoEnds(t)
	ctx := testContext(t)
	for _, size := range []int{0, 1, 1200, 16 << 10, MaxDatagram} {
		sent := bytes.Repeat([]byte{byte(size)}, size)
		if err := o.SendDatagram(sent); err != nil {
			t.Fatal(err)
		}
		got, err := a.ReceiveDatagram(ctx)
		if err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("datagram of %d bytes: got %d, %v", size, len(got), err)
		}
	}
	o.CloseWrite()
	if _, err := a.ReceiveDatagram(ctx); err != io.EOF {
		t.Fatalf("after FIN: %v", err)
	}
}

// TestCopyThroughSockets: WriteTo and ReadFrom, which io.Copy finds, move every byte and stop at the end.
func TestCopyThroughSockets(t *testing.T) {
	o, a := twoEnds(t)
	near, nearEnd := tcpPair(t)
	far, farEnd := tcpPair(t)
	copied := make(chan error, 2)
	go func() {
		_, err := io.Copy(o, nearEnd)
		copied <- errors.Join(err, o.CloseWrite())
	}()
	go func() {
		_, err := io.Copy(farEnd, a)
		copied <- errors.Join(err, farEnd.(*net.TCPConn).CloseWrite())
	}()
	sent := bytes.Repeat([]byte("postern"), 3<<20/7)
	go func() {
		near.Write(sent)
		near.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(far)
	if err := errors.Join(err, <-copied, <-copied); err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("got %d of %d bytes, %v", len(got), len(sent), err)
	}
	// The other way a socket that is reset is an error, not an end.
	nearEnd.(*net.TCPConn).SetLinger(0)
	go func() { _, err := io.Copy(a, near); copied <- err }()
	nearEnd.Close()
	if err := <-copied; err == nil {
		t.Fatal("a reset socket looked complete")
	}
}

// TestWindowGrowsAndShrinks: a consumer that keeps up gets more credit, one that falls behind less.
func TestWindowGrowsAndShrinks(t *testing.T) {
	o, a := twoEnds(t)
	o.Session().rtt.Store(int64(time.Hour)) // every window is used up within two round trips
	go a.Write(make([]byte, 4<<20))
	if _, err := io.ReadFull(o, make([]byte, 4<<20)); err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	grown := o.window
	o.mu.Unlock()
	if grown <= startWindow || grown > o.Session().limits.Window {
		t.Errorf("window of %d bytes for a consumer that keeps up", grown)
	}
	o.Session().rtt.Store(1)
	go a.Write(make([]byte, 64<<20))
	for range 8 << 10 {
		full := func() bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.received == o.credit || o.window == startWindow
		}
		for end := time.Now().Add(30 * time.Second); !full(); runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("window %d received %d credit %d consumed %d; sent %d limit %d", o.window, o.received, o.credit, o.consumed, a.sent, a.limit)
			}
		}
		if _, err := o.Read(make([]byte, 8<<10)); err != nil {
			t.Fatal(err)
		}
		o.mu.Lock()
		window := o.window
		o.mu.Unlock()
		if window == startWindow {
			return
		}
	}
	t.Error("the window of a consumer that falls behind stays large")
}
