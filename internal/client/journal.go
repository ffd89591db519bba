package client

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const defaultKept = 1000 // records

// Record is a line of the log.
type Record struct {
	Number  uint64    `json:"number"` // counts up from 1 in a process's life
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
	Fields  []Field   `json:"fields,omitempty"`
}

// Field is a fact of a record.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Journal keeps the last records of the log in memory.
type Journal struct {
	mu      sync.Mutex // guards the fields below
	records []Record   // a ring, the next one to be replaced at number % len
	number  uint64
	changed chan struct{} // closed and replaced with each record
}

// NewJournal gives a journal of that many records, 1000 if n is 0.
func NewJournal(n int) *Journal {
	if n <= 0 {
		n = defaultKept
	}
	return &Journal{records: make([]Record, n), changed: make(chan struct{})}
}

func (j *Journal) add(r Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.number++
	r.Number = j.number
	j.records[j.number%uint64(len(j.records))] = r
	close(j.changed)
	j.changed = make(chan struct{})
}

// After gives the records that are kept after a number, at most so many of the newest, and what is closed when there are more.
func (j *Journal) After(number uint64, most int) ([]Record, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := min(j.number, uint64(len(j.records)), uint64(max(most, 0)))
	var list []Record
	for n := max(number, j.number-kept) + 1; n <= j.number; n++ {
		list = append(list, j.records[n%uint64(len(j.records))])
	}
	return list, j.changed
}

// Handler keeps what another handler logs, too, and hides what that one would hide.
func (j *Journal) Handler(next slog.Handler, hide func(groups []string, a slog.Attr) slog.Attr) slog.Handler {
	return &keeping{journal: j, next: next, hide: hide}
}

type keeping struct {
	journal *Journal
	next    slog.Handler
	hide    func(groups []string, a slog.Attr) slog.Attr
	fields  []Field
	groups  []string
}

func (h *keeping) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.next.Enabled(ctx, level)
}

func (h *keeping) Handle(ctx context.Context, r slog.Record) error {
	kept := Record{Time: r.Time, Level: r.Level.String(), Message: r.Message, Fields: append([]Field(nil), h.fields...)}
	r.Attrs(func(a slog.Attr) bool {
		kept.Fields = append(kept.Fields, h.field(a))
		return true
	})
	h.journal.add(kept)
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

func (h *keeping) field(a slog.Attr) Field {
	a.Value = a.Value.Resolve()
	if h.hide != nil {
		a = h.hide(h.groups, a)
	}
	return Field{a.Key, a.Value.String()}
}

func (h *keeping) WithAttrs(attrs []slog.Attr) slog.Handler {
	one := *h
	one.next = h.next.WithAttrs(attrs)
	one.fields = append([]Field(nil), h.fields...)
	for _, a := range attrs {
		one.fields = append(one.fields, h.field(a))
	}
	return &one
}

func (h *keeping) WithGroup(name string) slog.Handler {
	one := *h
	one.next = h.next.WithGroup(name)
	one.groups = append(append([]string(nil), h.groups...), name)
	return &one
}
