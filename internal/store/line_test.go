package store_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// cut says what a line does with a commit.
type cut int32

const (
	cutNever    cut = iota
	cutBefore       // the server never hears of it
	cutAfter        // the server does it, its answer is lost
	cutSilently     // nothing gets through, commit or not, and nobody is told
)

// line is the way to a PostgreSQL, which a test can cut.
type line struct {
	url string // of the database at its end
	cut atomic.Int32

	mu   sync.Mutex // guards open
	open []net.Conn
}

// newLine lays a line to a database that is reached through a Unix socket.
func newLine(t *testing.T, to string) *line {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	dir, err := os.MkdirTemp("", "line") // short: a socket's path may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	target := filepath.Join(q.Get("host"), socket)
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	listener, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		t.Fatal(err)
	}
	l := &line{url: u.String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test ends
			}
			server, err := net.Dial("unix", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			l.mu.Lock()
			l.open = append(l.open, client, server)
			l.mu.Unlock()
			all.Go(func() { l.carry(server, client, true) })
			all.Go(func() { l.carry(client, server, false) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.hangUp()
		all.Wait()
		_ = os.RemoveAll(dir)
	})
	return l
}

func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.open {
		_ = conn.Close()
	}
	l.open = nil
}

func (l *line) carry(to, from net.Conn, request bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		data := buffer[:n]
		how := cut(l.cut.Load())
		commit := request && bytes.Contains(bytes.ToLower(data), []byte("commit"))
		switch {
		case how == cutSilently:
			_, _ = io.Copy(io.Discard, from)
			return
		case commit && how == cutBefore:
			return
		case !request && how == cutAfter && bytes.Contains(data, []byte("COMMIT\x00")):
			return // the server's word that it is done
		}
		if _, err := to.Write(data); err != nil {
			return
		}
	}
}
