package flow_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"postern/internal/client/flow"
)

const patience = 30 * time.Second

// pair gives both ends of a TCP connection.
func pair(t *testing.T) (ours, theirs *net.TCPConn) {
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
	ours, theirs = dialled.(*net.TCPConn), accepted.(*net.TCPConn)
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	_ = theirs.SetDeadline(time.Now().Add(patience))
	return ours, theirs
}

// joined joins two connections and gives their other ends.
func joined(t *testing.T) (program, backend *net.TCPConn, how <-chan error) {
	t.Helper()
	near, program := pair(t)
	far, backend := pair(t)
	ended := make(chan error, 1)
	go func() { ended <- flow.Join(flow.ConnEnd(near), flow.ConnEnd(far)) }()
	return program, backend, ended
}

func awaitEnd(t *testing.T, how <-chan error) error {
	t.Helper()
	select {
	case err := <-how:
		return err
	case <-time.After(2 * patience):
		t.Fatal("it does not end")
		return nil
	}
}

// TestJoinDirectly: two connections of this machine, too, end as one side ends.
func TestJoinDirectly(t *testing.T) {
	t.Run("complete", func(t *testing.T) {
		program, backend, how := joined(t)
		_, _ = program.Write([]byte("question"))
		_ = program.CloseWrite()
		if got, err := io.ReadAll(backend); string(got) != "question" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		_, _ = backend.Write([]byte("answer"))
		backend.Close()
		if got, err := io.ReadAll(program); string(got) != "answer" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if err := awaitEnd(t, how); err != nil {
			t.Error(err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		program, backend, how := joined(t)
		_ = backend.SetLinger(0)
		backend.Close()
		if _, err := program.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		if err := awaitEnd(t, how); err == nil {
			t.Error("it was complete")
		}
	})
}

// TestStuckBothWays: a backend that answers what it gets and a program that does not read hold each other up; when the program is gone, all of
// it ends.
func TestStuckBothWays(t *testing.T) {
	program, backend, how := joined(t)
	go func() { _, _ = io.Copy(onlyWriter{backend}, backend); backend.Close() }()
	_ = program.SetWriteDeadline(time.Now().Add(time.Second))
	for _, err := program.Write(make([]byte, 1<<20)); err == nil; _, err = program.Write(make([]byte, 1<<20)) {
		// until nothing is taken any more
	}
	_ = program.SetLinger(0)
	program.Close()
	if err := awaitEnd(t, how); err == nil {
		t.Error("it was complete")
	}
}

type onlyWriter struct{ io.Writer }

// TestAnswerBeforeTheEnd: what a backend answered before it closed on a program that goes on sending is not lost.
func TestAnswerBeforeTheEnd(t *testing.T) {
	program, backend, how := joined(t)
	go func() {
		_ = program.SetWriteDeadline(time.Now().Add(patience))
		for _, err := program.Write(make([]byte, 64<<10)); err == nil; _, err = program.Write(make([]byte, 64<<10)) {
			// a long upload
		}
	}()
	if _, err := io.ReadFull(backend, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	answer := []byte("413 too large")
	_, _ = backend.Write(answer)
	got := make([]byte, len(answer))
	if _, err := io.ReadFull(program, got); err != nil || !bytes.Equal(got, answer) {
		t.Errorf("%q, %v", got, err)
	}
	backend.Close() // with what it did not read: a RST
	if _, err := program.Read(make([]byte, 1)); err == nil {
		t.Error("there was more")
	}
	if err := awaitEnd(t, how); err == nil {
		t.Error("it was complete")
	}
}
