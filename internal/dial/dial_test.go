package dial_test

import (
	"net"
	"testing"

	"postern/internal/dial"
)

func TestNamesUnderLocalhostAreThisMachine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"localhost", "admin.demo.localhost", "Admin.LOCALHOST."} {
		conn, err := dial.Context(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Errorf("dial %s: %v", host, err)
			continue
		}
		conn.Close()
	}
}

func TestIsLocalhost(t *testing.T) {
	for host, want := range map[string]bool{"localhost": true, "a.b.localhost": true, "localhost.example.com": false, "mylocalhost": false, "": false} {
		if dial.IsLocalhost(host) != want {
			t.Errorf("IsLocalhost(%q) = %v", host, !want)
		}
	}
}
