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

// finished tells whether the other side said that it ended, after read bytes of it were read and a read gave the end. A
// read alone does not tell: when a RST is first noticed by a write, which then fails, the next read gives the
// end of the stream and no error. The kernel counts a FIN as a byte received (tcp_rcv_nxt_update).
func finished(conn *net.TCPConn, read int64) (yes, known bool) {
	info, err := tcpInfo(conn)
	if err != nil {
		return false, false
	}
	return info.Bytes_received > uint64(read), true
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
