package tunnel

import (
	"io"
	"sync"
	"syscall"
)

// copyBuffer is what ReadFrom reads into.
type copyBuffer struct{ b []byte }

var copyPool = sync.Pool{New: func() any { return &copyBuffer{make([]byte, 2*maxData)} }}

func (c *copyBuffer) give() {
	if c != nil {
		copyPool.Put(c)
	}
}

// patient returns a function that waits for data of r and returns it in a buffer that the caller gives back.
// For a socket it takes the buffer only when there is something to read.
func patient(r io.Reader) func() (*copyBuffer, int, error) {
	if sc, ok := r.(syscall.Conn); ok && canPush {
		if raw, err := sc.SyscallConn(); err == nil {
			return newPuller(raw).pull
		}
	}
	return func() (*copyBuffer, int, error) {
		buf := copyPool.Get().(*copyBuffer)
		n, err := r.Read(buf.b)
		return buf, n, err
	}
}
