package sock

import (
	"net"

	"golang.org/x/sys/unix"
)

// The kernel counts a FIN as a byte received (tcp_rcv_nxt_update).
func finished(conn *net.TCPConn, read int64) (yes, known bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, false
	}
	var info *unix.TCPInfo
	ctlErr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if ctlErr != nil || err != nil {
		return false, false
	}
	return info.Bytes_received > uint64(read), true
}
