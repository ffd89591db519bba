package http2

import (
	"golang.org/x/net/http2/hpack"

	"postern/internal/field"
)

// An arena holds one header block as it was understood: all names and values in one buffer.
type arena struct {
	buf    []byte
	spans  []span
	room   int // for bytes, each field counting 32 more; less than 0: there was not enough, and the rest was left out
	most   int // fields
	fields field.Fields
}

type span struct{ name, value, end int32 } // name is buf[name:value], value is buf[value:end]

func (a *arena) reset(room, most int) {
	a.buf, a.spans, a.room, a.most = a.buf[:0], a.spans[:0], room, most
}

// full reports whether there was more than there may be.
func (a *arena) full() bool { return a.room < 0 }

// take makes room for a field of the lengths, or notes that there is none.
func (a *arena) take(length int) bool {
	if a.room -= length + 32; a.room < 0 || len(a.spans) == a.most {
		a.room = -1
		return false
	}
	return true
}

func (a *arena) add(name, value []byte) {
	if !a.take(len(name) + len(value)) {
		return
	}
	at := len(a.buf)
	a.buf = append(append(a.buf, name...), value...)
	a.spans = append(a.spans, span{int32(at), int32(at + len(name)), int32(len(a.buf))})
}

func (a *arena) addText(name, value string) {
	if !a.take(len(name) + len(value)) {
		return
	}
	at := len(a.buf)
	a.buf = append(append(a.buf, name...), value...)
	a.spans = append(a.spans, span{int32(at), int32(at + len(name)), int32(len(a.buf))})
}

// A decoder reads header blocks (RFC 7541). However much of a block is left out of the arena, its table is right after it.
type decoder struct {
	table   dynamicTable
	scratch text // Huffman-coded strings, decoded
}

// text is a buffer that hpack's Huffman decoder writes to.
type text []byte

func (t *text) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	return len(p), nil
}

var errCompression = &ConnError{CompressionError, "compression", "a header block cannot be decompressed (RFC 9113 section 4.3)"}

// decode reads one whole block. After an error the connection is of no use.
func (d *decoder) decode(block []byte, into *arena) error {
	updates, begun := 0, false
	for len(block) > 0 {
		var err error
		switch b := block[0]; {
		case b&0x80 != 0:
			begun = true
			block, err = d.indexed(block, into)
		case b&0x40 != 0:
			begun = true
			block, err = d.literal(block, 6, into)
		case b&0x20 != 0:
			// RFC 7541 section 4.2: at the beginning, and two say all that there is to say.
			if updates++; begun || updates > 2 {
				return errCompression
			}
			var size int
			if size, block, err = integer(block, 5); err == nil && size > tableSize {
				err = errCompression
			}
			if err == nil {
				d.table.resize(size)
			}
		default:
			begun = true
			block, err = d.literal(block, 4, into)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) indexed(block []byte, into *arena) ([]byte, error) {
	i, rest, err := integer(block, 7)
	switch {
	case err != nil:
		return nil, err
	case i == 0 || i > staticSize+d.table.count():
		return nil, errCompression
	case i <= staticSize:
		into.addText(staticTable[i].name, staticTable[i].value)
	default:
		into.add(d.table.get(i - staticSize))
	}
	return rest, nil
}

// literal reads a field whose value, and perhaps name, stands in the block. With a prefix of six bits it is added to the
// table.
func (d *decoder) literal(block []byte, prefix uint, into *arena) ([]byte, error) {
	i, rest, err := integer(block, prefix)
	if err != nil || i > staticSize+d.table.count() {
		return nil, errCompression
	}
	d.scratch = d.scratch[:0]
	var name []byte
	switch {
	case i == 0:
		if name, rest, err = d.text(rest); err != nil {
			return nil, err
		}
	case i <= staticSize:
		d.scratch = append(d.scratch, staticTable[i].name...)
		name = d.scratch
	default:
		name, _ = d.table.get(i - staticSize)
	}
	value, rest, err := d.text(rest)
	if err != nil {
		return nil, err
	}
	into.add(name, value)
	if prefix == 6 {
		d.table.add(name, value)
	}
	return rest, nil
}

// text reads a string (RFC 7541 section 5.2). It is good until the next field.
func (d *decoder) text(block []byte) (s, rest []byte, err error) {
	if len(block) == 0 {
		return nil, nil, errCompression
	}
	n, rest, err := integer(block, 7)
	if err != nil || n > len(rest) {
		return nil, nil, errCompression
	}
	s, rest = rest[:n], rest[n:]
	if block[0]&0x80 == 0 {
		return s, rest, nil
	}
	at := len(d.scratch)
	if _, err := hpack.HuffmanDecode(&d.scratch, s); err != nil {
		return nil, nil, errCompression
	}
	return d.scratch[at:], rest, nil
}

// integer reads a number with a prefix of so many bits (RFC 7541 section 5.1). More than 28 bits no number here needs.
func integer(block []byte, prefix uint) (n int, rest []byte, err error) {
	mask := 1<<prefix - 1
	n, rest = int(block[0])&mask, block[1:]
	if n < mask {
		return n, rest, nil
	}
	for shift := 0; shift <= 21 && len(rest) > 0; shift += 7 {
		b := rest[0]
		n, rest = n+int(b&0x7f)<<shift, rest[1:]
		if b < 0x80 {
			return n, rest, nil
		}
	}
	return 0, nil, errCompression
}
