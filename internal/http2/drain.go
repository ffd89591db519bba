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
	c.settles = time.AfterFunc(c.limits.Linger, func() { // for a client that does not answer pings
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
	if c.err == nil && c.doom == nil {
		now := time.Now()
		if next := c.due(now); c.doom == nil {
			c.lookAfter(now, next)
		}
	}
	c.mu.Unlock()
	c.flush()
}

// lookAfter has look called. c.mu is held.
func (c *conn) lookAfter(now time.Time, wait time.Duration) {
	wait = max(wait, time.Millisecond)
	c.looks.Store(now.Add(wait).UnixNano())
	c.watch.Reset(wait)
}

// slow is told that the reader waits in the middle of a frame that began then.
func (c *conn) slow(began time.Time) {
	if c.looks.Load() <= began.Add(c.limits.Frame).UnixNano() {
		return // soon enough
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && c.doom == nil {
		c.lookAfter(began, c.limits.Frame)
	}
}

// due gives how long it is to the next end of a time, or ends the connection because one is over. c.mu is held.
func (c *conn) due(now time.Time) time.Duration {
	since := func(at int64) time.Duration { return now.Sub(time.Unix(0, at)) }
	begun, pinged, quiet := c.in.begun.Load(), c.pinged.Load(), since(c.in.last.Load())
	left := func(most, used time.Duration, why error) time.Duration {
		if used >= most {
			c.interrupt(why)
		}
		return most - used
	}
	switch {
	case !c.greeted.Load():
		return left(c.limits.Preface, now.Sub(c.since), errNoPreface)
	case begun != 0:
		return left(c.limits.Frame, since(begun), errSlowFrame)
	case len(c.streams)+len(c.ready)+c.running == 0:
		idle := c.limits.Idle - min(quiet, now.Sub(c.lastDone))
		if idle <= 0 {
			c.settle()
		}
		return min(idle, c.limits.Silence) // a stream may come
	case pinged != 0 && quiet >= since(pinged): // anything else that came is an answer
		return left(c.limits.Pong, since(pinged), errSilent)
	case quiet < c.limits.Silence:
		c.pinged.Store(0)
		return c.limits.Silence - quiet
	}
	c.pinged.Store(now.UnixNano())
	c.put(func(b []byte) []byte { return appendPing(b, 0, []byte("silence?")) })
	return c.limits.Pong
}

func (c *conn) stopTimers() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch.Stop()
	if c.settles != nil {
		c.settles.Stop()
	}
}
