// Package backend speaks HTTP/2 to backends: the client's side of RFC 9113.
//
// A Conn is one connection, over whatever carries bytes. Its streams are independent: one whose body nobody reads, or which is
// reset, costs the others nothing. What a stream receives ahead of its reader is bounded by a window of its own, which
// grows with a reader that keeps up, from a budget that all connections share. A response that was cut never looks complete,
// and an error says whether the backend can have seen the request.
package backend

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"postern/internal/field"
)

// Config says how connections behave. The zero value is ready for use.
type Config struct {
	Limits Limits
	Budget *Budget // of receive windows; optional, streams then keep to their first window
	// Changed is called when a connection may take a request that it did not take before, or is over; optional. It
	// is called by any goroutine, with no lock held.
	Changed func()
}

// Limits bounds what a backend can make a connection hold and do. Zero fields are defaults.
type Limits struct {
	HeaderBytes int           // of one response's header or trailers, counted as in RFC 9113, section 6.5.2; 64 KiB
	Streams     int           // at once, however many the backend allows; 128
	Window      int           // of a stream at its start, in bytes; 64 KiB
	MaxWindow   int           // to which it grows; 4 MiB
	Interim     int           // responses (1xx) before the final one; 16
	Control     int           // bytes of answers to SETTINGS and PING that wait to be sent; 64 KiB
	Silence     time.Duration // after which a backend that owes an answer is asked whether it lives, by one PING; 30 s
	Answer      time.Duration // within which it must answer that; 15 s
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

func (l Limits) withDefaults() Limits {
	l.HeaderBytes = orDefault(l.HeaderBytes, 64<<10)
	l.Streams = orDefault(l.Streams, 128)
	l.Window = orDefault(l.Window, 64<<10)
	l.MaxWindow = max(orDefault(l.MaxWindow, 4<<20), l.Window)
	l.Interim = orDefault(l.Interim, 16)
	l.Control = orDefault(l.Control, 64<<10)
	l.Silence = orDefault(l.Silence, 30*time.Second)
	l.Answer = orDefault(l.Answer, 15*time.Second)
	return l
}

// A Budget bounds by how much the receive windows of all connections that share it grow together.
type Budget struct{ left atomic.Int64 }

// NewBudget gives a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	b := &Budget{}
	b.left.Store(bytes)
	return b
}

func (b *Budget) take(n int) bool {
	if b == nil {
		return false
	}
	if b.left.Add(int64(-n)) < 0 {
		b.left.Add(int64(n))
		return false
	}
	return true
}

func (b *Budget) give(n int) {
	if n > 0 {
		b.left.Add(int64(n))
	}
}

// Request is the head of a request. What belongs to a connection (RFC 9113, section 8.2.2), Host and Content-Length in the fields are
// left out: Authority and Length say it.
type Request struct {
	Method, Scheme, Authority, Path string
	Fields                          field.Fields
	Length                          int64 // of the body; -1: not known, 0: none
}

// Head is the head of a response.
type Head struct {
	Status int
	Fields field.Fields // in lower case, as they came; they stay good
	Length int64        // of the body; -1: not said, 0: there is none
}

// ErrUnusable says that a connection takes no request: at the moment, or for good. Nothing was sent.
var ErrUnusable = errors.New("the connection takes no more requests")

// ErrHeaderTooLarge says that the backend does not take so large a header. Nothing was sent.
var ErrHeaderTooLarge = errors.New("the request's header is larger than the backend accepts")

// A ResetError says why a stream ended before its time.
type ResetError struct {
	Code        http2.ErrCode
	Remote      bool   // the backend reset it; else we did
	Unprocessed bool   // the backend did not look at the request: it may be sent again, whatever it is
	Why         string // in words; may be empty
}

func (e *ResetError) Error() string {
	text := "the stream was reset"
	if e.Remote {
		text = "the backend reset the stream"
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return fmt.Sprintf("%s (%s)", text, e.Code)
}

// A ConnError says that the connection ended below a stream.
type ConnError struct{ Err error }

func (e *ConnError) Error() string { return "the connection to the backend ended: " + e.Err.Error() }
func (e *ConnError) Unwrap() error { return e.Err }

// Timeout reports whether it ended because the backend did not answer any more.
func (e *ConnError) Timeout() bool { return errors.Is(e.Err, errSilent) }

// Temporary is there for net.Error: nothing says that it would work a moment later.
func (e *ConnError) Temporary() bool { return false }

// Unprocessed reports whether an error says that the backend cannot have acted on the request, so that sending it again is safe.
func Unprocessed(err error) bool {
	reset, ok := errors.AsType[*ResetError](err)
	return ok && reset.Unprocessed || errors.Is(err, ErrUnusable)
}

// A PrefaceError says that the other side does not speak HTTP/2. No request was sent.
type PrefaceError struct {
	Why string
	Err error
}

func (e *PrefaceError) Error() string { return "the backend does not speak HTTP/2: " + e.Why }
func (e *PrefaceError) Unwrap() error { return e.Err }

var (
	errSilent = errors.New("the backend fell silent")
	errClosed = errors.New("the connection was closed")
	errGoAway = errors.New("the backend is closing its connection")
)

// protocolError is a fault of the backend that ends the connection.
type protocolError struct {
	code http2.ErrCode
	why  string
}

func (e *protocolError) Error() string {
	return fmt.Sprintf("the backend broke HTTP/2: %s (%s)", e.why, e.code)
}

func broken(code http2.ErrCode, why string) error { return &protocolError{code, why} }

// unexpected makes the plain end of bytes an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
