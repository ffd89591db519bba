package dial

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// From linux/tcp.h; package syscall has only some of them.
const (
	tcpUserTimeout  = 18
	tcpNotsentLowat = 25
)

// BoundUnsent keeps the kernel from queueing more bytes for a connection than so many that it has not sent yet. On a slow link a small
// message would wait seconds behind megabytes, and of those who read slowly a few thousand would use up the memory that the
// kernel has for all TCP. What is under way on the link is not bounded, so a fast and long one is used as well as before.
// Where that cannot be had nothing happens.
func BoundUnsent(raw syscall.RawConn, bytes int) {
	setTCP(raw, tcpNotsentLowat, bytes)
}

// BoundUnacknowledged ends the connection when what was sent is not acknowledged for so long. TCP by itself tries again at
// ever longer intervals, so that after an interruption of seven seconds it would stand for another six. Where that cannot be had
// nothing happens.
func BoundUnacknowledged(raw syscall.RawConn, limit time.Duration) {
	setTCP(raw, tcpUserTimeout, int(limit.Milliseconds()))
}

// setTCP sets an option without which everything works, too; a socket that is not TCP says no.
func setTCP(raw syscall.RawConn, option, value int) {
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, option, value)
	})
}

// KernelMemory gives how many bytes the kernel uses for all of TCP before it gets sparing (tcp_mem in tcp(7)): from then on packets are
// dropped and everybody waits. 0: nobody knows.
func KernelMemory() int64 {
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_mem")
	if err != nil {
		return 0
	}
	levels := strings.Fields(string(text))
	if len(levels) != 3 {
		return 0
	}
	pages, err := strconv.ParseInt(levels[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
