package gateway

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"postern/internal/tunnel"
)

// splice joins two streams and calls done, with the bytes that a and b sent, once both directions are finished or one side is cut. Nobody waits
// meanwhile. Each end of one is passed on to the
// other as what it is: FIN as FIN, a reset with its code, a lost tunnel as lost, and what was sent
// before a close still arrives. What the receiver does not read stays with the sender: neither is read faster than the
// other is written.
func splice(a, b *tunnel.Stream, done func(up, down int64)) { join(a, b, carry, done) }

// spliceDatagrams joins two streams of datagrams: each one as it is, whole or not at all.
func spliceDatagrams(a, b *tunnel.Stream, done func(up, down int64)) {
	join(a, b, carryDatagrams, done)
}

// join has carry carry each direction, which tells in the end what it moved.
func join(a, b *tunnel.Stream, carry func(to, from *tunnel.Stream, ended func(int64)), done func(up, down int64)) {
	j := &joined{a: a, b: b, done: done}
	a.AtEnd(func() { j.passCut(a, b) })
	b.AtEnd(func() { j.passCut(b, a) })
	carry(b, a, j.ended(&j.up))
	carry(a, b, j.ended(&j.down))
}

// joined are two streams that are spliced.
type joined struct {
	a, b     *tunnel.Stream
	done     func(up, down int64)
	up, down int64        // each belongs to its direction until both have ended
	halves   atomic.Int32 // directions that have ended
	late     atomic.Pointer[time.Timer]
}

func (j *joined) over() bool { return j.halves.Load() == 2 }

func (j *joined) ended(count *int64) func(int64) {
	return func(n int64) {
		*count = n
		if j.halves.Add(1) < 2 {
			return
		}
		if t := j.late.Load(); t != nil {
			t.Stop()
		}
		// Finished both ways, or what is not finished ends for the other side too.
		_ = j.a.Close()
		_ = j.b.Close()
		j.done(j.up, j.down)
	}
}

// lastCarry is how long a side may take to accept what the other one sent before it closed or was lost.
const lastCarry = 30 * time.Second

// passCut resets a stream as soon as the other one is, so that nobody works for nobody. After a close and after a
// lost tunnel there may be bytes to carry on first, for a time: whoever does not take them holds up nobody's end.
func (j *joined) passCut(from, to *tunnel.Stream) {
	cut := cutOf(from)
	switch {
	case cut == nil || j.over():
	case cut.Code == tunnel.CodeClosed:
		j.cutLate(to, tunnel.CodeClosed)
	case cut.Code == tunnel.CodeConnectionLost:
		j.cutLate(to, tunnel.CodePathLost)
	default:
		to.Reset(cut.Code)
	}
}

func (j *joined) cutLate(to *tunnel.Stream, code tunnel.Code) {
	t := time.AfterFunc(lastCarry, func() { to.Reset(code) })
	if !j.late.CompareAndSwap(nil, t) || j.over() { // the other side has ended, too, or both directions have
		t.Stop()
	}
}

// cutOf gives the reset that ended a stream, or nil.
func cutOf(s *tunnel.Stream) *tunnel.ResetError {
	var reset *tunnel.ResetError
	if errors.As(s.Cause(), &reset) {
		return reset
	}
	return nil
}

// carry copies one direction and passes its end on.
func carry(to, from *tunnel.Stream, ended func(int64)) {
	from.Feed(to, func(n int64, err error, failed bool) {
		passEnd(to, err, failed)
		ended(n)
	})
}

// carryDatagrams does so with datagrams.
func carryDatagrams(to, from *tunnel.Stream, ended func(int64)) {
	go func() { // ends with its stream
		var n int64
		for {
			p, err := from.ReceiveDatagram(context.Background()) // as above
			if err != nil {
				passEnd(to, err, false)
				break
			}
			if err = to.SendDatagram(p); err != nil && !errors.Is(err, tunnel.ErrTooLarge) {
				passEnd(to, err, true)
				break
			}
			n += int64(len(p))
		}
		ended(n)
	}()
}

// passEnd tells one side how the other one ended.
func passEnd(to *tunnel.Stream, err error, failed bool) {
	var cut *tunnel.ResetError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		_ = to.CloseWrite() // a stream that is over needs no end
	case failed: // the other one takes nothing any more; what it still sends is carried to its end
	case !errors.As(err, &cut):
		_ = to.Close()
	case cut.Code == tunnel.CodeConnectionLost:
		to.Reset(tunnel.CodePathLost)
	default:
		to.Reset(cut.Code)
	}
}
