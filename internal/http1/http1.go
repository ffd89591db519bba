// Package http1 reads and writes the messages of HTTP/1.1 (RFC 9110, RFC 9112), towards browsers and towards backends.
//
// It promises that a message has one meaning: what two programs could read in two ways is an error, never a guess,
// whatever others make of it. What it writes is what it understood, not the bytes in which it came. It takes no
// memory for a header field and holds none while a connection is idle; a body goes through as it comes. Every part of
// a message has a bound.
package http1

import (
	"fmt"
	"net/http"
)

// Limits bounds what a peer may send. A zero value of a field is its default.
type Limits struct {
	Target  int // bytes of a request's target; 8 KiB
	Head    int // bytes of a head with its start line; 32 KiB
	Fields  int // field lines of a head, or of trailers; 128
	Trailer int // bytes of a chunked body's trailers; 8 KiB
}

func (l Limits) orDefaults() Limits {
	for _, f := range []struct {
		at    *int
		value int
	}{{&l.Target, 8 << 10}, {&l.Head, 32 << 10}, {&l.Fields, 128}, {&l.Trailer, 8 << 10}} {
		if *f.at <= 0 {
			*f.at = f.value
		}
	}
	return l
}

// Error is what is wrong with a message. After it nothing more can be read from the connection: where the message
// ends is not known.
type Error struct {
	Status int    // to answer with: of what a browser sent as it stands, of what a backend sent always 502
	Reason string // one of a fixed set of words, for logs and counters
	Text   string // for a person
}

func (e *Error) Error() string { return e.Text }

// bad makes the errors of a request's head and body. They are made once: refusing costs nothing.
func bad(status int, reason, text string) *Error { return &Error{status, reason, text} }

// What is wrong with a message. Statuses follow RFC 9110 section 15 and RFC 9112; of responses they become 502.
var (
	errBareLF        = bad(http.StatusBadRequest, "bare-lf", "a line ends with LF alone (RFC 9112 section 2.2)")
	errBareCR        = bad(http.StatusBadRequest, "bare-cr", "there is a CR that ends no line (RFC 9112 section 2.2)")
	errControl       = bad(http.StatusBadRequest, "control-character", "a field's value has a control character (RFC 9110 section 5.5)")
	errFold          = bad(http.StatusBadRequest, "folded-line", "a line begins with a blank (RFC 9112 section 5.2)")
	errName          = bad(http.StatusBadRequest, "field-name", "a field's name is empty or has a character that no name has (RFC 9110 section 5.1)")
	errColon         = bad(http.StatusBadRequest, "no-colon", "a field line has no colon (RFC 9112 section 5)")
	errSpaceColon    = bad(http.StatusBadRequest, "space-before-colon", "there is a blank between a field's name and its colon (RFC 9112 section 5.1)")
	errHeadSize      = bad(http.StatusRequestHeaderFieldsTooLarge, "head-too-large", "the head is too large")
	errFields        = bad(http.StatusRequestHeaderFieldsTooLarge, "too-many-fields", "there are too many field lines")
	errStartLine     = bad(http.StatusBadRequest, "request-line", "the request line is not method, target and version with one space between them (RFC 9112 section 3)")
	errMethod        = bad(http.StatusBadRequest, "method", "the method is no token (RFC 9110 section 9.1)")
	errMethodSize    = bad(http.StatusNotImplemented, "method-too-long", "the method is too long to be one")
	errConnect       = bad(http.StatusNotImplemented, "connect", "CONNECT is not offered here")
	errVersion       = bad(http.StatusBadRequest, "version", "the version is not HTTP/1.0 or HTTP/1.1 (RFC 9112 section 2.3)")
	errMajor         = bad(http.StatusHTTPVersionNotSupported, "version-not-supported", "only HTTP/1.0 and HTTP/1.1 are spoken here")
	errTarget        = bad(http.StatusBadRequest, "target", "the target has a character that no target has, or no form that it may have (RFC 9112 section 3.2)")
	errTargetSize    = bad(http.StatusRequestURITooLong, "target-too-long", "the target is too long")
	errHostMissing   = bad(http.StatusBadRequest, "no-host", "there is no Host (RFC 9112 section 3.2)")
	errHostTwice     = bad(http.StatusBadRequest, "host-twice", "there is more than one Host (RFC 9112 section 3.2)")
	errHost          = bad(http.StatusBadRequest, "host", "Host is not a name or an address with an optional port (RFC 9110 section 7.2)")
	errHostDiffers   = bad(http.StatusBadRequest, "host-differs", "Host differs from the authority in the target (RFC 9112 section 3.2.2)")
	errLengthTwice   = bad(http.StatusBadRequest, "length-twice", "there is more than one Content-Length (RFC 9112 section 6.3)")
	errLength        = bad(http.StatusBadRequest, "length", "Content-Length is not a number (RFC 9110 section 8.6)")
	errBothLengths   = bad(http.StatusBadRequest, "length-and-coding", "there are both Transfer-Encoding and Content-Length (RFC 9112 section 6.1)")
	errCodingTwice   = bad(http.StatusBadRequest, "coding-twice", "there is more than one Transfer-Encoding")
	errCoding        = bad(http.StatusBadRequest, "coding", "Transfer-Encoding is something else than chunked (RFC 9112 section 6.1)")
	errCodingUnknown = bad(http.StatusNotImplemented, "coding-unknown", "this Transfer-Encoding is not offered here (RFC 9112 section 6.1)")
	errCodingOld     = bad(http.StatusBadRequest, "coding-in-1.0", "HTTP/1.0 has no Transfer-Encoding (RFC 9112 section 6.1)")
	errExpect        = bad(http.StatusExpectationFailed, "expectation", "Expect is something else than 100-continue (RFC 9110 section 10.1.1)")
	errConnection    = bad(http.StatusBadRequest, "connection", "Connection is not a list of names (RFC 9110 section 7.6.1)")

	errChunkSize   = bad(http.StatusBadRequest, "chunk-size", "a chunk's size is not a hexadecimal number that can be (RFC 9112 section 7.1)")
	errChunkLine   = bad(http.StatusBadRequest, "chunk-line", "a chunk's line is too long, or what follows its size is no extension (RFC 9112 section 7.1.1)")
	errChunkEnd    = bad(http.StatusBadRequest, "chunk-end", "a chunk is longer than its size says (RFC 9112 section 7.1)")
	errChunkExcess = bad(http.StatusBadRequest, "chunk-excess", "the chunks are more of framing than of content")
	errTrailerSize = bad(http.StatusRequestHeaderFieldsTooLarge, "trailers-too-large", "the trailers are too large")

	errStatusLine = bad(http.StatusBadGateway, "status-line", "the status line is not version, status and reason (RFC 9112 section 4)")
	errStatus     = bad(http.StatusBadGateway, "status", "the status is not a number between 100 and 599 (RFC 9110 section 15)")
	errSwitched   = bad(http.StatusBadGateway, "switched-unasked", "the protocol was switched without being asked to (RFC 9110 section 15.2.2)")
	errInterim    = bad(http.StatusBadGateway, "too-many-interim", "too many interim responses came before the final one")
)

// ofBackend makes an error of what a backend sent: whatever is wrong with it, the browser did nothing wrong.
func ofBackend(err error) error {
	if e, ok := err.(*Error); ok && e.Status != http.StatusBadGateway {
		return &Error{http.StatusBadGateway, e.Reason, e.Text}
	}
	return err
}

// TruncatedError is a message whose connection ended before it did.
type TruncatedError struct {
	In  string // head, body or trailers
	Err error  // of the connection; io.ErrUnexpectedEOF for its plain end
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the connection ended in the middle of the %s: %v", e.In, e.Err)
}

func (e *TruncatedError) Unwrap() error { return e.Err }
