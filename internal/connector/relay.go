package connector

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"postern/internal/sock"
	"postern/internal/tunnel"
)

const (
	lastWrite  = 500 * time.Millisecond // that a backend may take to accept what an opener sent before it closed
	lastAnswer = 30 * time.Second       // that a backend that takes no more may go on answering
)

// relay copies both ways until both directions are finished or one fails, and says how it ended. An end is carried as
// an end, a reset as a reset: what was cut at one side never looks complete at the other. What the opener sends needs no goroutine that waits for it.
func relay(st *tunnel.Stream, b *backend) string {
	upDone := make(chan error, 1)
	var late atomic.Pointer[time.Timer]
	st.AtEnd(func() {
		if reset, ok := errors.AsType[*tunnel.ResetError](st.Cause()); ok { // else both directions finished
			go b.openerGone(reset, upDone) // ends soon
		}
	})
	st.Feed(b.sink(), func(_ int64, err error, failed bool) {
		if err == nil {
			err = b.closeWrite()
		}
		b.writeFailed.Store(failed)
		if failed {
			late.Store(time.AfterFunc(lastAnswer, func() {
				st.Reset(tunnel.CodeInternal)
				b.abort()
			}))
		}
		upDone <- err
		if failed {
			// It may have answered before, and whoever gets that may read it only once what it sends itself is taken. So that is read on,
			// until the answer has ended, for a time.
			_, _ = io.Copy(io.Discard, st) // its end is no news
		}
	})
	down := b.copyDown(st)
	up := <-upDone
	if t := late.Load(); t != nil {
		t.Stop()
	}
	st.AtEnd(func() {}) // what ends now is what we end
	_ = st.Close()
	_ = b.Close() // whoever wanted an error of it has had it from a read or a write
	return outcome(up, down)
}

func outcome(up, down error) string {
	switch {
	case down != nil:
		return "backend to service: " + down.Error()
	case up != nil:
		return "service to backend: " + up.Error()
	}
	return "complete"
}

// openerGone ends the backend's connection as soon as the stream is cut: the backend shall not work for nobody.
func (b *backend) openerGone(reset *tunnel.ResetError, upDone chan error) {
	if reset.Code != tunnel.CodeClosed {
		b.abort()
		return
	}
	// The opener closed: what it sent before is still to be delivered, as TCP would.
	wait := time.NewTimer(lastWrite)
	defer wait.Stop()
	select {
	case err := <-upDone:
		upDone <- err
	case <-wait.C:
	}
	_ = b.tcp.Close() // it may be closed already
}

// copyDown carries what the backend sends.
func (b *backend) copyDown(st *tunnel.Stream) error {
	err := b.sendTo(st)
	if err == nil {
		err = st.CloseWrite()
	}
	if err == nil {
		return nil
	}
	st.Reset(tunnel.CodeInternal)
	b.abort()
	return err
}

var (
	errTruncated = errors.New("the backend ended its TLS session without saying so (close_notify)")
	errCut       = errors.New("the backend cut the connection")
)

// sendTo copies the backend's bytes to the stream until its end.
func (b *backend) sendTo(st *tunnel.Stream) error {
	if b.watched == nil {
		n, err := st.ReadFrom(b.tcp)
		if err == nil && !b.reallyEnded(n) {
			err = errCut
		}
		return err
	}
	return b.watched.copyTo(st, b.Conn)
}

func (b *backend) reallyEnded(read int64) bool {
	if yes, known := sock.Finished(b.tcp, read); known {
		return yes
	}
	return !b.writeFailed.Load()
}

// sink takes what the opener sends.
func (b *backend) sink() tunnel.Sink {
	if b.watched != nil {
		return slow{b.Conn}
	}
	if sink, ok := sock.Wrap(b.tcp).(tunnel.Sink); ok {
		return sink
	}
	return slowTCP{b.tcp}
}

// slow is a connection of which nobody knows whether it has room at once.
type slow struct{ net.Conn }

// TryWrite leaves everything to Write.
func (slow) TryWrite([]byte) int { return 0 }

// slowTCP is one that can be given several buffers at once (net.Buffers).
type slowTCP struct{ *net.TCPConn }

// TryWrite leaves everything to Write.
func (slowTCP) TryWrite([]byte) int { return 0 }

func (b *backend) closeWrite() error {
	if conn, ok := b.Conn.(*tls.Conn); ok {
		return conn.CloseWrite()
	}
	return b.tcp.CloseWrite()
}

// abort cuts the connection with a RST, so that the backend does not take what it got for all there is.
func (b *backend) abort() {
	_ = b.tcp.SetLinger(0) // fails only when it is closed already, as the next
	_ = b.tcp.Close()
}

// isEnd tells whether a backend's error is the plain end of its bytes.
func isEnd(err error) bool { return errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) }
