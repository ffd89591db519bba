package http1

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"postern/internal/field"
)

// Writer writes the messages of one connection, one after the other. What is written is gathered in a buffer that it
// holds from the first byte to the next Flush. It is for one goroutine at a time.
//
// A message is its start line, fields, EndHead and then its content up to End. What cannot be written as it is, such as
// a value with a line end or more content than was announced, breaks the writer: whatever was sent then is
// incomplete to the receiver.
type Writer struct {
	dst  io.Writer
	buf  []byte
	err  error
	left int64 // of the content: inChunks, untilEnd, or bytes
	// framed: a field of the head says how long the content is, or that it comes in chunks.
	framed bool
}

// Errors of a Writer's use.
var (
	ErrUnwritable = errors.New("http1: this cannot be a part of a message")
	ErrTooLong    = errors.New("http1: there is more content than was announced")
	ErrTooShort   = errors.New("http1: there is less content than was announced")
)

// NewWriter makes one that writes to dst.
func NewWriter(dst io.Writer) *Writer { return &Writer{dst: dst} }

// RequestLine begins a request.
func (w *Writer) RequestLine(method, target string) {
	if len(method) == 0 || len(target) == 0 || !field.Token(method) || !allOf(target, &isTarget) {
		w.broke(ErrUnwritable)
		return
	}
	w.text(method)
	w.text(" ")
	w.text(target)
	w.text(" HTTP/1.1\r\n")
}

// StatusLine begins a response.
func (w *Writer) StatusLine(status int) {
	if status < 100 || status > 599 {
		w.broke(ErrUnwritable)
		return
	}
	w.text("HTTP/1.1 ")
	w.room(4)
	w.buf = strconv.AppendInt(w.buf, int64(status), 10)
	w.text(" ")
	w.text(http.StatusText(status)) // which may be empty (RFC 9112 section 4)
	w.text("\r\n")
}

// Field writes a field line.
func (w *Writer) Field(name, value []byte) {
	if len(name) == 0 || !field.Token(name) || !field.Value(value) {
		w.broke(ErrUnwritable)
		return
	}
	w.framed = w.framed || field.EqualFold(name, "content-length") || field.EqualFold(name, "transfer-encoding")
	w.put(name)
	w.text(": ")
	w.put(value)
	w.text("\r\n")
}

// FieldText is Field for what is a string.
func (w *Writer) FieldText(name, value string) {
	if !field.Value(value) {
		w.broke(ErrUnwritable)
		return
	}
	w.text(name)
	w.text(": ")
	w.text(value)
	w.text("\r\n")
}

// EndHead ends the head with what frames the content: bytes of it, or -1 for chunks, or -2 for all up to the connection's
// end. A length of 0 is written only if announce says so: a GET has no content without saying so, a
// response says it. A field that frames the content may have been written before only where there is none, as in an
// answer to HEAD.
func (w *Writer) EndHead(length int64, announce bool) {
	if w.framed && (length != 0 || announce) {
		w.broke(ErrUnwritable)
	}
	w.left, w.framed = length, false
	switch {
	case length == inChunks:
		w.text("Transfer-Encoding: chunked\r\n")
	case length > 0 || length == 0 && announce:
		w.text("Content-Length: ")
		w.room(20)
		w.buf = strconv.AppendInt(w.buf, length, 10)
		w.text("\r\n")
	}
	w.text("\r\n")
}

// Write writes content. It reaches the connection with the next Flush, or when there is much of it.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil || len(p) == 0 {
		return 0, w.err
	}
	switch {
	case w.left == inChunks:
		w.room(18)
		w.buf = strconv.AppendInt(w.buf, int64(len(p)), 16)
		w.text("\r\n")
		w.put(p)
		w.text("\r\n")
	case w.left == untilEnd:
		w.put(p)
	case int64(len(p)) > w.left:
		w.broke(ErrTooLong)
	default:
		w.left -= int64(len(p))
		w.put(p)
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// End ends the content, with trailers if it came in chunks. ErrTooShort: there was less than was announced.
func (w *Writer) End(trailers field.Fields) error {
	switch {
	case w.left == inChunks:
		w.text("0\r\n")
		for i := range trailers {
			w.Field(trailers[i].Name, trailers[i].Value)
		}
		w.text("\r\n")
	case w.left > 0:
		w.broke(ErrTooShort)
	}
	w.left = 0
	return w.err
}

// Flush sends what was gathered and gives the buffer back.
func (w *Writer) Flush() error {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.dst.Write(w.buf)
	}
	if w.buf != nil {
		giveBuffer(w.buf[:0])
		w.buf = nil
	}
	return w.err
}

func (w *Writer) broke(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *Writer) put(b []byte) {
	if len(b) > smallBuffer && w.err == nil { // not worth a copy
		if w.send(); w.err == nil {
			_, w.err = w.dst.Write(b)
		}
		return
	}
	w.room(len(b))
	w.buf = append(w.buf, b...)
}

func (w *Writer) text(s string) {
	w.room(len(s))
	w.buf = append(w.buf, s...)
}

// room sees to it that n bytes fit without growing.
func (w *Writer) room(n int) {
	if w.buf == nil {
		w.buf = takeBuffer(smallBuffer)[:0]
	}
	if len(w.buf)+n > cap(w.buf) {
		w.send()
	}
	if n > cap(w.buf) {
		giveBuffer(w.buf)
		w.buf = takeBuffer(n)[:0]
	}
}

// send writes what was gathered, and goes on with the same buffer.
func (w *Writer) send() {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.dst.Write(w.buf)
	}
	w.buf = w.buf[:0]
}
