package trafficlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"postern/internal/wire"
)

// sparse reports whether a segment has so little in each block that it is worth writing it anew.
func sparse(s *segment, block int) bool {
	raw := 0
	for i := range s.blocks {
		raw += s.blocks[i].raw
	}
	return len(s.blocks) > 16 && raw/len(s.blocks) < block/4
}

// rewrite writes a segment that is closed anew, with what change makes of its records. It is there as it was or as it is to
// be, never between. Blocks that cannot be read are left out.
func (l *Log) rewrite(s *segment, change func(*wire.Record)) error {
	from, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("rewrite a segment: %w", err)
	}
	defer from.Close()
	blocks, err := s.index(from)
	if err != nil {
		return err
	}
	temp := s.path + ".tmp"
	to, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("rewrite a segment: %w", err)
	}
	c := copier{l: l, from: from, to: to, out: &segment{path: s.path, first: s.first, last: s.first - 1}, change: change}
	closed, err := c.copy(blocks)
	if err = errors.Join(err, to.Close()); err == nil {
		err = os.Rename(temp, s.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("rewrite a segment: %w", err), os.Remove(temp))
	}
	if closed.count == 0 {
		l.replace(s, nil)
		return os.Remove(s.path)
	}
	l.replace(s, closed)
	return nil
}

// A copier writes the records of a segment to another file.
type copier struct {
	l        *Log
	from, to *os.File
	out      *segment
	change   func(*wire.Record)
	build    *builder
}

func (c *copier) copy(blocks []meta) (*segment, error) {
	dec, err := newDecoder()
	if err != nil {
		return nil, err
	}
	defer dec.close()
	if c.build, err = newBuilder(); err != nil {
		return nil, err
	}
	if _, err := c.to.Write(headOfSegment(c.out.first, c.l.now())); err != nil {
		return nil, err
	}
	c.out.size = segmentHead
	for i := range blocks {
		m := &blocks[i]
		if !c.build.empty() && c.build.meta.last()+1 != m.first { // places in a block follow each other
			if err := c.flush(); err != nil {
				return nil, err
			}
		}
		list, err := dec.read(c.from, m)
		if err == nil {
			err = c.records(list, m.first)
		}
		if errors.Is(err, errBlock) || errors.Is(err, errRecord) {
			c.l.damaged.Add(1)
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	if err := c.flush(); err != nil {
		return nil, err
	}
	return finish(c.to, c.out)
}

func (c *copier) records(list records, place uint64) error {
	for {
		var r wire.Record
		more, err := list.next(&r)
		if !more || err != nil {
			return err
		}
		if c.change != nil {
			c.change(&r)
		}
		c.build.add(&r, place)
		place++
		if c.build.full(c.l.limits.Block) {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
}

func (c *copier) flush() error {
	if c.build.empty() {
		return nil
	}
	block, m := c.build.seal()
	m.offset = c.out.size
	if _, err := c.to.WriteAt(block, m.offset); err != nil {
		return err
	}
	c.out = c.out.with(m)
	return nil
}

// anonymise takes out of a record what tells who it was. The id stays, and tells nobody once the user is gone.
func anonymise(r *wire.Record) {
	r.User, r.Session, r.Client, r.UserAgent, r.Path = "", "", "", "", ""
	r.Device, r.DeviceName, r.Process = "", "", ""
}

// Erasure are users of whom the log is to tell nothing any more.
type Erasure struct {
	Users []string
	Upto  uint64 // the entry of the audit log up to which these are all
}

// Erased gives up to which entry of the audit log erasures were done. KindUnavailable is not told: a log that could not be
// opened yet has done none.
func (l *Log) Erased(ctx context.Context) (upto uint64, err error) {
	err = l.ask(ctx, func() error {
		if l.writer.lock == nil {
			return errClosed
		}
		upto = l.state.Erased
		return nil
	})
	return upto, err
}

// Erase takes what tells of users out of all that is written and will be, and remembers that it did.
func (l *Log) Erase(ctx context.Context, e Erasure) error {
	return l.ask(ctx, func() error {
		w := &l.writer
		if w.lock == nil {
			return errClosed
		}
		if w.erased == nil {
			w.erased = map[string]bool{}
		}
		for _, user := range e.Users {
			w.erased[user] = true
		}
		if err := l.eraseAll(e.Users); err != nil {
			return err
		}
		st := l.state
		st.Erased = max(st.Erased, e.Upto)
		st.Users = append(slices.Clone(st.Users), e.Users...)
		st.Users = st.Users[max(0, len(st.Users)-maxUsers):]
		if err := l.writeState(st); err != nil {
			return err
		}
		l.state = st
		return nil
	})
}

func (l *Log) eraseAll(users []string) error {
	if len(users) == 0 {
		return nil
	}
	if err := errors.Join(l.encode(), l.flush(), l.roll(), l.heal()); err != nil {
		return err
	}
	l.mu.RLock()
	list := l.segments
	l.mu.RUnlock()
	for _, s := range list {
		found, err := s.mayTellOf(users)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		err = l.rewrite(s, func(r *wire.Record) {
			if slices.Contains(users, r.UserID) {
				anonymise(r)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *segment) mayTellOf(users []string) (bool, error) {
	file, err := os.Open(s.path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	blocks, err := s.index(file)
	if err != nil {
		return false, err
	}
	for i := range blocks {
		filter, err := readBloom(file, &blocks[i])
		if err != nil || slices.ContainsFunc(users, func(user string) bool { return filter.has(termUser.hash(user)) }) {
			return true, nil
		}
	}
	return false, nil
}

var errClosed = errors.New("the traffic log is not open")

// ask has the writer do something between two writes.
func (l *Log) ask(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	select {
	case l.asked <- func() { done <- do() }:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flushWithin bounds how long Flush waits.
const flushWithin = 30 * time.Second

// Flush has everything written that was recorded so far. It is for who wants to read it at once.
func (l *Log) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushWithin)
	defer cancel()
	return l.ask(ctx, func() error {
		l.step(true)
		if p := l.Problem(); p != nil {
			return p.Err
		}
		return nil
	})
}
