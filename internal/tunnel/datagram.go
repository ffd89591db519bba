package tunnel

import "context"

// datagrams is a stream's bounded queue of datagrams. The stream's lock guards it.
type datagrams struct {
	queue [][]byte
	bytes int
}

func (d *datagrams) clear() (freed int) {
	freed = d.bytes
	d.queue, d.bytes = nil, 0
	return freed
}

// SendDatagram sends one datagram, at most MaxDatagram bytes. As with UDP it may be lost: it never waits, and drops when too much waits to be written
// here or to be read there; Stats counts that. Order among datagrams is kept; DATA and datagrams of a stream have no windows in common.
func (st *Stream) SendDatagram(p []byte) error {
	if len(p) > MaxDatagram {
		return ErrTooLarge
	}
	st.mu.Lock()
	err := st.writeError()
	if err == nil && !st.opener && !st.answered {
		err = ErrMisuse
	}
	ok := false
	if err == nil {
		ok, err = st.s.out.datagram(st.id, p)
	}
	st.mu.Unlock()
	if err != nil {
		return err
	}
	if !ok {
		st.s.stats.dropped.Add(1)
	}
	st.s.out.flush()
	return nil
}

// ReceiveDatagram waits for the next datagram. The slice is the caller's.
func (st *Stream) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	defer st.wakeOn(ctx, &st.readable)()
	st.mu.Lock()
	defer st.mu.Unlock()
	for {
		if d := st.grams; d != nil && len(d.queue) > 0 && !st.closed && !st.readBy.past {
			p := d.queue[0]
			d.queue[0] = nil
			d.queue = d.queue[1:]
			d.bytes -= len(p)
			st.s.budget.free(len(p))
			return p, nil
		}
		// Unread stream data is no reason to wait for a datagram that cannot come.
		if err := st.readError(); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		st.readable.Wait()
	}
}

// onDatagram queues a datagram, or drops it.
func (st *Stream) onDatagram(p []byte) error {
	s := st.s
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.over:
		return nil
	case st.finIn || st.opener && !st.answered:
		return broken(CodeProtocol, "unexpected DATAGRAM on stream %d", st.id)
	}
	if st.grams == nil {
		st.grams = &datagrams{}
	}
	d := st.grams
	if len(d.queue) >= s.limits.Datagrams || d.bytes+len(p) > s.limits.DatagramBytes {
		s.stats.dropped.Add(1)
		s.stats.limit(limitDatagrams)
		return nil
	}
	if s.budget.Buffered()+int64(len(p)) > s.budget.limit {
		s.stats.dropped.Add(1)
		s.stats.limit(limitBudget)
		return nil
	}
	s.budget.charged.Add(int64(len(p)))
	d.queue = append(d.queue, p)
	d.bytes += len(p)
	st.rouse()
	return nil
}
