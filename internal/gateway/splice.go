package gateway

import (
	"context"
	"errors"
	"sync"

	"postern/internal/tunnel"
)

// splice joins two streams until both directions are finished or one side is cut. Each end of one is passed on to the
// other as what it is: FIN as FIN, a reset with its code, a lost tunnel as lost, and what was sent
// before a close still arrives. What the receiver does not read stays with the sender: neither is read faster than the
// other is written.
func splice(a, b *tunnel.Stream) {
	stopA := context.AfterFunc(a.Context(), func() { passCut(a, b) })
	stopB := context.AfterFunc(b.Context(), func() { passCut(b, a) })
	var other sync.WaitGroup
	other.Go(func() { carry(b, a) })
	carry(a, b)
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
	failed bool
}

func (w *sink) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.failed = w.failed || err != nil
	return n, err
}

// carry copies one direction and passes its end on.
func carry(to, from *tunnel.Stream) {
	w := &sink{to: to}
	_, err := from.WriteTo(w)
	var cut *tunnel.ResetError
	switch {
	case err == nil:
		_ = to.CloseWrite() // a stream that is over needs no end
	case w.failed: // the other one takes nothing any more; what it still sends is carried to its end
	case !errors.As(err, &cut) || cut.Code == tunnel.CodeClosed:
		_ = to.Close()
	case cut.Code == tunnel.CodeConnectionLost:
		to.Reset(tunnel.CodePathLost)
	default:
		to.Reset(cut.Code)
	}
}
