package connector

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"postern/internal/sock"
	"postern/internal/tunnel"
)

const (
	lastWrite  = 500 * time.Millisecond // that a backend may take to accept what an opener sent before it closed
	lastAnswer = 30 * time.Second       // that a backend that takes no more may go on answering
)

// relay copies both ways until both directions are finished or one fails, and says how it ended. An end is carried as
// an end, a reset as a reset: what was cut at one side never looks complete at the other.
func relay(st *tunnel.Stream, b *backend) string {
	upDone := make(chan error, 1)
	watched := make(chan struct{})
	stop := context.AfterFunc(st.Context(), func() {
		defer close(watched)
		b.openerGone(context.Cause(st.Context()), upDone)
	})
	down := make(chan error, 1)
	go func() { down <- b.copyDown(st) }() // ends with the backend's connection, which every way out of here closes
	up := b.copyUp(st)
	upDone <- up
	downErr := b.lastOf(st, down)
	if !stop() {
		<-watched
	}
	_ = st.Close()
	_ = b.Close() // whoever wanted an error of it has had it from a read or a write
	return outcome(up, downErr)
}

// lastOf waits for the end of what the backend sends. If it takes no more it may have answered before; whoever gets that may read it only once
// what it sends itself is taken, so that is read on, for a time.
func (b *backend) lastOf(st *tunnel.Stream, down <-chan error) error {
	if !b.writeFailed.Load() {
		return <-down
	}
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		_, _ = io.Copy(io.Discard, st) // its end is no news
	}()
	late := time.AfterFunc(lastAnswer, func() {
		st.Reset(tunnel.CodeInternal)
		b.abort()
	})
	err := <-down
	late.Stop()
	_ = st.Close()
	<-taken
	return err
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
func (b *backend) openerGone(cause error, upDone chan error) {
	var reset *tunnel.ResetError
	if !errors.As(cause, &reset) {
		return // both directions finished
	}
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

// copyUp carries what the opener sends.
func (b *backend) copyUp(st *tunnel.Stream) error {
	_, err := st.WriteTo(b.writer())
	if err == nil {
		return b.closeWrite()
	}
	if isStreamError(err) {
		return err // openerGone sees to the backend
	}
	// The backend takes no more. It may have answered before: its answer is carried to its end.
	b.writeFailed.Store(true)
	return err
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

func (b *backend) writer() io.Writer {
	if b.watched == nil {
		return sock.Wrap(b.tcp)
	}
	return b.Conn
}

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

func isStreamError(err error) bool {
	var reset *tunnel.ResetError
	return errors.As(err, &reset) || errors.Is(err, tunnel.ErrClosed)
}

// isEnd tells whether a backend's error is the plain end of its bytes.
func isEnd(err error) bool { return errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) }
