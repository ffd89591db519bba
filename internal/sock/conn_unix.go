//go:build unix

package sock

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

func wrap(conn net.Conn) net.Conn {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return conn
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return conn
	}
	c := &wrapped{Conn: conn, raw: raw}
	c.in.try, c.out.try, c.attempt = c.read, c.write, c.writeOnce
	return c
}

// wrapped is a connection with its socket.
type wrapped struct {
	net.Conn
	raw     syscall.RawConn
	in, out direction
	attempt func(fd uintptr) bool // writes once
}

// A direction is a call under way. It is kept, since a closure for each call would take memory.
type direction struct {
	try func(fd uintptr) bool // calls until the socket has nothing or takes no more

	mu  sync.Mutex // held over a call, as package net does; guards the fields below
	p   []byte
	n   int
	err error
}

func unwrap(w io.Writer) io.Writer {
	if c, ok := w.(*wrapped); ok {
		return c.Conn
	}
	return w
}

// NetConn gives the connection underneath.
func (c *wrapped) NetConn() net.Conn { return c.Conn }

// SyscallConn gives the socket.
func (c *wrapped) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

func (c *wrapped) read(fd uintptr) bool {
	d := &c.in
	for {
		if d.n, d.err = Read(int(fd), d.p); d.err != syscall.EINTR {
			return d.err != syscall.EAGAIN
		}
	}
}

func (c *wrapped) write(fd uintptr) bool {
	d := &c.out
	for d.n < len(d.p) {
		n, err := Write(int(fd), d.p[d.n:])
		switch err {
		case nil:
			d.n += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			d.err = err
			return true
		}
	}
	return true
}

func (c *wrapped) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return c.Conn.Read(p)
	}
	d := &c.in
	d.mu.Lock()
	defer d.mu.Unlock()
	d.p, d.n, d.err = p, 0, nil
	err := c.raw.Read(d.try)
	d.p = nil
	switch {
	case err != nil: // it was closed, or its deadline passed
		return 0, err
	case d.err != nil:
		return 0, c.failed("read", d.err)
	case d.n == 0:
		return 0, io.EOF
	}
	return d.n, nil
}

func (c *wrapped) Write(p []byte) (int, error) {
	d := &c.out
	d.mu.Lock()
	defer d.mu.Unlock()
	d.p, d.n, d.err = p, 0, nil
	err := c.raw.Write(d.try)
	d.p = nil
	if err == nil && d.err != nil {
		err = c.failed("write", d.err)
	}
	return d.n, err
}

func (c *wrapped) writeOnce(fd uintptr) bool {
	c.out.n, _ = Write(int(fd), c.out.p) // the next Write meets the error again, if it is one
	return true
}

// TryWrite writes what there is room for, without waiting. What fails is left to the next Write.
func (c *wrapped) TryWrite(p []byte) int {
	d := &c.out
	if len(p) == 0 || !d.mu.TryLock() {
		return 0
	}
	defer d.mu.Unlock()
	d.p, d.n = p, 0
	err := c.raw.Write(c.attempt)
	d.p = nil
	if err != nil {
		return 0
	}
	return max(d.n, 0)
}

// failed gives an error as package net does.
func (c *wrapped) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(op, err)}
}

func gone(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var is bool
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		is = n <= 0 && err != syscall.EAGAIN && err != syscall.EINTR
	})
	return is || err != nil // closed on this side
}

func readDatagrams(conn *net.UDPConn, use func([]byte) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var used error
		err := raw.Read(func(fd uintptr) bool {
			buffer := datagramBuffers.Get().(*[MaxDatagram]byte)
			defer datagramBuffers.Put(buffer)
			for {
				n, err := syscall.Read(int(fd), buffer[:])
				switch {
				case err == syscall.EINTR:
					continue
				case err == syscall.EAGAIN:
					return false // wait without the buffer
				case err != nil:
					used = os.NewSyscallError("read", err)
					return true
				}
				if used = use(buffer[:n]); used != nil {
					return true
				}
			}
		})
		if used != nil {
			return used
		}
		if err != nil {
			return err
		}
	}
}
