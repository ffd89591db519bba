package backend

import (
	"errors"
	"strconv"

	"golang.org/x/net/http2"

	"postern/internal/field"
)

// Heads are written without the dynamic table of HPACK: it would save some bytes on the way, cost a search for each field, and hold
// fields of several people's requests side by side.

// ErrUnwritable says that something cannot be a part of a message. Nothing was sent.
var ErrUnwritable = errors.New("this cannot be a part of a message")

// staticNames are the places of names in the static table (RFC 7541, appendix A).
var staticNames = map[string]int{
	":authority": 1, ":method": 2, ":path": 4, ":scheme": 6, "accept-charset": 15, "accept-encoding": 16, "accept-language": 17, "accept": 19,
	"authorization": 23, "cache-control": 24, "content-encoding": 26, "content-language": 27, "content-length": 28, "content-type": 31,
	"cookie": 32, "date": 33, "expect": 35, "from": 37, "if-match": 39, "if-modified-since": 40, "if-none-match": 41, "if-range": 42,
	"if-unmodified-since": 43, "link": 45, "max-forwards": 47, "range": 50, "referer": 51, "user-agent": 58, "via": 60,
}

const (
	indexed      = 0x80 // with an index of seven bits
	notIndexed   = 0x00 // four bits, as the next
	neverIndexed = 0x10
	noTable      = 0x20 // the dynamic table's new size is zero: whatever the backend's settings say, they are met
)

// appendInteger appends a number with so many bits in its first byte (RFC 7541, section 5.1).
func appendInteger(b []byte, first byte, bits uint, n int) []byte {
	most := 1<<bits - 1
	if n < most {
		return append(b, first|byte(n))
	}
	b = append(b, first|byte(most))
	for n -= most; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func appendText[T []byte | string](b []byte, text T) []byte {
	return append(appendInteger(b, 0, 7, len(text)), text...)
}

// appendPseudo appends a pseudo-field or another one whose name has a place.
func appendPseudo(b []byte, name, value string) []byte {
	return appendText(appendInteger(b, notIndexed, 4, staticNames[name]), value)
}

// appendFields appends fields, their names in lower case. What belongs to a connection is left out.
func appendFields(b []byte, list field.Fields) ([]byte, error) {
	var space [64]byte
	for i := range list {
		f := &list[i]
		if !field.Token(f.Name) || len(f.Name) == 0 || !field.Value(f.Value) {
			return b, ErrUnwritable
		}
		name := space[:0]
		for _, c := range f.Name {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			name = append(name, c)
		}
		if ofConnection(string(name)) || string(name) == "te" && !field.EqualFold(f.Value, "trailers") {
			continue
		}
		kind := byte(notIndexed)
		if secret(string(name)) {
			kind = neverIndexed
		}
		if place := staticNames[string(name)]; place > 0 {
			b = appendInteger(b, kind, 4, place)
		} else {
			b = appendText(append(b, kind), name)
		}
		b = appendText(b, f.Value)
	}
	return b, nil
}

// ofConnection names the fields that have no place in HTTP/2 (RFC 9113, section 8.2.2), or that are said otherwise.
func ofConnection(name string) bool {
	switch name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings", "host", "content-length":
		return true
	}
	return false
}

// secret names the fields that nobody on the way may put into a table, either.
func secret(name string) bool {
	switch name {
	case "authorization", "cookie", "proxy-authorization", "x-api-key":
		return true
	}
	return false
}

// encodeHead writes the head of a request into the block, unless the backend does not take one so large.
func (c *Conn) encodeHead(r *Request) error {
	size := 4*32 + len(":method:scheme:authority:path") + len(r.Method) + len(r.Scheme) + len(r.Authority) + len(r.Path)
	for i := range r.Fields {
		size += len(r.Fields[i].Name) + len(r.Fields[i].Value) + 32
	}
	if c.peer.header > 0 && int64(size) > int64(c.peer.header) {
		return ErrHeaderTooLarge
	}
	if !field.Token(r.Method) || !field.Value(r.Authority) || !field.Value(r.Path) || r.Path == "" {
		return ErrUnwritable
	}
	b := c.block[:0]
	if c.next == 1 {
		b = append(b, noTable)
	}
	switch r.Method {
	case "GET":
		b = append(b, indexed|2)
	case "POST":
		b = append(b, indexed|3)
	default:
		b = appendPseudo(b, ":method", r.Method)
	}
	if r.Scheme == "https" {
		b = append(b, indexed|7)
	} else {
		b = append(b, indexed|6)
	}
	b = appendPseudo(b, ":authority", r.Authority)
	b = appendPseudo(b, ":path", r.Path)
	b, err := appendFields(b, r.Fields)
	if r.Length > 0 || r.Length == 0 && (r.Method == "POST" || r.Method == "PUT" || r.Method == "PATCH") {
		var digits [20]byte
		b = appendText(appendInteger(b, notIndexed, 4, staticNames["content-length"]), strconv.AppendInt(digits[:0], r.Length, 10))
	}
	c.block = b
	return err
}

// queueHead queues the block as HEADERS and as many CONTINUATION as it needs, with nothing in between.
func (c *Conn) queueHead(stream uint32, end bool) {
	kind, flags := http2.FrameHeaders, http2.Flags(0)
	if end {
		flags = http2.FlagHeadersEndStream
	}
	for rest := c.block; ; kind, flags = http2.FrameContinuation, 0 {
		n := min(len(rest), c.peer.frame)
		if n == len(rest) {
			flags |= http2.FlagHeadersEndHeaders // the same bit in both
		}
		c.out = append(appendFrame(c.out, kind, stream, frameOf{n, flags}), rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	if cap(c.block) > 4<<10 {
		c.block = nil // an unusual one is not kept
	}
	c.wake.Signal()
}
