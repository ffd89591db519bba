// Package sock reads and writes the sockets of the data path.
//
// Package net tells Go's scheduler of each call, since a call may block. One of a socket that does not block never does, but on a
// busy machine it lasts long enough (loopback carries a packet to its receiver within the sender's call) for the scheduler to give
// the processor to another thread, and to wake up every 20 µs to look. Measured for requests of 1 KiB on two cores, gateway and
// connector need 10 to 20 % less CPU without that.
package sock

import (
	"io"
	"net"
	"sync"
)

// Wrap gives the connection with reads and writes that the scheduler is not told of, if it is a socket and that can be had, or the
// connection itself. Deadlines, closing and errors are those of the connection.
func Wrap(conn net.Conn) net.Conn { return wrap(conn) }

// WriteBuffers writes buffers one after the other: with one call, if w is a socket or what Wrap made of one.
func WriteBuffers(w io.Writer, buffers net.Buffers) (int64, error) {
	return buffers.WriteTo(unwrap(w))
}

// Gone reports whether the other side has closed a connection on which it has nothing to say just now: what it may have said before the
// end hides it. What is no socket, or cannot be looked at here, is not gone.
func Gone(conn net.Conn) bool { return gone(conn) }

// Finished tells whether the other side said that it ended, after read bytes of it were read and a read gave the end. A read alone does
// not tell: when a RST is first noticed by a write, which then fails, the next read gives the end and no error. Where the system does
// not say, it is not known, and a write that failed makes the end doubtful.
func Finished(conn *net.TCPConn, read int64) (yes, known bool) { return finished(conn, read) }

// MaxDatagram is the largest payload of a UDP datagram over IPv4, in bytes.
const MaxDatagram = 65507

// ReadDatagrams gives each datagram of a connected socket to use, until that or reading fails. What use is given is gone when it returns.
// A socket that waits holds no buffer, where the system allows it.
func ReadDatagrams(conn *net.UDPConn, use func([]byte) error) error { return readDatagrams(conn, use) }

// datagramBuffers has buffers for the largest datagram.
var datagramBuffers = sync.Pool{New: func() any { return new([MaxDatagram]byte) }}
