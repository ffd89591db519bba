package backend

import (
	"encoding/binary"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"postern/internal/field"
)

// frameOf says what a frame's header says beside type and stream.
type frameOf struct {
	length int
	flags  http2.Flags
}

func appendFrame(b []byte, kind http2.FrameType, stream uint32, f frameOf) []byte {
	b = append(b, byte(f.length>>16), byte(f.length>>8), byte(f.length), byte(kind), byte(f.flags))
	return binary.BigEndian.AppendUint32(b, stream)
}

func appendWindow(b []byte, stream, increment uint32) []byte {
	b = appendFrame(b, http2.FrameWindowUpdate, stream, frameOf{length: 4})
	return binary.BigEndian.AppendUint32(b, increment)
}

func appendReset(b []byte, stream uint32, code http2.ErrCode) []byte {
	b = appendFrame(b, http2.FrameRSTStream, stream, frameOf{length: 4})
	return binary.BigEndian.AppendUint32(b, uint32(code))
}

// outBuffers are for what waits to be written: an idle connection holds none.
var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// write sends what all streams queued, until the connection is over. Nobody else writes: whoever queues something never waits for
// the network, only for room, which a reset ends.
func (c *Conn) write() {
	c.mu.Lock()
	for {
		for len(c.out) == 0 && c.err == nil {
			c.wake.Wait()
		}
		if len(c.out) == 0 {
			break
		}
		if c.err == nil {
			c.mu.Unlock()
			runtime.Gosched() // whoever else is about to queue something does it now: one write for all
			c.mu.Lock()
		}
		buffer := c.out
		c.out, c.control = (*outBuffers.Get().(*[]byte))[:0], 0
		c.roomy()
		c.changed = c.changed || len(buffer) >= maxQueued
		c.unlock()
		_, err := c.conn.Write(buffer)
		if cap(buffer) <= 2*maxPending {
			buffer = buffer[:0]
			outBuffers.Put(&buffer)
		}
		c.mu.Lock()
		if err != nil {
			c.fail(err)
			break
		}
		if len(c.out) == 0 {
			empty := c.out
			outBuffers.Put(&empty)
			c.out = nil
		}
	}
	c.unlock()
	_ = c.conn.Close() // whoever wanted an error of it has had it
	c.ended()
}

// roomy lets streams go on that wait to send.
func (c *Conn) roomy() {
	if c.blocked == 0 {
		return
	}
	for _, s := range c.streams {
		if s.waiting {
			s.cond.Broadcast()
		}
	}
}

// owe counts bytes that the backend made us send. One that asks without reading the answers is cut.
func (c *Conn) owe(n int) error {
	c.wake.Signal()
	if c.control += n; c.control > c.cfg.Limits.Control {
		return broken(http2.ErrCodeEnhanceYourCalm, "it asks without reading what it asked for")
	}
	return nil
}

// ofConnection names the fields that have no place in HTTP/2 (RFC 9113, section 8.2.2), or that are said otherwise.
func ofConnection(name string) bool {
	switch name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings", "host", "content-length":
		return true
	}
	return false
}

// secret names the fields that never go into the compression's table, which the requests of several people share.
func secret(name string) bool {
	switch name {
	case "authorization", "cookie", "proxy-authorization", "x-api-key":
		return true
	}
	return false
}

// encodeHead writes the head of a request into the block, and reports whether the backend takes one so large.
func (c *Conn) encodeHead(r *Request) error {
	size := uint32(0)
	add := func(name, value string) { size += uint32(len(name)+len(value)) + 32 }
	add(":method", r.Method)
	add(":scheme", r.Scheme)
	add(":authority", r.Authority)
	add(":path", r.Path)
	for i := range r.Fields {
		size += uint32(len(r.Fields[i].Name)+len(r.Fields[i].Value)) + 32
	}
	if c.peer.header > 0 && size > c.peer.header {
		return ErrHeaderTooLarge
	}
	c.block.Reset()
	c.field(":method", r.Method)
	c.field(":scheme", r.Scheme)
	c.field(":authority", r.Authority)
	c.field(":path", r.Path)
	c.fields(r.Fields)
	if r.Length > 0 || r.Length == 0 && (r.Method == "POST" || r.Method == "PUT" || r.Method == "PATCH") {
		c.field("content-length", strconv.FormatInt(r.Length, 10))
	}
	return nil
}

func (c *Conn) field(name, value string) {
	// A buffer takes everything.
	_ = c.encoder.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: secret(name)})
}

func (c *Conn) fields(list field.Fields) {
	for i := range list {
		name := strings.ToLower(string(list[i].Name))
		if ofConnection(name) || name == "te" && !field.EqualFold(list[i].Value, "trailers") {
			continue
		}
		c.field(name, string(list[i].Value))
	}
}

// queueHead queues the block as HEADERS and as many CONTINUATION as it needs, with nothing in between.
func (c *Conn) queueHead(stream uint32, end bool) {
	kind, flags := http2.FrameHeaders, http2.Flags(0)
	if end {
		flags = http2.FlagHeadersEndStream
	}
	for rest := c.block.Bytes(); ; kind, flags = http2.FrameContinuation, 0 {
		n := min(len(rest), c.peer.frame)
		if n == len(rest) {
			flags |= http2.FlagHeadersEndHeaders // the same bit in both
		}
		c.out = append(appendFrame(c.out, kind, stream, frameOf{n, flags}), rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	c.wake.Signal()
}
