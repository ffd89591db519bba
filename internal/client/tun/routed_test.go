//go:build darwin || windows

package tun

import (
	"net"
	"testing"
)

// TestRoutesOfTheMachine: the machine's routes are read, and its own addresses are found on them.
func TestRoutesOfTheMachine(t *testing.T) {
	list, err := hops()
	if err != nil {
		t.Fatal(err)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	known := map[int]bool{}
	for _, l := range links {
		known[l.Index] = true
	}
	for _, h := range list {
		if !known[h.link] {
			t.Errorf("%s is reached by %d, which is no interface", h.to, h.link)
		}
	}
	t.Logf("%d routes: %v", len(list), list)
}

// TestMarked: a socket that is bound to the interface by which it would go anyway gets there.
func TestMarked(t *testing.T) {
	ourLink.Store(1 << 20) // nobody's
	defer ourLink.Store(0)
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		own, ok := a.(*net.IPNet)
		if !ok || own.IP.To4() == nil {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(own.IP.String(), "0"))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := (&net.Dialer{Control: Mark}).Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Errorf("%s: %v", own, err)
		} else {
			_ = conn.Close() // there is nothing in it
		}
		_ = listener.Close()
	}
}
