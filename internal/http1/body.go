package http1

import (
	"bytes"
	"errors"
	"io"

	"postern/internal/field"
)

// Body is the content of the message whose head was read last. It must be read to its end before the next head.
type Body struct {
	r       *Reader
	left    int64 // of the content or of the chunk; untilEnd: unknown
	chunked bool
	inChunk bool // a chunk's content, or the CRLF after it, comes next
	request bool // else a backend's
	excess  int64
	trailer field.Fields
	err     error // io.EOF at the end
}

// RequestBody gives the body of the request that was read last.
func (r *Reader) RequestBody(q *Request) Body { return newBody(r, q.Length, true) }

// ResponseBody gives the body of the response that was read last.
func (r *Reader) ResponseBody(s *Response) Body { return newBody(r, s.Length, false) }

func newBody(r *Reader, length int64, request bool) Body {
	b := Body{r: r, left: length, request: request}
	switch length {
	case inChunks:
		b.chunked, b.left = true, 0
	case 0:
		b.err = io.EOF
	}
	return b
}

// Done reports whether the body was read to its end.
func (b *Body) Done() bool { return b.err == io.EOF }

// Trailer gives the fields that came after the content. They are good as long as the head is.
func (b *Body) Trailer() field.Fields { return b.trailer }

// Ready reports whether Read has something to give without waiting for the connection: whoever passes on what comes knows by it
// when to hold back nothing.
func (b *Body) Ready() bool {
	unread := b.r.buf[b.r.start:b.r.fill]
	if b.err != nil || !b.chunked || b.left > 0 {
		return b.err != nil || len(unread) > 0
	}
	if b.inChunk {
		if len(unread) < 2 {
			return false
		}
		unread = unread[2:]
	}
	end := bytes.IndexByte(unread, '\n')
	if end < 0 {
		return false
	}
	rest := unread[end+1:]
	if unread[0] == '0' { // most likely the last chunk, after which trailers may come
		return bytes.HasPrefix(rest, crlf) || bytes.Contains(rest, crlfTwice)
	}
	return len(rest) > 0
}

var (
	crlf      = []byte("\r\n")
	crlfTwice = []byte("\r\n\r\n")
)

// Read reads what there is, as it comes. io.EOF: the message is whole; an end of the connection before that is a
// TruncatedError.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.chunked && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, b.end(err)
		}
	}
	if b.left != untilEnd && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.content(p)
	if b.left > 0 {
		b.left -= int64(n)
	}
	switch {
	case err == io.EOF && b.left == untilEnd:
		return n, b.end(io.EOF)
	case err != nil:
		return n, b.end(b.r.truncated("body", err))
	case b.left == 0 && !b.chunked:
		b.err = io.EOF
	}
	return n, nil
}

// content gives what is buffered, or else reads the connection straight into p.
func (b *Body) content(p []byte) (int, error) {
	r := b.r
	if r.Buffered() > 0 {
		n := copy(p, r.buf[r.start:r.fill])
		r.start += n
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	for range 100 {
		if n, err := r.src.Read(p); n > 0 || err != nil {
			if n > 0 {
				err = nil // it comes again
			}
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

func (b *Body) end(err error) error {
	if err != io.EOF {
		if !b.request {
			err = ofBackend(err)
		}
		b.r.fail(err)
	}
	b.err = err
	return err
}

const (
	// maxChunkLine bounds a chunk's size with its extensions, which nobody uses.
	maxChunkLine = 256
	// maxExcess bounds how much more framing than content there may be, as CVE-2023-39326 of Go's net/http taught.
	maxExcess = 16 << 10
)

// nextChunk reads up to the content of the next chunk (RFC 9112 section 7.1). io.EOF: there is none, and the
// trailers were read.
func (b *Body) nextChunk() error {
	if b.inChunk {
		if err := b.chunkEnd(); err != nil {
			return err
		}
	}
	line, err := b.line()
	if err != nil {
		return err
	}
	size, err := chunkSize(line)
	if err != nil {
		return err
	}
	// A chunk may have some bytes of framing. What is beyond counts, and content makes up for it.
	b.excess = max(0, b.excess+int64(len(line))+4-16-2*min(size, maxExcess))
	if b.excess > maxExcess {
		return errChunkExcess
	}
	if size > 0 {
		b.left, b.inChunk = size, true
		return nil
	}
	return b.trailers()
}

// chunkEnd takes the CRLF after a chunk's content.
func (b *Body) chunkEnd() error {
	for b.r.Buffered() < 2 {
		if b.r.Buffered() == 1 && b.r.buf[b.r.start] != '\r' {
			return errChunkEnd
		}
		if err := b.r.more(smallBuffer); err != nil {
			return b.r.truncated("body", err)
		}
	}
	if b.r.buf[b.r.start] != '\r' || b.r.buf[b.r.start+1] != '\n' {
		return errChunkEnd
	}
	b.r.start, b.inChunk = b.r.start+2, false
	return nil
}

// line reads a chunk's line, and gives it without its CRLF. It is good until more is read.
func (b *Body) line() ([]byte, error) {
	r, seen := b.r, 0
	for {
		unread := r.buf[r.start:r.fill]
		if n := bytes.IndexByte(unread[seen:], '\n'); n >= 0 {
			end := seen + n
			switch {
			case end > maxChunkLine:
				return nil, errChunkLine
			case end == 0 || unread[end-1] != '\r':
				return nil, errBareLF
			}
			r.start += end + 1
			return unread[:end-1], nil
		}
		if seen = len(unread); seen > maxChunkLine {
			return nil, errChunkLine
		}
		if err := r.more(smallBuffer); err != nil {
			return nil, r.truncated("body", err)
		}
	}
}

// maxSizeDigits are as many as an int64 has without its sign; zeros count, as they do for others.
const maxSizeDigits = 15

// chunkSize reads 1*HEXDIG, and extensions of which only the alphabet is looked at: they go no further.
func chunkSize(line []byte) (size int64, err error) {
	n := 0
	for ; n < len(line); n++ {
		digit := unhex(line[n])
		if digit < 0 {
			break
		}
		if n == maxSizeDigits {
			return 0, errChunkSize
		}
		size = size<<4 | int64(digit)
	}
	switch {
	case n == 0:
		return 0, errChunkSize
	case n == len(line):
		return size, nil
	case line[n] != ';':
		return 0, errChunkSize
	}
	if !field.Value(line[n:]) {
		return 0, errChunkLine
	}
	return size, nil
}

func unhex(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// trailers reads the fields after the last chunk and the empty line, and ends the body.
func (b *Body) trailers() error {
	block, err := b.r.readLines(b.r.limits.Trailer, errTrailerSize, "trailers")
	if err != nil {
		return err
	}
	if len(block) > 2 {
		// The buffer may be read into anew before the head is done with.
		fields, err := parseFields(bytes.Clone(block), nil, b.r.limits.Fields)
		if err != nil {
			return err
		}
		b.trailer = fields
	}
	return io.EOF
}

// Discard reads a body to its end, if not more than most bytes of it are left. It reports whether the next message can
// be read.
func (b *Body) Discard(most int64) bool {
	var scratch [1024]byte
	for b.err == nil && most >= 0 {
		n, _ := b.Read(scratch[:])
		most -= int64(n)
	}
	return b.Done()
}

// IsTruncated reports whether the connection ended before the message.
func IsTruncated(err error) bool {
	var t *TruncatedError
	return errors.As(err, &t)
}
