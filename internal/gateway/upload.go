package gateway

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"postern/internal/http1"
)

// An upload is the request's body on its way to a backend. A nil one is no body.
type upload struct {
	c      *carriage
	done   chan struct{} // closed when nothing more is sent; nil: it runs in nobody's way
	sent   atomic.Bool   // all of it, trailers included
	client atomic.Pointer[error]
}

func newUpload(c *carriage) *upload { return &upload{c: c} }

// start sends the body beside the reply.
func (u *upload) start() {
	u.done = make(chan struct{})
	u.c.x.touched.Store(true) // from now on the body is read there and nowhere else
	go func() {
		defer close(u.done)
		u.run()
	}()
}

// run sends the body.
func (u *upload) run() {
	err := u.copy()
	if err == nil {
		u.sent.Store(true)
		u.c.x.touch()
		u.c.x.phase.CompareAndSwap(phaseSending, phaseWaiting)
		return
	}
	if u.client.Load() != nil {
		u.c.backend.drop() // half a request must not look whole, nor its reply be waited for
	}
}

// copy gives the error of either side; the client's is kept, too.
func (u *upload) copy() error {
	x, out := u.c.x, u.c.backend.out
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	x.touched.Store(true)
	for {
		x.awaitBody()
		n, err := x.body.Read(*buffer)
		if n > 0 {
			x.bodyCame(n)
			if _, err := out.Write((*buffer)[:n]); err != nil {
				return err
			}
			if u.done != nil { // else it goes with its end
				if err := out.Flush(); err != nil {
					return err
				}
			}
			x.touch()
		}
		switch {
		case err == io.EOF:
			x.taken.Store(true)
			return u.finish()
		case err != nil:
			err = bodyError(err)
			u.client.Store(&err)
			return err
		}
	}
}

// finish ends the backend's request.
func (u *upload) finish() error {
	x, out := u.c.x, u.c.backend.out
	h := newHead()
	defer h.release()
	h.trailers(x.trailer())
	if err := out.End(h.list); err != nil {
		return err
	}
	return out.Flush()
}

// failed gives what was wrong with the client's body.
func (u *upload) failed() error {
	if u == nil {
		return nil
	}
	if err := u.client.Load(); err != nil {
		return *err
	}
	return nil
}

// end ends the sending, if it has not ended, and reports whether all was sent.
func (u *upload) end() bool {
	if u == nil {
		return true
	}
	if u.done != nil {
		if !u.c.x.whole() {
			u.c.x.halt()
			u.c.backend.drop()
		}
		u.settle()
	}
	return u.sent.Load()
}

// sendGrace is how long a backend that has answered may take to read what is left of the request. The client waits meanwhile.
const sendGrace = time.Second

// settle waits until nothing more is sent. A backend that reads no more is let go.
func (u *upload) settle() {
	select {
	case <-u.done:
	default:
		late := time.AfterFunc(sendGrace, u.c.backend.drop)
		defer late.Stop()
		<-u.done
	}
}

// whole reports whether the request was read to its end.
func (x *exchange) whole() bool {
	return x.body == nil || x.taken.Load() || x.length > 0 && x.received.Load() == x.length
}

// bodyError tells a client that is gone from one that sent what cannot be a body.
func bodyError(err error) error {
	if wrong, ok := errors.AsType[*http1.Error](err); ok {
		f := badRequest(wrong.Text)
		f.status = wrong.Status
		return f
	}
	return errClientGone
}
