package tunnel

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// joined gives the ends of many streams that a session in the middle hands on to another by feeds, both ways, as a gateway does: here and there. over is
// told of each that has ended in the middle.
func joined(t *testing.T, count int) (here, there []*Stream, over chan error) {
	t.Helper()
	ends := make(chan *Stream, count)
	right, _ := pair(t, func(st *Stream) {
		if st.Accept(nil) == nil {
			ends <- st
		}
	}, nil)
	ctx := testContext(t)
	over = make(chan error, 2*count)
	left, _ := pair(t, func(st *Stream) {
		to, err := right.Open(ctx, nil)
		if err != nil {
			t.Error(err)
			return
		}
		_ = st.Accept(nil)
		release := st.Keep()
		var both sync.WaitGroup
		both.Add(2)
		pass := func(to *Stream) func(int64, error, bool) {
			return func(_ int64, err error, _ bool) {
				if err == nil {
					err = to.CloseWrite()
				}
				if reset, ok := errors.AsType[*ResetError](err); ok { // AtEnd may come after
					to.Reset(reset.Code)
				} else if err != nil {
					to.Reset(CodeInternal)
				}
				over <- err
				both.Done()
			}
		}
		st.AtEnd(func() {
			if reset, ok := errors.AsType[*ResetError](st.Cause()); ok && reset.Code != CodeClosed {
				to.Reset(reset.Code)
			}
		})
		st.Feed(to, pass(to))
		to.Feed(st, pass(st))
		go func() {
			both.Wait()
			release()
		}()
	}, nil)
	for range count {
		st, err := left.Open(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Opened(ctx); err != nil {
			t.Fatal(err)
		}
		here = append(here, st)
		there = append(there, <-ends) // one after the other
	}
	t.Cleanup(func() {
		for i := range here {
			here[i].Close()
			there[i].Close()
		}
	})
	return here, there, over
}

// TestFeedsBothWays: what two sessions hand to each other, each while the other one does, comes once, in order, to its end, and no stream waits
// for another one.
func TestFeedsBothWays(t *testing.T) {
	const streams, size = 16, 512 << 10
	here, there, over := joined(t, streams)
	var all sync.WaitGroup
	send := func(to net.Conn, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		data := patterned(seed, size)
		for len(data) > 0 {
			n := min(len(data), 1+r.IntN(1+r.IntN(20_000)))
			if _, err := to.Write(data[:n]); err != nil {
				t.Error(err)
				return
			}
			data = data[n:]
		}
		if err := to.(*Stream).CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	receive := func(from io.Reader, seed uint64) {
		got, err := io.ReadAll(from)
		if err != nil || !bytes.Equal(got, patterned(seed, size)) {
			t.Errorf("stream %d: %d bytes, %v", seed, len(got), err)
		}
	}
	for i := range here {
		up, down := uint64(2*i), uint64(2*i+1)
		all.Go(func() { send(here[i], up) })
		all.Go(func() { send(there[i], down) })
		all.Go(func() { receive(there[i], up) })
		all.Go(func() { receive(here[i], down) })
	}
	all.Wait()
	for range 2 * streams {
		if err := <-over; err != nil {
			t.Error(err)
		}
	}
}

func patterned(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

// TestFeedPassesCuts: a reset comes through while nothing moves, also when one direction has ended before; and a deadline ends a feed.
func TestFeedPassesCuts(t *testing.T) {
	here, there, over := joined(t, 3)
	here[0].Reset(CodeCancelled)
	_, err := there[0].Read(make([]byte, 1))
	wantReset(t, "the other end", err, CodeCancelled, true)
	if err := here[1].CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := there[1].Read(make([]byte, 1)); err != io.EOF {
		t.Fatal(err)
	}
	here[1].Reset(CodeCancelled)
	_, err = there[1].Write(make([]byte, 1))
	for ctx := testContext(t); err == nil && ctx.Err() == nil; {
		_, err = there[1].Write(make([]byte, 1))
	}
	wantReset(t, "the half that was open", err, CodeCancelled, true)
	for range 4 {
		<-over
	}
	done := make(chan error, 1)
	there[2].Feed(&taker{turn: func(n int) int { return n }}, func(_ int64, err error, failed bool) {
		if failed {
			t.Error("a deadline is no fault of the sink")
		}
		done <- err
	})
	if err := there[2].SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if err := <-done; !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the feed ended with %v", err)
	}
}
