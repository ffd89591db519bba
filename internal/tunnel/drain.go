package tunnel

import (
	"context"
	"maps"
	"slices"
)

// Drain ends the session without losing anything: no side opens streams any more, those that are open run to their end,
// then the session ends and Run returns nil at both ends. Drain waits for that; if ctx ends first it returns ctx's cause and the
// session goes on draining.
//
// Streams that the peer opened before it learned of the drain are answered with CodeNotProcessed, unless they arrived
// before Drain was called: whoever opened them may safely open them on another session.
func (s *Session) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.sayGoaway()
	s.mu.Unlock()
	s.out.flush()
	select {
	case <-s.done:
		return s.outcome()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sayGoaway sends the first GOAWAY, once. s.mu is held.
func (s *Session) sayGoaway() {
	if s.goaway.sent || s.cause != nil {
		return
	}
	s.goaway.sent = true
	close(s.going)
	// An error means that the session ends.
	_ = s.out.append(nil, func(b []byte) []byte { return appendGoaway(b, 0, 0, "") })
	s.sayLast()
}

// sayLast sends the GOAWAY after which this side sends nothing, when both sides drain and no stream is left.
// Only then may a side close: closing earlier, with bytes of the peer unread, would destroy what is on its way. s.mu is held.
func (s *Session) sayLast() (over bool) {
	if s.cause != nil {
		return false
	}
	if s.goaway.sent && s.goaway.received && len(s.streams) == 0 && !s.goaway.sentLast {
		s.goaway.sentLast = true
		_ = s.out.append(nil, func(b []byte) []byte { return appendGoaway(b, flagLast, 0, "") })
	}
	return s.goaway.sentLast && s.goaway.receivedLast
}

// onGoaway handles the peer's GOAWAY.
func (s *Session) onGoaway(h header, payload []byte) error {
	code, reason, err := decodeGoaway(payload)
	if err != nil {
		return err
	}
	if code != 0 {
		return &ConnError{Code: code, Reason: reason, Remote: true}
	}
	unfinished := 0
	if h.flags&flagLast != 0 {
		unfinished = s.unfinished()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.flags&flagLast == 0 {
		if s.goaway.received {
			return broken(CodeProtocol, "GOAWAY twice")
		}
		s.goaway.received = true
		s.sayGoaway()
	} else {
		if !s.goaway.received || !s.goaway.sent || unfinished > 0 {
			return broken(CodeProtocol, "last GOAWAY with %d open streams", unfinished)
		}
		s.goaway.receivedLast = true
	}
	if s.sayLast() {
		return errGraceful
	}
	s.out.nudge()
	return nil
}

// unfinished counts the streams that are not over on the wire. Those that are may stand in the table for a moment longer: whoever ended them
// has yet to forget them, while the peer, who has heard of the end, is quicker. The caller holds no lock.
func (s *Session) unfinished() (n int) {
	s.mu.Lock()
	streams := slices.Collect(maps.Values(s.streams))
	s.mu.Unlock()
	for _, st := range streams {
		st.mu.Lock()
		if !st.over {
			n++
		}
		st.mu.Unlock()
	}
	return n
}

// forget takes an ended stream out of the table. The caller holds no lock.
func (s *Session) forget(st *Stream) {
	st.mu.Lock()
	held := st.unreadBytes()
	st.mu.Unlock()
	s.mu.Lock()
	if s.streams[st.id] == st {
		delete(s.streams, st.id)
		s.open.Add(-1)
		s.release(st)
	}
	if held > 0 {
		s.unread[st] = struct{}{}
	}
	over := s.sayLast()
	draining := s.goaway.sentLast
	s.mu.Unlock()
	if over {
		s.end(errGraceful)
	}
	if draining {
		s.out.nudge()
	}
}

// emptied is told by a consumer that an ended stream holds nothing any more.
func (s *Session) emptied(st *Stream) {
	s.mu.Lock()
	delete(s.unread, st)
	s.mu.Unlock()
}

// release gives back one of the two claims that a stream of the peer has on its place: the table's and the handler's. s.mu is held.
func (s *Session) release(st *Stream) {
	if st.opener {
		return
	}
	st.claims--
	if st.claims == 0 {
		s.accepted--
	}
}

// holding returns the streams that may hold unread data.
func (s *Session) holding() []*Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	streams := make([]*Stream, 0, len(s.streams)+len(s.unread))
	for _, st := range s.streams {
		streams = append(streams, st)
	}
	for st := range s.unread {
		streams = append(streams, st)
	}
	return streams
}
