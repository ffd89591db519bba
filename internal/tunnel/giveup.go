package tunnel

// GiveUp ends the streams of ours that the peer has not answered yet, as those of a lost session end: nothing but the message that opened
// them was sent unless their opener wrote ahead, so that whoever opened them may do so elsewhere. The session and all other streams go on:
// a peer that stands still may go on, too.
func (s *Session) GiveUp() {
	s.mu.Lock()
	var ours []*Stream
	for _, st := range s.streams {
		if st.opener {
			ours = append(ours, st)
		}
	}
	s.mu.Unlock()
	for _, st := range ours {
		st.giveUp()
	}
	s.out.flush()
}

func (st *Stream) giveUp() {
	st.mu.Lock()
	if st.answered || st.over || st.closed {
		st.mu.Unlock()
		return
	}
	st.finish(&ResetError{Code: CodeConnectionLost, Cause: ErrSilent}, true)
	st.s.stats.reset(CodeConnectionLost)
	// An error means that the session ends, which resets the stream at the peer too.
	_ = st.s.out.append(nil, func(b []byte) []byte { return appendReset(b, st.id, CodeCancelled, nil) })
	st.mu.Unlock()
	st.ended()
}
