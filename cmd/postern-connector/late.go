package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

const listenAgain = time.Second // between two attempts

// lateListener listens on an address as soon as whoever has it now leaves it.
type lateListener struct {
	address string
	ctx     context.Context // ends the waiting
	close   context.CancelFunc

	mu sync.Mutex // guards the field below
	l  net.Listener
}

func newLateListener(ctx context.Context, address string) *lateListener {
	l := &lateListener{address: address}
	l.ctx, l.close = context.WithCancel(ctx)
	return l
}

// Accept waits for the address first.
func (l *lateListener) Accept() (net.Conn, error) {
	for {
		if inner := l.listen(); inner != nil {
			return inner.Accept()
		}
		select {
		case <-l.ctx.Done():
			return nil, net.ErrClosed
		case <-time.After(listenAgain):
		}
	}
}

func (l *lateListener) listen() net.Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.l == nil && l.ctx.Err() == nil {
		l.l, _ = net.Listen("tcp", l.address) // why not: somebody has it still
	}
	return l.l
}

// Close ends Accept.
func (l *lateListener) Close() error {
	l.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.l == nil {
		return nil
	}
	return l.l.Close()
}

// Addr gives the address once it is listened on.
func (l *lateListener) Addr() net.Addr {
	if inner := l.listen(); inner != nil {
		return inner.Addr()
	}
	return &net.TCPAddr{}
}

// inUse tells whether somebody has an address: Windows says so in its own way (WSAEADDRINUSE).
func inUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.Errno(10048))
}
