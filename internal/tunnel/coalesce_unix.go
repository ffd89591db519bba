//go:build unix

package tunnel

import (
	"io"
	"os"
	"syscall"

	"postern/internal/sock"
)

const canPush = true

// A pusher writes without waiting. It is kept, since a new one for each flush would be most of what a small flush allocates.
type pusher struct {
	rest []byte
	n    int
	err  error
	try  func(fd uintptr) bool // once, as a value
}

// push writes as much of b as the socket takes without waiting.
func (p *pusher) push(raw syscall.RawConn, b []byte) (n int, err error) {
	if p.try == nil {
		p.try = p.once
	}
	p.rest, p.n, p.err = b, 0, nil
	err = raw.Write(p.try)
	p.rest = nil
	if p.err != nil {
		err = p.err
	}
	return p.n, err
}

// once writes until the socket takes no more, and never asks to be called again.
func (p *pusher) once(fd uintptr) bool {
	for p.n < len(p.rest) {
		m, err := sock.Write(int(fd), p.rest[p.n:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			p.err = err
			return true
		}
		p.n += m
	}
	return true
}

// A puller waits until a socket can be read, and only then takes a buffer. It is kept, as a pusher is.
type puller struct {
	raw syscall.RawConn
	buf *copyBuffer
	n   int
	err error
	try func(fd uintptr) bool // once, as a value
}

func newPuller(raw syscall.RawConn) *puller {
	p := &puller{raw: raw}
	p.try = p.once
	return p
}

// pull gives what the socket had, in a buffer that the caller gives back.
func (p *puller) pull() (*copyBuffer, int, error) {
	p.buf, p.n, p.err = nil, 0, nil
	closed := p.raw.Read(p.try)
	buf, n, err := p.buf, p.n, p.err
	p.buf = nil
	switch {
	case err == nil && closed != nil:
		return buf, 0, closed
	case err != nil:
		return buf, 0, os.NewSyscallError("read", err)
	case n == 0:
		return buf, 0, io.EOF
	}
	return buf, n, nil
}

// once reads what is there, or asks to be called again.
func (p *puller) once(fd uintptr) bool {
	p.buf = copyPool.Get().(*copyBuffer)
	for {
		p.n, p.err = sock.Read(int(fd), p.buf.b)
		switch p.err {
		case syscall.EINTR:
		case syscall.EAGAIN:
			p.buf.give()
			p.buf, p.n, p.err = nil, 0, nil
			return false
		default:
			return true
		}
	}
}
