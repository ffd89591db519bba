//go:build !unix

package sock

import (
	"io"
	"net"
)

func wrap(conn net.Conn) net.Conn { return conn }

func unwrap(w io.Writer) io.Writer { return w }

func gone(net.Conn) bool { return false }
