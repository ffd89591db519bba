package tunnel

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
)

// taker is a Sink that takes as much at once as its turn says, and notes by whom it got what.
type taker struct {
	mu    sync.Mutex
	turn  func(n int) int
	got   bytes.Buffer
	tried int // bytes that TryWrite took
	busy  bool
	both  bool // two wrote at once
}

func (s *taker) TryWrite(p []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.both = s.both || s.busy
	n := s.turn(len(p))
	s.got.Write(p[:n])
	s.tried += n
	return n
}

func (s *taker) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.busy = true
	s.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	return s.got.Write(p)
}

func (s *taker) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried
}

// TestSink: whoever writes, the session's reader or the stream's own goroutine, and however much is taken at once, each byte comes
// once and in order, the peer gets credit for it, and WriteTo counts it.
func TestSink(t *testing.T) {
	eachTurn(t, func(st *Stream, s Sink, done func(int64, error)) { go func() { done(st.WriteTo(s)) }() })
}

// TestFeed: the same is true where nobody waits.
func TestFeed(t *testing.T) {
	eachTurn(t, func(st *Stream, s Sink, done func(int64, error)) {
		st.Feed(s, func(n int64, err error, _ bool) { done(n, err) })
	})
}

func eachTurn(t *testing.T, write func(*Stream, Sink, func(int64, error))) {
	for name, turn := range map[string]func(int) int{
		"all":     func(n int) int { return n },
		"nothing": func(int) int { return 0 },
		"some":    func(n int) int { return rand.IntN(n + 1) },
		"by luck": func(n int) int { return n * rand.IntN(2) },
	} {
		t.Run(name, func(t *testing.T) {
			opener, acceptor := twoEnds(t)
			s := &taker{turn: turn}
			total := make(chan int64, 1)
			write(acceptor, s, func(n int64, err error) {
				if err != nil {
					t.Error(err)
				}
				total <- n
			})
			var want bytes.Buffer
			for want.Len() < 4<<20 { // many windows
				piece := make([]byte, 1+rand.IntN(3000)+rand.IntN(2)*rand.IntN(20)*1000)
				for i := range piece {
					piece[i] = byte(rand.Uint32())
				}
				want.Write(piece)
				if _, err := opener.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			if err := opener.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if n := <-total; n != int64(want.Len()) || !bytes.Equal(s.got.Bytes(), want.Bytes()) || s.both {
				t.Errorf("%d bytes counted, %d written, of %d; two at once: %v", n, s.got.Len(), want.Len(), s.both)
			}
		})
	}
}

// TestSinkIsUsed: what is short and comes to a stream that waits is written by the session's reader; what is long is not.
func TestSinkIsUsed(t *testing.T) {
	opener, acceptor := twoEnds(t)
	s := &taker{turn: func(n int) int { return n }}
	ended := make(chan error, 1)
	go func() {
		_, err := acceptor.WriteTo(s)
		ended <- err
	}()
	ctx := testContext(t)
	for s.taken() == 0 { // the stream's goroutine may still be about to wait
		if _, err := opener.Write([]byte("short")); err != nil || ctx.Err() != nil {
			t.Fatal(err, ctx.Err())
		}
		if _, err := opener.s.Ping(ctx); err != nil { // it has arrived
			t.Fatal(err)
		}
	}
	before := s.taken()
	if _, err := opener.Write(make([]byte, maxSunk+1)); err != nil {
		t.Fatal(err)
	}
	if err := opener.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if after := s.taken(); after != before {
		t.Errorf("%d bytes of a long write were written by the session's reader", after-before)
	}
}

var _ Sink = (*taker)(nil)
