package gateway

import (
	"net/netip"
	"sync"

	"postern/internal/field"
)

// A head is field lines in the making: of a backend's request or of a client's reply. What it takes over stays where it is; what
// it makes itself lies in a buffer of its own.
type head struct {
	list field.Fields
	text []byte
}

var heads = sync.Pool{New: func() any {
	return &head{list: make(field.Fields, 0, 32), text: make([]byte, 0, 512)}
}}

func newHead() *head { return heads.Get().(*head) }

// release gives it back. Nothing of it may be used any more.
func (h *head) release() {
	if cap(h.text) > 8<<10 || cap(h.list) > 256 {
		return // an unusual one is not kept
	}
	clear(h.list)
	h.list, h.text = h.list[:0], h.text[:0]
	heads.Put(h)
}

// take adds a line as it is.
func (h *head) take(f field.Field) { h.list = append(h.list, f) }

// set adds a line that is put together of parts.
func (h *head) set(name []byte, parts ...string) {
	start := len(h.text)
	for _, part := range parts {
		h.text = append(h.text, part...)
	}
	h.list = append(h.list, field.Field{Name: name, Value: h.text[start:len(h.text):len(h.text)]})
}

// address gives an address as text, for a line.
func (h *head) address(a netip.Addr) []byte {
	start := len(h.text)
	h.text = a.AppendTo(h.text)
	return h.text[start:len(h.text):len(h.text)]
}
