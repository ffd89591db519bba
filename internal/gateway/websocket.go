package gateway

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"postern/internal/field"
)

// upgrade joins client and backend once the backend has answered 101 to a WebSocket's request.
func (g *Gateway) upgrade(x *exchange, c *carriage) error {
	res := &c.backend.res
	if !field.EqualFold(res.Fields.Get("upgrade"), "websocket") {
		return errors.New("the backend switched to another protocol than the one asked for")
	}
	h := newHead()
	defer h.release()
	h.response(res.Fields, x.app, x.id, false)
	x.mu.Lock()
	if x.reason != nil {
		x.mu.Unlock()
		return x.reason
	}
	x.answered = true
	x.mu.Unlock()
	x.record.Status = http.StatusSwitchingProtocols
	x.enter(phaseReceiving)
	client, err := x.reply.Upgrade(h.list)
	if err != nil {
		return errClientGone
	}
	return g.join(x, c.link, client, &switched{c.backend.in.Unread(), c.backend.stream})
}

// switched is a connection whose first bytes were read already.
type switched struct {
	first []byte
	net.Conn
}

func (s *switched) Read(p []byte) (int, error) {
	if len(s.first) == 0 {
		return s.Conn.Read(p)
	}
	n := copy(p, s.first)
	s.first = s.first[n:]
	return n, nil
}

// join copies both ways until one side ends, then closes both.
func (g *Gateway) join(x *exchange, l *link, client, backend io.ReadWriteCloser) error {
	down := &downlink{to: client}
	x.mu.Lock()
	x.farewell = down.farewell
	x.mu.Unlock()
	var up sync.WaitGroup
	up.Go(func() {
		_ = pump(backend, client, func(n int) { x.received.Add(int64(n)); x.touch() })
		_ = backend.Close() // the client ended or failed: either way the backend has nobody to talk to
	})
	err := pump(down, backend, func(n int) { x.sent.Add(int64(n)); x.touch() })
	if err != nil && (lost(err) || !l.usable()) {
		down.farewell(closeRestart) // the way is gone, or its connector restarts; the application is there: it may come again
	}
	// When the client ended first, the backend's end is our own doing.
	_ = client.Close()
	_ = backend.Close()
	up.Wait()
	x.record.Complete = err == nil
	return nil
}

// pump copies until from ends or to fails. It returns nil at from's proper end.
func pump(to io.Writer, from io.Reader, moved func(int)) error {
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	for {
		n, err := from.Read(*buffer)
		if n > 0 {
			if _, err := to.Write((*buffer)[:n]); err != nil {
				return err
			}
			moved(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// A downlink passes on a WebSocket's frames from the backend and knows where one ends, so that a
// close frame of ours (RFC 6455, section 5.5.1) is never put into the middle of one.
type downlink struct {
	to io.Writer

	mu     sync.Mutex // guards the fields below; held while writing, and a farewell gives up instead of waiting for it
	head   []byte     // of the frame that begins, incomplete
	left   uint64     // of the frame's payload
	closed bool       // a close frame has passed
}

func (d *downlink) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.to.Write(p)
	d.follow(p[:n])
	return n, err
}

// follow reads the frames' headers as they pass.
func (d *downlink) follow(p []byte) {
	for len(p) > 0 {
		if d.left > 0 {
			n := min(d.left, uint64(len(p)))
			d.left -= n
			p = p[n:]
			continue
		}
		d.head = append(d.head, p[0])
		p = p[1:]
		if size, length, ok := frameSize(d.head); ok && len(d.head) == size {
			d.closed = d.closed || d.head[0]&0x0f == 8
			d.head, d.left = d.head[:0], length
		}
	}
}

// frameSize gives the size of a frame's header and the length of its payload, once enough is there.
func frameSize(head []byte) (size int, length uint64, ok bool) {
	if len(head) < 2 {
		return 0, 0, false
	}
	size, length = 2, uint64(head[1]&0x7f)
	mask := 0
	if head[1]&0x80 != 0 {
		mask = 4
	}
	switch length {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	if len(head) < size {
		return 0, 0, false
	}
	switch size {
	case 4:
		length = uint64(binary.BigEndian.Uint16(head[2:]))
	case 10:
		length = binary.BigEndian.Uint64(head[2:])
	}
	return size + mask, length, true
}

// farewell sends a close frame, if that fits between two frames and takes no waiting.
func (d *downlink) farewell(code int) {
	if !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	if d.closed || d.left > 0 || len(d.head) > 0 {
		return
	}
	d.closed = true
	setWriteDeadline(d.to)
	_, _ = d.to.Write([]byte{0x88, 2, byte(code >> 8), byte(code)}) // best effort: it is cut next
}
