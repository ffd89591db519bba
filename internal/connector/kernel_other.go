//go:build !linux

package connector

import "net"

// moved does not know here how much a connection has carried: a drain ends when its time is over.
func moved(*net.TCPConn) (uint64, bool) { return 0, false }
