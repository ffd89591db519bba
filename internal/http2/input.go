package http2

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	headerSize = 9
	inputSize  = 18 << 10 // a frame of any kind, and then some
)

var inputs = sync.Pool{New: func() any { return new([inputSize]byte) }}

// An input reads a connection for its one reader. It holds a buffer only while there is something unread in it.
type input struct {
	conn        net.Conn
	before      func() error    // called before what may wait for the client
	slow        func(time.Time) // called when a frame does not come at once
	buf         *[inputSize]byte
	start, fill int  // what is unread: buf[start:fill]
	between     bool // no frame has begun
	first       [headerSize]byte
	// begun is when the frame began that is being read, in nanoseconds; 0 between frames. last is when something came.
	begun, last atomic.Int64
}

func (in *input) unread() []byte {
	if in.buf == nil {
		return nil
	}
	return in.buf[in.start:in.fill]
}

// release gives the buffer back if nothing is unread.
func (in *input) release() {
	if in.buf != nil && in.start == in.fill {
		inputs.Put(in.buf)
		in.buf, in.start, in.fill = nil, 0, 0
	}
}

// drop gives the buffer back whatever is in it.
func (in *input) drop() {
	in.start = in.fill
	in.release()
}

// need waits until n bytes are unread.
func (in *input) need(n int) error {
	for in.fill-in.start < n {
		if err := in.more(n); err != nil {
			return err
		}
	}
	return nil
}

func (in *input) more(n int) error {
	if err := in.before(); err != nil {
		return err
	}
	if in.between && in.start == in.fill {
		return in.wait()
	}
	in.begin()
	if in.buf == nil {
		in.buf = inputs.Get().(*[inputSize]byte)
	}
	if in.start > 0 && inputSize-in.start < max(n, inputSize/2) || in.start == in.fill {
		in.fill = copy(in.buf[:], in.buf[in.start:in.fill])
		in.start = 0
	}
	got, err := in.read(in.buf[in.fill:])
	in.fill += got
	return err
}

// wait waits for the next frame with room for its header only.
func (in *input) wait() error {
	in.release()
	n, err := in.read(in.first[:])
	if n > 0 {
		in.buf = inputs.Get().(*[inputSize]byte)
		in.start, in.fill = 0, copy(in.buf[:], in.first[:n])
		return nil
	}
	return err
}

// begin notes that a frame has begun and that the rest of it is waited for.
func (in *input) begin() {
	if in.begun.Load() == 0 {
		now := time.Now()
		in.begun.Store(now.UnixNano())
		in.slow(now)
	}
}

// read reads at least a byte of the connection.
func (in *input) read(p []byte) (int, error) {
	for range 100 {
		n, err := in.conn.Read(p)
		if n > 0 {
			in.last.Store(time.Now().UnixNano())
			return n, nil // an error comes again
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

// direct reads what is not buffered straight into p. Nothing is unread.
func (in *input) direct(p []byte) (int, error) {
	if err := in.before(); err != nil {
		return 0, err
	}
	in.begin()
	return in.read(p)
}
