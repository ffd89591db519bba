//go:build unix

package connector

import (
	"io"
	"syscall"

	"postern/internal/sock"
)

const canPark = true

// readNow reads what is there, or fails with errWouldBlock.
func readNow(raw syscall.RawConn, p []byte) (n int, err error) {
	ctlErr := raw.Read(func(fd uintptr) bool {
		n, err = readSocket(int(fd), p)
		return true
	})
	if ctlErr != nil {
		return 0, ctlErr
	}
	return n, err
}

// readWhenReady waits and takes a buffer only when there is something to put into it.
func readWhenReady(raw syscall.RawConn) (buf *parkBuffer, n int, err error) {
	ctlErr := raw.Read(func(fd uintptr) bool {
		buf = parkPool.Get().(*parkBuffer)
		n, err = readSocket(int(fd), buf.b[:])
		if err == nil {
			return true
		}
		parkPool.Put(buf)
		buf = nil
		return err != errWouldBlock
	})
	if ctlErr != nil {
		return nil, 0, ctlErr
	}
	return buf, n, err
}

func readSocket(fd int, p []byte) (int, error) {
	for {
		n, err := sock.Read(fd, p)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, errWouldBlock
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}
