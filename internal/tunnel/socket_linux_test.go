package tunnel

import (
	"net"
	"syscall"
	"testing"
	"time"
)

const tcpUserTimeout = 18 // from linux/tcp.h

// TestDarkConnectionEnds: the kernel is told how long nothing may be acknowledged, at the session's start and not before. That
// it does so is shown by test/lab, which has networks to cut.
func TestDarkConnectionEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := Coalesce(conn).(*coalescer)
	option := func(name int) (value int) {
		t.Helper()
		if err := c.raw.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, name) }); err != nil {
			t.Fatal(err)
		}
		return value
	}
	if got := option(tcpUserTimeout); got != 0 {
		t.Errorf("before the session: TCP_USER_TIMEOUT is %d", got)
	}
	c.own()
	idle, interval, count := option(syscall.TCP_KEEPIDLE), option(syscall.TCP_KEEPINTVL), option(syscall.TCP_KEEPCNT)
	if got := time.Duration(option(tcpUserTimeout)) * time.Millisecond; got != maxDark {
		t.Errorf("TCP_USER_TIMEOUT is %v, want %v", got, maxDark)
	}
	if got := time.Duration(idle+interval*count) * time.Second; got != maxDark {
		t.Errorf("probes give up after %v, want %v", got, maxDark)
	}
}
