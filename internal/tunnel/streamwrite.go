package tunnel

import "io"

// Write sends p. It waits while the peer's window or the session's write buffer is full, and returns once p was handed to
// the session. Writes of several goroutines do not mix.
func (st *Stream) Write(p []byte) (int, error) {
	st.mu.Lock()
	if err := st.beginWrite(); err != nil {
		st.mu.Unlock()
		return 0, err
	}
	n, err := st.writeLocked(p)
	st.writing, st.short = false, n < len(p)
	st.writable.Broadcast()
	st.mu.Unlock()
	if n > 0 {
		st.s.out.flush()
	}
	return n, err
}

// beginWrite waits for its turn among writers. st.mu is held.
func (st *Stream) beginWrite() error {
	for {
		if !st.opener && !st.answered {
			return ErrMisuse
		}
		if err := st.writeError(); err != nil {
			return err
		}
		if !st.writing {
			st.writing = true
			return nil
		}
		st.writable.Wait()
	}
}

// writeLocked appends p frame by frame. st.mu is held, but not while it waits or flushes.
func (st *Stream) writeLocked(p []byte) (n int, err error) {
	flushed := 0
	for n < len(p) {
		if err := st.writeError(); err != nil {
			st.s.out.leave(st)
			return n, err
		}
		m := min(len(p)-n, maxData, int(min(st.limit-st.sent, maxData)))
		if m > 0 {
			ok, err := st.s.out.data(st, p[n:n+m])
			if err != nil {
				return n, err
			}
			if ok {
				st.sent += uint64(m)
				n += m
				continue
			}
		}
		if flushed < n {
			// What waits for its flush may be what the peer needs to give credit.
			flushed = n
			st.mu.Unlock()
			st.s.out.flush()
			st.mu.Lock()
			continue
		}
		st.writable.Wait()
	}
	return n, nil
}

// CloseWrite finishes this direction: after what was written the peer's Read gives io.EOF. Reading goes on.
// It waits for a Write under way, so that no cut Write looks complete.
func (st *Stream) CloseWrite() error {
	st.mu.Lock()
	if st.finOut && !st.closed {
		st.mu.Unlock()
		return nil
	}
	if err := st.beginWrite(); err != nil {
		st.mu.Unlock()
		return err
	}
	st.writing = false
	st.finOut = true
	err := st.s.out.append(nil, func(b []byte) []byte { return appendFin(b, st.id) })
	over := st.finIn
	if over {
		st.finish(nil, false)
	}
	st.writable.Broadcast()
	st.mu.Unlock()
	if over {
		st.ended()
	}
	st.s.out.flush()
	return err
}

// ReadFrom sends what r gives until io.EOF. It holds no buffer while it waits for a socket; CloseWrite is the caller's.
func (st *Stream) ReadFrom(r io.Reader) (total int64, err error) {
	wait := patient(r)
	for {
		buf, n, err := wait()
		if n > 0 {
			m, werr := st.Write(buf.b[:n])
			total += int64(m)
			if werr != nil {
				buf.give()
				return total, werr
			}
		}
		buf.give()
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// onWindow takes the peer's credit. It tells whether that changed anything.
func (st *Stream) onWindow(offset uint64) (news bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.over || st.finOut {
		return true, nil // crossed our end
	}
	if offset < st.limit {
		return false, broken(CodeFlowControl, "WINDOW of stream %d goes back", st.id)
	}
	news = offset > st.limit
	st.limit = offset
	if news {
		st.writable.Broadcast()
	}
	return news, nil
}

// onFin takes the peer's FIN.
func (st *Stream) onFin() error {
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		return nil
	}
	if st.finIn || st.opener && !st.answered {
		st.mu.Unlock()
		return broken(CodeProtocol, "unexpected FIN on stream %d", st.id)
	}
	st.finIn = true
	over := st.finOut
	if over {
		st.finish(nil, false)
	}
	st.rouse()
	st.mu.Unlock()
	if over {
		st.ended()
	}
	return nil
}

// onOpened takes the acceptor's answer.
func (st *Stream) onOpened(message []byte) error {
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		return nil
	}
	if !st.opener || st.answered {
		st.mu.Unlock()
		return broken(CodeProtocol, "unexpected OPENED on stream %d", st.id)
	}
	st.answered = true
	st.answer = append([]byte(nil), message...)
	st.rouse()
	st.mu.Unlock()
	st.hold(len(message))
	return nil
}

// onReset takes the peer's RESET. What arrived stays readable if it is complete, or complete up to here (CodeClosed).
func (st *Stream) onReset(code Code, message []byte) {
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		return
	}
	var err error = &ResetError{Code: code, Remote: true}
	if code == CodeRefused && st.opener {
		err = &RefusedError{Payload: append([]byte(nil), message...)}
	}
	st.finish(err, code != CodeClosed && !st.finIn)
	st.mu.Unlock()
	st.s.stats.reset(code)
	st.ended()
}
