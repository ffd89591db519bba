// Package journal keeps a connector's logs: the Admin log of key events, the Session log of every transaction while it is
// switched on, and for a while in memory all that the program says.
//
// Whoever logs never waits for a disk, a network or a reader: what has no room is left out and counted. Secrets are hidden as in
// the program's own log.
package journal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/daemon"
	"postern/internal/wire"
)

const (
	kept      = 2000    // entries of each log in memory
	keptBytes = 1 << 20 // of each log, about
	queued    = 1024    // entries that wait for an output
	mostWait  = 20 * time.Second
	mostPage  = 500
	pageBytes = 48 << 10 // of an answer: it must fit into wire.MaxAsk
	flushTime = 3 * time.Second
)

// An Output is where entries of a log go. Write may take its time, within bounds.
type Output interface {
	Write(wire.LogEntry) error
	Close() error
}

// Config holds what a Journal needs. Its zero value keeps everything in memory only.
type Config struct {
	Admin   []Output         // of key events
	Session []Output         // of transactions
	Now     func() time.Time // optional; time.Now if nil
}

// Journal keeps the logs of one process.
type Journal struct {
	cfg       Config
	instance  string
	events    map[string]string // id by message
	logs      map[string]*memory
	debugging atomic.Bool
	outputs   map[string]*outlet // by log
}

// New makes a Journal; Close ends what it started.
func New(cfg Config) *Journal {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	j := &Journal{cfg: cfg, instance: rand.Text(), events: map[string]string{}, logs: map[string]*memory{}, outputs: map[string]*outlet{}}
	for _, e := range Events() {
		j.events[e.Message] = e.ID
	}
	for _, name := range wire.Logs() {
		j.logs[name] = &memory{changed: make(chan struct{})}
	}
	j.outputs[wire.LogAdmin] = newOutlet(cfg.Admin)
	j.outputs[wire.LogSession] = newOutlet(cfg.Session)
	return j
}

// Close writes what waits, within some seconds, and closes the outputs.
func (j *Journal) Close() error {
	return errors.Join(j.outputs[wire.LogAdmin].close(), j.outputs[wire.LogSession].close())
}

// Problem says why an output does not take entries; empty: they do.
func (j *Journal) Problem() string {
	for _, name := range []string{wire.LogAdmin, wire.LogSession} {
		if p := j.outputs[name].problem.Load(); p != nil && *p != "" {
			return fmt.Sprintf("the %s log cannot be written: %s", name, *p)
		}
	}
	return ""
}

// Dropped gives how many entries of the logs had no room.
func (j *Journal) Dropped() uint64 {
	return j.outputs[wire.LogAdmin].dropped.Load() + j.outputs[wire.LogSession].dropped.Load()
}

// Debug has everything logged, whatever level the program has, or not any more. It tells how it was before.
func (j *Journal) Debug(on bool) (was bool) { return j.debugging.Swap(on) }

// Transaction adds an entry to the Session log.
func (j *Journal) Transaction(r wire.Record) {
	severity := "info"
	if r.Outcome == wire.OutcomeFailed || !r.Complete {
		severity = "warn"
	}
	r.Session, r.UserAgent = "", "" // the one is as good as a name for a secret, the other is the traffic log's
	e := wire.LogEntry{Time: r.End().UTC(), Severity: severity, Message: "transaction", Transaction: &r}
	j.logs[wire.LogSession].add(e)
	j.outputs[wire.LogSession].put(e)
}

func (j *Journal) note(e wire.LogEntry) {
	j.logs[wire.LogProgram].add(e)
	if e.Event != "" {
		j.logs[wire.LogAdmin].add(e)
		j.outputs[wire.LogAdmin].put(e)
	}
}

// Read gives a part of a log, waiting for it if asked to.
func (j *Journal) Read(ctx context.Context, ask wire.AskLog) wire.LogPage {
	if ask.Instance != "" && ask.Instance != j.instance {
		ask.After = 0 // of the process before
	}
	m := j.logs[ask.Log]
	if m == nil {
		return wire.LogPage{Instance: j.instance, Entries: []wire.LogEntry{}}
	}
	if ask.Limit <= 0 || ask.Limit > mostPage {
		ask.Limit = mostPage
	}
	wait := time.NewTimer(min(max(ask.Wait, 0), mostWait))
	defer wait.Stop()
	for {
		page, changed := m.read(ask.After, ask.Limit)
		page.Instance = j.instance
		if len(page.Entries) > 0 || ask.Wait <= 0 {
			return page
		}
		select {
		case <-changed:
		case <-wait.C:
			return page
		case <-ctx.Done():
			return page
		}
	}
}

// memory holds the last entries of a log.
type memory struct {
	mu      sync.Mutex // guards the fields below
	entries []wire.LogEntry
	sizes   []int
	bytes   int
	last    uint64        // the place of the last entry
	changed chan struct{} // closed and replaced with every entry
}

func (m *memory) add(e wire.LogEntry) {
	size := len(e.Message) + 64
	for _, f := range e.Fields {
		size += len(f.Name) + len(f.Value)
	}
	if e.Transaction != nil {
		size += 1024
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries, m.sizes, m.bytes = append(m.entries, e), append(m.sizes, size), m.bytes+size
	for len(m.entries) > kept || m.bytes > keptBytes {
		m.bytes -= m.sizes[0]
		m.entries[0] = wire.LogEntry{} // the array behind holds nothing on
		m.entries, m.sizes = m.entries[1:], m.sizes[1:]
	}
	m.last++
	close(m.changed)
	m.changed = make(chan struct{})
}

// read gives what came after a place, or, from the beginning, the newest of it.
func (m *memory) read(after uint64, limit int) (wire.LogPage, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	page := wire.LogPage{Next: m.last, Entries: []wire.LogEntry{}}
	if after > m.last {
		after = 0
	}
	first := m.last - uint64(len(m.entries)) // the place before the oldest
	fresh := m.entries
	if after > first {
		fresh = m.entries[after-first:]
	} else if after > 0 {
		page.Missed = first - after
	}
	if over := len(fresh) - limit; over > 0 {
		if after > 0 {
			page.Missed += uint64(over)
		}
		fresh = fresh[over:]
	}
	size := 0
	for i, e := range slices.Backward(fresh) { // the newest count most
		data, err := json.Marshal(e)
		if size += len(data); err != nil || size > pageBytes {
			if after > 0 {
				page.Missed += uint64(i + 1)
			}
			fresh = fresh[i+1:]
			break
		}
	}
	page.Entries = append(page.Entries, fresh...)
	return page, m.changed
}

// Handler gives a handler that passes everything on to next and keeps it here.
func (j *Journal) Handler(next slog.Handler) slog.Handler { return &handler{j: j, next: next} }

type handler struct {
	j      *Journal
	next   slog.Handler
	groups []string
	fields []wire.LogPair // of With
}

// Enabled tells whether somebody wants to know.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.j.debugging.Load() || h.next.Enabled(ctx, level)
}

// Handle keeps the record and passes it on; a key event has its id in it.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	e := wire.LogEntry{Time: r.Time.UTC(), Severity: severity(r.Level), Event: h.j.events[r.Message], Message: clip(r.Message), Fields: slices.Clone(h.fields)}
	r.Attrs(func(a slog.Attr) bool {
		e.Fields = appendPairs(e.Fields, h.groups, a)
		return true
	})
	h.j.note(e)
	if e.Event != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("event", e.Event))
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs gives a handler that adds attributes to every record.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	other := *h
	other.next = h.next.WithAttrs(attrs)
	other.fields = slices.Clone(h.fields)
	for _, a := range attrs {
		other.fields = appendPairs(other.fields, h.groups, a)
	}
	return &other
}

// WithGroup gives a handler that puts the attributes of every record into a group.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	other := *h
	other.next = h.next.WithGroup(name)
	other.groups = append(slices.Clone(h.groups), name)
	return &other
}

// appendPairs adds an attribute in words, without what nobody shall read.
func appendPairs(to []wire.LogPair, groups []string, a slog.Attr) []wire.LogPair {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			groups = append(slices.Clone(groups), a.Key)
		}
		for _, inner := range value.Group() {
			to = appendPairs(to, groups, inner)
		}
		return to
	}
	if a.Key == "" {
		return to
	}
	hidden := daemon.Redact(groups, slog.Attr{Key: a.Key, Value: value})
	name := a.Key
	for _, g := range slices.Backward(groups) {
		name = g + "." + name
	}
	return append(to, wire.LogPair{Name: name, Value: clip(hidden.Value.String())})
}

func clip(s string) string {
	const most = 2048
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

func severity(level slog.Level) string {
	switch {
	case level < slog.LevelInfo:
		return "debug"
	case level < slog.LevelWarn:
		return "info"
	case level < slog.LevelError:
		return "warn"
	}
	return "error"
}
