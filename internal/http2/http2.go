// Package http2 is the server's side of HTTP/2 (RFC 9113), with WebSockets by extended CONNECT (RFC 8441).
//
// It promises the same as http1: a message has one meaning, and what two programs could read in two ways is an error and
// reaches nobody. A connection is one goroutine that reads and handles frames; requests are handled in goroutines that
// are used again. What all streams have to say leaves in one write. It takes no memory for a header field and holds no
// buffer while a connection is idle. Whatever a client can make grow, or do without end, has a bound: see Limits.
//
// Frames and HPACK are read here and not by x/net's Framer, which allocates for each frame and field, and wants a whole
// frame before it gives any of it.
package http2

import (
	"errors"
	"fmt"
	"log/slog"
)

// Config holds what a Server needs.
type Config struct {
	// Handle answers a request. It is called in a goroutine of its own. What it has not ended when it returns is reset;
	// the stream, its request and its fields are not to be used after that, but for Reset.
	Handle func(*Stream)
	Limits Limits
	Log    *slog.Logger // optional; told what is wrong with handlers, never what clients do
	// Refused is told of every request and connection that was refused or cut, by one of a fixed set of words. Optional.
	// It must not wait.
	Refused func(reason string)
}

// A Code is why a stream or a connection was ended (RFC 9113 section 7).
type Code uint32

// The codes.
const (
	NoError            Code = 0x0
	ProtocolError      Code = 0x1
	InternalError      Code = 0x2
	FlowControlError   Code = 0x3
	SettingsTimeout    Code = 0x4
	StreamClosed       Code = 0x5
	FrameSizeError     Code = 0x6
	RefusedStream      Code = 0x7
	Cancel             Code = 0x8
	CompressionError   Code = 0x9
	ConnectError       Code = 0xa
	EnhanceYourCalm    Code = 0xb
	InadequateSecurity Code = 0xc
	HTTP11Required     Code = 0xd
)

// A ResetError is a stream that was ended before it was complete.
type ResetError struct {
	Code   Code
	Remote bool // by the client
}

func (e *ResetError) Error() string {
	if e.Remote {
		return fmt.Sprintf("the client reset the stream (code %d)", e.Code)
	}
	return fmt.Sprintf("the stream was reset (code %d)", e.Code)
}

// A ConnError is a rule that the client broke, or a limit that it met, and that ended its connection.
type ConnError struct {
	Code   Code
	Reason string // one of a fixed set of words, for logs and counters
	Text   string // for a person
}

func (e *ConnError) Error() string { return e.Text }

// Errors of streams.
var (
	// ErrLost: the connection ended before the stream did.
	ErrLost = errors.New("http2: the connection ended")
	// ErrStalled: the client did not take what was written for longer than Limits.Stall.
	ErrStalled = errors.New("http2: the client does not read")
	// ErrUnwritable: this cannot be a part of a message.
	ErrUnwritable = errors.New("http2: this cannot be a part of a message")
	// ErrTooLong and ErrTooShort: the content is not as long as was announced.
	ErrTooLong  = errors.New("http2: there is more content than was announced")
	ErrTooShort = errors.New("http2: there is less content than was announced")
	// ErrOrder: the parts of a response came in a wrong order, or after its end.
	ErrOrder = errors.New("http2: the parts of a response are out of order")
)
