package trafficlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"postern/internal/access"
	"postern/internal/disk"
)

// A state is what a log must know beside its segments.
type state struct {
	ID     string   `json:"id"`
	Head   uint64   `json:"head"`            // places up to it were used, even if no segment has them any more
	Erased uint64   `json:"erased"`          // up to which entry of the audit log erasures were done
	Users  []string `json:"users,omitempty"` // that were erased last: a late record may still tell of one
}

const (
	stateFile = "state.json"
	maxState  = 1 << 20
	maxUsers  = 1000 // that are remembered as erased
)

// readState reads the state; a new log gets one.
func (l *Log) readState() (st state, err error) {
	path := filepath.Join(l.cfg.Dir, stateFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		st.ID = string(access.NewID("tlg", l.now()))
		return st, l.writeState(st)
	}
	if err != nil {
		return st, err
	}
	if len(data) > maxState || json.Unmarshal(data, &st) != nil || st.ID == "" {
		return st, fmt.Errorf("%s is damaged; remove it, and the log goes on as a new one", path)
	}
	l.writer.erased = map[string]bool{}
	for _, user := range st.Users {
		l.writer.erased[user] = true
	}
	return st, nil
}

func (l *Log) writeState(st state) error {
	data, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return disk.WriteFile(filepath.Join(l.cfg.Dir, stateFile), append(data, '\n'), 0o600)
}

// retain removes the oldest segments while there are too many bytes, and those that are too old.
func (l *Log) retain() error {
	now, sure := l.clock.trusted(l.now())
	keep := l.keep.Load()
	for {
		l.mu.RLock()
		list := l.segments
		l.mu.RUnlock()
		if len(list) == 0 {
			return nil
		}
		oldest := list[0]
		reason := ""
		// One that is too old makes all before it too old, whatever a clock that was wrong wrote into them.
		if limit := now.Add(-keep.Age).UnixMicro(); sure {
			for i := range list {
				if list[i].count > 0 && list[i].end < limit {
					reason = "age"
				}
			}
		}
		if l.bytes() > keep.Bytes {
			reason = "bytes"
		}
		if reason == "" || oldest.count == 0 {
			return nil
		}
		if len(list) == 1 {
			if err := l.last(); err != nil {
				return err
			}
			if oldest = l.only(); oldest == nil {
				return nil
			}
		}
		if err := os.Remove(oldest.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a segment: %w", err)
		}
		l.replace(oldest, nil)
		l.metrics.removed.WithLabelValues(reason).Inc()
	}
}

// last prepares that the last segment goes: its places must stay used.
func (l *Log) last() error {
	if err := l.roll(); err != nil {
		return err
	}
	l.state.Head = l.head
	return l.writeState(l.state)
}

func (l *Log) only() *segment {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.segments) != 1 {
		return nil
	}
	return l.segments[0]
}

// A clock tells whether the time of day can be believed, before something is removed for its age: one that jumps ahead
// would remove all. It is believed again once it has gone steadily for a while.
type clock struct {
	start  time.Time     // of the process, monotonic
	offset time.Duration // of the time of day from then on
	since  time.Duration // after start: when that offset was first seen
	known  bool
}

const (
	clockSlack  = time.Minute
	clockSteady = time.Hour
	clockNear   = 24 * time.Hour // so long after the newest record a clock is believed at once
)

// vouch believes a clock that goes on where the log ended.
func (c *clock) vouch(now time.Time, newest int64) {
	if since := now.Sub(time.UnixMicro(newest)); since >= 0 && since < clockNear {
		c.trusted(now)
		c.since = -clockSteady
	}
}

// trusted gives the time of day, and whether it is one to act by.
func (c *clock) trusted(now time.Time) (time.Time, bool) {
	if c.start.IsZero() {
		c.start = time.Now()
	}
	run := time.Since(c.start)
	offset := now.Sub(time.Unix(0, 0)) - run
	if jump := offset - c.offset; !c.known || math.Abs(float64(jump)) > float64(clockSlack) {
		c.offset, c.since, c.known = offset, run, true
	}
	return now, run-c.since >= clockSteady
}
