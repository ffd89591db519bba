package gateway

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"
)

// An attempt follows one request to a backend. It passes on 1xx responses while the final one is
// awaited, and none after it.
type attempt struct {
	x       *exchange
	kept    atomic.Bool // it went by a connection that had carried another request before
	replied atomic.Bool // a byte of a response came

	mu   sync.Mutex // guards over; held while an interim response is written, so that none follows the final one
	over bool
}

func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:              func(info httptrace.GotConnInfo) { a.kept.Store(info.Reused) },
		GotFirstResponseByte: func() { a.replied.Store(true) },
		Got1xxResponse:       a.got,
	}
}

// stale reports whether an error may come from nothing but the age of the connection.
func (a *attempt) stale(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return a.kept.Load() && !a.replied.Load() && !(ok && timeout.Timeout())
}

func (a *attempt) got(code int, header textproto.MIMEHeader) error {
	if code != http.StatusEarlyHints && code != http.StatusProcessing {
		return nil // 100 follows from reading the body
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.x.reply.Inform(code, responseHeader(http.Header(header), a.x.app, a.x.id))
	}
	return nil
}

func (a *attempt) end() {
	a.mu.Lock()
	a.over = true
	a.mu.Unlock()
}
