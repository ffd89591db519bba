package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const readSize = 64 << 10

var readPool = sync.Pool{New: func() any { return new([readSize]byte) }}

// frameReader reads frames. While nothing is under way it holds no buffer: it waits for the first bytes of a header.
type frameReader struct {
	conn  net.Conn
	bytes *atomic.Uint64
	buf   *[readSize]byte
	r, w  int // unparsed bytes are buf[r:w]
	first [headerSize]byte
	fed   []*sender // what their streams were given is not flushed yet
}

// maxFed is how many other sessions the reader flushes itself; their own goroutines flush the rest, on other processors.
const maxFed = 4

// sink hands a short payload to a sink. What other sessions are given by all that was read at once is one flush.
func (f *frameReader) sink(to Sink, p []byte) int {
	other, ok := to.(*Stream)
	if !ok {
		return to.TryWrite(p)
	}
	n := other.tryWrite(p)
	switch w := other.s.out; {
	case n == 0 || slices.Contains(f.fed, w):
	case len(f.fed) < maxFed:
		f.fed = append(f.fed, w)
	default:
		w.nudge()
	}
	return n
}

// read reads, which may wait.
func (f *frameReader) read(p []byte) (int, error) {
	f.flushFed()
	return f.conn.Read(p)
}

func (f *frameReader) flushFed() {
	for i, w := range f.fed {
		w.flush()
		f.fed[i] = nil
	}
	f.fed = f.fed[:0]
}

func (f *frameReader) fill() error {
	if f.r == f.w {
		f.release()
		n, err := f.read(f.first[:])
		if n == 0 {
			return err
		}
		f.bytes.Add(uint64(n))
		f.buf = readPool.Get().(*[readSize]byte)
		f.r, f.w = 0, copy(f.buf[:], f.first[:n])
		return nil
	}
	if f.w == readSize {
		f.w = copy(f.buf[:], f.buf[f.r:f.w])
		f.r = 0
	}
	n, err := f.read(f.buf[f.w:])
	f.w += n
	f.bytes.Add(uint64(n))
	if n > 0 {
		return nil
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (f *frameReader) release() {
	if f.buf != nil {
		readPool.Put(f.buf)
		f.buf, f.r, f.w = nil, 0, 0
	}
}

func (f *frameReader) header() (header, error) {
	for f.w-f.r < headerSize {
		if err := f.fill(); err != nil {
			return header{}, err
		}
	}
	h, err := parseHeader(f.buf[f.r:f.w])
	f.r += headerSize
	return h, err
}

// whole tells whether the next n bytes are there.
func (f *frameReader) whole(n int) bool { return f.w-f.r >= n }

// payload returns the next n bytes, valid until the next call.
func (f *frameReader) payload(n int) ([]byte, error) {
	if f.r+n > readSize {
		f.w = copy(f.buf[:], f.buf[f.r:f.w])
		f.r = 0
	}
	for !f.whole(n) {
		if err := f.more(); err != nil {
			return nil, err
		}
	}
	p := f.buf[f.r : f.r+n]
	f.r += n
	return p, nil
}

// more reads within a frame: the buffer is kept even when it is empty.
func (f *frameReader) more() error {
	n, err := f.read(f.buf[f.w:])
	f.w += n
	f.bytes.Add(uint64(n))
	if n > 0 {
		return nil
	}
	return unexpected(err)
}

// full fills p with the next bytes, straight from the connection where they are not in the buffer yet.
func (f *frameReader) full(p []byte) error {
	n := copy(p, f.buf[f.r:f.w])
	f.r += n
	for n < len(p) {
		m, err := f.read(p[n:])
		n += m
		f.bytes.Add(uint64(m))
		if m == 0 && err != nil {
			return unexpected(err)
		}
	}
	return nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (f *frameReader) skip(n int) error {
	for n > 0 {
		if f.r == f.w {
			f.r, f.w = 0, 0
			if err := f.more(); err != nil {
				return err
			}
		}
		m := min(n, f.w-f.r)
		f.r += m
		n -= m
	}
	return nil
}

// flood counts frames that achieve nothing: a peer may send some, as when ends cross, but not live on them.
type flood struct {
	allowed, left int
	until         time.Time
}

// useless counts one and tells whether it was one too many. The clock is looked at only when the allowance is used up.
func (f *flood) useless() bool {
	f.left--
	if f.left >= 0 {
		return false
	}
	now := time.Now()
	if now.Before(f.until) {
		return true
	}
	f.until = now.Add(time.Second)
	f.left = f.allowed
	return false
}

// read handles frames until the session ends, and says why.
func (s *Session) read() error {
	defer s.in.release()
	defer s.in.flushFed()
	if err := s.readHello(); err != nil {
		return s.readFailed(err)
	}
	for {
		h, err := s.in.header()
		if err == nil {
			err = s.handle(h)
		}
		if err != nil {
			return s.readFailed(err)
		}
	}
}

func (s *Session) readFailed(err error) error {
	var rule *ConnError
	if errors.As(err, &rule) || err == errGraceful {
		return err
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

func (s *Session) readHello() error {
	h, err := s.in.header()
	if err != nil {
		return err
	}
	if h.kind != frameHello {
		return broken(CodeProtocol, "%s before HELLO", h.kind)
	}
	p, err := s.in.payload(h.length)
	if err != nil {
		return err
	}
	f, err := decodeHello(p)
	if err != nil {
		return err
	}
	s.stats.framesIn.Add(1)
	s.mu.Lock()
	s.peer, s.credit = f.Hello, min(f.credit, startWindow)
	s.mu.Unlock()
	close(s.ready)
	return nil
}

// handle handles one frame. It never waits for a stream's consumer or for a write.
func (s *Session) handle(h header) error {
	s.stats.framesIn.Add(1)
	switch h.kind {
	case frameData:
		return s.onData(h)
	case frameDatagram:
		return s.onDatagram(h)
	}
	if !h.known() {
		if err := s.useless(); err != nil {
			return err
		}
		return s.in.skip(h.length)
	}
	p, err := s.in.payload(h.length)
	if err != nil {
		return err
	}
	switch h.kind {
	case frameOpen:
		// Ends of streams may cross: every stream allows for some late frames.
		s.flood.left = min(s.flood.left+8, s.flood.allowed)
		return s.onOpen(h, p)
	case framePing:
		return s.onPing(h, p)
	case frameGoaway:
		return s.onGoaway(h, p)
	case frameWindow:
		return s.onWindow(h, p)
	case frameHello:
		return broken(CodeProtocol, "HELLO twice")
	}
	return s.onStream(h, p)
}

// onStream handles the control frames of one stream.
func (s *Session) onStream(h header, p []byte) error {
	st, err := s.find(h)
	if err != nil {
		return err
	}
	if st == nil {
		return s.lateFrame()
	}
	switch h.kind {
	case frameOpened:
		return st.onOpened(p)
	case frameFin:
		return st.onFin()
	case frameReset:
		code, message, err := decodeReset(p)
		if err != nil {
			return err
		}
		st.onReset(code, message)
	}
	return nil
}

// find returns the stream of a frame, or nil if it has ended. A stream that never was is an error.
func (s *Session) find(h header) (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[h.id]; st != nil {
		return st, nil
	}
	next := s.peerNext
	if h.id%2 == s.nextID%2 {
		next = s.nextID
	}
	if h.id >= next {
		return nil, broken(CodeProtocol, "%s on stream %d, which was never opened", h.kind, h.id)
	}
	return nil, nil
}

// lateFrame counts a control frame on a stream that has ended.
func (s *Session) lateFrame() error {
	s.stats.late.Add(1)
	return s.useless()
}

func (s *Session) useless() error {
	if !s.flood.useless() {
		return nil
	}
	s.stats.limit(limitFlood)
	return broken(CodeFlood, "more than %d frames a second that achieve nothing", s.flood.allowed)
}

func (s *Session) onData(h header) error {
	st, err := s.find(h)
	if err != nil {
		return err
	}
	late := st == nil
	if !late {
		if late, err = st.admit(h.length); err != nil {
			return err
		}
	}
	if late {
		s.stats.late.Add(1)
		return s.in.skip(h.length)
	}
	if h.length == 0 {
		return s.useless()
	}
	if s.in.whole(h.length) {
		p, err := s.in.payload(h.length)
		if err == nil {
			st.deliver(p)
		}
		return err
	}
	c := newChunk(h.length)
	if err := s.in.full(c.buf[:h.length]); err != nil {
		c.free()
		return err
	}
	c.w = h.length
	st.deliverChunk(c)
	return nil
}

func (s *Session) onDatagram(h header) error {
	st, err := s.find(h)
	if err != nil {
		return err
	}
	if st == nil {
		s.stats.late.Add(1)
		return s.in.skip(h.length)
	}
	p := make([]byte, h.length)
	if err := s.in.full(p); err != nil {
		return err
	}
	return st.onDatagram(p)
}

func (s *Session) onWindow(h header, p []byte) error {
	offset, err := decodeWindow(p)
	if err != nil {
		return err
	}
	if h.id == 0 {
		s.mu.Lock()
		s.credit = uint32(min(offset, startWindow))
		s.mu.Unlock()
		return s.useless()
	}
	st, err := s.find(h)
	if err != nil {
		return err
	}
	if st == nil {
		return s.lateFrame()
	}
	news, err := st.onWindow(offset)
	if err == nil && !news {
		return s.useless()
	}
	return err
}

func (s *Session) onPing(h header, p []byte) error {
	if err := s.useless(); err != nil {
		return err
	}
	token := uint64(0)
	for _, b := range p {
		token = token<<8 | uint64(b)
	}
	if h.flags&flagAnswer != 0 {
		s.pong(token)
		return nil
	}
	s.mu.Lock()
	last := s.goaway.sentLast
	s.mu.Unlock()
	if last {
		return nil
	}
	return s.out.answer(s.limits.Control, func(b []byte) []byte { return appendPing(b, flagAnswer, token) })
}

// pong takes the answer to a PING of ours.
func (s *Session) pong(token uint64) {
	s.mu.Lock()
	ping := s.pings[token]
	delete(s.pings, token)
	s.mu.Unlock()
	if ping == nil {
		return
	}
	took := max(time.Since(ping.sent), 1)
	if ping.rtt != nil {
		ping.rtt <- took // has room for one
	}
	// The shortest is the truest: longer ones waited in a queue. Slowly follow a path that became longer.
	old := time.Duration(s.rtt.Load())
	if old > 0 && took > old {
		took = old + (took-old)/8
	}
	s.rtt.Store(int64(took))
}
