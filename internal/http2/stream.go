package http2

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"postern/internal/field"
)

type phase int

const (
	phaseNone  phase = iota
	phaseHead        // the final head was written
	phaseEnded       // so was the end
)

// A Stream is one request and its response. Its methods are for Handle's goroutine, but Reset, OnGone, and the
// deadlines, which are for anybody. A response is Start, Write as often as there is content, and End; before it Inform may
// send interim responses.
type Stream struct {
	c       *conn
	id      uint32
	request Request
	head    *arena

	// All below is guarded by c.mu.
	cond     sync.Cond // something changed for Read or Write
	started  bool      // Handle was called
	returned bool      // Handle has returned
	err      error     // the stream is over before it was complete
	gone     func(error)

	body      body
	left      int64 // of the content, if its length was announced; else -1
	remoteEnd bool
	credit    int // what the client may send
	size      int // of the receive window
	unsaid    int // bytes that were read and for which the client got no credit yet
	trailer   *arena
	tail      field.Fields

	phase     phase
	window    int   // what the client takes
	toSend    int64 // of the content, if its length is known; else -1
	markAt    int   // the last DATA frame in pending
	markTaken uint32
	marked    bool
	queued    bool // in line
	granted   bool // room for a frame
	wantsRoom bool // and no window: it is a head
	quota     int  // of the connection's window, with the room
	patience  time.Duration
	waker     *time.Timer

	reads, writes deadline
}

// A deadline is one of a stream's.
type deadline struct {
	timer *time.Timer
	over  bool
}

// Conn gives the connection that carries the stream.
func (st *Stream) Conn() net.Conn { return st.c.net }

// Request gives the request. It is good until Handle returns.
func (st *Stream) Request() *Request { return &st.request }

// Read reads the request's content as it comes. io.EOF: it is whole, and Trailer has what came after it.
func (st *Stream) Read(p []byte) (int, error) {
	c := st.c
	c.mu.Lock()
	for st.body.unread == 0 {
		switch {
		case st.err != nil:
			c.mu.Unlock()
			return 0, st.err
		case st.remoteEnd:
			c.mu.Unlock()
			return 0, io.EOF
		case st.reads.over:
			c.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		}
		st.cond.Wait()
	}
	if st.err != nil { // a request that was cut is not to look like one that is slow
		err := st.err
		c.mu.Unlock()
		return 0, err
	}
	n := st.body.read(p)
	c.consumed(st, n)
	c.mu.Unlock()
	c.flush() // of the credit, if there is some to tell
	return n, nil
}

// Trailer gives the fields that came after the content, once Read gave io.EOF.
func (st *Stream) Trailer() field.Fields { return st.tail }

// Inform sends an interim response: 100 to 199, but 101.
func (st *Stream) Inform(status int, fields field.Fields) error {
	if status < 100 || status > 199 || status == 101 {
		return ErrUnwritable
	}
	return st.writeHead(outHead{status: status, fields: fields, length: -1})
}

// Start sends the head of the final response. length is the content's, -1 if it is not known. It is announced unless a
// field says it already. With 0 the response is ended, and so it is where there can be no content: in answer to HEAD, and
// with 204 and 304.
func (st *Stream) Start(status int, fields field.Fields, length int64) error {
	if status < 200 || status > 599 {
		return ErrUnwritable
	}
	announce := length
	if status == 204 || status == 304 || fields.Count("content-length") > 0 {
		announce = -1
	}
	if status == 204 || status == 304 || st.request.head {
		length = 0
		if announce == 0 {
			announce = -1 // what a GET would be answered with is not known
		}
	}
	st.toSend = length
	return st.writeHead(outHead{status, fields, announce, length == 0})
}

func (st *Stream) writeHead(out outHead) error {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.phase != phaseNone {
		return ErrOrder
	}
	if err := st.wait(true); err != nil {
		return err
	}
	var err error
	c.put(func(b []byte) []byte {
		b, err = c.appendHead(b, st.id, out)
		return b
	})
	st.giveBack()
	if err != nil {
		return err
	}
	switch {
	case out.end:
		st.phase = phaseEnded
		st.endLocal()
	case out.status >= 200:
		st.phase = phaseHead
	}
	return nil
}

// Write sends content. It reaches the client with the next Flush or End, or when there is much of it.
func (st *Stream) Write(p []byte) (int, error) {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case st.err != nil:
		return 0, st.err
	case st.phase != phaseHead:
		return 0, ErrOrder
	case st.toSend >= 0 && int64(len(p)) > st.toSend:
		return 0, ErrTooLong
	}
	sent := 0
	for sent < len(p) {
		if err := st.wait(false); err != nil {
			return sent, err
		}
		sent += st.appendData(p[sent:])
		if len(c.pending) >= flushAt && !c.busy {
			c.mu.Unlock()
			c.flush()
			c.mu.Lock()
		}
	}
	return sent, nil
}

// appendData appends one frame of content, for which there is room. c.mu is held.
func (st *Stream) appendData(p []byte) int {
	c := st.c
	n := min(len(p), maxFrame, st.window)
	if st.granted {
		n = min(n, st.quota)
		st.quota -= n
	} else {
		n = min(n, c.window)
		c.window -= n
	}
	st.window -= n
	if st.toSend >= 0 {
		st.toSend -= int64(n)
	}
	c.put(func(b []byte) []byte {
		st.markAt, st.markTaken, st.marked = len(b), c.taken, true
		return append(appendHeader(b, header{length: n, kind: frameData, id: st.id}), p[:n]...)
	})
	st.giveBack()
	c.work.earned += worthFrame
	c.sent += int64(n)
	st.trust(int64(n))
	return n
}

// slowest is how many bytes a second a client must take of a stream, or of all while the stream stands in line, not to
// count as one that takes nothing.
const slowest = 512

// Flush sends what was written.
func (st *Stream) Flush() error {
	st.c.flush()
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	return st.err
}

// End ends the response, with trailers if there are some, and sends it. Less content than was announced is ErrTooShort,
// and the stream is reset: what was cut never looks complete.
func (st *Stream) End(trailers field.Fields) error {
	err := st.end(trailers)
	if errors.Is(err, ErrTooShort) {
		st.Reset(InternalError)
	}
	st.c.flush()
	return err
}

func (st *Stream) end(trailers field.Fields) error {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case st.err != nil:
		return st.err
	case st.phase == phaseEnded:
		return nil
	case st.phase == phaseNone:
		return ErrOrder
	case st.toSend > 0:
		return ErrTooShort
	case len(trailers) > 0:
		if err := st.wait(true); err != nil {
			return err
		}
		var err error
		c.put(func(b []byte) []byte {
			b, err = c.appendHead(b, st.id, outHead{fields: trailers, length: -1, end: true})
			return b
		})
		st.giveBack()
		if err != nil {
			return err
		}
	case st.marked && st.markTaken == c.taken && len(c.pending) > st.markAt:
		c.pending[st.markAt+4] |= flagEndStream // the last frame of content has not left yet
	default:
		c.put(func(b []byte) []byte {
			return appendHeader(b, header{kind: frameData, flags: flagEndStream, id: st.id})
		})
	}
	st.phase = phaseEnded
	st.endLocal()
	return nil
}

// Reset ends the stream at once. Calls of its other methods fail, also those that wait.
func (st *Stream) Reset(code Code) {
	c := st.c
	c.mu.Lock()
	if st.err != nil || st.over() {
		c.mu.Unlock()
		return
	}
	gone, err := st.abort(code), st.err
	c.mu.Unlock()
	if gone != nil {
		gone(err)
	}
	c.flush()
}

// OnGone has f called when the stream ends before it is complete: by the client, by Reset, or with the connection. It is
// called once, at once if that has happened, and must not wait. Handle's return ends it.
func (st *Stream) OnGone(f func(error)) {
	st.c.mu.Lock()
	err := st.err
	if err == nil {
		st.gone = f
	}
	st.c.mu.Unlock()
	if err != nil && f != nil {
		f(err)
	}
}

// SetReadDeadline bounds Read, SetWriteDeadline all that sends. The zero time takes a bound away. What fails with
// os.ErrDeadlineExceeded leaves the stream as it is.
func (st *Stream) SetReadDeadline(t time.Time) { st.setDeadline(&st.reads, t) }

// SetWriteDeadline: see SetReadDeadline.
func (st *Stream) SetWriteDeadline(t time.Time) { st.setDeadline(&st.writes, t) }

func (st *Stream) setDeadline(d *deadline, t time.Time) {
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.over = false
	if t.IsZero() || st.returned {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(t), func() {
		st.c.mu.Lock()
		defer st.c.mu.Unlock()
		if d.timer == timer {
			d.over = true
			st.cond.Broadcast()
		}
	})
	d.timer = timer
}
