package http1

import (
	"bytes"

	"postern/internal/field"
)

// Request is the head of a request. Its bytes are good until the next one is read.
type Request struct {
	Method []byte
	Target []byte // as it was sent, in whichever form
	// Path is the target in origin form: its path with the query, or "*".
	Path      []byte
	Scheme    []byte // of a target in absolute form; nil otherwise
	Authority []byte // of the target in absolute form, else Host; empty only in HTTP/1.0
	Minor     int    // of the version: 0 or 1
	Fields    field.Fields
	Length    int64 // of the body; -1: in chunks
	Close     bool  // the connection ends after the answer
	Continue  bool  // the client waits for 100 (Continue) before it sends the body
	Upgrade   bool  // Connection lists upgrade, in HTTP/1.1
}

const maxMethod = 32

// Request reads the next request's head; Body then gives its body, which must be read to its end before the next. It
// waits, holding a buffer: see Wait. io.EOF: the connection ended before it began.
func (r *Reader) Request(into *Request) error {
	if err := r.Wait(); err != nil {
		return err
	}
	err := r.skipEmptyLine()
	if err == nil {
		err = r.request(into)
	}
	if err != nil {
		return r.fail(err)
	}
	return nil
}

// skipEmptyLine takes one empty line before a request, which old clients send after a body (RFC 9112 section 2.2).
func (r *Reader) skipEmptyLine() error {
	if r.buf[r.start] != '\r' {
		return nil
	}
	for r.Buffered() < 2 {
		if err := r.more(r.limits.Head); err != nil {
			return r.truncated("head", err)
		}
	}
	if r.buf[r.start+1] != '\n' {
		return errBareCR
	}
	r.start += 2
	for r.Buffered() == 0 {
		if err := r.more(r.limits.Head); err != nil {
			return err // an end is one where it may be
		}
	}
	return nil
}

func (r *Reader) request(into *Request) error {
	line, err := r.lineFirst()
	if err != nil {
		return err
	}
	if err := into.startLine(line, r.limits.Target); err != nil {
		return err
	}
	block, err := r.readLines(r.limits.Head, errHeadSize, "head")
	if err != nil {
		_ = into.startLine(r.buf[r.start:][:len(line)], r.limits.Target) // good as before, but what came may have moved since
		return err
	}
	r.headEnd = r.start
	if &block[0] != &line[0] { // the rest of the head did not fit behind it
		if err := into.startLine(block[:len(line)], r.limits.Target); err != nil {
			return err
		}
	}
	if r.fields, err = parseFields(block[len(line)+2:], r.fields[:0], r.limits.Fields); err != nil {
		return err
	}
	into.Fields = r.fields
	if err := into.host(); err != nil {
		return err
	}
	if into.Length, err = requestLength(into.Fields, into.Minor); err != nil {
		return err
	}
	return into.control()
}

// lineFirst waits for the request line, which is judged before the rest of the head has come: what speaks something
// else waits for an answer, and a target that never ends has its own. It is not consumed.
func (r *Reader) lineFirst() ([]byte, error) {
	most := maxMethod + 1 + r.limits.Target + len(" HTTP/1.1\r\n")
	for {
		unread := r.buf[r.start:r.fill]
		if end := bytes.IndexByte(unread, '\n'); end >= 0 {
			switch at := bytes.IndexByte(unread[:end], '\r'); {
			case at < 0:
				return nil, errBareLF
			case at < end-1:
				return nil, errBareCR
			case at == 0:
				return nil, errStartLine
			}
			return unread[:end-1], nil
		}
		if len(unread) > most {
			if bytes.IndexByte(unread[:maxMethod+1], ' ') < 0 {
				return nil, errMethodSize
			}
			return nil, errTargetSize
		}
		if err := r.more(max(r.limits.Head, most)); err != nil {
			return nil, r.truncated("head", err)
		}
	}
}

var (
	version11 = []byte("HTTP/1.1")
	version10 = []byte("HTTP/1.0")
)

// startLine reads method SP target SP version.
func (q *Request) startLine(line []byte, most int) error {
	method, rest, ok := bytes.Cut(line, space)
	if !ok {
		return errStartLine
	}
	target, version, ok := bytes.Cut(rest, space)
	*q = Request{}
	switch {
	case !ok || len(method) == 0 || len(target) == 0:
		return errStartLine
	case !field.Token(method):
		return errMethod
	case len(method) > maxMethod:
		return errMethodSize
	case len(target) > most:
		return errTargetSize
	case bytes.Equal(version, version11):
		q.Minor = 1
	case bytes.Equal(version, version10):
	default:
		return wrongVersion(version)
	}
	q.Method, q.Target = method, target
	return q.parseTarget()
}

var (
	space = []byte{' '}
	http_ = []byte("HTTP/")
)

// wrongVersion tells a version that is not spoken here from what is none.
func wrongVersion(v []byte) error {
	if len(v) != len("HTTP/1.1") || !bytes.HasPrefix(v, http_) || !isDigit(v[5]) || v[6] != '.' || !isDigit(v[7]) {
		return errVersion
	}
	return errMajor
}

// parseTarget reads the forms of RFC 9112 section 3.2.
func (q *Request) parseTarget() error {
	t := q.Target
	switch {
	case string(q.Method) == "CONNECT":
		return errConnect
	case !allOf(t, &isTarget):
		return errTarget
	case t[0] == '/':
		q.Path = t
		return nil
	case len(t) == 1 && t[0] == '*' && string(q.Method) == "OPTIONS":
		q.Path = t
		return nil
	}
	scheme, rest, ok := bytes.Cut(t, schemeEnd)
	if !ok || !field.EqualFold(scheme, "http") && !field.EqualFold(scheme, "https") {
		return errTarget
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	q.Scheme, q.Authority, q.Path = scheme, rest[:end], rest[end:]
	if len(q.Path) == 0 || q.Path[0] == '?' {
		return errTarget // an empty path would have to be written anew
	}
	if !validAuthority(q.Authority) {
		return errHost
	}
	return nil
}

var schemeEnd = []byte("://")

// host checks Host (RFC 9112 section 3.2).
func (q *Request) host() error {
	n := q.Fields.Count("host")
	if n > 1 {
		return errHostTwice
	}
	if n == 0 {
		if q.Minor == 1 {
			return errHostMissing
		}
		return nil
	}
	host := q.Fields.Get("host")
	switch {
	case !validAuthority(host):
		return errHost
	case q.Scheme != nil && !bytes.EqualFold(host, q.Authority):
		return errHostDiffers
	}
	q.Authority = host
	return nil
}

// validAuthority takes uri-host with an optional port (RFC 3986 section 3.2.2), not empty, and no user.
func validAuthority(b []byte) bool {
	host, port := b, []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 3 {
			return false
		}
		for _, c := range b[1:end] {
			if !(isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' || c == ':' || c == '.') {
				return false
			}
		}
		if host, port = nil, b[end+1:]; len(port) == 0 {
			return true
		}
		if port[0] != ':' {
			return false
		}
		port = port[1:]
	} else if colon := bytes.IndexByte(b, ':'); colon >= 0 {
		host, port = b[:colon], b[colon+1:]
	} else {
		return len(b) > 0 && len(b) <= 255 && allOf(b, &isHost)
	}
	if host != nil && (len(host) == 0 || len(host) > 255 || !allOf(host, &isHost)) {
		return false
	}
	n, ok := field.Number(port)
	return ok && len(port) <= 5 && n > 0 && n <= 65535
}

// control reads the fields that are about the connection.
func (q *Request) control() error {
	listed, err := connectionOptions(q.Fields)
	if err != nil {
		return err
	}
	q.Close = listed.close || q.Minor == 0 && !listed.keepAlive
	q.Upgrade = listed.upgrade && q.Minor == 1
	switch q.Fields.Count("expect") {
	case 0:
		return nil
	case 1:
		if field.EqualFold(q.Fields.Get("expect"), "100-continue") {
			q.Continue = q.Minor == 1 && q.Length != 0 // HTTP/1.0 knows no interim response
			return nil
		}
	}
	return errExpect
}

type options struct{ close, keepAlive, upgrade bool }

func connectionOptions(l field.Fields) (o options, err error) {
	for name := range l.List("connection") {
		switch {
		case !field.Token(name):
			return o, errConnection
		case field.EqualFold(name, "close"):
			o.close = true
		case field.EqualFold(name, "keep-alive"):
			o.keepAlive = true
		case field.EqualFold(name, "upgrade"):
			o.upgrade = true
		}
	}
	return o, nil
}
