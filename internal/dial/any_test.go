package dial_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/dial"
)

// listenOn listens on an address and gives its port, one that the kernel gives nobody by chance: on the other family nobody listens.
func listenOn(t *testing.T, address string) uint16 {
	t.Helper()
	for range 200 {
		port := 10_000 + rand.IntN(10_000)
		if l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port))); err == nil {
			t.Cleanup(func() { l.Close() })
			return uint16(port)
		}
	}
	t.Fatal("no free port")
	return 0
}

func addrs(list ...string) (out []netip.Addr) {
	for _, text := range list {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

// TestAnyTakesWhatAnswers: of two families the one that works is found, whichever comes first and whether the other refuses or says nothing.
func TestAnyTakesWhatAnswers(t *testing.T) {
	six := listenOn(t, "::1")
	four := listenOn(t, "127.0.0.1")
	silent := dial.One(func(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
		if to.Addr() == netip.MustParseAddr("192.0.2.1") { // as where a firewall drops what comes
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		conn, err := dial.Context(ctx, "tcp", to.String())
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	})
	tests := []struct {
		name  string
		addrs []netip.Addr
		port  uint16
		one   dial.One
		want  string
	}{
		{"IPv6 alone", addrs("::1"), six, nil, "::1"},
		{"IPv4 alone", addrs("127.0.0.1"), four, nil, "127.0.0.1"},
		{"IPv4 refuses", addrs("127.0.0.1", "::1"), six, nil, "::1"},
		{"IPv6 refuses", addrs("::1", "127.0.0.1"), four, nil, "127.0.0.1"},
		{"the first is silent", addrs("192.0.2.1", "::1"), six, silent, "::1"},
		{"the families take turns", addrs("192.0.2.1", "192.0.2.1", "192.0.2.1", "::1"), six, silent, "::1"},
	}
	for _, test := range tests {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		conn, to, err := dial.Any(ctx, test.addrs, test.port, test.one)
		cancel()
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		conn.Close()
		if to.Addr().String() != test.want || conn.RemoteAddr().String() != to.String() {
			t.Errorf("%s: connected to %s (%s)", test.name, to, conn.RemoteAddr())
		}
	}
}

func TestAnyTellsWhy(t *testing.T) {
	four := listenOn(t, "127.0.0.1")
	if _, _, err := dial.Any(t.Context(), addrs("127.0.0.1", "::1"), 1, nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refused: %v", err)
	}
	if _, _, err := dial.Any(t.Context(), nil, four, nil); err == nil || !strings.Contains(err.Error(), "no address") {
		t.Errorf("no address: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if conn, _, err := dial.Any(ended, addrs("127.0.0.1"), four, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v, %v", conn, err)
	}
}

// TestLocalhostOfBothFamilies: a name under localhost is this machine by either protocol.
func TestLocalhostOfBothFamilies(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "::1"} {
		port := listenOn(t, address)
		conn, err := dial.Context(t.Context(), "tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String())
		if address == "127.0.0.1" && err != nil {
			t.Error(err)
		}
		if conn != nil {
			conn.Close()
		}
		conn, err = dial.Context(t.Context(), "tcp", net.JoinHostPort("wiki.demo.localhost", netip.AddrPortFrom(netip.IPv6Loopback(), port).String()[len("[::1]:"):]))
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		conn.Close()
	}
}
