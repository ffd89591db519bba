// Package tunnel carries many streams over one connection: the multiplexer between gateway, connector and client.
//
// A Session runs over an established, authenticated net.Conn (in the product TLS 1.3) and offers streams that are
// net.Conns, half-close and abort told apart, and datagram flows. It promises:
//
//   - no stream can hold up another one: windows are per stream, the reader never waits for a consumer or for a write;
//   - a cut transfer never looks complete: io.EOF means that the peer said so, everything else is an error;
//   - whatever a peer can make grow has a limit with a number and a metric (Stats);
//   - a drain loses nothing: an OPEN that crosses it is answered with a code that says "not processed, safe to retry".
//
// DESIGN.md beside this file specifies the wire, flow control, limits and failure behaviour.
package tunnel

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Version is the major protocol version. Sessions of different major versions do not talk.
const Version = 1

// MaxMessage is the largest opaque message that OPEN, OPENED and a refusal carry, in bytes.
const MaxMessage = 16 << 10

// MaxDatagram is the largest datagram, in bytes: the largest UDP payload.
const MaxDatagram = 65507

// Config holds what a Session needs. Conn is required.
type Config struct {
	Conn    net.Conn // established and authenticated; the Session owns and closes it
	Dialler bool     // this side dialled: its streams get odd ids; exactly one side is the dialler
	Hello   Hello    // what we tell the peer; a zero Version means Version
	// Accept is called in a goroutine of its own for each stream the peer opens, and waited for by Run. It must end with
	// Accept, Refuse or Reset. Nil refuses all.
	Accept func(*Stream)
	Log    *slog.Logger // optional
	Budget *Budget      // optional, shared by all sessions of a process; one of 256 MiB for this session if nil
	Limits Limits       // zero values work
}

// Hello is what the two ends tell each other first.
type Hello struct {
	Version      uint16 // major protocol version, must be equal at both ends
	Minor        uint16 // minor version, informs
	Capabilities uint64 // bits that the layers above give meaning to
	Instance     string // id of the sender's process, at most 128 bytes
}

// Limits bounds what a session does. A zero field means the number in brackets.
type Limits struct {
	Streams       int           // streams that the peer may have open at once, handlers that still run included [16384]
	Window        int           // largest receive window of a stream, in bytes [8 MiB]; 64 KiB at least
	Pending       int           // bytes waiting to be written, after which senders wait [256 KiB]
	Control       int           // bytes waiting to be written that the peer provoked, after which the session ends [256 KiB]
	Flood         int           // frames a second that achieve nothing, after which the session ends [4096]
	Datagrams     int           // datagrams queued per stream [64]
	DatagramBytes int           // bytes of datagrams queued per stream [128 KiB]
	Hello         time.Duration // how long the peer's HELLO may take [10 s]
	IdlePing      time.Duration // silence after which we PING [10 s]
	Silence       time.Duration // silence after which the peer is dead [15 s]
	Stall         time.Duration // how long a write may make no progress [30 s]
	Linger        time.Duration // how long the last frames of a failing session may take [1 s]
}

const (
	startWindow  = 64 << 10 // credit of a new stream
	lowWindow    = 16 << 10 // credit of a new stream while the budget is short
	maxInstance  = 128
	maxReason    = 1 << 10
	maxPings     = 64 // PINGs of ours under way
	defaultLimit = 256 << 20
)

func (l Limits) withDefaults() Limits {
	number := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	number(&l.Streams, 16384)
	number(&l.Window, 8<<20)
	l.Window = max(l.Window, startWindow)
	number(&l.Pending, 256<<10)
	number(&l.Control, 256<<10)
	number(&l.Flood, 4096)
	number(&l.Datagrams, 64)
	number(&l.DatagramBytes, 128<<10)
	span(&l.Hello, 10*time.Second)
	span(&l.IdlePing, 10*time.Second)
	span(&l.Silence, 15*time.Second)
	span(&l.Stall, 30*time.Second)
	span(&l.Linger, time.Second)
	return l
}

// Errors of sessions and streams. ErrClosed is a net.ErrClosed too.
var (
	// ErrClosed says that this side closed the session or the stream.
	ErrClosed = fmt.Errorf("tunnel: %w", net.ErrClosed)
	// ErrDraining says that the session takes no new streams: open it on another one. Nothing was sent.
	ErrDraining = errors.New("tunnel: session is draining")
	// ErrExhausted says that the session has used all its stream ids. It drains itself. Nothing was sent.
	ErrExhausted = errors.New("tunnel: session has used all stream ids")
	// ErrSilent ends a session whose peer sent nothing for Limits.Silence.
	ErrSilent = errors.New("tunnel: peer is silent")
	// ErrStalled ends a session whose peer took nothing for Limits.Stall.
	ErrStalled = errors.New("tunnel: peer does not read")
	// ErrLost ends a session whose connection ended without a GOAWAY.
	ErrLost = errors.New("tunnel: connection lost")
	// ErrTooLarge refuses a message or a datagram beyond its limit.
	ErrTooLarge = errors.New("tunnel: message too large")
	// ErrMisuse refuses a call that this end of a stream cannot make, such as Accept by the opener.
	ErrMisuse = errors.New("tunnel: call does not fit this end of the stream")
)

// Code says why a stream or a session ended. Unknown codes are kept as they are.
type Code uint16

// The codes. They are part of the wire format.
const (
	CodeCancelled      Code = 1  // whoever asked is gone
	CodeRefused        Code = 2  // the acceptor said no, with a message
	CodeInternal       Code = 3  // an error at the sender's side
	CodeFlowControl    Code = 4  // a window was overrun
	CodeBufferBudget   Code = 5  // the receiver's buffers were full and this stream was unread for the longest
	CodeNotProcessed   Code = 6  // the OPEN met a draining session: nothing was done, safe to retry elsewhere
	CodeConnectionLost Code = 7  // the session ended under the stream; never on the wire
	CodeClosed         Code = 8  // the sender closed while the receiver had not finished; what was sent before is complete up to here
	CodeTooManyStreams Code = 9  // the OPEN met Limits.Streams or the budget: nothing was done, safe to retry elsewhere
	CodeProtocol       Code = 10 // the peer broke the protocol
	CodeFlood          Code = 11 // the peer sent too many frames that achieve nothing, or does not read answers it provokes
	CodeVersion        Code = 12 // no common version
	CodeSilent         Code = 13 // the peer was silent for too long
	CodeStalled        Code = 14 // the peer did not read for too long
	CodePathLost       Code = 15 // the sender passed the stream on, and the session beyond it ended
	codes                   = 16
)

var codeNames = [codes]string{"none", "cancelled", "refused", "internal error", "flow control", "buffer budget", "not processed", "connection lost",
	"closed", "too many streams", "protocol", "flood", "version", "silent", "stalled", "path lost"}

func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("code %d", uint16(c))
}

// Retryable tells whether the peer promises that it did nothing with the stream.
func (c Code) Retryable() bool { return c == CodeNotProcessed || c == CodeTooManyStreams }

// ResetError ends a stream that was aborted. It is never io.EOF.
type ResetError struct {
	Code   Code
	Remote bool  // the peer did it
	Cause  error // why the session ended, with CodeConnectionLost
}

func (e *ResetError) Error() string {
	who := "this side"
	if e.Remote {
		who = "peer"
	}
	if e.Cause != nil {
		return fmt.Sprintf("tunnel: stream reset: %s: %v", e.Code, e.Cause)
	}
	return fmt.Sprintf("tunnel: stream reset by %s: %s", who, e.Code)
}

func (e *ResetError) Unwrap() error { return e.Cause }

// RefusedError ends a stream that the acceptor refused; Payload is its message.
type RefusedError struct{ Payload []byte }

func (e *RefusedError) Error() string { return "tunnel: stream refused" }

// ConnError ends a session whose peer broke a rule, or says that we did.
type ConnError struct {
	Code   Code
	Reason string // which rule, in words
	Remote bool   // the peer says it of us
}

func (e *ConnError) Error() string {
	if e.Remote {
		return fmt.Sprintf("tunnel: ended by peer: %s: %s", e.Code, e.Reason)
	}
	return fmt.Sprintf("tunnel: %s: %s", e.Code, e.Reason)
}

func broken(code Code, format string, args ...any) error {
	return &ConnError{Code: code, Reason: fmt.Sprintf(format, args...)}
}
