package posterntest

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Backend is a private application that remembers every byte it gets.
type Backend struct {
	URL string // http://127.0.0.1:port/

	mu       sync.Mutex // guards got and accepted
	got      bytes.Buffer
	accepted int
}

// maxRemembered bounds what a Backend keeps; beyond it only the fact counts that bytes came.
const maxRemembered = 4 << 20

// NewBackend serves a handler on loopback until the test ends.
func NewBackend(t testing.TB, handler http.Handler) *Backend {
	t.Helper()
	b := &Backend{}
	server := httptest.NewUnstartedServer(handler)
	server.Listener = &recordingListener{server.Listener, b}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	b.URL = server.URL + "/"
	return b
}

// Bytes gives everything it got so far.
func (b *Backend) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.got.Bytes())
}

// Connections gives how many connections it accepted.
func (b *Backend) Connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.accepted
}

// Forget forgets the bytes so far.
func (b *Backend) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got.Reset()
}

type recordingListener struct {
	net.Listener
	backend *Backend
}

func (l *recordingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.backend.mu.Lock()
	l.backend.accepted++
	l.backend.mu.Unlock()
	return &recordingConn{conn, l.backend}, nil
}

type recordingConn struct {
	net.Conn
	backend *Backend
}

func (c *recordingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.backend.mu.Lock()
	if c.backend.got.Len() < maxRemembered {
		c.backend.got.Write(p[:n])
	}
	c.backend.mu.Unlock()
	return n, err
}
