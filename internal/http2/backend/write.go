package backend

import (
	"encoding/binary"
	"runtime"
	"sync"

	"golang.org/x/net/http2"
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
