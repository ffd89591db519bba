package sock_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"postern/internal/sock"
)

const patience = 30 * time.Second

// pair gives both ends of a TCP connection, one of them wrapped.
func pair(t *testing.T) (wrapped net.Conn, other *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	wrapped = sock.Wrap(accepted)
	t.Cleanup(func() {
		wrapped.Close()
		dialled.Close()
	})
	for _, c := range []net.Conn{wrapped, dialled} {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	return wrapped, dialled.(*net.TCPConn)
}

// TestEcho carries more than any buffer holds both ways at once, in pieces of every kind.
func TestEcho(t *testing.T) {
	for _, piece := range []int{1000, 64 << 10, 64<<10 + 1, 1 << 20} {
		wrapped, other := pair(t)
		sent := make([]byte, 4<<20)
		rand.Read(sent) // never fails
		go func() {
			for rest := sent; len(rest) > 0; {
				n, err := wrapped.Write(rest[:min(piece, len(rest))])
				if rest = rest[n:]; err != nil {
					t.Error(err)
					break
				}
			}
		}()
		go func() {
			_, _ = io.Copy(other, io.LimitReader(other, int64(len(sent)))) // what is missing is missed below
			_ = other.CloseWrite()
		}()
		got, err := io.ReadAll(wrapped)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("pieces of %d: %d bytes of %d, %v", piece, len(got), len(sent), err)
		}
	}
}

// TestErrors: what goes wrong is what package net says of it.
func TestErrors(t *testing.T) {
	t.Run("end", func(t *testing.T) {
		wrapped, other := pair(t)
		_ = other.Close()
		if n, err := wrapped.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Error(n, err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		wrapped, other := pair(t)
		_ = other.SetLinger(0)
		_ = other.Close()
		var wrong *net.OpError
		if _, err := wrapped.Read(make([]byte, 1)); !errors.As(err, &wrong) || wrong.Op != "read" || wrong.Timeout() {
			t.Errorf("%#v", err)
		}
		if _, err := wrapped.Write([]byte("x")); !errors.As(err, &wrong) || wrong.Op != "write" {
			t.Errorf("%#v", err)
		}
	})
	t.Run("late read", func(t *testing.T) {
		wrapped, _ := pair(t)
		_ = wrapped.SetReadDeadline(time.Unix(1, 0))
		if _, err := wrapped.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		_ = wrapped.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		var wrong net.Error
		if _, err := wrapped.Read(make([]byte, 1)); !errors.As(err, &wrong) || !wrong.Timeout() {
			t.Error(err)
		}
	})
	t.Run("late write", func(t *testing.T) {
		wrapped, _ := pair(t)
		_ = wrapped.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		for sent := 0; ; {
			n, err := wrapped.Write(make([]byte, 1<<20))
			sent += n
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if err != nil || sent > 1<<30 {
				t.Fatal(sent, err)
			}
		}
	})
	t.Run("closed", func(t *testing.T) {
		wrapped, _ := pair(t)
		ended := make(chan error)
		go func() {
			_, err := wrapped.Read(make([]byte, 1))
			ended <- err
		}()
		_ = wrapped.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if _, err := wrapped.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestNothing: reading or writing nothing is no end.
func TestNothing(t *testing.T) {
	wrapped, _ := pair(t)
	if n, err := wrapped.Read(nil); n != 0 || err != nil {
		t.Error(n, err)
	}
	if n, err := wrapped.Write(nil); n != 0 || err != nil {
		t.Error(n, err)
	}
}

// TestWriteBuffers writes many at once.
func TestWriteBuffers(t *testing.T) {
	wrapped, other := pair(t)
	n, err := sock.WriteBuffers(wrapped, net.Buffers{[]byte("one "), []byte("two "), []byte("three")})
	if n != 13 || err != nil {
		t.Fatal(n, err)
	}
	_ = wrapped.Close()
	if got, err := io.ReadAll(other); string(got) != "one two three" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

// TestOthers: what is no socket stays what it is.
func TestOthers(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	if sock.Wrap(here) != here {
		t.Error("a pipe was wrapped")
	}
}

// TestTryWrite takes what there is room for and no more, without waiting, and leaves what fails to Write.
func TestTryWrite(t *testing.T) {
	wrapped, other := pair(t)
	try := wrapped.(interface{ TryWrite([]byte) int })
	piece := make([]byte, 4096)
	rand.Read(piece) // never fails
	var sent bytes.Buffer
	for {
		n := try.TryWrite(piece)
		sent.Write(piece[:n])
		if n < len(piece) {
			break
		}
	}
	got := make(chan []byte, 1)
	go func() {
		all, err := io.ReadAll(other)
		if err != nil {
			t.Error(err)
		}
		got <- all
	}()
	if _, err := wrapped.Write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	sent.WriteString("the end")
	if n := try.TryWrite(nil); n != 0 {
		t.Error(n)
	}
	_ = wrapped.Close()
	if all := <-got; !bytes.Equal(all, sent.Bytes()) {
		t.Errorf("%d bytes of %d", len(all), sent.Len())
	}
	if n := try.TryWrite(piece); n != 0 {
		t.Errorf("%d bytes into what is closed", n)
	}
}

// TestGone: an end is seen without reading, what was said before it hides it, and a connection that is just quiet is there.
func TestGone(t *testing.T) {
	conn, other := pair(t)
	if sock.Gone(conn) {
		t.Error("a quiet connection is gone")
	}
	if _, err := other.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	other.Close()
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); !sock.Gone(conn); {
		if time.Since(began) > patience {
			t.Fatal("a connection that was closed is not gone")
		}
	}
	conn.Close()
	if !sock.Gone(conn) {
		t.Error("one that we closed is not gone")
	}
	one, two := net.Pipe()
	defer one.Close()
	two.Close()
	if sock.Gone(one) {
		t.Error("what is no socket is gone")
	}
}
