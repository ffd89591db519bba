package http2

import "sync"

// Bodies are kept in chunks. A tail is filled before a new one is taken, so that frames of one byte cost no more than
// large ones.
const (
	smallChunk = 2 << 10
	bigChunk   = 16 << 10
)

type chunk struct {
	next        *chunk
	start, fill int
	b           []byte
}

var (
	smallChunks = sync.Pool{New: func() any { return &chunk{b: make([]byte, smallChunk)} }}
	bigChunks   = sync.Pool{New: func() any { return &chunk{b: make([]byte, bigChunk)} }}
)

func takeChunk(size int) *chunk {
	if size <= smallChunk {
		return smallChunks.Get().(*chunk)
	}
	return bigChunks.Get().(*chunk)
}

func (k *chunk) give() {
	k.next, k.start, k.fill = nil, 0, 0
	if len(k.b) == smallChunk {
		smallChunks.Put(k)
		return
	}
	bigChunks.Put(k)
}

// A body is what came of a request's content and was not read yet.
type body struct {
	head, tail *chunk
	unread     int
}

func (b *body) append(k *chunk) {
	if b.tail == nil {
		b.head = k
	} else {
		b.tail.next = k
	}
	b.tail = k
	b.unread += k.fill
}

func (b *body) write(p []byte) {
	b.unread += len(p)
	for len(p) > 0 {
		if b.tail == nil || b.tail.fill == len(b.tail.b) {
			b.append(takeChunk(len(p)))
		}
		n := copy(b.tail.b[b.tail.fill:], p)
		b.tail.fill += n
		p = p[n:]
	}
}

func (b *body) read(p []byte) (n int) {
	for len(p) > n && b.head != nil {
		k := b.head
		m := copy(p[n:], k.b[k.start:k.fill])
		n += m
		if k.start += m; k.start < k.fill {
			break
		}
		if b.head = k.next; b.head == nil {
			b.tail = nil
		}
		k.give()
	}
	b.unread -= n
	return n
}

func (b *body) drop() {
	for b.head != nil {
		k := b.head
		b.head = k.next
		k.give()
	}
	b.tail, b.unread = nil, 0
}

// directFrom is from how many bytes on content is read straight into the chunk that its reader gets.
const directFrom = 4 << 10

// data takes content (RFC 9113 section 6.1).
func (c *conn) data(h header) error {
	switch {
	case h.id == 0:
		return errStreamZero
	case c.idle(h.id):
		return errIdle
	}
	left, padding, err := c.padding(h)
	if err != nil {
		return err
	}
	if left == 0 && !h.has(flagEndStream) {
		err = c.spend(priceFrame, "empty-data-flood")
	} else {
		c.work.earn(left / worthBytes * worthContent)
	}
	if err != nil {
		return err
	}
	st, code, reason, err := c.admit(h, left)
	if err != nil {
		return err
	}
	if st == nil {
		if err := c.skip(left + padding); err != nil {
			return err
		}
		if reason == "" {
			return c.spend(priceFrame, "data-after-reset")
		}
		return c.streamError(h.id, code, reason)
	}
	if err := c.content(st, left); err != nil {
		return err
	}
	if err := c.skip(padding); err != nil {
		return err
	}
	if h.has(flagEndStream) {
		c.mu.Lock()
		st.endRemote()
		c.mu.Unlock()
	}
	return nil
}

// padding reads how much padding a frame has, and gives how much else.
func (c *conn) padding(h header) (left, padding int, err error) {
	if !h.has(flagPadded) {
		return h.length, 0, nil
	}
	if h.length == 0 {
		return 0, 0, errFrameSize
	}
	if err := c.in.need(1); err != nil {
		return 0, 0, c.readError(err)
	}
	padding = int(c.in.buf[c.in.start])
	c.in.start++
	if left = h.length - 1 - padding; left < 0 {
		return 0, 0, errPadding
	}
	return left, padding, nil
}

// admit finds the stream of content and counts it against the windows and its length. nil: it is dropped, and for the
// reason, if there is one, the stream with it.
func (c *conn) admit(h header, left int) (st *Stream, code Code, reason string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.credit -= h.length; c.credit < 0 {
		return nil, 0, "", errOverrun
	}
	st = c.streams[h.id]
	switch {
	case st == nil && c.graves.has(h.id):
	case st == nil || st.remoteEnd:
		code, reason = StreamClosed, "stream-closed"
	case st.credit < h.length:
		code, reason = FlowControlError, "window-overrun"
	case st.left >= 0 && (int64(left) > st.left || h.has(flagEndStream) && int64(left) < st.left):
		code, reason = ProtocolError, "length-differs"
	default:
		if st.left >= 0 {
			st.left -= int64(left)
		}
		st.credit -= h.length
		c.consumed(st, h.length-left)
		return st, 0, "", nil
	}
	c.consumed(nil, h.length)
	return nil, code, reason, nil
}

// content reads content into its stream.
func (c *conn) content(st *Stream, left int) error {
	if left == 0 {
		return nil
	}
	if have := len(c.in.unread()); left > have && left >= directFrom {
		k := takeChunk(bigChunk)
		k.fill = copy(k.b, c.in.unread())
		c.in.start += k.fill
		for k.fill < left {
			n, err := c.in.direct(k.b[k.fill:left])
			if err != nil {
				k.give()
				return c.readError(err)
			}
			k.fill += n
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if st.err != nil || st.returned {
			k.give()
			c.consumed(nil, left)
			return nil
		}
		st.body.append(k)
		st.cond.Broadcast()
		return nil
	}
	if err := c.in.need(left); err != nil {
		return c.readError(err)
	}
	p := c.in.buf[c.in.start : c.in.start+left]
	c.in.start += left
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.err != nil || st.returned {
		c.consumed(nil, left)
		return nil
	}
	st.body.write(p)
	st.cond.Broadcast()
	return nil
}

// skip reads over bytes that nobody wants.
func (c *conn) skip(n int) error {
	for n > 0 {
		if err := c.in.need(1); err != nil {
			return c.readError(err)
		}
		m := min(n, len(c.in.unread()))
		c.in.start += m
		n -= m
	}
	return nil
}

// consumed counts bytes that are in nobody's way any more, and gives the client credit for them when it is worth a
// frame. st is nil if the stream gets none. c.mu is held.
func (c *conn) consumed(st *Stream, n int) {
	if c.unsaid += n; c.unsaid >= windowSlack {
		more := c.unsaid
		c.credit, c.unsaid = c.credit+more, 0
		c.put(func(b []byte) []byte { return appendWindowUpdate(b, 0, more) })
	}
	if st == nil || st.remoteEnd || st.err != nil {
		return
	}
	if st.unsaid += n; st.unsaid < st.size/2 {
		return
	}
	more := st.unsaid
	// A consumer that keeps up gets more, as long as all other streams that may come can have their first window.
	if st.body.unread <= st.size/4 {
		others := max(0, c.limits.Streams-len(c.streams)) * (firstWindow + 1)
		grow := min(st.size, c.limits.Window-st.size, c.limits.ConnWindow-c.granted-others)
		if grow > 0 {
			st.size, c.granted, more = st.size+grow, c.granted+grow, more+grow
		}
	}
	st.credit, st.unsaid = st.credit+more, 0
	c.put(func(b []byte) []byte { return appendWindowUpdate(b, st.id, more) })
}
