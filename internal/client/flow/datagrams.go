package flow

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"postern/internal/sock"
	"postern/internal/tunnel"
)

// Idle is how long a flow of datagrams may be silent both ways: what RFC 4787, section 4.3, recommends for the memory of a NAT.
const Idle = 5 * time.Minute

// MaxDatagram is the largest datagram, in bytes.
const MaxDatagram = sock.MaxDatagram

// ErrIdle ends a flow of datagrams that was silent for too long.
var ErrIdle = errors.New("it was silent for too long")

// Datagrams is an open flow of datagrams.
type Datagrams struct {
	flow  *Flow
	moved atomic.Bool // since it was looked last, either way
}

// Datagrams gives the flow's datagrams.
func (f *Flow) Datagrams() *Datagrams { return &Datagrams{flow: f} }

// Send sends one datagram, or loses it where there is no room just now. An error says that the flow is over.
func (d *Datagrams) Send(p []byte) error {
	d.moved.Store(true)
	d.flow.out.Add(uint64(len(p)))
	if d.flow.Stream != nil {
		return d.flow.Stream.SendDatagram(p)
	}
	_, err := d.flow.Conn.Write(p)
	if errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EMSGSIZE) {
		return nil // lost, as datagrams are
	}
	return err
}

func (d *Datagrams) came(p []byte) {
	d.moved.Store(true)
	d.flow.in.Add(uint64(len(p)))
}

// Pump gives each datagram that comes to use, which must not keep it, until the flow ends, ctx ends or both sides were silent for idle.
// It closes the flow and says why it ended.
func (d *Datagrams) Pump(ctx context.Context, idle time.Duration, use func([]byte) error) error {
	defer d.flow.Close()
	if d.flow.Stream != nil {
		return d.pumpStream(ctx, idle, use)
	}
	return d.pumpConn(ctx, idle, use)
}

func (d *Datagrams) pumpStream(ctx context.Context, idle time.Duration, use func([]byte) error) error {
	st := d.flow.Stream
	_ = st.SetReadDeadline(time.Now().Add(idle)) // fails on a stream that is over, which reading then says
	for {
		p, err := st.ReceiveDatagram(ctx)
		switch {
		case err == nil:
			d.came(p)
			if err := use(p); err != nil {
				return err
			}
		case errors.Is(err, os.ErrDeadlineExceeded) && d.moved.Swap(false):
			_ = st.SetReadDeadline(time.Now().Add(idle)) // as above
		case errors.Is(err, os.ErrDeadlineExceeded):
			return ErrIdle
		default:
			return err
		}
	}
}

func (d *Datagrams) pumpConn(ctx context.Context, idle time.Duration, use func([]byte) error) error {
	conn, ok := d.flow.Conn.(*net.UDPConn)
	if !ok {
		return errors.New("the flow carries no datagrams")
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	for {
		_ = conn.SetReadDeadline(time.Now().Add(idle)) // fails on a socket that is closed, which reading then says
		err := sock.ReadDatagrams(conn, func(p []byte) error {
			d.came(p)
			return use(p)
		})
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded) && d.moved.Swap(false):
		case errors.Is(err, os.ErrDeadlineExceeded):
			return ErrIdle
		default:
			return err
		}
	}
}

// JoinDatagrams carries datagrams between two streams until one of them ends.
func JoinDatagrams(near *tunnel.Stream, far *Flow, idle time.Duration) error {
	ctx, end := context.WithCancelCause(near.Context())
	defer end(nil)
	there := far.Datagrams()
	done := make(chan struct{})
	go func() {
		defer close(done)
		end(there.Pump(ctx, idle, near.SendDatagram))
	}()
	for {
		p, err := near.ReceiveDatagram(ctx)
		if err == nil {
			err = there.Send(p)
		}
		if err != nil {
			end(err)
			break
		}
	}
	<-done
	why := context.Cause(ctx)
	if errors.Is(why, ErrIdle) {
		_ = near.Close() // never fails
	} else {
		near.Reset(tunnel.CodeCancelled) // does nothing if it was near that ended
	}
	return why
}
