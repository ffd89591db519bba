package backend

import (
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"postern/internal/field"
)

// head takes a head: an interim one, the final one, or trailers. The framer has checked names, values and the order of
// pseudo-fields.
func (c *Conn) head(f *http2.MetaHeadersFrame) error {
	s, err := c.stream(f.StreamID)
	if s == nil {
		return err
	}
	bad := func(why string) error { return c.malformed(s.id, http2.ErrCodeProtocol, why) }
	switch {
	case f.Truncated:
		return c.malformed(s.id, http2.ErrCodeEnhanceYourCalm, "the header is larger than is accepted")
	case s.over:
		return c.malformed(s.id, http2.ErrCodeStreamClosed, "the response goes on after its end")
	}
	for _, h := range f.RegularFields() {
		if name := h.Name; ofConnection(name) && name != "content-length" && name != "host" || name == "te" {
			return bad("it has the field " + name + ", which belongs to a connection")
		}
	}
	if s.answered {
		return s.trailers(f)
	}
	status, why := statusOf(f)
	if why != "" {
		return bad(why)
	}
	h := &Head{Status: status, Fields: copyFields(f.RegularFields()), Length: -1}
	if status < 200 {
		if s.interim++; f.StreamEnded() || status == 101 || s.interim > c.cfg.Limits.Interim {
			return bad("an interim response ends it, switches protocols or is one too many")
		}
		s.heads = append(s.heads, h)
		s.cond.Broadcast()
		return nil
	}
	length, ok := lengthOf(h.Fields)
	if !ok {
		return bad("its content-length is odd")
	}
	h.Length = length
	s.left = length
	if s.bodiless || status == 204 || status == 304 {
		h.Length, s.left = 0, 0
	}
	if f.StreamEnded() && s.left > 0 {
		return bad("it has no body, where one was announced")
	}
	s.answered = true
	s.heads = append(s.heads, h)
	if f.StreamEnded() {
		h.Length = 0
		return s.finish()
	}
	s.cond.Broadcast()
	return nil
}

func (s *Stream) trailers(f *http2.MetaHeadersFrame) error {
	if !f.StreamEnded() || len(f.PseudoFields()) > 0 {
		return s.c.malformed(s.id, http2.ErrCodeProtocol, "its trailers do not end it, or have pseudo-fields")
	}
	s.trailer = copyFields(f.RegularFields())
	return s.finish()
}

// statusOf gives the status of a response, or what is wrong with its pseudo-fields.
func statusOf(f *http2.MetaHeadersFrame) (status int, why string) {
	pseudo := f.PseudoFields()
	if len(pseudo) != 1 || pseudo[0].Name != ":status" {
		return 0, "it has no status, or more than that before its fields"
	}
	text := pseudo[0].Value
	n, err := strconv.Atoi(text)
	if err != nil || len(text) != 3 || n < 100 || n > 599 || strings.ContainsAny(text, "+-") {
		return 0, "its status is no status"
	}
	return n, ""
}

// lengthOf reads Content-Length: one value of digits, or none.
func lengthOf(fields field.Fields) (length int64, ok bool) {
	length = -1
	for i := range fields {
		if !fields[i].Is("content-length") {
			continue
		}
		text := string(fields[i].Value)
		n, err := strconv.ParseInt(text, 10, 63)
		if err != nil || length >= 0 || len(text) > 18 || strings.ContainsAny(text, "+-_") {
			return 0, false
		}
		length = n
	}
	return length, true
}

// copyFields keeps fields, in two pieces of memory.
func copyFields(list []hpack.HeaderField) field.Fields {
	if len(list) == 0 {
		return nil
	}
	size := 0
	for _, h := range list {
		size += len(h.Name) + len(h.Value)
	}
	arena, out := make([]byte, 0, size), make(field.Fields, len(list))
	put := func(text string) []byte {
		at := len(arena)
		arena = append(arena, text...)
		return arena[at:len(arena):len(arena)]
	}
	for i, h := range list {
		out[i] = field.Field{Name: put(h.Name), Value: put(h.Value)}
	}
	return out
}
