package http2

import (
	"os"
	"time"
)

// wait waits until the stream may append a frame: there is room, and for content also window, of the stream and of the
// connection. Who waits stands in line, and gets one frame each turn. c.mu is held.
func (st *Stream) wait(roomOnly bool) error {
	c := st.c
	st.wantsRoom = roomOnly
	for {
		if err := st.cannot(); err != nil {
			st.giveBack()
			return err
		}
		if roomOnly && (st.granted || len(c.line) == 0 && c.fits()) {
			return nil
		}
		if !roomOnly && st.window > 0 && (st.granted || len(c.line) == 0 && c.window > 0 && c.fits()) {
			return nil
		}
		if !roomOnly && st.window <= 0 {
			st.giveBack() // others first, as long as the client takes nothing of this one
		} else if !st.queued {
			st.queued = true
			c.line = append(c.line, st)
			c.grant()
			if st.granted {
				continue
			}
		}
		if len(c.pending) > 0 && !c.busy && !c.dead {
			c.mu.Unlock()
			c.flush()
			c.mu.Lock()
			continue
		}
		if !st.sleep() && st.err == nil {
			return st.stalled()
		}
	}
}

// stalled gives up on a client that does not read. c.mu is held.
func (st *Stream) stalled() error {
	c := st.c
	c.server.refused("stalled")
	c.graves.add(st.id)
	c.put(func(b []byte) []byte { return appendReset(b, st.id, Cancel) })
	if gone := st.lose(ErrStalled); gone != nil {
		c.mu.Unlock()
		gone(ErrStalled)
		c.mu.Lock()
	}
	return ErrStalled
}

// cannot is why nothing can be sent any more.
func (st *Stream) cannot() error {
	switch {
	case st.err != nil:
		return st.err
	case st.c.err != nil:
		return ErrLost
	case st.writes.over:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// sleep waits for a change and takes the time from the stream's patience with its client. It gives false when none is
// left. What others send while the stream stands in line is taken by the same client: a slow network that many streams
// share is no stall. (When that ends, whoever stands in line is given up after at most twice Stall.)
func (st *Stream) sleep() bool {
	began, sent, inLine := time.Now(), st.c.sent, st.queued
	if st.waker == nil {
		st.waker = time.AfterFunc(st.patience, func() {
			st.c.mu.Lock()
			st.cond.Broadcast()
			st.c.mu.Unlock()
		})
	} else {
		st.waker.Reset(st.patience)
	}
	st.cond.Wait()
	st.waker.Stop()
	if st.patience -= time.Since(began); inLine && (st.wantsRoom || st.window > 0) {
		st.trust(st.c.sent - sent)
	}
	return st.patience > 0
}

// trust gives patience for n bytes that the client takes.
func (st *Stream) trust(n int64) {
	st.patience = min(st.c.limits.Stall, st.patience+time.Duration(n)*time.Second/slowest)
}

// over reports whether both directions are complete. c.mu is held.
func (st *Stream) over() bool { return st.remoteEnd && st.phase == phaseEnded }

// endRemote notes that the request is whole. c.mu is held.
func (st *Stream) endRemote() {
	if st.remoteEnd || st.err != nil {
		return
	}
	st.remoteEnd = true
	st.cond.Broadcast()
	if st.over() {
		st.leave()
	}
}

// endLocal notes that the response is whole. c.mu is held.
func (st *Stream) endLocal() {
	st.c.work.earned += worthRequest
	if st.over() {
		st.leave()
	}
}

// leave takes the stream out of the connection. c.mu is held.
func (st *Stream) leave() {
	c := st.c
	if c.streams[st.id] == st {
		delete(c.streams, st.id)
		c.granted -= st.size
	}
	st.gone = nil
	c.leaveIfDone()
}

// lose ends the stream before it is complete, and gives who is to be told. c.mu is held.
func (st *Stream) lose(err error) (gone func(error)) {
	if st.err != nil {
		return nil
	}
	c := st.c
	st.err = err
	gone = st.gone
	c.consumed(nil, st.body.unread)
	st.body.drop()
	st.giveBack()
	st.leave()
	if !st.started {
		for i, other := range c.ready {
			if other == st {
				c.ready = append(c.ready[:i], c.ready[i+1:]...)
				break
			}
		}
		st.free()
	}
	st.cond.Broadcast()
	return gone
}

// abort resets the stream. c.mu is held.
func (st *Stream) abort(code Code) (gone func(error)) {
	if st.err != nil {
		return nil
	}
	st.c.graves.add(st.id)
	st.c.put(func(b []byte) []byte { return appendReset(b, st.id, code) })
	return st.lose(&ResetError{Code: code})
}

// finish is called when Handle has returned.
func (st *Stream) finish() {
	c := st.c
	c.mu.Lock()
	switch {
	case st.err != nil:
	case st.phase != phaseEnded:
		st.abort(InternalError)
	case !st.remoteEnd:
		st.abort(NoError) // the rest of the request is of no interest (RFC 9113 section 8.1)
	}
	st.returned, st.gone = true, nil
	c.consumed(nil, st.body.unread)
	st.body.drop()
	for _, d := range []*deadline{&st.reads, &st.writes} {
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
	}
	st.free()
	c.mu.Unlock()
	c.handled()
	c.flush()
}

// free gives back what the request is in.
func (st *Stream) free() {
	for _, a := range []**arena{&st.head, &st.trailer} {
		if *a != nil {
			arenas.Put(*a)
			*a = nil
		}
	}
	st.request, st.tail = Request{}, nil
}
