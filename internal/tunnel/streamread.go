package tunnel

import (
	"io"
	"net"
	"os"
	"time"

	"postern/internal/sock"
)

// Read reads what the peer sent. It returns io.EOF only after the peer said that it finished; a stream that was cut
// gives *ResetError, a refused one *RefusedError.
func (st *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	st.mu.Lock()
	n, err := st.readLocked(p)
	if n == 0 {
		st.mu.Unlock()
		return 0, err
	}
	due := st.consume(n)
	empty := st.over && st.unreadBytes() == 0
	st.mu.Unlock()
	if due {
		st.s.out.flush()
	}
	if empty {
		st.s.emptied(st)
	}
	return n, nil
}

func (st *Stream) readLocked(p []byte) (int, error) {
	for {
		if st.q.bytes > 0 && !st.closed && !st.readBy.past {
			n, freed := st.q.read(p)
			st.s.budget.free(freed)
			return n, nil
		}
		if err := st.readError(); err != nil {
			return 0, err
		}
		if st.want != nil {
			st.readable.Wait()
			continue
		}
		// The session's reader puts small frames straight into the buffer of whoever waits.
		st.want = p
		st.readable.Wait()
		n := st.got
		st.want, st.got = nil, 0
		if n > 0 {
			return n, nil
		}
	}
}

// Idle reports whether the peer has sent nothing that is unread and has not ended the stream either.
func (st *Stream) Idle() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.q.bytes == 0 && st.readError() == nil
}

// readError says why nothing can be read when there is nothing to read. st.mu is held.
func (st *Stream) readError() error {
	switch {
	case st.closed:
		return ErrClosed
	case st.readBy.past:
		return os.ErrDeadlineExceeded
	case st.q.bytes > 0:
		return nil
	case st.finIn && !st.dropped:
		return io.EOF
	case st.err != nil:
		return st.err
	case st.over:
		return ErrClosed
	}
	return nil
}

// consume counts n bytes as read. It tells whether it gave the peer credit, which the caller flushes. st.mu is held,
// so that offsets appear on the wire in order.
func (st *Stream) consume(n int) (gave bool) {
	st.consumed += uint64(n)
	st.since = st.s.budget.now()
	if st.finIn || st.over {
		return false
	}
	left := int(st.credit - st.consumed)
	if left > st.window/2 {
		return false
	}
	st.tune()
	if left >= st.window {
		return false
	}
	st.credit = st.consumed + uint64(st.window)
	// An error means that the session ends.
	_ = st.s.out.append(nil, func(b []byte) []byte { return appendWindow(b, st.id, st.credit) })
	return true
}

// tune fits the window to the consumer. It runs when half the window or less is left, so what is unread is at most that half:
// the window doubles while it is used up within two round trips by a consumer that has read most of it, and halves
// when the consumer has hardly read any of it. st.mu is held.
func (st *Stream) tune() {
	now := time.Now()
	elapsed := now.Sub(st.tuned)
	st.tuned = now
	unread := int(st.received - st.consumed)
	switch {
	case unread > st.window/8*3 && st.window > startWindow:
		st.window /= 2
	case st.s.budget.short():
	case st.window < startWindow:
		st.window = startWindow
	case unread <= st.window/4 && elapsed < 2*time.Duration(st.s.rtt.Load()):
		st.window = min(2*st.window, st.s.limits.Window)
	}
}

// maxGather is how many chunks WriteTo hands on at once: a quarter of a MiB at most.
const maxGather = 16

// A Sink takes what it has room for at once. What it does not take, and its error, is left to Write.
type Sink interface {
	io.Writer
	TryWrite(p []byte) (n int)
}

// maxSunk is the longest frame, in bytes, that the session's reader hands to a Sink itself. Longer ones cost so much in the kernel
// that the streams after them would wait.
const maxSunk = 4 << 10

// WriteTo writes what the peer sends to w until io.EOF, without copying it once more. It holds no buffer while it waits.
// The end of the stream does not interrupt a Write to w: let it end with Context, by closing w.
//
// While it waits, and w is a Sink, the session's reader writes what is short itself: that saves a buffer and waking this goroutine,
// which is a tenth of what a connector does for a request.
func (st *Stream) WriteTo(w io.Writer) (total int64, err error) {
	sink, _ := w.(Sink)
	for {
		first, sunk, err := st.takeChunks(sink)
		total += sunk
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := writeChunks(w, first)
		total += int64(n)
		st.freeChunks(first)
		if err != nil {
			return total, err
		}
	}
}

// takeChunks waits for data and takes it out of the queue. Credit is given once it is handed on. It tells, too, how much went
// into the sink meanwhile.
func (st *Stream) takeChunks(sink Sink) (first *chunk, sunk int64, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for {
		if first, err := st.nextChunks(); first != nil || err != nil {
			return first, sunk, err
		}
		st.sink = sink
		st.readable.Wait()
		st.sink = nil
		sunk += int64(st.sunk)
		st.sunk = 0
	}
}

// nextChunks takes data out of the queue. There may be none; the error says why none will come. st.mu is held.
func (st *Stream) nextChunks() (*chunk, error) {
	if st.q.bytes > 0 && !st.closed && !st.readBy.past {
		first, held := st.q.take(maxGather)
		st.lent += held
		return first, nil
	}
	return nil, st.readError()
}

// pour hands a short payload to a sink that waits for it. It gives what is left, and whether the peer got credit, which the caller
// flushes. st.mu is held, which a sink is not long about.
func (st *Stream) pour(p []byte) (rest []byte, due bool) {
	if st.sink == nil || st.q.bytes > 0 || st.closed || st.readBy.past || len(p) > maxSunk {
		return p, false
	}
	n := st.s.in.sink(st.sink, p)
	st.sunk += n
	if n < len(p) {
		st.sink = nil // it is woken for the rest, and those behind must not come before it
	}
	return p[n:], n > 0 && st.consume(n)
}

func writeChunks(w io.Writer, first *chunk) (int, error) {
	if first.next == nil {
		return w.Write(first.buf[first.r:first.w])
	}
	bufs := make(net.Buffers, 0, maxGather)
	for c := first; c != nil; c = c.next {
		bufs = append(bufs, c.buf[c.r:c.w])
	}
	n, err := sock.WriteBuffers(w, bufs)
	return int(n), err
}

// freeChunks counts chunks as read and gives them back.
func (st *Stream) freeChunks(first *chunk) {
	bytes, held := 0, 0
	for c := first; c != nil; {
		next := c.next
		bytes += c.w - c.r
		held += len(c.buf)
		c.free()
		c = next
	}
	st.mu.Lock()
	held = min(held, st.lent) // nothing is left of it if it was given up
	st.lent -= held
	due := st.consume(bytes)
	empty := st.over && st.unreadBytes() == 0
	st.mu.Unlock()
	st.s.budget.free(held)
	if due {
		st.s.out.flush()
	}
	if empty {
		st.s.emptied(st)
	}
}

// admit checks a DATA frame before its payload is read. late means that the stream is over: drop it.
func (st *Stream) admit(n int) (late bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.over:
		return true, nil
	case st.opener && !st.answered:
		return false, broken(CodeProtocol, "DATA before OPENED on stream %d", st.id)
	case st.finIn:
		return false, broken(CodeProtocol, "DATA after FIN on stream %d", st.id)
	case st.received+uint64(n) > st.credit:
		st.s.stats.limit(limitWindow)
		return false, broken(CodeFlowControl, "DATA beyond the window of stream %d", st.id)
	}
	return false, nil
}

// deliver takes the payload of a DATA frame that lies in the reader's buffer.
func (st *Stream) deliver(p []byte) {
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		return
	}
	st.received += uint64(len(p))
	p, due := st.pour(p)
	if len(p) == 0 {
		st.mu.Unlock()
		if due {
			st.s.out.flush()
		}
		return
	}
	if st.q.bytes == 0 {
		st.since = st.s.budget.now()
		if len(st.want) > 0 && st.got == 0 {
			st.got = copy(st.want, p)
			p = p[st.got:]
		}
	}
	p = p[st.q.fill(p):]
	charge := 0
	if len(p) > 0 {
		c := newChunk(len(p))
		c.w = copy(c.buf, p)
		st.q.push(c)
		charge = len(c.buf)
	}
	st.rouse()
	st.mu.Unlock()
	st.charge(charge)
	if due {
		st.s.out.flush()
	}
}

// deliverChunk takes a payload that was read straight into a chunk.
func (st *Stream) deliverChunk(c *chunk) {
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		c.free()
		return
	}
	st.received += uint64(c.w)
	rest, due := st.pour(c.buf[:c.w])
	c.r = c.w - len(rest)
	charge := 0
	if len(rest) == 0 {
		c.free()
	} else {
		if st.q.bytes == 0 {
			st.since = st.s.budget.now()
		}
		st.q.push(c)
		charge = len(c.buf)
		st.rouse()
	}
	st.mu.Unlock()
	st.charge(charge)
	if due {
		st.s.out.flush()
	}
}

// charge charges the budget for a chunk that was queued. The caller, the session's reader, holds no lock.
// A budget can so be exceeded by one frame for each session, no more.
func (st *Stream) charge(n int) {
	if n > 0 {
		st.s.budget.charge(n)
	}
}

// unreadSince returns the budget time since when data waits for the consumer.
func (st *Stream) unreadSince() (since int64, held bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.since, st.unreadBytes() > 0
}

// holds returns the bytes of memory that wait for the consumer.
func (st *Stream) holds() int64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	held := st.unreadBytes()
	if st.grams != nil {
		held += st.grams.bytes
	}
	return int64(held)
}
