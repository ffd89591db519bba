package tunnel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// countedConn counts system calls. It hides the socket, so that the writer goroutine writes.
type countedConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// TestOneCallPerFlush: the TLS records of a flush leave in one write of up to 64 KiB, not one write per record.
func TestOneCallPerFlush(t *testing.T) {
	dialled, accepted := tcpPair(t)
	counted := &countedConn{Conn: dialled}
	c, s := mutualTLS(t, Coalesce(counted), Coalesce(accepted))
	client := run(t, Config{Conn: c, Dialler: true})
	run(t, Config{Conn: s, Accept: echo})
	if _, err := client.Ping(testContext(t)); err != nil {
		t.Fatal(err)
	}
	before, flushes := counted.writes.Load(), client.Stats().FlushesOut
	if retry, err := exchange(testContext(t), client.Session, 1); err != nil || retry {
		t.Fatal(err)
	}
	st, err := client.Open(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	sent := bytes.Repeat([]byte{7}, 1<<20)
	go func() { st.Write(sent); st.CloseWrite() }()
	if got, err := io.ReadAll(st); err != nil || len(got) != len(sent) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	calls := counted.writes.Load() - before
	// A flush holds at most 256 KiB and some: five pieces of 64 KiB.
	if most := int64(client.Stats().FlushesOut-flushes) + 1<<20>>16 + 20; calls > most {
		t.Errorf("%d writes for %d flushes", calls, client.Stats().FlushesOut-flushes)
	}
}

// TestOverAnyConn: without Coalesce, and over a connection without a socket, all works as well.
func TestOverAnyConn(t *testing.T) {
	plain := func(a, b net.Conn) (net.Conn, net.Conn) { return a, b }
	secret := func(a, b net.Conn) (net.Conn, net.Conn) { c, s := mutualTLS(t, a, b); return c, s }
	pipe := func() (net.Conn, net.Conn) { return net.Pipe() }
	tcp := func() (net.Conn, net.Conn) { return tcpPair(t) }
	tests := []struct {
		name  string
		conns func() (net.Conn, net.Conn)
		over  func(a, b net.Conn) (net.Conn, net.Conn)
	}{
		{"pipe", pipe, plain},
		{"TLS over a pipe", pipe, secret},
		{"TCP", tcp, plain},
		{"TLS over TCP, not coalesced", tcp, secret},
		{"coalesced pipe", pipe, func(a, b net.Conn) (net.Conn, net.Conn) { return secret(Coalesce(a), Coalesce(b)) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, b := test.over(test.conns())
			client := run(t, Config{Conn: a, Dialler: true})
			server := run(t, Config{Conn: b, Accept: echo})
			for id := range uint64(20) {
				if _, err := exchange(testContext(t), client.Session, id); err != nil {
					t.Fatal(err)
				}
			}
			if err := client.Drain(testContext(t)); err != nil {
				t.Fatal(err)
			}
			if err := server.result(t); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTornRecord: nothing is sent after a flush that failed, maybe in the midst of a record, not even TLS's farewell: the peer shall
// learn that the connection is lost, not that somebody tampered with it.
func TestTornRecord(t *testing.T) {
	near, far := tcpPair(t)
	c := Coalesce(near).(*coalescer)
	c.own()
	c.Write(make([]byte, maxHeld))
	rest, err := c.push()
	if err != nil {
		t.Fatal(err)
	}
	c.SetWriteDeadline(time.Unix(1, 0))
	if err := c.flush(rest); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("flush: %v with %d bytes left", err, len(rest))
	}
	if _, err := io.CopyN(io.Discard, far, int64(maxHeld-len(rest))); err != nil { // there is room
		t.Fatal(err)
	}
	c.Write([]byte("farewell"))
	c.Close()
	if got, err := io.ReadAll(far); len(got) > 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestIdleHoldsNoBuffer: a session that carried much and then rests holds no read and no write buffer.
func TestIdleHoldsNoBuffer(t *testing.T) {
	client, server := pair(t, echo, nil)
	ctx := testContext(t)
	for id := range uint64(20) {
		if _, err := exchange(ctx, client.Session, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*running{client, server} {
		eventually(t, "the session rests", func() bool {
			s.out.mu.Lock()
			defer s.out.mu.Unlock()
			return !s.out.busy && s.out.pending == nil
		})
		s.out.under.mu.Lock()
		if s.out.under.held != nil {
			t.Errorf("%d bytes of records are held", cap(s.out.under.held))
		}
		s.out.under.mu.Unlock()
		if held := s.budget.Buffered(); held != 0 {
			t.Errorf("%d bytes are charged", held)
		}
	}
	// The reader's buffer belongs to the reader: stop it to look. Only now, since closing one side ends the other.
	for _, s := range []*running{client, server} {
		s.Close()
		s.result(t)
		if s.in.buf != nil {
			t.Error("a read buffer is held")
		}
	}
}
