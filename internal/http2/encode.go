package http2

import (
	"strconv"

	"postern/internal/field"
)

// Heads are written without the dynamic table: it would make them smaller by some bytes and dearer by a search for each
// field. The first block of a connection says so, so that the client holds no table either.

const (
	noTable = 0x20 // a dynamic table size update to zero
	// indexStatus is where :status 200 and others are in the static table.
	indexStatus = 8
)

func appendStatus(b []byte, status int) []byte {
	switch status {
	case 200:
		return append(b, 0x80|indexStatus)
	case 204:
		return append(b, 0x80|9)
	case 206:
		return append(b, 0x80|10)
	case 304:
		return append(b, 0x80|11)
	case 400:
		return append(b, 0x80|12)
	case 404:
		return append(b, 0x80|13)
	case 500:
		return append(b, 0x80|14)
	}
	return strconv.AppendInt(append(b, indexStatus, 3), int64(status), 10)
}

// appendLength appends content-length.
func appendLength(b []byte, length int64) []byte {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], length, 10)
	b = appendInteger(b, 0, 4, int(staticNames["content-length"]))
	return append(append(b, byte(len(text))), text...)
}

// appendField appends a field, its name in lower case. What cannot be in a message is an error; what is about a
// connection of HTTP/1.1 has no place here and is left out (RFC 9113 section 8.2.2).
func appendField(b []byte, f *field.Field) ([]byte, error) {
	if len(f.Name) == 0 || !field.Token(f.Name) || !field.Value(f.Value) {
		return b, ErrUnwritable
	}
	if ofConnection(f.Name) {
		return b, nil
	}
	var space [64]byte
	name := space[:0]
	if len(f.Name) > len(space) {
		name = make([]byte, 0, len(f.Name))
	}
	for _, c := range f.Name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		name = append(name, c)
	}
	never := byte(0)
	if string(name) == "set-cookie" {
		never = 0x10 // not to be kept in anybody's table (RFC 7541 section 7.1.3)
	}
	if i := staticNames[string(name)]; i > 0 {
		b = appendInteger(b, never, 4, int(i))
	} else {
		b = append(b, never)
		b = append(appendInteger(b, 0, 7, len(name)), name...)
	}
	value := field.Trim(f.Value)
	return append(appendInteger(b, 0, 7, len(value)), value...), nil
}

// appendInteger appends a number with a prefix of so many bits, below the bits that are given.
func appendInteger(b []byte, bits byte, prefix uint, n int) []byte {
	mask := 1<<prefix - 1
	if n < mask {
		return append(b, bits|byte(n))
	}
	b = append(b, bits|byte(mask))
	for n -= mask; n >= 0x80; n >>= 7 {
		b = append(b, 0x80|byte(n))
	}
	return append(b, byte(n))
}

// ofConnection reports whether a field is about a connection of HTTP/1.1 (RFC 9113 section 8.2.2).
func ofConnection(name []byte) bool {
	switch len(name) {
	case len("upgrade"):
		return field.EqualFold(name, "upgrade")
	case len("connection"): // and keep-alive
		return field.EqualFold(name, "connection") || field.EqualFold(name, "keep-alive")
	case len("proxy-connection"):
		return field.EqualFold(name, "proxy-connection")
	case len("transfer-encoding"):
		return field.EqualFold(name, "transfer-encoding")
	}
	return false
}
