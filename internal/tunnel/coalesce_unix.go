//go:build unix

package tunnel

import (
	"io"
	"os"
	"syscall"
)

const canPush = true

// pushRaw writes as much of b as the socket takes without waiting.
func pushRaw(raw syscall.RawConn, b []byte) (n int, err error) {
	ctlErr := raw.Write(func(fd uintptr) bool {
		for n < len(b) {
			var m int
			m, err = syscall.Write(int(fd), b[n:])
			switch {
			case err == syscall.EINTR:
				err = nil
				continue
			case err == syscall.EAGAIN:
				err = nil
				return true
			case err != nil:
				return true
			}
			n += m
		}
		return true
	})
	if err == nil {
		err = ctlErr
	}
	return n, err
}

// readRaw waits until the socket can be read, and only then takes a buffer.
func readRaw(raw syscall.RawConn) (buf *copyBuffer, n int, err error) {
	ctlErr := raw.Read(func(fd uintptr) bool {
		buf = copyPool.Get().(*copyBuffer)
		for {
			n, err = syscall.Read(int(fd), buf.b)
			if err != syscall.EINTR {
				break
			}
		}
		if err == syscall.EAGAIN {
			buf.give()
			buf, n, err = nil, 0, nil
			return false
		}
		return true
	})
	switch {
	case err == nil && ctlErr != nil:
		return buf, 0, ctlErr
	case err != nil:
		return buf, 0, os.NewSyscallError("read", err)
	case n == 0:
		return buf, 0, io.EOF
	}
	return buf, n, nil
}
