package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/tunnel"
)

// spliced gives the ends of two streams that are spliced in the middle, as those of a device and a connector are: here and there. over is told the bytes of
// both directions, ended of the end of the device's tunnel.
func spliced(t *testing.T) (here, there *tunnel.Stream, over chan [2]int64, ended chan error) {
	t.Helper()
	accepted, begun := make(chan *tunnel.Stream, 1), make(chan struct{})
	over = make(chan [2]int64, 1)
	right, _, _ := sessions(t, func(st *tunnel.Stream) {
		_ = st.Accept(nil)
		accepted <- st
	})
	left, _, ended := sessions(t, func(st *tunnel.Stream) {
		to, err := right.Open(t.Context(), nil)
		if err != nil {
			t.Error(err)
			return
		}
		_ = st.Accept(nil)
		release := st.Keep()
		splice(st, to, func(up, down int64) {
			over <- [2]int64{up, down}
			release()
		})
		close(begun)
	})
	here, err := left.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Opened(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-begun
	return here, <-accepted, over, ended
}

// sessions gives both ends of a tunnel, and is told how its accepting end ends.
func sessions(t *testing.T, accept func(*tunnel.Stream)) (dialled, accepting *tunnel.Session, ended chan error) {
	t.Helper()
	a, b := net.Pipe()
	ended = make(chan error, 1)
	dialled, err := tunnel.New(tunnel.Config{Conn: a, Dialler: true})
	if err != nil {
		t.Fatal(err)
	}
	accepting, err = tunnel.New(tunnel.Config{Conn: b, Accept: accept})
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Go(func() { _ = dialled.Run(context.Background()) })
	both.Go(func() { ended <- accepting.Run(context.Background()) })
	t.Cleanup(func() {
		_, _ = dialled.Close(), accepting.Close()
		both.Wait()
	})
	return dialled, accepting, ended
}

// TestSpliceTellsCuts: an answer that its sender closed before its end never looks complete, also when the request was; the same the other way.
func TestSpliceTellsCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there, over, _ := spliced(t)
		if err := here.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(there); err != nil {
			t.Fatal(err)
		}
		if _, err := there.Write([]byte("half")); err != nil {
			t.Fatal(err)
		}
		there.Reset(tunnel.CodeClosed)
		got, err := io.ReadAll(here)
		if reset, ok := errors.AsType[*tunnel.ResetError](err); !ok || reset.Code != tunnel.CodeClosed || string(got) != "half" {
			t.Errorf("%q, %v", got, err)
		}
		if moved := <-over; moved != [2]int64{0, 4} {
			t.Errorf("%v bytes", moved)
		}
		_ = here.Close()
	})
}

// TestSpliceOfTheLost: a tunnel that is lost while the other side does not take what it sent ends nevertheless, after a time, and so does the stream there.
func TestSpliceOfTheLost(t *testing.T) {
	for name, end := range map[string]func(*tunnel.Stream){
		"lost":   func(st *tunnel.Stream) { _ = st.Session().Close() },
		"closed": func(st *tunnel.Stream) { st.Reset(tunnel.CodeClosed) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there, over, ended := spliced(t)
				_ = here.SetWriteDeadline(time.Now().Add(time.Second))
				if _, err := here.Write(make([]byte, 4<<20)); err == nil {
					t.Fatal("all of it was taken")
				}
				end(here)
				synctest.Wait()
				select {
				case <-over:
					t.Error("it is over while there were bytes to take")
				default:
				}
				since := time.Now()
				<-over
				if took := time.Since(since); took > lastCarry+time.Second {
					t.Errorf("it was over after %s", took)
				}
				if _, err := io.Copy(io.Discard, there); err == nil {
					t.Error("the other side saw a plain end")
				}
				_ = there.Close()
				_ = here.Session().Close()
				<-ended
			})
		})
	}
}
