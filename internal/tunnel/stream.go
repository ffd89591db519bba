package tunnel

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// Stream is one of the many connections inside a Session: a net.Conn with half-close, abort and datagrams.
//
// Each end must call Close or Reset in the end, also when the session is gone: unread data counts against the budget until then.
// Its methods may be called from several goroutines.
type Stream struct {
	s       *Session
	id      uint32
	opener  bool
	payload []byte // what OPEN carried

	granted, queued bool // guarded by the sender's lock
	claims          int  // guarded by the session's lock

	mu       sync.Mutex // guards the fields below; held over I/O only if that does not wait (Sink)
	readable sync.Cond  // readers, Opened and ReceiveDatagram wait
	writable sync.Cond  // writers wait

	answered bool   // OPENED or RESET was sent, or received by the opener
	answer   []byte // what OPENED carried
	err      error  // why the stream ended, other than by FIN both ways
	over     bool   // ended on the wire
	closed   bool   // by Close
	dropped  bool   // unread data was discarded: there is no io.EOF any more
	held     int    // bytes of messages that the budget was charged for

	q        queue
	lent     int  // capacity of chunks that WriteTo is handing on
	sink     Sink // of a WriteTo or a feed that waits
	feed     *feed
	sunk     int    // bytes that went there meanwhile
	want     []byte // a waiting reader's buffer
	got      int    // bytes that were put there
	since    int64  // budget time of the first unread byte or of the last read
	received uint64 // offset of what arrived
	consumed uint64 // offset of what was read
	credit   uint64 // offset that the peer may send up to
	window   int
	tuned    time.Time // when credit was last given
	finIn    bool

	sent    uint64 // offset of what we sent
	limit   uint64 // offset that we may send up to
	writing bool   // a Write is under way
	short   bool   // the last Write sent less than it was given
	finOut  bool

	readBy, writeBy deadline
	grams           *datagrams
	ctx             context.Context
	cancel          context.CancelCauseFunc
	atEnd           func()

	kept bool // by Keep; the handler's until it returns
}

var _ net.Conn = (*Stream)(nil)

func newStream(s *Session) *Stream {
	st := &Stream{s: s}
	st.readable.L = &st.mu
	st.writable.L = &st.mu
	return st
}

// Payload returns what the peer's OPEN carried. It must not be changed.
func (st *Stream) Payload() []byte { return st.payload }

// ID returns the stream's number, for logs: the same at both ends, unique within the session.
func (st *Stream) ID() uint32 { return st.id }

// Moved returns how many bytes came and went so far. Datagrams are none of them.
func (st *Stream) Moved() (in, out uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.received, st.sent
}

// Session returns the session that carries the stream.
func (st *Stream) Session() *Session { return st.s }

// LocalAddr returns the address of the session's connection.
func (st *Stream) LocalAddr() net.Addr { return st.s.conn.LocalAddr() }

// RemoteAddr returns the address of the session's connection.
func (st *Stream) RemoteAddr() net.Addr { return st.s.conn.RemoteAddr() }

// Context returns a context that ends with the stream: when both directions are finished, when either side resets or
// closes it, or when the session ends. Its cause is then the stream's error.
func (st *Stream) Context() context.Context {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.ctx == nil {
		st.ctx, st.cancel = context.WithCancelCause(context.Background())
		if st.over {
			st.cancel(st.cause())
		}
	}
	return st.ctx
}

// cause says why the stream is over. st.mu is held.
func (st *Stream) cause() error {
	if st.err != nil {
		return st.err
	}
	return ErrClosed
}

// Cause says why the stream is over as Context does, nil if it is not.
func (st *Stream) Cause() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.over {
		return nil
	}
	return st.cause()
}

// AtEnd has fn called when the stream is over, as Context ends, and at once if it is already. It must not wait. There is one at a time.
func (st *Stream) AtEnd(fn func()) {
	st.mu.Lock()
	over := st.over
	if !over {
		st.atEnd = fn
	}
	st.mu.Unlock()
	if over {
		fn()
	}
}

// Keep lets the handler return while the stream goes on, until release is called, once. A session that ends waits for it as for a handler. What a handler
// does at the beginning makes its stack large, which it would keep for as long as the stream lives. Only the handler may call it, once, after it has
// answered.
func (st *Stream) Keep() (release func()) {
	st.kept = true
	st.s.handlers.Add(1)
	return func() { st.s.served(st) }
}

// Accept answers OPEN. The payload, at most MaxMessage bytes, is what the opener gets from Opened.
// The acceptor cannot write before it; reading is allowed. It waits for room to write, until the write deadline.
func (st *Stream) Accept(payload []byte) error {
	return st.sendAnswer(payload, frameOpened)
}

// Refuse answers OPEN with a message, at most MaxMessage bytes, that the opener gets as *RefusedError, and ends the stream.
func (st *Stream) Refuse(payload []byte) error {
	return st.sendAnswer(payload, frameReset)
}

func (st *Stream) sendAnswer(payload []byte, kind frameType) error {
	if len(payload) > MaxMessage {
		return ErrTooLarge
	}
	if st.opener {
		return ErrMisuse
	}
	if err := st.reserve(context.Background()); err != nil {
		return err
	}
	err := st.appendAnswer(payload, kind)
	st.s.out.leave(st)
	if err != nil {
		return err
	}
	if kind == frameReset {
		st.ended()
	}
	st.s.out.flush()
	return nil
}

func (st *Stream) appendAnswer(payload []byte, kind frameType) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.over || st.closed {
		return st.cause()
	}
	if st.answered {
		return ErrMisuse
	}
	st.answered = true
	if kind == frameOpened {
		return st.s.out.append(st, func(b []byte) []byte { return appendOpened(b, st.id, payload) })
	}
	st.s.stats.reset(CodeRefused)
	st.finish(&RefusedError{Payload: payload}, true)
	// An error means that the session ends, which resets the stream at the peer too. This one is over either way.
	_ = st.s.out.append(st, func(b []byte) []byte { return appendReset(b, st.id, CodeRefused, payload) })
	return nil
}

// Opened waits for the acceptor's answer: OPENED's payload, or *RefusedError, or *ResetError. Only the opener may ask.
func (st *Stream) Opened(ctx context.Context) ([]byte, error) {
	if !st.opener {
		return nil, ErrMisuse
	}
	defer st.wakeOn(ctx, &st.readable)()
	st.mu.Lock()
	defer st.mu.Unlock()
	for {
		switch {
		case st.closed:
			return nil, ErrClosed
		case st.answered:
			return st.answer, nil
		case st.err != nil:
			return nil, st.err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
		st.readable.Wait()
	}
}

// wakeOn wakes the waiters of c when ctx ends. The caller calls what it returns.
func (st *Stream) wakeOn(ctx context.Context, c *sync.Cond) func() bool {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() {
		st.mu.Lock()
		c.Broadcast()
		st.mu.Unlock()
	})
}

// reserve waits for room to write a message.
func (st *Stream) reserve(ctx context.Context) error {
	defer st.wakeOn(ctx, &st.writable)()
	st.mu.Lock()
	defer st.mu.Unlock()
	for {
		err := st.writeError()
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			st.s.out.leave(st)
			return err
		}
		ok, err := st.s.out.reserve(st)
		if ok || err != nil {
			return err
		}
		st.writable.Wait()
	}
}

// Reset aborts the stream both ways. The peer's Read gives *ResetError and discards what it had not read;
// so does ours. Use it whenever something went wrong: a transfer cut this way never looks complete.
func (st *Stream) Reset(code Code) {
	if st.drop(code) {
		st.s.out.flush()
	}
}

// drop is Reset without a flush: callers that must not write use it. It tells whether there was anything to end.
func (st *Stream) drop(code Code) bool {
	st.mu.Lock()
	wasOver := st.over
	if wasOver && st.unreadBytes() == 0 {
		// Nothing is left to cut; datagrams nobody will read may be.
		st.discard()
		st.mu.Unlock()
		return false
	}
	st.answered = true
	st.finish(&ResetError{Code: code}, true)
	st.s.stats.reset(code)
	if !wasOver {
		// An error means that the session ends, which resets the stream at the peer too.
		_ = st.s.out.append(nil, func(b []byte) []byte { return appendReset(b, st.id, code, nil) })
	}
	st.mu.Unlock()
	if wasOver {
		st.s.emptied(st)
	} else {
		st.ended()
		st.s.out.nudge()
	}
	return true
}

// Close ends the use of the stream by this side; it never waits.
//
//   - If the peer finished (its FIN arrived, all it sent was read) and no Write was cut short, Close finishes too: it sends FIN
//     unless CloseWrite did. Both directions are then complete.
//   - Otherwise it aborts with CodeClosed, as TCP answers data for a closed socket. What this side had written before still
//     reaches the peer's Read, followed by *ResetError, not by io.EOF unless CloseWrite was called before; the peer's Write fails at once.
//
// So: call CloseWrite when all is written, Close when done, Reset when something went wrong. Close again does nothing.
func (st *Stream) Close() error {
	st.mu.Lock()
	if st.closed {
		st.mu.Unlock()
		return nil
	}
	graceful := st.finIn && st.q.bytes == 0 && !st.short && !st.writing && st.answered
	wasOver := st.over
	st.closed = true
	st.answered = true
	switch {
	case wasOver:
		st.discard()
	case graceful && st.finOut: // both directions had finished: over
	case graceful:
		st.finOut = true
		_ = st.s.out.append(nil, func(b []byte) []byte { return appendFin(b, st.id) })
		st.finish(nil, true)
	default:
		st.finish(&ResetError{Code: CodeClosed}, true)
		st.s.stats.reset(CodeClosed)
		_ = st.s.out.append(nil, func(b []byte) []byte { return appendReset(b, st.id, CodeClosed, nil) })
	}
	st.rouse()
	st.writable.Broadcast()
	st.mu.Unlock()
	if wasOver {
		st.s.emptied(st)
		return nil
	}
	st.ended()
	st.s.out.flush()
	return nil
}

// finish marks the stream as over. st.mu is held; the caller calls ended without it, if the stream was not over before.
func (st *Stream) finish(err error, discard bool) {
	if st.err == nil {
		st.err = err
	}
	st.over = true
	if discard {
		st.discard()
	}
	st.rouse()
	st.writable.Broadcast()
}

// unreadBytes returns the memory that waits for the consumer of DATA. st.mu is held.
func (st *Stream) unreadBytes() int { return st.q.held + st.lent }

// discard drops what was not read. What WriteTo is handing on is given up as well: it ends with the Write under way. st.mu is held.
func (st *Stream) discard() {
	st.dropped = true
	st.s.budget.free(st.q.clear() + st.lent)
	st.lent = 0
	if st.grams != nil {
		st.s.budget.free(st.grams.clear())
	}
}

// ended does what follows the end on the wire. The caller holds no lock.
func (st *Stream) ended() {
	st.mu.Lock()
	cancel, cause, atEnd := st.cancel, st.cause(), st.atEnd
	st.atEnd = nil
	held := st.held
	st.held = 0
	st.mu.Unlock()
	st.s.budget.free(held)
	if atEnd != nil {
		atEnd()
	}
	if cancel != nil {
		cancel(cause)
	}
	st.s.out.leave(st)
	st.s.forget(st)
}

// hold charges the budget for a message that the stream keeps. The caller holds no lock.
func (st *Stream) hold(n int) {
	if n == 0 {
		return
	}
	st.mu.Lock()
	over := st.over
	if !over {
		st.held += n
	}
	st.mu.Unlock()
	if !over {
		st.s.budget.charge(n)
	}
}

// lose ends the stream because the session ended. Data that arrived can still be read.
func (st *Stream) lose(cause error) {
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		return
	}
	st.finish(&ResetError{Code: CodeConnectionLost, Cause: cause}, false)
	st.mu.Unlock()
	st.s.stats.reset(CodeConnectionLost)
	st.ended()
}

// deadline is a point in time after which calls fail. Stream.mu guards it.
type deadline struct {
	at    time.Time
	past  bool
	timer *time.Timer
}

// SetDeadline sets the read and the write deadline; zero means none.
func (st *Stream) SetDeadline(t time.Time) error {
	_ = st.SetReadDeadline(t)
	return st.SetWriteDeadline(t)
}

// SetReadDeadline makes Read and WriteTo fail with os.ErrDeadlineExceeded from t on; zero means never.
func (st *Stream) SetReadDeadline(t time.Time) error {
	return st.setDeadline(&st.readBy, st.rouse, t)
}

// SetWriteDeadline makes Write and ReadFrom fail with os.ErrDeadlineExceeded from t on; zero means never.
func (st *Stream) SetWriteDeadline(t time.Time) error {
	return st.setDeadline(&st.writeBy, st.writable.Broadcast, t)
}

func (st *Stream) setDeadline(d *deadline, wake func(), t time.Time) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return ErrClosed
	}
	d.at, d.past = t, false
	if t.IsZero() {
		if d.timer != nil {
			d.timer.Stop()
		}
		return nil
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.past = true
		wake()
		return nil
	}
	if d.timer != nil {
		d.timer.Reset(wait)
		return nil
	}
	d.timer = time.AfterFunc(wait, func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		// A timer that was moved while it fired finds a deadline that is not due.
		if !d.at.IsZero() && !time.Now().Before(d.at) {
			d.past = true
			wake()
		}
	})
	return nil
}

// writeError says why nothing can be written. st.mu is held.
func (st *Stream) writeError() error {
	switch {
	case st.closed || st.finOut:
		return ErrClosed
	case st.err != nil:
		return st.err
	case st.over:
		return ErrClosed
	case st.writeBy.past:
		return os.ErrDeadlineExceeded
	}
	return nil
}
