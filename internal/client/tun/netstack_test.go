package tun

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestConnections: bytes go both ways, an end is an end of one direction, and what is refused is refused.
func TestConnections(t *testing.T) {
	w := newWorld(t, [3]string{"10.1.0.0/16", "80", "tcp"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w.dials["10.1.2.3:80/tcp"] = l.Addr().String()
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			got, _ := io.ReadAll(conn)
			_, _ = conn.Write(got) // after the other one's end
			conn.Close()
		}
	}()
	conn, err := w.dial("tcp", netip.MustParseAddrPort("10.1.2.3:80"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	sent := make([]byte, 4<<20)
	_, _ = rand.Read(sent)
	go func() {
		_, _ = conn.Write(sent)
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes came back, %v", len(got), len(sent), err)
	}
	if _, err := w.dial("tcp", netip.MustParseAddrPort("10.1.2.3:81")); err == nil {
		t.Error("a refused connection is open")
	}
}
