package trafficlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/internal/disk"
	"postern/internal/wire"
)

const (
	writeEvery = time.Second
	rollMost   = 24 * time.Hour // a segment takes records for so long at most
	reserve    = 256 << 20      // bytes of the disk that are left to others, or a twentieth of it
)

// A writer is what Run's goroutine writes with.
type writer struct {
	lock    *disk.FileLock
	build   *builder
	file    *os.File // of the last segment; nil: the next block begins another one
	begun   time.Time
	block   []byte // that waits to be written, with its meta
	meta    meta
	pending []wire.Record   // of the queue, that wait to be encoded
	taken   []wire.Record   // the whole of it, to be given back
	unsaid  int             // requests that were lost and that no record tells of yet
	erased  map[string]bool // users of whom nothing is to be told
	unsaved bool            // something is written but not synced
}

// Run writes what is recorded until ctx ends, then what waits still.
func (l *Log) Run(ctx context.Context) error {
	build, err := newBuilder()
	if err != nil {
		return fmt.Errorf("traffic log: %w", err)
	}
	l.writer.build = build
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	l.step(true)
	for {
		select {
		case <-l.queue.wake:
			l.step(false)
		case <-ticker.C:
			l.step(true)
		case do := <-l.asked:
			do()
		case <-ctx.Done():
			l.end()
			return nil
		}
	}
}

// end writes what waits, if it can, and closes the log.
func (l *Log) end() {
	for _, sum := range l.crowds.over(true) {
		l.queue.put(&sum)
	}
	l.step(true)
	w := &l.writer
	if l.Problem() == nil {
		l.report(l.roll())
	}
	if w.lock != nil {
		if err := w.lock.Unlock(); err != nil {
			l.log.Warn("traffic log", "error", err)
		}
		w.lock = nil
	}
}

// step writes what waits. When its time has come, that is all of it, and safely on the disk.
func (l *Log) step(due bool) {
	if l.writer.lock == nil && !due {
		return
	}
	err := l.work(due)
	l.report(err)
}

func (l *Log) work(due bool) error {
	w := &l.writer
	if w.lock == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if due {
		for _, sum := range l.crowds.over(false) {
			l.queue.put(&sum)
		}
		if err := l.retain(); err != nil {
			return err
		}
		if err := l.room(); err != nil {
			return err
		}
	} else if l.Problem() != nil {
		return l.Problem().Err // a full disk is not tried again with every record
	}
	for {
		if err := l.encode(); err != nil {
			return err
		}
		if l.queue.waits() == 0 {
			break
		}
	}
	if !due {
		return nil
	}
	if err := errors.Join(l.flush(), l.heal()); err != nil {
		return err
	}
	if w.unsaved {
		if err := w.file.Sync(); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		w.unsaved = false
	}
	l.saved()
	if w.file != nil && time.Since(w.begun) > min(rollMost, max(l.keep.Load().Age/30, time.Minute)) {
		return l.roll()
	}
	return nil
}

// encode takes what waits and writes the blocks that become full.
func (l *Log) encode() error {
	w := &l.writer
	if err := l.write(); err != nil { // the one that waits since the last time
		return err
	}
	if len(w.pending) == 0 {
		list, dropped := l.queue.take()
		w.pending, w.taken = list, list
		w.unsaid += dropped
	}
	if w.unsaid > 0 {
		lost := wire.Record{Time: l.now().UTC(), Outcome: wire.OutcomeUnrecorded, Count: w.unsaid, Complete: true}
		w.unsaid = 0
		l.add(&lost)
	}
	for len(w.pending) > 0 {
		l.add(&w.pending[0])
		w.pending = w.pending[1:]
		if w.build.full(l.limits.Block) {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	l.queue.give(w.taken)
	w.taken, w.pending = nil, nil
	return nil
}

func (l *Log) add(r *wire.Record) {
	if l.cfg.Describe != nil {
		l.cfg.Describe(r)
	}
	if r.UserID != "" && l.writer.erased[r.UserID] {
		anonymise(r)
	}
	w := &l.writer
	place := l.head + uint64(w.build.meta.count) + 1
	if w.block != nil {
		place += uint64(w.meta.count)
	}
	w.build.add(r, place)
	l.metrics.written.Inc()
}

// flush seals what is gathered and writes it.
func (l *Log) flush() error {
	w := &l.writer
	if err := l.write(); err != nil {
		return err
	}
	if w.build.empty() {
		return nil
	}
	w.block, w.meta = w.build.seal()
	return l.write()
}

// write writes the block that waits. After a failure the file is as it was before, or is left alone.
func (l *Log) write() error {
	w := &l.writer
	if w.block == nil {
		return nil
	}
	if w.file == nil {
		if err := l.begin(w.meta.first); err != nil {
			return err
		}
	}
	l.mu.RLock()
	last := l.segments[len(l.segments)-1]
	l.mu.RUnlock()
	w.meta.offset = last.size
	if _, err := w.file.WriteAt(w.block, last.size); err != nil {
		err = fmt.Errorf("write: %w", err)
		// What was written of it is cut off. If even that fails, it is torn, as after a crash.
		err = errors.Join(err, w.file.Truncate(last.size), w.file.Close())
		w.file, w.unsaved = nil, false
		return err
	}
	next := last.with(w.meta)
	l.mu.Lock()
	l.segments = slices.Clone(l.segments) // others are reading the list as it was
	l.segments[len(l.segments)-1] = next
	l.head = next.last
	l.mu.Unlock()
	w.block, w.unsaved = nil, true
	if next.size >= l.segment() {
		return l.roll()
	}
	return nil
}

// begin makes a new segment.
func (l *Log) begin(first uint64) error {
	w := &l.writer
	path := filepath.Join(l.cfg.Dir, segmentName(first))
	// One of this name has no record: its first block could not be written.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("begin a segment: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("begin a segment: %w", err)
	}
	if _, err := file.Write(headOfSegment(first, l.now())); err != nil {
		return errors.Join(fmt.Errorf("begin a segment: %w", err), file.Close(), os.Remove(path))
	}
	w.file, w.begun = file, time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = slices.DeleteFunc(slices.Clone(l.segments), func(s *segment) bool { return s.path == path })
	l.segments = append(l.segments, &segment{path: path, first: first, last: first - 1, size: segmentHead})
	return nil
}

// roll ends the last segment with its index; the next block begins another one.
func (l *Log) roll() error {
	w := &l.writer
	if w.file == nil {
		return nil
	}
	file := w.file
	w.file, w.unsaved = nil, false
	l.mu.RLock()
	last := l.segments[len(l.segments)-1]
	l.mu.RUnlock()
	if last.count == 0 {
		return file.Close()
	}
	closed, err := finish(file, last)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("end a segment: %w", err)
	}
	l.replace(last, closed)
	if sparse(last, l.limits.Block) {
		return l.rewrite(closed, nil)
	}
	return nil
}

// finish writes the index behind the blocks.
func finish(file *os.File, s *segment) (*segment, error) {
	index := indexOf(s.blocks)
	if _, err := file.WriteAt(index, s.size); err != nil {
		return s, errors.Join(err, file.Truncate(s.size))
	}
	if err := file.Sync(); err != nil {
		return s, err
	}
	closed := *s
	closed.size += int64(len(index))
	closed.closed, closed.blocks = true, nil
	return &closed, nil
}

// heal ends the segments that a failure left open.
func (l *Log) heal() error {
	l.mu.RLock()
	list := l.segments
	l.mu.RUnlock()
	for i, s := range list {
		if s.closed || i == len(list)-1 && l.writer.file != nil {
			continue
		}
		file, err := os.OpenFile(s.path, os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("end a segment: %w", err)
		}
		closed, err := s, file.Truncate(s.size)
		if err == nil {
			closed, err = finish(file, s)
		}
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("end a segment: %w", err)
		}
		l.replace(s, closed)
	}
	return nil
}

// replace puts another segment in the place of one, or of none if it is nil.
func (l *Log) replace(old, s *segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(l.segments)
	at := slices.IndexFunc(list, func(each *segment) bool { return each.path == old.path })
	switch {
	case at < 0:
	case s == nil:
		list = slices.Delete(list, at, at+1)
	default:
		list[at] = s
	}
	l.segments = list
}

// saved notes that all that is written is safely on the disk.
func (l *Log) saved() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.synced == l.head {
		return
	}
	l.synced = l.head
	close(l.news)
	l.news = make(chan struct{})
}

// room says when the disk is so full that what is left belongs to others, the database for one.
func (l *Log) room() error {
	free, total, err := disk.Space(l.cfg.Dir)
	if err != nil {
		return err
	}
	if keep := min(reserve, total/20); free < keep {
		return fmt.Errorf("the disk of %s is nearly full: %d MiB are left, and %d are kept free for others", l.cfg.Dir, free>>20, keep>>20)
	}
	return nil
}

// report notes what came of writing, and logs when that is news.
func (l *Log) report(err error) {
	before := l.problem.Load()
	switch {
	case err == nil && before != nil:
		l.problem.Store(nil)
		l.log.Info("the traffic log is written again", "since", before.Since)
	case err != nil && before == nil:
		l.problem.Store(&Problem{err, l.now()})
		l.log.Error("the traffic log cannot be written: records are counted and left out once the queue is full", "error", err)
	case err != nil:
		l.problem.Store(&Problem{err, before.Since})
	}
}

// open makes the directory, or finds what is there.
func (l *Log) open() error {
	if err := os.MkdirAll(l.cfg.Dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(l.cfg.Dir, 0o700); err != nil {
		return err
	}
	lock, err := disk.TryLock(filepath.Join(l.cfg.Dir, "lock"))
	if err != nil {
		return err
	}
	if err := l.load(); err != nil {
		return errors.Join(err, lock.Unlock())
	}
	l.writer.lock = lock
	return nil
}

// load reads the state and finds the segments.
func (l *Log) load() error {
	st, err := l.readState()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(l.cfg.Dir) // sorted by name, which is by place
	if err != nil {
		return err
	}
	var list []*segment
	head := st.Head
	for _, e := range entries {
		path := filepath.Join(l.cfg.Dir, e.Name())
		if strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		if !strings.HasSuffix(e.Name(), ".seg") {
			continue
		}
		s, err := l.adopt(path)
		if err != nil {
			return err
		}
		if s != nil && s.last > 0 {
			list = append(list, s)
			head = max(head, s.last)
		}
	}
	if len(list) > 0 {
		l.clock.vouch(l.now(), list[len(list)-1].end)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id, l.segments, l.head, l.synced = st.ID, list, head, head
	l.state = st
	return nil
}

// adopt takes a segment that is there. One that a crash left open is cut behind its last good block and ended.
func (l *Log) adopt(path string) (*segment, error) {
	s, torn, err := openSegment(path)
	switch {
	case errors.Is(err, errNoSegment):
		l.log.Warn("traffic log: a file that holds nothing is removed", "file", path)
		return nil, os.Remove(path)
	case err != nil:
		return nil, err
	case s.count == 0:
		return nil, os.Remove(path)
	case s.closed:
		return s, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if torn {
		l.log.Info("traffic log: the end of a segment was not written whole and is cut", "file", path, "records", s.count)
		err = file.Truncate(s.size)
	}
	if err == nil {
		s, err = finish(file, s)
	}
	if err = errors.Join(err, file.Close()); err != nil { // it can be read all the same
		l.log.Warn("traffic log: a segment cannot be ended", "file", path, "error", err)
	}
	return s, nil
}
