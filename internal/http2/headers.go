package http2

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"postern/internal/field"
)

// headers takes the beginning of a request, or its trailers (RFC 9113 section 6.2).
func (c *conn) headers(h header, payload []byte) error {
	if h.id == 0 {
		return errStreamZero
	}
	padding := 0
	if h.has(flagPadded) {
		if len(payload) == 0 {
			return errFrameSize
		}
		padding, payload = int(payload[0]), payload[1:]
	}
	c.selfish = false
	if h.has(flagPriority) {
		if len(payload) < prioritySize {
			return errFrameSize
		}
		c.selfish = binary.BigEndian.Uint32(payload)&maxStreamID == h.id
		payload = payload[prioritySize:]
	}
	if padding > len(payload) {
		return errPadding
	}
	payload = payload[:len(payload)-padding]
	if h.has(flagEndHeaders) {
		return c.headerBlock(h, payload)
	}
	c.opening, c.block = h, append(c.block[:0], payload...)
	c.in.begin()
	return c.spend(priceFrame, "continuation-flood")
}

// continuation takes more of a header block (RFC 9113 section 6.10).
func (c *conn) continuation(h header, payload []byte) error {
	if c.opening.id == 0 {
		return errContinuation
	}
	if len(c.block)+len(payload) > c.limits.Block {
		return errBlock
	}
	if c.block = append(c.block, payload...); !h.has(flagEndHeaders) {
		return c.spend(priceFrame, "continuation-flood")
	}
	first, block := c.opening, c.block
	c.opening, c.block = header{}, nil
	return c.headerBlock(first, block)
}

// headerBlock takes a whole header block. Whatever becomes of it, it is decoded: the table has to be right.
func (c *conn) headerBlock(h header, block []byte) error {
	if c.head == nil {
		c.head = arenas.Get().(*arena)
	}
	if h.id > c.lastID {
		if h.id%2 == 0 {
			return errID
		}
		c.head.reset(c.limits.Head, c.limits.Fields)
		if err := c.decoder.decode(block, c.head); err != nil {
			return err
		}
		return c.open(h)
	}
	c.head.reset(c.limits.Trailer, c.limits.Fields)
	if err := c.decoder.decode(block, c.head); err != nil {
		return err
	}
	return c.trailers(h)
}

// open takes a new request.
func (c *conn) open(h header) error {
	c.lastID = h.id
	c.mu.Lock()
	c.opened = h.id
	late, full := c.leaving == settled, len(c.streams) >= c.limits.Streams
	if late {
		c.graves.add(h.id)
	}
	c.mu.Unlock()
	switch {
	case late: // the client was told, and will try again elsewhere
		return c.spend(priceFrame, "late-flood")
	case full:
		return c.turnAway(h, RefusedStream, "too-many-streams", priceRefused)
	case c.selfish:
		return c.turnAway(h, ProtocolError, "priority", priceReset)
	}
	st := &Stream{c: c, id: h.id, left: -1, size: firstWindow, credit: firstWindow, toSend: -1, patience: c.limits.Stall}
	if wrong := st.request.read(c.head, h.has(flagEndStream), c.limits); wrong != nil {
		if wrong.status == 0 {
			return c.turnAway(h, ProtocolError, wrong.reason, priceReset)
		}
		return c.refuse(h, wrong)
	}
	st.head, c.head = c.head, nil
	st.cond.L = &c.mu
	if st.remoteEnd = h.has(flagEndStream); !st.remoteEnd {
		st.left = st.request.Length
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil { // nobody would tell the stream
		arenas.Put(st.head)
		return c.err
	}
	st.window = c.first
	c.streams[h.id] = st
	c.granted += st.size
	c.ready = append(c.ready, st)
	return nil
}

// turnAway resets a stream that was not opened.
func (c *conn) turnAway(h header, code Code, reason string, price int) error {
	c.server.refused(reason)
	c.mu.Lock()
	c.graves.add(h.id)
	err := c.answer(func(b []byte) []byte { return appendReset(b, h.id, code) })
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.spend(price, "made-reset")
}

// refuse answers a request that reaches nobody.
func (c *conn) refuse(h header, why *refusal) error {
	c.server.refused(why.reason)
	text := fmt.Sprintf("%d %s: %s\n", why.status, http.StatusText(why.status), why.text)
	fields := field.Fields{
		{Name: []byte("content-type"), Value: []byte("text/plain; charset=utf-8")},
		{Name: []byte("date"), Value: time.Now().UTC().AppendFormat(nil, http.TimeFormat)},
	}
	c.mu.Lock()
	if c.first < len(text) || c.window < len(text) || string(c.method()) == http.MethodHead {
		text = "" // it would have to wait for the client
	}
	err := c.answer(func(b []byte) []byte {
		b, _ = c.appendHead(b, h.id, outHead{why.status, fields, int64(len(text)), text == ""}) // all of it is ours
		if text != "" {
			c.window -= len(text)
			b = append(appendHeader(b, header{length: len(text), kind: frameData, flags: flagEndStream, id: h.id}), text...)
		}
		if !h.has(flagEndStream) {
			c.graves.add(h.id)
			b = appendReset(b, h.id, NoError)
		}
		return b
	})
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.spend(priceRefused, "refused-flood")
}

// method finds the method of a request that is refused.
func (c *conn) method() []byte {
	for _, s := range c.head.spans {
		if string(c.head.buf[s.name:s.value]) == ":method" {
			return c.head.buf[s.value:s.end]
		}
	}
	return nil
}

// trailers takes the fields after a request's content (RFC 9113 section 8.1).
func (c *conn) trailers(h header) error {
	c.mu.Lock()
	st := c.streams[h.id]
	ended := st == nil || st.remoteEnd
	short, buried := !ended && st.left > 0, st == nil && c.graves.has(h.id)
	c.mu.Unlock()
	switch {
	case buried:
		return c.spend(priceFrame, "headers-after-reset")
	case st == nil:
		return errReused
	case ended:
		return c.streamError(h.id, StreamClosed, "stream-closed")
	case c.selfish:
		return c.streamError(h.id, ProtocolError, "priority")
	case !h.has(flagEndStream):
		return c.streamError(h.id, ProtocolError, "trailers-not-last")
	case short:
		return c.streamError(h.id, ProtocolError, "length-differs")
	case c.head.full():
		return c.streamError(h.id, EnhanceYourCalm, "trailers-too-large")
	}
	if wrong := c.head.trailers(); wrong != nil {
		return c.streamError(h.id, ProtocolError, wrong.reason)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.err == nil && !st.returned {
		st.trailer, c.head = c.head, nil
		st.tail = st.trailer.fields
		st.endRemote()
	}
	return nil
}

// refusal is what is wrong with a request. With a status it is answered, else it is malformed and its stream is reset
// (RFC 9113 section 8.1.1).
type refusal struct {
	status int
	reason string // one of a fixed set of words
	text   string // for a person
}

func (r *refusal) Error() string { return strconv.Itoa(r.status) + " " + r.text }
