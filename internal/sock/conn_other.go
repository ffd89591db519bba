//go:build !unix

package sock

import (
	"io"
	"net"
)

func wrap(conn net.Conn) net.Conn { return conn }

func unwrap(w io.Writer) io.Writer { return w }

func gone(net.Conn) bool { return false }

func readDatagrams(conn *net.UDPConn, use func([]byte) error) error {
	buffer := datagramBuffers.Get().(*[MaxDatagram]byte)
	defer datagramBuffers.Put(buffer)
	for {
		n, err := conn.Read(buffer[:])
		if err == nil {
			err = use(buffer[:n])
		}
		if err != nil {
			return err
		}
	}
}
