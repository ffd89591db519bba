package connector

import (
	"net"

	"golang.org/x/sys/unix"
)

// moved gives how many bytes a connection has carried both ways, by the kernel's count: counting here would cost
// every byte of every stream, for a number that only a drain wants.
func moved(conn *net.TCPConn) (uint64, bool) {
	info, err := tcpInfo(conn)
	if err != nil {
		return 0, false
	}
	return info.Bytes_acked + info.Bytes_received, true
}

func tcpInfo(conn *net.TCPConn) (info *unix.TCPInfo, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	ctlErr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if ctlErr != nil {
		return nil, ctlErr
	}
	return info, err
}
