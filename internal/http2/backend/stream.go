package backend

import (
	"io"
	"slices"
	"sync"

	"golang.org/x/net/http2"

	"postern/internal/field"
)

// A Stream is one request and its response. One goroutine may write the request's body while another one reads the response; Reset and
// Close may be called by any.
type Stream struct {
	c    *Conn
	id   uint32
	cond sync.Cond // something that a reader or a writer may wait for has changed

	// All that follows is guarded by c.mu.
	window  int64 // that the request's body may fill
	waiting bool  // to send
	ended   bool  // the request was sent to its end
	stopped bool  // the backend wants no more of the request, and has answered it

	bodiless bool    // a response to HEAD
	heads    []*Head // that nobody has taken yet
	interim  int     // responses that came
	answered bool    // the final head came
	over     bool    // the response has ended
	left     int64   // of the body's announced length; -1: none was announced
	body     chunks
	trailer  field.Fields
	size     int   // of the receive window
	unread   int   // bytes that came since the backend was last told to go on: read, and not read
	read     int   // of them read
	total    int   // bytes of the body that came
	grown    int   // taken from the budget
	err      error // how the backend or the connection ended it before its time
	cut      error // why we did
}

// Open sends the head of a request. A body, if there is one, follows by Write and is ended by CloseWrite; Length 0 means none.
func (c *Conn) Open(r *Request) (*Stream, error) {
	c.mu.Lock()
	defer c.unlock()
	if !c.usable() {
		return nil, ErrUnusable
	}
	if err := c.encodeHead(r); err != nil {
		return nil, err
	}
	s := &Stream{c: c, id: c.next, window: c.peer.window, ended: r.Length == 0, bodiless: r.Method == "HEAD", left: -1, size: c.cfg.Limits.Window}
	s.cond.L = &c.mu
	c.next += 2
	c.streams[s.id] = s
	c.queueHead(s.id, s.ended)
	c.watch()
	return s, nil
}

// Head waits for the next head of the response: interim ones (1xx) first, then the final one.
func (s *Stream) Head() (*Head, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for len(s.heads) == 0 && s.err == nil && s.cut == nil {
		s.cond.Wait()
	}
	switch {
	case s.cut != nil:
		return nil, s.cut
	case len(s.heads) == 0:
		return nil, s.err
	}
	h := s.heads[0]
	s.heads = slices.Delete(s.heads, 0, 1)
	return h, nil
}

// Read reads the response's body, after its head. io.EOF is its proper end.
func (s *Stream) Read(p []byte) (int, error) {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	for !s.ready() {
		s.cond.Wait()
	}
	switch {
	case s.cut != nil:
		return 0, s.cut
	case s.body.len > 0:
		n := s.body.read(p)
		s.consumed(n)
		return n, nil
	case s.over:
		return 0, io.EOF
	}
	return 0, s.err
}

// Ready reports whether Read would not wait.
func (s *Stream) Ready() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.ready()
}

func (s *Stream) ready() bool { return s.body.len > 0 || s.over || s.err != nil || s.cut != nil }

// Wait waits until Read would not, so that nobody holds a buffer meanwhile.
func (s *Stream) Wait() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for !s.ready() {
		s.cond.Wait()
	}
}

// Trailer gives what followed the body, after its end.
func (s *Stream) Trailer() field.Fields {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.trailer
}

// Write sends a part of the request's body. ErrStopped means that the backend has answered and wants no more of it.
func (s *Stream) Write(p []byte) (n int, err error) {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	for len(p) > 0 {
		k, err := s.room()
		if err != nil {
			return n, err
		}
		k = min(k, len(p))
		c.out = append(appendFrame(c.out, http2.FrameData, s.id, frameOf{length: k}), p[:k]...)
		s.window -= int64(k)
		c.window -= int64(k)
		c.wake.Signal()
		n, p = n+k, p[k:]
	}
	return n, nil
}

// ErrStopped says that the backend has answered a request and wants no more of its body.
var ErrStopped = &ResetError{Code: http2.ErrCodeNo, Remote: true, Why: "it has answered and wants no more of the request"}

// room waits until something may be sent, and says how much.
func (s *Stream) room() (int, error) {
	c := s.c
	for {
		switch {
		case s.cut != nil:
			return 0, s.cut
		case s.stopped:
			return 0, ErrStopped
		case s.err != nil:
			return 0, s.err
		case s.ended:
			return 0, io.ErrClosedPipe
		}
		if n := min(s.window, c.window, int64(c.peer.frame), maxFrame); n > 0 && len(c.out) < maxPending {
			return int(n), nil
		}
		s.waiting = true
		c.blocked++
		s.cond.Wait()
		s.waiting = false
		c.blocked--
	}
}

// CloseWrite ends the request, with its trailers if there are any.
func (s *Stream) CloseWrite(trailers field.Fields) error {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	switch {
	case s.cut != nil:
		return s.cut
	case s.stopped || s.ended:
		return nil
	case s.err != nil:
		return s.err
	}
	if len(trailers) > 0 {
		block, err := appendFields(c.block[:0], trailers)
		if err != nil {
			return err
		}
		c.block = block
	}
	s.ended = true
	if len(trailers) > 0 {
		c.queueHead(s.id, true)
	} else {
		c.out = appendFrame(c.out, http2.FrameData, s.id, frameOf{flags: http2.FlagDataEndStream})
		c.wake.Signal()
	}
	s.settle()
	return nil
}

// Reset cuts the stream: what was under way fails with the cause, and the backend is told.
func (s *Stream) Reset(code http2.ErrCode, cause error) {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	s.end(code, cause)
}

// end cuts the stream from our side. What was received is not wanted any more.
func (s *Stream) end(code http2.ErrCode, cause error) {
	if s.cut == nil {
		s.cut = cause
		s.cond.Broadcast()
	}
	s.body.drop()
	s.reset(code)
}

// reset tells the backend that the stream is over, if it is not.
func (s *Stream) reset(code http2.ErrCode) {
	c := s.c
	if c.streams[s.id] != s {
		return
	}
	c.out = appendReset(c.out, s.id, code)
	c.wake.Signal()
	if !s.over {
		c.doubt()
	}
	c.remove(s)
}

// Close ends the stream for its user: a response that is not complete is cut.
func (s *Stream) Close() {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	code := http2.ErrCodeCancel
	if s.over {
		code = http2.ErrCodeNo
	}
	s.end(code, errClosed)
	c.cfg.Budget.give(s.grown)
	s.grown = 0
}

// doubt lets a stream that was reset hold its place until the backend answers something that was sent after the reset, so that who
// opens and resets in turns never makes it work on more than its limit.
func (c *Conn) doubt() {
	p := &c.probe
	if !p.may && p.sent.IsZero() {
		return // it must not be asked again yet
	}
	p.doubtful++
	if p.sent.IsZero() {
		c.ping()
	}
}

// fail ends the stream with an error of the backend's or the connection's. What was received before may still be read.
func (s *Stream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.cond.Broadcast()
}

// settle forgets a stream that ended both ways. What it received may still be read.
func (s *Stream) settle() {
	if s.ended && s.over {
		s.c.remove(s)
	}
}

func (c *Conn) remove(s *Stream) {
	if c.streams[s.id] != s {
		return
	}
	delete(c.streams, s.id)
	c.changed = true
	if c.away && len(c.streams) == 0 {
		c.farewell(http2.ErrCodeNo, errClosed)
	}
}

// consumed lets the backend send on, once half of the window was read; the window grows with a reader that has read all there was
// when it had filled.
func (s *Stream) consumed(n int) {
	s.read += n
	if s.over || s.err != nil || s.cut != nil || s.read < s.size/2 {
		return
	}
	c, more := s.c, 0
	if room := c.cfg.Limits.MaxWindow - s.size; s.body.len == 0 && s.total >= s.size && room > 0 {
		if more = min(s.size, room); !c.cfg.Budget.take(more) {
			more = 0
		}
	}
	s.grown += more
	s.size += more
	c.out = appendWindow(c.out, s.id, uint32(s.read+more))
	c.wake.Signal()
	s.unread -= s.read
	s.read = 0
}

// chunks is what a stream received and nobody has read.
type chunks struct {
	list []*[]byte
	at   int // read of the first
	len  int
}

const chunkSize = 4 << 10

var chunkPool = sync.Pool{New: func() any { b := make([]byte, 0, chunkSize); return &b }}

func (q *chunks) write(p []byte) {
	q.len += len(p)
	for len(p) > 0 {
		if n := len(q.list); n == 0 || len(*q.list[n-1]) == chunkSize {
			q.list = append(q.list, chunkPool.Get().(*[]byte))
		}
		last := q.list[len(q.list)-1]
		n := min(chunkSize-len(*last), len(p))
		*last = append(*last, p[:n]...)
		p = p[n:]
	}
}

func (q *chunks) read(p []byte) (n int) {
	gone := 0
	for n < len(p) && gone < len(q.list) {
		first := q.list[gone]
		k := copy(p[n:], (*first)[q.at:])
		n, q.at = n+k, q.at+k
		if q.at < len(*first) {
			break
		}
		q.at = 0
		*first = (*first)[:0]
		chunkPool.Put(first)
		gone++
	}
	q.list = slices.Delete(q.list, 0, gone)
	q.len -= n
	return n
}

func (q *chunks) drop() {
	for _, chunk := range q.list {
		*chunk = (*chunk)[:0]
		chunkPool.Put(chunk)
	}
	*q = chunks{}
}
