package tunnel

import (
	"io"
	"time"
)

// feed is what WriteTo would be, without a goroutine while it waits. The stream's lock guards it, but total and the writing are its goroutine's
// while one runs.
type feed struct {
	to      Sink
	done    func(total int64, err error, failed bool)
	total   int64
	running bool
}

// Feed has what the peer sends written to a sink as WriteTo does, and calls done, in a goroutine, with what WriteTo would return: the bytes and no
// error after io.EOF; failed says that it is the sink's error. Feed returns at once, and nobody waits meanwhile: the session's reader hands on what is
// short, and a goroutine what the sink has no room for, which ends when nothing is left. So an idle stream costs no stack.
func (st *Stream) Feed(to Sink, done func(total int64, err error, failed bool)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.feed = &feed{to: to, done: done}
	st.rouse()
}

// rouse wakes those who wait to read, since there is something or nothing more will come. st.mu is held.
func (st *Stream) rouse() {
	st.readable.Broadcast()
	f := st.feed
	switch {
	case f == nil || f.running:
	case st.q.bytes == 0 && st.readError() == nil:
		st.sink = f.to
	default:
		st.sink = nil
		f.running = true
		st.s.spawn(func() { st.serveFeed(f) })
	}
}

// serveFeed hands on what there is until nothing is left or comes.
func (st *Stream) serveFeed(f *feed) {
	for {
		st.mu.Lock()
		f.total += int64(st.sunk)
		st.sunk = 0
		first, err := st.nextChunks()
		switch {
		case err != nil:
			st.feed = nil
		case first == nil:
			f.running = false
			st.sink = f.to
		}
		st.mu.Unlock()
		if err == io.EOF {
			err = nil
			f.done(f.total, nil, false)
			return
		}
		if err != nil {
			f.done(f.total, err, false)
			return
		}
		if first == nil {
			return
		}
		n, err := writeChunks(f.to, first)
		f.total += int64(n)
		st.freeChunks(first)
		if err != nil {
			st.mu.Lock()
			st.feed = nil
			st.mu.Unlock()
			f.done(f.total, err, true)
			return
		}
	}
}

// TryWrite sends what there is room for, without waiting; also not for another Write. What fails is left to Write. A Stream is a Sink so.
func (st *Stream) TryWrite(p []byte) int {
	n := st.tryWrite(p)
	if n > 0 {
		st.s.out.nudge() // and not flush, which wakes other streams: whoever calls may hold the lock of one
	}
	return n
}

// tryWrite is TryWrite without a flush. It may be called with the lock of another stream held, whose reader it may be that waits for this
// one's: it does not wait for it.
func (st *Stream) tryWrite(p []byte) int {
	if !st.mu.TryLock() {
		return 0
	}
	defer st.mu.Unlock()
	if st.writing || !st.opener && !st.answered || st.writeError() != nil {
		return 0
	}
	n := min(len(p), int(min(st.limit-st.sent, maxData)))
	if n == 0 || !st.s.out.tryData(st.id, p[:n]) {
		return 0
	}
	st.sent += uint64(n)
	return n
}

const (
	maxWaiting = 16              // goroutines of a session that wait for something to do
	waitFor    = 2 * time.Second // how long they do
)

// spawn runs fn in a goroutine that may have run others before: its stack has grown by then, which is a tenth of what short streams cost.
func (s *Session) spawn(fn func()) {
	select {
	case s.work <- fn:
	default:
		go s.worker(fn)
	}
}

func (s *Session) worker(fn func()) {
	var wait *time.Timer
	for {
		fn()
		if s.waiting.Add(1) > maxWaiting {
			s.waiting.Add(-1)
			return
		}
		if wait == nil {
			wait = time.NewTimer(waitFor)
			defer wait.Stop()
		} else {
			wait.Reset(waitFor)
		}
		select {
		case fn = <-s.work:
		case <-wait.C:
			fn = nil
		case <-s.done:
			fn = nil
		}
		s.waiting.Add(-1)
		if fn == nil {
			return
		}
	}
}
