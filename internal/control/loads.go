package control

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/store"
	"postern/internal/wire"
)

// loadFresh is how long what a connector told of its load counts.
const loadFresh = 3 * time.Minute

// loads are what connectors told last of what they use. A connector tells it one replica at a time; each writes what it was told, and
// reads what the others were.
type loads struct {
	mu   sync.Mutex // guards both
	told map[access.ID]toldLoad
	news map[access.ID]store.ConnectorState // to be written
}

type toldLoad struct {
	wire.Load
	at time.Time
}

// keep takes what a connector told of its load, and of an examination that was not written yet.
func (l *loads) keep(id access.ID, load *wire.Load, d *wire.Diagnosis, now time.Time) {
	if load == nil && d == nil {
		return // an older connector
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.news == nil {
		l.told, l.news = map[access.ID]toldLoad{}, map[access.ID]store.ConnectorState{}
	}
	state := l.news[id]
	state.ID, state.Told = id, now
	if load != nil {
		l.told[id] = toldLoad{boundedLoad(*load), now}
		state.Load = encoded(l.told[id].Load)
	}
	if d != nil {
		state.Diagnosis = encoded(*d)
	}
	l.news[id] = state
}

// boundedLoad keeps of what a connector says what can be so.
func boundedLoad(told wire.Load) wire.Load {
	load := wire.Load{Window: min(max(0, told.Window), wire.LoadWindow)}
	good := func(v float64) bool { return v >= 0 && v < atMost } // not: what is no number
	for _, r := range told.Resources[:min(len(told.Resources), 2*len(shares()))] {
		_, known := shares()[r.Name]
		if known && good(r.Limit) && r.Limit > 0 && good(r.Used) && good(r.Sustained) {
			load.Resources = append(load.Resources, r)
		}
	}
	return load
}

// of gives what a connector told of its load, while that counts.
func (l *loads) of(id access.ID, now time.Time) *wire.Load {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.told[id]; ok && now.Sub(t.at).Abs() <= loadFresh {
		return &t.Load
	}
	return nil
}

// take gives what is to be written.
func (l *loads) take() []store.ConnectorState {
	l.mu.Lock()
	defer l.mu.Unlock()
	states := make([]store.ConnectorState, 0, len(l.news))
	for _, s := range l.news {
		states = append(states, s)
	}
	l.news = map[access.ID]store.ConnectorState{}
	if l.told == nil {
		l.told = map[access.ID]toldLoad{}
	}
	return states
}

// back puts what could not be written before what came meanwhile.
func (l *loads) back(failed []store.ConnectorState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, old := range failed {
		now, known := l.news[old.ID]
		if !known {
			now = old
		}
		if now.Diagnosis == "" {
			now.Diagnosis = old.Diagnosis
		}
		l.news[old.ID] = now
	}
}

// readStates takes what connectors told other replicas since a time, or this one before it started anew.
func (c *Control) readStates(ctx context.Context, since time.Time) {
	within, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	var states []store.ConnectorState
	err := c.store.Read(within, func(tx *store.Tx) (err error) {
		states, err = tx.ConnectorStates(within, since)
		return err
	})
	if err != nil {
		return // it is said elsewhere that the database is away
	}
	for i := range states {
		c.takeState(&states[i])
	}
}

// takeState takes what is newer than what this replica was told itself.
func (c *Control) takeState(s *store.ConnectorState) {
	if d, err := wire.Decode[wire.Diagnosis]([]byte(s.Diagnosis)); s.Diagnosis != "" && err == nil {
		if own, ok := c.examined.of(s.ID); !ok || own.Time.Before(d.Time) {
			c.examined.keep(c.current(), s.ID, &d)
		}
	}
	var load wire.Load
	if s.Load == "" || json.Unmarshal([]byte(s.Load), &load) != nil {
		return
	}
	l := &c.loads
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil {
		l.told, l.news = map[access.ID]toldLoad{}, map[access.ID]store.ConnectorState{}
	}
	if l.told[s.ID].at.Before(s.Told) {
		l.told[s.ID] = toldLoad{boundedLoad(load), s.Told}
	}
}

// forget drops connectors that are no more.
func (l *loads) forget(snap *access.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.told {
		if _, known := snap.Connector(id); !known {
			delete(l.told, id)
			delete(l.news, id)
		}
	}
}

// percent gives a share in words' way.
func percent(share float64) int { return int(math.Round(min(share, 100) * 100)) }

// resourceOf gives one resource of a load.
func resourceOf(load *wire.Load, name string) (wire.Resource, bool) {
	i := slices.IndexFunc(load.Resources, func(r wire.Resource) bool { return r.Name == name })
	if i < 0 {
		return wire.Resource{}, false
	}
	return load.Resources[i], true
}
