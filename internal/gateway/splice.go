package gateway

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"postern/internal/tunnel"
)

// splice joins two streams until both directions are finished or one side is cut. Each end of one is passed on to the
// other as what it is: FIN as FIN, a reset with its code, a lost tunnel as lost, and what was sent
// before a close still arrives. What the receiver does not read stays with the sender: neither is read faster than the
// other is written.
func splice(a, b *tunnel.Stream, m *moved) {
	join(a, b, carry, m)
}

// spliceDatagrams joins two streams of datagrams: each one as it is, whole or not at all.
func spliceDatagrams(a, b *tunnel.Stream, m *moved) { join(a, b, carryDatagrams, m) }

// moved counts bytes that were taken from one side and given to the other.
type moved struct{ up, down atomic.Int64 }

func join(a, b *tunnel.Stream, carry func(to, from *tunnel.Stream, n *atomic.Int64), m *moved) {
	stopA := context.AfterFunc(a.Context(), func() { passCut(a, b) })
	stopB := context.AfterFunc(b.Context(), func() { passCut(b, a) })
	var other sync.WaitGroup
	other.Go(func() { carry(b, a, &m.up) })
	carry(a, b, &m.down)
	other.Wait()
	stopA()
	stopB()
	// Finished both ways, or what is not finished ends for the other side too.
	_ = a.Close()
	_ = b.Close()
}

// cutOf gives the reset that ended a stream, or nil.
func cutOf(s *tunnel.Stream) *tunnel.ResetError {
	var reset *tunnel.ResetError
	if errors.As(context.Cause(s.Context()), &reset) {
		return reset
	}
	return nil
}

// passCut resets a stream as soon as the other one is, so that nobody works for nobody. After a close and after a
// lost tunnel there may be bytes to carry on first.
func passCut(from, to *tunnel.Stream) {
	if cut := cutOf(from); cut != nil && cut.Code != tunnel.CodeClosed && cut.Code != tunnel.CodeConnectionLost {
		to.Reset(cut.Code)
	}
}

// A sink remembers that it was writing which failed, not reading.
type sink struct {
	to     *tunnel.Stream
	moved  *atomic.Int64
	failed bool
}

func (w *sink) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.moved.Add(int64(n))
	w.failed = w.failed || err != nil
	return n, err
}

// carry copies one direction and passes its end on.
func carry(to, from *tunnel.Stream, n *atomic.Int64) {
	w := &sink{to: to, moved: n}
	_, err := from.WriteTo(w)
	passEnd(to, err, w.failed)
}

// carryDatagrams does so with datagrams.
func carryDatagrams(to, from *tunnel.Stream, n *atomic.Int64) {
	for {
		p, err := from.ReceiveDatagram(context.Background()) // it ends with its stream
		if err != nil {
			passEnd(to, err, false)
			return
		}
		if err = to.SendDatagram(p); err != nil && !errors.Is(err, tunnel.ErrTooLarge) {
			passEnd(to, err, true)
			return
		}
		n.Add(int64(len(p)))
	}
}

// passEnd tells one side how the other one ended.
func passEnd(to *tunnel.Stream, err error, failed bool) {
	var cut *tunnel.ResetError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		_ = to.CloseWrite() // a stream that is over needs no end
	case failed: // the other one takes nothing any more; what it still sends is carried to its end
	case !errors.As(err, &cut) || cut.Code == tunnel.CodeClosed:
		_ = to.Close()
	case cut.Code == tunnel.CodeConnectionLost:
		to.Reset(tunnel.CodePathLost)
	default:
		to.Reset(cut.Code)
	}
}
