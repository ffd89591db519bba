package http2

import (
	"errors"
	"time"
)

// errLeft: the connection ended because it was to.
var errLeft = errors.New("http2: the connection was left")

// leavePing goes with the first GOAWAY: once it is answered, the client knows.
const leavePing = "postern\x00"

// leave begins a graceful end (RFC 9113 section 6.8): what the client sends before it knows is still answered. c.mu is
// held.
func (c *conn) leave() {
	if c.leaving != staying || c.err != nil {
		return
	}
	c.leaving = warned
	c.put(func(b []byte) []byte {
		b = appendGoAway(b, maxStreamID, NoError, "")
		return appendPing(b, 0, []byte(leavePing))
	})
	time.AfterFunc(c.limits.Linger, func() { // for a client that does not answer pings
		c.mu.Lock()
		if c.leaving == warned && c.err == nil {
			c.settle()
		}
		c.mu.Unlock()
		c.flush()
	})
}

// settle says which streams are handled: those that were opened by now. c.mu is held.
func (c *conn) settle() {
	c.leaving = settled
	c.final = c.opened
	c.put(func(b []byte) []byte { return appendGoAway(b, c.final, NoError, "") })
	c.leaveIfDone()
}

// leaveIfDone ends the connection when nothing is left to do. c.mu is held.
func (c *conn) leaveIfDone() {
	if c.leaving == settled && len(c.streams) == 0 && len(c.ready) == 0 && c.running == 0 {
		c.interrupt(errLeft)
	}
}

// interrupt makes the reader end the connection for the reason. c.mu is held.
func (c *conn) interrupt(why error) {
	if c.doom == nil {
		c.doom = why
		_ = c.net.SetReadDeadline(time.Unix(1, 0)) // an error means that it is closed, which the reader sees
	}
}

// look looks after the times of the connection, and says when to look again.
func (c *conn) look() {
	c.mu.Lock()
	next := time.Duration(0)
	if c.err == nil && c.doom == nil {
		next = c.due(time.Now())
	}
	if next > 0 {
		c.watch.Reset(next)
	}
	c.mu.Unlock()
	c.flush()
}

// due gives when a time is over, or ends the connection because one is. c.mu is held.
func (c *conn) due(now time.Time) (next time.Duration) {
	since := func(at int64) time.Duration { return now.Sub(time.Unix(0, at)) }
	begun, quiet := c.in.begun.Load(), since(c.in.last.Load())
	switch {
	case !c.greeted.Load():
		c.interrupt(errNoPreface)
	case begun != 0:
		if next = c.limits.Frame - since(begun); next <= 0 {
			c.interrupt(errSlowFrame)
		}
	case len(c.streams)+len(c.ready)+c.running == 0:
		if next = c.limits.Idle - min(quiet, now.Sub(c.lastDone)); next <= 0 {
			c.settle()
		}
	case c.pinged.Load() != 0 && quiet < since(c.pinged.Load()): // anything that comes is an answer
		c.pinged.Store(0)
		next = c.limits.Silence - quiet
	case c.pinged.Load() != 0:
		if next = c.limits.Pong - since(c.pinged.Load()); next <= 0 {
			c.interrupt(errSilent)
		}
	default:
		if next = c.limits.Silence - quiet; next <= 0 {
			c.pinged.Store(now.UnixNano())
			c.put(func(b []byte) []byte { return appendPing(b, 0, []byte("silence?")) })
			next = c.limits.Pong
		}
	}
	return next
}
