package tunnel

import (
	"context"
)

// Open opens a stream that tells the acceptor payload, at most MaxMessage bytes. It costs no round trip: the stream may be
// written to at once, and Opened tells what became of it. Open waits for the peer's HELLO and, under load, for room
// to write; ErrDraining and ErrExhausted mean that nothing was sent.
func (s *Session) Open(ctx context.Context, payload []byte) (*Stream, error) {
	if len(payload) > MaxMessage {
		return nil, ErrTooLarge
	}
	select {
	case <-s.ready:
	default:
		if _, err := s.Ready(ctx); err != nil {
			return nil, err
		}
	}
	st := newStream(s)
	st.opener = true
	if err := st.reserve(ctx); err != nil {
		return nil, err
	}
	if err := s.register(st, payload); err != nil {
		s.out.leave(st)
		return nil, err
	}
	s.out.flush()
	return st, nil
}

// register gives the stream its id and appends OPEN in one step, so that ids appear on the wire in order.
func (s *Session) register(st *Stream, payload []byte) error {
	granted := uint32(startWindow)
	if s.budget.short() {
		granted = lowWindow
	}
	st.window, st.credit = int(granted), uint64(granted)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return s.endedLocked()
	}
	if s.goaway.sent || s.goaway.received {
		return ErrDraining
	}
	if s.nextID > maxID {
		s.stats.limit(limitIDs)
		s.sayGoaway()
		s.out.nudge()
		return ErrExhausted
	}
	st.id = s.nextID
	s.nextID += 2
	st.limit = uint64(s.credit)
	open := openFrame{assumed: s.credit, granted: granted, message: payload}
	if err := s.out.append(st, func(b []byte) []byte { return appendOpen(b, st.id, open) }); err != nil {
		return err
	}
	s.streams[st.id] = st
	s.open.Add(1)
	s.stats.opened.Add(1)
	return nil
}

func (s *Session) endedLocked() error {
	if s.cause == errGraceful {
		return ErrDraining
	}
	return &ResetError{Code: CodeConnectionLost, Cause: s.cause}
}

// onOpen handles OPEN. Whatever it refuses costs one small answer and keeps nothing.
func (s *Session) onOpen(h header, payload []byte) error {
	open, err := decodeOpen(payload)
	if err != nil {
		return err
	}
	if open.assumed > startWindow {
		return broken(CodeFlowControl, "OPEN that assumes a credit of %d bytes", open.assumed)
	}
	short := s.budget.Buffered()+int64(len(open.message)) > s.budget.limit
	s.mu.Lock()
	if h.id != s.peerNext {
		s.mu.Unlock()
		return broken(CodeProtocol, "OPEN of stream %d, expected %d", h.id, s.peerNext)
	}
	if s.goaway.received {
		s.mu.Unlock()
		return broken(CodeProtocol, "OPEN after GOAWAY")
	}
	s.peerNext += 2
	if code := s.refusal(short); code != 0 {
		s.mu.Unlock()
		s.stats.reset(code)
		return s.out.answer(s.limits.Control, func(b []byte) []byte { return appendReset(b, h.id, code, nil) })
	}
	st := newStream(s)
	st.id, st.claims = h.id, 2
	st.limit = uint64(open.granted)
	st.credit = uint64(open.assumed)
	st.window = int(s.announced)
	st.payload = append([]byte(nil), open.message...)
	s.streams[st.id] = st
	s.open.Add(1)
	s.accepted++
	s.mu.Unlock()
	st.hold(len(st.payload))
	s.stats.accepted.Add(1)
	if s.announce() {
		s.out.nudge()
	}
	s.handlers.Add(1)
	s.spawn(func() { s.serve(st) })
	return nil
}

// refusal says why no stream can be taken, or 0. s.mu is held.
func (s *Session) refusal(short bool) Code {
	switch {
	case s.goaway.sent || s.cause != nil:
		return CodeNotProcessed
	case s.accepted >= s.limits.Streams:
		s.stats.limit(limitStreams)
		return CodeTooManyStreams
	case short:
		s.stats.limit(limitBudget)
		return CodeTooManyStreams
	case s.accept == nil:
		return CodeRefused
	}
	return 0
}

// serve runs the application's handler and makes sure that the stream got an answer.
func (s *Session) serve(st *Stream) {
	s.accept(st)
	st.mu.Lock()
	answered := st.answered
	st.mu.Unlock()
	if !answered {
		s.log.Error("stream was not answered", "stream", st.id)
		st.Reset(CodeInternal)
	}
	if st.kept {
		s.handlers.Done()
		return
	}
	s.served(st)
}

// served lets go of a stream that no handler works on any more.
func (s *Session) served(st *Stream) {
	s.mu.Lock()
	s.release(st)
	s.mu.Unlock()
	s.handlers.Done()
}
