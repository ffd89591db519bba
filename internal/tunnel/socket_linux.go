package tunnel

import (
	"syscall"
	"time"
)

// From linux/tcp.h; package syscall has only some of them.
const (
	tcpUserTimeout  = 18
	tcpNotsentLowat = 25
)

// boundUnsent keeps the kernel from queueing megabytes that it has not sent: on a slow link a small frame would wait seconds
// behind them. What is under way on the link is not bounded, so a fast and long one is used as well as before.
func boundUnsent(raw syscall.RawConn) {
	// Without it everything works, with longer queues; a socket that is not TCP says no.
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat, maxUnsent)
	})
}

// boundUnacknowledged ends the connection when what was sent is not acknowledged for so long. TCP by itself tries again at
// ever longer intervals, so that after an interruption of seven seconds it would stand for another six.
func boundUnacknowledged(raw syscall.RawConn, limit time.Duration) {
	// Without it the session's own limit of silence works, which is longer.
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(limit.Milliseconds()))
	})
}
