package trafficlog

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"postern/internal/fault"
	"postern/internal/wire"
)

// After gives records from behind a place, the oldest first: about as much text as is wanted, and at most so many. Only what is
// safely on the disk is given, so that no place is ever given twice.
func (l *Log) After(after uint64, limit, size int) ([]wire.TrafficRecord, error) {
	l.mu.RLock()
	list, synced, id := l.segments, l.synced, l.id
	l.mu.RUnlock()
	dec, err := newDecoder()
	if err != nil {
		return nil, err
	}
	defer dec.close()
	f := follow{l: l, log: id, dec: dec, after: after, synced: synced, limit: limit, size: size}
	for _, s := range list {
		if s.last <= after || s.count == 0 {
			continue
		}
		if full, err := f.segment(s); err != nil || full {
			return f.out, err
		}
	}
	return f.out, nil
}

// A follow is what After looks for, from the oldest record to the newest.
type follow struct {
	l             *Log
	log           string
	dec           *decoder
	after, synced uint64
	limit, size   int
	out           []wire.TrafficRecord
}

// segment reads a segment, and reports whether nothing more is wanted.
func (f *follow) segment(s *segment) (full bool, err error) {
	file, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fault.Internal(err, "read the traffic log")
	}
	defer file.Close()
	blocks, err := f.l.blocks(s, file)
	if err != nil {
		f.l.damaged.Add(1)
		return false, nil
	}
	for i := range blocks {
		m := &blocks[i]
		if m.last() <= f.after {
			continue
		}
		list, err := f.dec.read(file, m)
		if err == nil {
			full, err = f.records(list, m.first)
		}
		if full {
			return true, nil
		}
		if err != nil {
			f.l.damaged.Add(1)
		}
	}
	return false, nil
}

func (f *follow) records(list records, place uint64) (full bool, err error) {
	for ; ; place++ {
		var r wire.Record
		more, err := list.next(&r)
		if !more || err != nil {
			return false, err
		}
		if place <= f.after {
			continue
		}
		if place > f.synced || len(f.out) >= f.limit || f.size <= 0 {
			return true, nil
		}
		f.out = append(f.out, wire.TrafficRecord{Place: place, Log: f.log, Record: r})
		f.size -= weigh(&r) + 400
	}
}

// Synced gives the place of the last record that After would give, and a channel that closes when there is another.
func (l *Log) Synced() (uint64, <-chan struct{}) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.synced, l.news
}

// PlaceAt gives the place behind which all that ended since a time is: for who begins to follow then.
func (l *Log) PlaceAt(since time.Time) uint64 {
	l.mu.RLock()
	list, place := l.segments, l.synced
	l.mu.RUnlock()
	limit := since.UnixMicro()
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i]
		if s.end < limit {
			break
		}
		place = s.first - 1
		file, err := os.Open(s.path)
		if err != nil {
			continue
		}
		blocks, err := l.blocks(s, file)
		_ = file.Close() // it was only read
		for j := 0; err == nil && j < len(blocks) && blocks[j].end < limit; j++ {
			place = blocks[j].last()
		}
	}
	return place
}
