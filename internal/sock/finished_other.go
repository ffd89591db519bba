//go:build !linux

package sock

import "net"

func finished(*net.TCPConn, int64) (yes, known bool) { return false, false }
