package flow

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"postern/internal/sock"
	"postern/internal/tunnel"
)

// End is one side of a Join.
type End interface {
	io.ReadWriter
	CloseWrite() error // says that nothing more comes from here
	Abort()            // cuts both ways, so that it does not look complete
	Close() error
}

// lastWrite is how long one side may take to accept what the other one sent before it closed.
const lastWrite = 500 * time.Millisecond

// lastAnswer is how long an end that takes no more may go on answering.
const lastAnswer = 30 * time.Second

const copyBuffer = 32 << 10

// errCut is of an end that the other side did not mean.
var errCut = errors.New("the connection was cut")

// Join copies both ways until both directions are finished or one fails, closes both ends, and gives nil if all of it was complete.
func Join(near, far End) error {
	j := &join{near: near, far: far, in: make(chan struct{}), out: make(chan struct{})}
	defer j.watch(near, j.out)()
	defer j.watch(far, j.in)()
	ended := make(chan error, 1)
	j.start(near, far, func(err error) {
		j.over(j.in)
		ended <- err
	})
	up := j.carry(far, near)
	j.over(j.out)
	down := <-ended
	_, _ = near.Close(), far.Close() // whoever wanted an error of them has had it from a read or a write
	if down != nil {
		return down
	}
	return up
}

// join is a Join under way.
type join struct {
	near, far End
	in, out   chan struct{} // closed when near, far has got all that it gets
	stuck     atomic.Bool   // a write has failed: what ends after that may not have been meant to
}

// watch ends the join as soon as a stream is reset, also while nobody reads from it: neither side shall work for nobody. What its
// other side had sent before it only closed is still delivered, as TCP would. The caller calls what it returns.
func (j *join) watch(e End, delivered <-chan struct{}) (stop func()) {
	st, ok := e.(*streamEnd)
	if !ok {
		return func() {}
	}
	watched := make(chan struct{})
	still := context.AfterFunc(st.Context(), func() {
		defer close(watched)
		reset, cut := errors.AsType[*tunnel.ResetError](context.Cause(st.Context()))
		if !cut {
			return // both directions finished
		}
		if reset.Code == tunnel.CodeClosed {
			wait := time.NewTimer(lastWrite)
			defer wait.Stop()
			select {
			case <-delivered:
			case <-wait.C:
			}
		}
		j.abort()
	})
	return func() {
		if !still() {
			<-watched
		}
	}
}

func (j *join) abort() {
	j.near.Abort()
	j.far.Abort()
}

// over ends a direction. If the other one can deliver nothing any more, it has nothing left to wait for either.
func (j *join) over(direction chan struct{}) {
	close(direction)
	if j.stuck.Load() {
		_, _ = j.near.Close(), j.far.Close() // as in Join
	}
}

// start carries one direction and calls done in the end, in a goroutine; while a stream has nothing for a connection there is none.
func (j *join) start(to, from End, done func(error)) {
	conn, isConn := to.(*connEnd)
	st, isStream := from.(*streamEnd)
	if isConn && isStream {
		if sink, ok := sock.Wrap(conn.TCPConn).(tunnel.Sink); ok {
			st.Feed(sink, func(_ int64, err error, failed bool) {
				if failed {
					j.stuck.Store(true)
					done(j.passOn(to, from, nil, err))
					return
				}
				done(j.passOn(to, from, err, nil))
			})
			return
		}
	}
	go func() { done(j.carry(to, from)) }() // ends with its ends
}

// carry copies one direction to its end and passes on how it ended.
func (j *join) carry(to, from End) error {
	read, write := pass(to, from, &j.stuck)
	return j.passOn(to, from, read, write)
}

// passOn tells one side how reading from the other one, or writing to it, ended.
func (j *join) passOn(to, from End, read, write error) error {
	switch {
	case read != nil:
		j.abort()
		return read
	case write != nil && errors.Is(write, net.ErrClosed):
		j.abort() // it was we who closed it
		return write
	case write != nil:
		j.discard(to, from)
		return write
	}
	if _, conn := to.(*connEnd); conn && j.ended(to) {
		return nil // closing it, which is next, says so
	}
	return to.CloseWrite()
}

// ended tells whether all that an end sends has been carried.
func (j *join) ended(e End) bool {
	direction := j.in
	if e == j.near {
		direction = j.out
	}
	select {
	case <-direction:
		return true
	default:
		return false
	}
}

// discard reads on for an end that takes no more. It may have answered before: its answer is carried to its end, within a time, and whoever
// gets that may read it only once what it sends itself is taken.
func (j *join) discard(to, from End) {
	if j.ended(to) {
		return
	}
	late := time.AfterFunc(lastAnswer, j.abort)
	defer late.Stop()
	_, _ = io.Copy(io.Discard, from) // its end is no news
}

// pass copies until the end of from. Which side failed is told apart.
func pass(to, from End, stuck *atomic.Bool) (read, write error) {
	if st, ok := from.(*streamEnd); ok {
		if conn, ok := to.(*connEnd); ok {
			_, err := st.WriteTo(sock.Wrap(conn.TCPConn))
			if err != nil && !ofStream(err) {
				stuck.Store(true)
				return nil, err
			}
			return err, nil
		}
	}
	conn, isConn := from.(*connEnd)
	if st, ok := to.(*streamEnd); ok && isConn {
		n, err := st.ReadFrom(conn.TCPConn)
		if err != nil && ofStream(err) {
			stuck.Store(true)
			return nil, err
		}
		if err == nil {
			err = conn.ended(n, stuck)
		}
		return err, nil
	}
	n, read, write := plainly(to, from)
	if write != nil {
		stuck.Store(true)
	}
	if read == nil && write == nil && isConn {
		read = conn.ended(n, stuck)
	}
	return read, write
}

func plainly(to io.Writer, from io.Reader) (n int64, read, write error) {
	buffer := make([]byte, copyBuffer)
	for {
		got, err := from.Read(buffer)
		if got > 0 {
			n += int64(got)
			if _, err := to.Write(buffer[:got]); err != nil {
				return n, nil, err
			}
		}
		if errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			return n, nil, nil
		}
		if err != nil {
			return n, err, nil
		}
	}
}

func ofStream(err error) bool {
	_, reset := errors.AsType[*tunnel.ResetError](err)
	return reset || errors.Is(err, tunnel.ErrClosed)
}

// StreamEnd gives the end of a stream.
func StreamEnd(st *tunnel.Stream) End { return &streamEnd{st} }

type streamEnd struct{ *tunnel.Stream }

func (e *streamEnd) Abort() { e.Reset(tunnel.CodeCancelled) }

// ConnEnd gives the end of a TCP connection, or of another one that can be half-closed; one that cannot is closed instead.
func ConnEnd(conn net.Conn) End { return ReadEnd(conn, 0) }

// ReadEnd is ConnEnd for a connection of which so many bytes were read before.
func ReadEnd(conn net.Conn, before int64) End {
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &connEnd{tcp, before}
	}
	return &otherEnd{conn}
}

type connEnd struct {
	*net.TCPConn
	before int64 // bytes that were read of it
}

// Abort cuts the connection with a RST, so that its other side does not take what it got for all there is.
func (e *connEnd) Abort() {
	_ = e.SetLinger(0) // fails only when it is closed already, as the next
	_ = e.Close()
}

// ended says if an end after n bytes more was not meant.
func (e *connEnd) ended(n int64, stuck *atomic.Bool) error {
	yes, known := sock.Finished(e.TCPConn, e.before+n)
	if known && !yes || !known && stuck.Load() {
		return errCut
	}
	return nil
}

type otherEnd struct{ net.Conn }

func (e *otherEnd) CloseWrite() error {
	if half, ok := e.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return e.Close()
}

func (e *otherEnd) Abort() { _ = e.Close() } // it has no other way

// FilesEnd gives the end of a program that reads from in and writes to out, such as standard input and output.
func FilesEnd(in io.ReadCloser, out io.WriteCloser) End { return &filesEnd{in, out} }

type filesEnd struct {
	in  io.ReadCloser
	out io.WriteCloser
}

func (e *filesEnd) Read(p []byte) (int, error)  { return e.in.Read(p) }
func (e *filesEnd) Write(p []byte) (int, error) { return e.out.Write(p) }
func (e *filesEnd) CloseWrite() error           { return e.out.Close() }
func (e *filesEnd) Abort()                      { _ = e.Close() }

func (e *filesEnd) Close() error {
	err := errors.Join(e.in.Close(), e.out.Close())
	if errors.Is(err, os.ErrClosed) {
		return nil // closed before
	}
	return err
}
