package http1

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"

	"postern/internal/field"
)

const (
	smallBuffer = 4 << 10
	bigBuffer   = 64 << 10
	// roomToRead is what a read of the connection should have at the least.
	roomToRead = 512
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	bigBuffers   = sync.Pool{New: func() any { return new([bigBuffer]byte) }}
)

func takeBuffer(atLeast int) []byte {
	switch {
	case atLeast <= smallBuffer:
		return smallBuffers.Get().(*[smallBuffer]byte)[:]
	case atLeast <= bigBuffer:
		return bigBuffers.Get().(*[bigBuffer]byte)[:]
	}
	return make([]byte, atLeast)
}

func giveBuffer(b []byte) {
	switch cap(b) {
	case smallBuffer:
		smallBuffers.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case bigBuffer:
		bigBuffers.Put((*[bigBuffer]byte)(b[:bigBuffer]))
	}
}

// Reader reads the messages of one connection, one after the other. It is for one goroutine at a time.
type Reader struct {
	src    io.Reader
	limits Limits

	buf         []byte // from a pool; nil while nothing is unread and no head is in use
	start, fill int    // what is unread: buf[start:fill]
	head        []byte // the buffer that the current message's head is in, if that is not buf
	headEnd     int    // where the head ends in buf, which must stay as it is up to there
	first       [1]byte
	fields      field.Fields // reused by every message
	interim     int          // responses of the class 1xx since the last final one
	err         error        // nothing more can be read
}

// NewReader makes one that reads from src. It buffers nothing before it is asked to read.
func NewReader(src io.Reader, limits Limits) *Reader {
	return &Reader{src: src, limits: limits.orDefaults()}
}

// Buffered gives how many bytes were read from the connection that no message has had yet.
func (r *Reader) Buffered() int { return r.fill - r.start }

// Unread gives those bytes, and with them the connection, to somebody else: after a switch of protocols. The reader
// is of no use any more.
func (r *Reader) Unread() []byte {
	rest := bytes.Clone(r.buf[r.start:r.fill])
	r.Close()
	r.err = io.ErrClosedPipe
	return rest
}

// Close gives back what memory is held. What was read is not good any more.
func (r *Reader) Close() {
	r.Release()
	if r.buf != nil {
		giveBuffer(r.buf)
		r.buf, r.start, r.fill = nil, 0, 0
	}
	r.err = io.ErrClosedPipe
}

// Release ends the use of the message that was read last, and gives back what memory it took.
func (r *Reader) Release() {
	if r.head != nil {
		giveBuffer(r.head)
		r.head = nil
	}
	clear(r.fields)
	r.fields, r.headEnd = r.fields[:0], 0
	if r.buf != nil && r.start == r.fill {
		giveBuffer(r.buf)
		r.buf, r.start, r.fill = nil, 0, 0
	}
}

// Wait waits until the next message begins. Meanwhile it holds no buffer, and nothing of the last message is good.
// io.EOF: the connection ended where it may.
func (r *Reader) Wait() error {
	if r.err != nil {
		return r.err
	}
	r.Release()
	if r.Buffered() > 0 {
		return nil
	}
	for {
		n, err := r.src.Read(r.first[:])
		if n > 0 {
			r.buf = takeBuffer(smallBuffer)
			r.buf[0], r.start, r.fill = r.first[0], 0, 1
			return nil
		}
		if err != nil {
			return r.ended(err)
		}
	}
}

// more reads more of the connection behind what is unread. The unread bytes, and a head before them, stay together
// and may move. most is how many bytes there may be unread.
func (r *Reader) more(most int) error {
	if r.err != nil {
		return r.err
	}
	r.makeRoom(most)
	for tries := 0; ; tries++ {
		n, err := r.src.Read(r.buf[r.fill:])
		r.fill += n
		if n > 0 {
			return nil
		}
		if err == nil && tries == 100 {
			err = io.ErrNoProgress
		}
		if err != nil {
			return r.ended(err)
		}
	}
}

// ended keeps the error of a connection, but for a deadline, after which it can be read on.
func (r *Reader) ended(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		r.err = err
	}
	return err
}

// Peek waits until the peer sends something more or its connection ends, for whoever wants to know whether it is still
// there. The message that was read last stays good. After os.ErrDeadlineExceeded everything goes on as if nothing had been.
func (r *Reader) Peek() error {
	if r.Buffered() > 0 {
		return nil
	}
	return r.more(smallBuffer)
}

// makeRoom sees to it that there is room to read into.
func (r *Reader) makeRoom(most int) {
	if r.start == r.fill {
		r.start, r.fill = r.headEnd, r.headEnd // nothing is lost
	}
	if len(r.buf)-r.fill >= roomToRead || r.buf != nil && r.start > r.headEnd && r.shift() {
		return
	}
	unread := r.Buffered()
	larger := takeBuffer(min(max(2*unread, smallBuffer), max(most, unread)+roomToRead))
	copy(larger, r.buf[r.start:r.fill])
	switch {
	case r.buf == nil:
	case r.headEnd > 0: // still in use
		r.head, r.headEnd = r.buf, 0
	default:
		giveBuffer(r.buf)
	}
	r.buf, r.start, r.fill = larger, 0, unread
}

// shift moves what is unread to the front, and reports whether that made room.
func (r *Reader) shift() bool {
	r.fill = r.headEnd + copy(r.buf[r.headEnd:], r.buf[r.start:r.fill])
	r.start = r.headEnd
	return len(r.buf)-r.fill >= roomToRead
}

// readLines waits for a whole block of lines and its empty line, and gives it. The block is consumed, and its bytes
// stay where they are until the next message is read. most bounds it.
func (r *Reader) readLines(most int, large *Error, in string) ([]byte, error) {
	seen, line := 0, 0 // from start: what was looked at, and where the line begins
	for {
		for {
			n := bytes.IndexByte(r.buf[r.start+seen:r.fill], '\n')
			if n < 0 {
				seen = r.Buffered()
				break
			}
			at := seen + n
			if at == line || r.buf[r.start+at-1] != '\r' {
				return nil, errBareLF
			}
			seen = at + 1
			if seen > most {
				return nil, large
			}
			if at == line+1 { // the empty line
				block := r.buf[r.start : r.start+seen]
				r.start += seen
				return block, nil
			}
			line = seen
		}
		if seen >= most {
			return nil, large
		}
		if err := r.more(most); err != nil {
			return nil, r.truncated(in, err)
		}
	}
}

func (r *Reader) truncated(in string, err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return r.fail(&TruncatedError{in, err})
}

// fail keeps an error: nothing after it can be read.
func (r *Reader) fail(err error) error {
	r.err = err
	return err
}
