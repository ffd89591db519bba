package tunnel

import (
	"runtime"
	"time"
)

// nudge makes the writer goroutine flush.
func (w *sender) nudge() {
	w.mu.Lock()
	start := !w.busy && len(w.pending) > 0 && w.err == nil
	if start {
		w.busy = true
	}
	w.mu.Unlock()
	if start {
		w.kick <- struct{}{} // does not wait: only whoever flushes kicks
	}
}

// flush writes what is pending, unless somebody does already. It does not block.
func (w *sender) flush() {
	if !w.under.pushes() {
		w.nudge()
		return
	}
	w.mu.Lock()
	if w.busy || len(w.pending) == 0 || w.err != nil {
		w.mu.Unlock()
		return
	}
	w.busy = true
	had := len(w.pending)
	w.mu.Unlock()
	yields := w.company.expected()
	if yields {
		runtime.Gosched() // others that are ready to run append their frames to the same flush
	}
	taken, err := w.encode()
	if yields {
		w.company.met(taken > had)
	}
	if err == nil {
		w.rest, err = w.under.push()
	}
	if err != nil {
		w.fail(err)
	}
	if len(w.rest) > 0 || !w.idle() {
		w.kick <- struct{}{}
	}
}

// company tells whether it is worth while to let others append before a flush. Where one request is under way at a time nobody
// else has anything to send, and giving way wakes another thread for nothing, which costs more than the flush.
type company struct {
	hopes, skipped int // belong to whoever flushes
}

const (
	lonely = 8  // flushes in vain, until only a few are delayed to see whether that is still so
	look   = 16 // flushes, of which one is then
)

func (c *company) expected() bool {
	if c.hopes > 0 {
		return true
	}
	c.skipped++
	return c.skipped%look == 0
}

func (c *company) met(somebody bool) {
	if somebody {
		c.hopes = lonely
	} else {
		c.hopes = max(c.hopes-1, 0)
	}
}

// encode hands the pending frames to the connection and tells how many bytes that are: over a coalescer they are encrypted and
// gathered.
func (w *sender) encode() (int, error) {
	w.mu.Lock()
	buf := w.pending
	w.pending, w.provoked = nil, 0
	granted := w.grant()
	w.mu.Unlock()
	wake(granted)
	if len(buf) == 0 {
		return 0, nil
	}
	_, err := w.conn.Write(buf)
	w.stats.bytesOut.Add(uint64(len(buf)))
	w.flushes.Add(1)
	giveBuffer(buf)
	return len(buf), err
}

// idle ends a flush if nothing is pending.
func (w *sender) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing || len(w.pending) > 0 && w.err == nil {
		return false
	}
	w.busy = false
	return true
}

// run is the writer goroutine. It lives until close.
func (w *sender) run() {
	for range w.kick {
		for {
			if err := w.block(); err != nil {
				w.fail(err)
			}
			if w.idle() {
				break
			}
			if w.finished() {
				return
			}
		}
	}
}

// block writes what is pending and waits until the connection took it.
func (w *sender) block() error {
	rest := w.rest
	w.rest = nil
	if w.under == nil {
		_, err := w.encode()
		return err
	}
	if len(rest) > 0 {
		if err := w.under.flush(rest); err != nil {
			return err
		}
	}
	runtime.Gosched()
	if _, err := w.encode(); err != nil {
		return err
	}
	return w.under.flush(nil)
}

// finished tells the writer goroutine that the last flush is done.
func (w *sender) finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing && (len(w.pending) == 0 || w.err != nil)
}

// close makes the writer goroutine write what is pending, for at most linger, and end.
func (w *sender) close(linger time.Duration) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(linger))
	w.mu.Lock()
	w.closing = true
	start := !w.busy
	w.busy = true
	w.mu.Unlock()
	if start {
		w.kick <- struct{}{}
	}
}

// fail ends all writing: streams that wait for room learn it, and the session.
func (w *sender) fail(err error) {
	w.mu.Lock()
	if w.err != nil {
		w.mu.Unlock()
		return
	}
	w.err = err
	w.pending = nil
	line := w.line
	w.line = nil
	for _, st := range line {
		st.queued = false
	}
	w.mu.Unlock()
	wake(line)
	w.failed(err)
}

// standing returns for how long a flush has made no progress.
func (w *sender) standing(now time.Time) time.Duration {
	progress := w.flushes.Load()
	if w.under != nil {
		progress += w.under.moved.Load()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.busy || progress != w.seen || w.since.IsZero() {
		w.seen, w.since = progress, now
	}
	return now.Sub(w.since)
}
