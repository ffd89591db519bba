package gateway_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"postern/internal/tunnel"
)

// A standing conn stands still while its gate is locked, as that of a process that is stopped: nothing is read or written.
type standing struct {
	net.Conn
	gate *sync.RWMutex
}

func (s *standing) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.gate.RLock()
	defer s.gate.RUnlock()
	return n, err
}

func (s *standing) Write(p []byte) (int, error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	return s.Conn.Write(p)
}

// TestConnectorStandsStill: a request that waits for a connector that says nothing any more is sent by another one, soon; new ones go there;
// what runs by it is not cut, and goes on when it does.
func TestConnectorStandsStill(t *testing.T) {
	w, p, _ := newSite(t)
	var gate sync.RWMutex
	b := w.enrol("b")
	b.raw = func() (net.Conn, error) {
		conn, err := net.Dial("tcp", w.address)
		return &standing{conn, &gate}, err
	}
	b.dial()
	frame := append([]byte{0x82, 4}, "echo"...)
	var sockets []net.Conn
	var readers []io.Reader
	for range 2 { // one by each
		c, in, res := w.socket("wiki.test", signedIn)
		if res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(res.Status)
		}
		soon(t, "the WebSocket", p.begun)
		sockets, readers = append(sockets, c), append(readers, in)
	}
	for range 2 { // one by each
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://wiki.test/wait", nil)
			req.Header.Set("Cookie", signedIn)
			if res, err := w.client(nil).Do(req); err == nil {
				res.Body.Close()
			}
		}()
		soon(t, "waiting", p.begun)
	}
	gate.Lock()
	began := time.Now()
	soon(t, "the request to wait for the other connector", p.begun)
	if w.metric("postern_gateway_still_total") == 0 {
		t.Error("nobody counted it")
	}
	for range 10 {
		if res, _ := do(t, w.client(nil), "POST", "https://wiki.test/mark", "x", "Cookie", signedIn); res.StatusCode != 200 {
			t.Errorf("beside a connector that stands still: %s", res.Status)
		}
	}
	took := time.Since(began)
	gate.Unlock()
	if took > 10*time.Second { // its tunnel is taken for dead after fifteen: this machine is too slow to tell
		t.Logf("it took %v", took)
		return
	}
	for i, c := range sockets {
		got := make([]byte, len(frame))
		if _, err := c.Write(frame); err != nil {
			t.Errorf("WebSocket %d: %v", i, err)
		}
		if _, err := io.ReadFull(readers[i], got); err != nil || !bytes.Equal(got, frame) {
			t.Errorf("WebSocket %d: %x, %v", i, got, err)
		}
	}
	// It gets requests again: when the other one is gone, it is the only one.
	w.connectors[0].session.Close()
	if res, _ := do(t, w.client(nil), "GET", "https://wiki.test/mark", "", "Cookie", signedIn); res.StatusCode != 200 {
		t.Errorf("after it went on: %s", res.Status)
	}
}

// TestWebSocketOfAConnectorThatRestarts: one whose connector ends it, since its time for draining is over, is told that it may come again.
func TestWebSocketOfAConnectorThatRestarts(t *testing.T) {
	w, p, _ := newSite(t)
	ws, in, _ := w.socket("wiki.test", signedIn)
	defer ws.Close()
	soon(t, "the WebSocket", p.begun)
	a := w.connectors[0]
	go func() { _ = a.session.Drain(t.Context()) }()
	w.until("the drain", a.session.Draining)
	for _, s := range a.streams() {
		s.Reset(tunnel.CodeClosed)
	}
	if text, _ := io.ReadAll(in); !bytes.Equal(text, []byte{0x88, 2, 0x03, 0xf4}) {
		t.Errorf("the WebSocket ended with %x, want a close frame 1012", text)
	}
}
