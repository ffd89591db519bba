package http2

import (
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"postern/internal/field"
)

// A gatherer is a connection under TLS that keeps what is written to it until it is told to send. tunnel.Coalesce makes
// them. Over one, all that a flush has leaves in one system call, and no stream waits in one.
type gatherer interface {
	// Gather begins it, and reports whether Push sends anything.
	Gather() bool
	// Push sends what the socket takes without waiting, and gives the rest, which Send must be given before anything else.
	Push() (rest []byte, err error)
	// Send sends the rest and what was gathered, and waits for it.
	Send(rest []byte) error
}

const (
	// slot is what a waiting stream is granted in the pending buffer: one full frame.
	slot = headerSize + maxFrame
	// flushAt is how much may be pending before a stream's Write sends it without being asked to.
	flushAt = 32 << 10
)

// A sender gathers frames and writes them: append under one lock, let others append too, write once. Whoever finds no
// flush under way flushes itself without waiting; what the socket has no room for is a goroutine's, which lives as long
// as there is some. All fields but net's are guarded by conn.mu.
type sender struct {
	under    gatherer // nil if writes are not gathered
	pending  []byte
	box      *[]byte // what pending was taken from a pool in
	taken    uint32  // how often pending was taken: marks in it are good while this is the same
	provoked int     // bytes of pending that the client provoked
	busy     bool    // somebody flushes
	done     sync.Cond
	line     []*Stream // waiting for room, or for the connection's window
	reserved int       // room granted and not yet used
	sent     int64     // bytes of content
	begun    bool      // a header block was written
	dead     bool      // nothing can be written any more
	writers  sync.WaitGroup
}

func (c *conn) gather(conn net.Conn) {
	c.done.L = &c.mu
	for conn != nil {
		if g, ok := conn.(gatherer); ok && g.Gather() {
			c.under = g
			return
		}
		over, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		conn = over.NetConn()
	}
}

var outputs = sync.Pool{New: func() any { b := make([]byte, 0, 32<<10); return &b }}

func giveOutput(box *[]byte) {
	if box != nil && cap(*box) <= 256<<10 {
		*box = (*box)[:0]
		outputs.Put(box)
	}
}

// put appends frames. c.mu is held.
func (c *conn) put(encode func([]byte) []byte) {
	if c.dead {
		return
	}
	if c.pending == nil {
		c.box = outputs.Get().(*[]byte)
		c.pending = *c.box
	}
	c.pending = encode(c.pending)
}

// answer appends what the client provoked. A client that asks and does not read the answers ends its connection. c.mu is
// held.
func (c *conn) answer(encode func([]byte) []byte) error {
	if c.provoked > c.limits.Control {
		return errUnread
	}
	before := len(c.pending)
	c.put(encode)
	c.provoked += len(c.pending) - before
	return nil
}

// fits reports whether a full frame more may be pending. c.mu is held.
func (c *conn) fits() bool {
	n := len(c.pending) + c.reserved
	return n == 0 || n+slot <= c.limits.Pending
}

// grant lets the longest-waiting streams send a frame each. Heads need no window: they wait for nobody's. c.mu is held.
func (c *conn) grant() {
	kept := c.line[:0]
	for _, st := range c.line {
		if !c.fits() || !st.wantsRoom && c.window <= 0 {
			kept = append(kept, st)
			continue
		}
		if !st.wantsRoom {
			st.quota = min(maxFrame, c.window)
			c.window -= st.quota
		}
		st.queued, st.granted = false, true
		c.reserved += slot
		st.cond.Broadcast()
	}
	clear(c.line[len(kept):])
	c.line = kept
}

// giveBack ends a stream's place in the line and returns what it was granted. c.mu is held.
func (st *Stream) giveBack() {
	c := st.c
	if st.queued {
		st.queued = false
		c.line = slices.DeleteFunc(c.line, func(other *Stream) bool { return other == st })
	}
	if st.granted {
		c.reserved -= slot
		c.window += st.quota
		st.granted, st.quota = false, 0
		c.grant()
	}
}

// take takes what is pending, and lets others append meanwhile.
func (c *conn) take() (buf []byte, box *[]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if buf, box = c.pending, c.box; box != nil {
		*box = buf
	}
	c.pending, c.box, c.provoked = nil, nil, 0
	c.taken++
	c.grant()
	return buf, box
}

// ended ends a flush if nothing is pending.
func (c *conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) > 0 && !c.dead {
		return false
	}
	c.busy = false
	c.done.Broadcast()
	return true
}

// flush sends what is pending, unless somebody does already. It does not wait for the client.
func (c *conn) flush() {
	c.mu.Lock()
	if c.busy || len(c.pending) == 0 || c.dead {
		c.mu.Unlock()
		return
	}
	c.busy = true
	c.mu.Unlock()
	if c.under == nil {
		c.writers.Go(func() { c.send(nil) })
		return
	}
	// Others that are ready to run append their frames to the same flush.
	runtime.Gosched()
	for range 4 {
		rest, err := c.push()
		if err != nil {
			c.broke(err)
			return
		}
		if len(rest) > 0 {
			c.writers.Go(func() { c.send(rest) })
			return
		}
		if c.ended() {
			return
		}
	}
	c.writers.Go(func() { c.send(nil) })
}

func (c *conn) push() (rest []byte, err error) {
	buf, box := c.take()
	if _, err = c.net.Write(buf); err == nil {
		rest, err = c.under.Push()
	}
	giveOutput(box)
	return rest, err
}

// send writes until nothing is pending, and waits for the client to take it.
func (c *conn) send(rest []byte) {
	for {
		c.mu.Lock()
		if c.err == nil { // else it has a deadline
			_ = c.net.SetWriteDeadline(time.Now().Add(c.limits.Stall))
		}
		c.mu.Unlock()
		if err := c.write(rest); err != nil {
			c.broke(err)
			return
		}
		rest = nil
		if c.ended() {
			return
		}
	}
}

func (c *conn) write(rest []byte) error {
	if len(rest) > 0 {
		if err := c.under.Send(rest); err != nil {
			return err
		}
	}
	if c.under == nil {
		runtime.Gosched()
	}
	buf, box := c.take()
	_, err := c.net.Write(buf)
	giveOutput(box)
	if err == nil && c.under != nil {
		err = c.under.Send(nil)
	}
	return err
}

// broke ends the connection, which takes no more.
func (c *conn) broke(err error) {
	c.mu.Lock()
	c.dead, c.busy = true, false
	c.pending, c.box = nil, nil
	c.done.Broadcast()
	c.mu.Unlock()
	c.fail(err)
	_ = c.net.Close()
}

// lastFlush sends what is pending, and that nothing follows, and waits until that has left. It reports whether it did. The
// connection has the deadline.
func (c *conn) lastFlush(deadline time.Time) bool {
	c.flush()
	c.mu.Lock()
	for c.busy {
		c.done.Wait()
	}
	broken := c.dead
	c.dead = true
	c.mu.Unlock()
	half, ok := c.net.(interface{ CloseWrite() error })
	if broken || !ok || half.CloseWrite() != nil {
		return false
	}
	// TLS took the deadline back when it had written its farewell, which was only gathered.
	return c.under == nil || c.net.SetWriteDeadline(deadline) == nil && c.under.Send(nil) == nil
}

// closeSender waits until nobody writes any more. The connection is closed.
func (c *conn) closeSender() {
	c.mu.Lock()
	c.dead = true
	c.pending, c.box = nil, nil
	for c.busy {
		c.done.Wait()
	}
	c.mu.Unlock()
	c.writers.Wait()
}

// An outHead is a head to be written: of a response, with its status, or trailers.
type outHead struct {
	status int
	fields field.Fields
	length int64 // to be announced, -1: not
	end    bool  // nothing follows
}

// appendHead appends a head in as many frames as it takes.
func (c *conn) appendHead(b []byte, id uint32, out outHead) ([]byte, error) {
	at, flags := len(b), byte(0)
	if out.end {
		flags = flagEndStream
	}
	b = appendHeader(b, header{kind: frameHeaders, flags: flags | flagEndHeaders, id: id})
	if !c.begun {
		b = append(b, noTable)
	}
	if out.status != 0 {
		b = appendStatus(b, out.status)
	}
	var err error
	for i := range out.fields {
		if b, err = appendField(b, &out.fields[i]); err != nil {
			return b[:at], err
		}
	}
	if out.length >= 0 {
		b = appendLength(b, out.length)
	}
	c.begun = true
	size := len(b) - at - headerSize
	if size <= maxFrame {
		b[at], b[at+1], b[at+2] = byte(size>>16), byte(size>>8), byte(size)
		return b, nil
	}
	return splitHead(b, at, id, flags), nil
}

// splitHead makes one oversized HEADERS frame into one of the right size and CONTINUATION.
func splitHead(b []byte, at int, id uint32, flags byte) []byte {
	block := slices.Clone(b[at+headerSize:])
	b = b[:at]
	for first := true; len(block) > 0; first = false {
		piece := block[:min(len(block), maxFrame)]
		block = block[len(piece):]
		h := header{length: len(piece), kind: frameContinuation, id: id}
		if first {
			h.kind, h.flags = frameHeaders, flags
		}
		if len(block) == 0 {
			h.flags |= flagEndHeaders
		}
		b = append(appendHeader(b, h), piece...)
	}
	return b
}
