package http1

import (
	"bytes"

	"postern/internal/field"
)

// Response is the head of a response. Its bytes are good until the next one is read.
type Response struct {
	Status int
	Reason []byte
	Minor  int
	Fields field.Fields
	Length int64 // of the body that follows; -1: in chunks, -2: up to the connection's end
	Close  bool  // nothing more comes on this connection
}

// Asked is what must be known of a request to read its response.
type Asked struct {
	Head    bool // the method was HEAD
	Upgrade bool // a switch of protocols was asked for
}

// maxInterim is how many responses of the class 1xx there may be for one request.
const maxInterim = 16

// Response reads a response's head. One of the class 1xx is given like the others: the final one follows, except after
// 101, with which the connection is not HTTP any more. Every error is of status 502, and the connection is of
// no use after it. It waits, holding a buffer: whoever asked expects an answer. io.EOF and os.ErrDeadlineExceeded: nothing of
// one has come.
func (r *Reader) Response(into *Response, asked Asked) error {
	if r.err != nil {
		return r.err
	}
	if r.Release(); r.Buffered() == 0 {
		if err := r.more(r.limits.Head); err != nil {
			return err
		}
	}
	if err := r.response(into, asked); err != nil {
		return r.fail(ofBackend(err))
	}
	return nil
}

func (r *Reader) response(into *Response, asked Asked) error {
	block, err := r.readLines(r.limits.Head, errHeadSize, "head")
	if err != nil {
		return err
	}
	r.headEnd = r.start
	end := bytes.IndexByte(block, '\r')
	if block[end+1] != '\n' {
		return errBareCR
	}
	*into = Response{}
	if err := into.statusLine(block[:end]); err != nil {
		return err
	}
	if r.fields, err = parseFields(block[end+2:], r.fields[:0], r.limits.Fields); err != nil {
		return err
	}
	into.Fields = r.fields
	if into.Status == 101 && !asked.Upgrade {
		return errSwitched
	}
	if r.interim++; into.Status >= 200 {
		r.interim = 0
	}
	if r.interim > maxInterim {
		return errInterim
	}
	if into.Length, err = responseLength(into, asked.Head); err != nil {
		return err
	}
	listed, err := connectionOptions(into.Fields)
	into.Close = listed.close || into.Minor == 0 && !listed.keepAlive || into.Length == untilEnd
	// RFC 9110 section 15.3.5: what says that it has no content and then how long it is will not be trusted further.
	if into.Status == 204 && (into.Fields.Count("transfer-encoding") > 0 || string(zeroIfNone(into.Fields.Get("content-length"))) != "0") {
		into.Close = true
	}
	return err
}

func zeroIfNone(b []byte) []byte {
	if b == nil {
		return zero
	}
	return b
}

var zero = []byte{'0'}

// statusLine reads version SP status SP reason. The reason, and with it its blank, may be missing: many a server
// sends none, and nothing depends on it.
func (s *Response) statusLine(line []byte) error {
	version, rest, ok := bytes.Cut(line, space)
	switch {
	case !ok:
		return errStatusLine
	case bytes.Equal(version, version11):
		s.Minor = 1
	case bytes.Equal(version, version10):
	default:
		return errStatusLine
	}
	status, reason, _ := bytes.Cut(rest, space)
	n, ok := field.Number(status)
	if !ok || len(status) != 3 || n < 100 || n > 599 {
		return errStatus
	}
	if !field.Value(reason) {
		return errStatusLine
	}
	s.Status, s.Reason = int(n), reason
	return nil
}
