// Package field is the field lines of HTTP messages (RFC 9110 section 5), whatever version carries them.
//
// A list of them is in the order in which they came and keeps each line as it was. It takes no memory for a field: names
// and values are parts of what was read.
package field

import (
	"bytes"
	"iter"
)

// Field is one field line. Its bytes belong to the message: they are good until the next one is read.
type Field struct {
	Name  []byte // as it was sent: a token
	Value []byte // without the blanks around it
}

// Is reports whether the field has the name, which is given in lower case.
func (f *Field) Is(name string) bool { return EqualFold(f.Name, name) }

// Fields are the field lines of a head or of trailers, in the order in which they came.
type Fields []Field

// Get gives the first value of a name in lower case, nil if there is none.
func (l Fields) Get(name string) []byte {
	for i := range l {
		if l[i].Is(name) {
			return l[i].Value
		}
	}
	return nil
}

// Count tells how many lines have the name, in lower case.
func (l Fields) Count(name string) (n int) {
	for i := range l {
		if l[i].Is(name) {
			n++
		}
	}
	return n
}

// List gives the elements of all lines of a name, taken as one list (RFC 9110 section 5.6.1). Empty ones are left out.
// It does not know quoted strings: a comma always parts.
func (l Fields) List(name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range l {
			if !l[i].Is(name) {
				continue
			}
			for rest, more := l[i].Value, true; more; {
				var element []byte
				element, rest, more = bytes.Cut(rest, comma)
				if element = Trim(element); len(element) > 0 && !yield(element) {
					return
				}
			}
		}
	}
}

// Lists reports whether the list of a name has the element, both in lower case.
func (l Fields) Lists(name, element string) bool {
	for e := range l.List(name) {
		if EqualFold(e, element) {
			return true
		}
	}
	return false
}

var comma = []byte{','}
