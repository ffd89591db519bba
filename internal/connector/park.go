package connector

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"

	"postern/internal/tunnel"
)

// parkBuffer is what is read into: one TLS record and its frame.
type parkBuffer struct{ b [16<<10 + 512]byte }

var parkPool = sync.Pool{New: func() any { return new(parkBuffer) }}

// watchedConn is the TCP connection below a backend's TLS connection. It does two things that crypto/tls cannot:
//
//   - It notes that the other side ended the TCP connection. crypto/tls takes an end between two records for an end of
//     the stream even without close_notify, which would make a cut reply look complete (RFC 8446, section 6.1).
//   - It waits for bytes without a buffer, so that an idle stream costs none: while parking, Read fails with
//     errWouldBlock instead of waiting, and wait waits once nobody holds a buffer any more.
//
// Apart from writing it is used by one goroutine.
type watchedConn struct {
	*net.TCPConn
	raw     syscall.RawConn // nil: this system cannot wait without a buffer
	parking bool
	ended   bool
	early   *parkBuffer // what wait found
	r, w    int         // the unread part of early
}

func (w *watchedConn) Read(p []byte) (int, error) {
	if w.early != nil {
		n := copy(p, w.early.b[w.r:w.w])
		w.r += n
		if w.r == w.w {
			parkPool.Put(w.early)
			w.early = nil
		}
		return n, nil
	}
	var n int
	var err error
	if w.parking {
		n, err = readNow(w.raw, p)
	} else {
		n, err = w.TCPConn.Read(p)
	}
	if errors.Is(err, io.EOF) {
		w.ended = true
	}
	return n, err
}

// wait waits for bytes, the end or an error.
func (w *watchedConn) wait() error {
	buf, n, err := readWhenReady(w.raw)
	if err != nil {
		w.ended = w.ended || errors.Is(err, io.EOF)
		return err
	}
	w.early, w.r, w.w = buf, 0, n
	return nil
}

// copyTo copies what conn, the TLS connection over w, receives to the stream, until its end.
func (w *watchedConn) copyTo(st *tunnel.Stream, conn net.Conn) error {
	if raw, err := w.SyscallConn(); err == nil && canPark {
		w.raw, w.parking = raw, true
	}
	for {
		err := w.copySome(st, conn)
		if errors.Is(err, errWouldBlock) {
			err = w.wait()
		}
		switch {
		case err == nil:
		case isEnd(err) && w.ended:
			return errTruncated
		case isEnd(err):
			return nil
		default:
			return err
		}
	}
}

// copySome copies until there is nothing to read. Its buffer is given back then.
func (w *watchedConn) copySome(st *tunnel.Stream, conn net.Conn) error {
	buf := parkPool.Get().(*parkBuffer)
	defer parkPool.Put(buf)
	for {
		n, err := conn.Read(buf.b[:])
		if n > 0 {
			if _, err := st.Write(buf.b[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// wouldBlock is a net.Error of the temporary kind, which crypto/tls does not hold against the connection.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "nothing to read now" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

var errWouldBlock net.Error = wouldBlock{}
