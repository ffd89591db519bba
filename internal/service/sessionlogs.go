package service

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/wire"
)

const (
	sessionQueue = 8192        // transactions that wait to be sent
	sessionEvery = time.Second // how often they are sent
	sessionTime  = 5 * time.Second
	sessionBatch = wire.MaxAsk / 2 // bytes of transactions in one message, which has more around them
	sessionLive  = 16              // connectors that are told at once
)

// sessionLogs tells connectors whose Session log is on what they carried. Nobody waits for it: what has no room is counted.
type sessionLogs struct {
	on      func(connector access.ID) bool
	ask     func(ctx context.Context, connector access.ID, question string, body []byte) ([]byte, error)
	log     *slog.Logger
	queue   chan wire.Record
	dropped atomic.Uint64 // that had no room

	mu     sync.Mutex           // guards missed
	missed map[access.ID]uint64 // that a connector is yet to be told of
}

func newSessionLogs(s *Service) *sessionLogs {
	return &sessionLogs{
		on:  func(id access.ID) bool { return s.control.SessionLogged(id, time.Now()) },
		ask: s.ask, log: s.log, queue: make(chan wire.Record, sessionQueue), missed: map[access.ID]uint64{},
	}
}

// Record takes a transaction, if its connector is to have it.
func (l *sessionLogs) Record(r wire.Record) {
	if r.Connector == "" || !l.on(access.ID(r.Connector)) {
		return
	}
	r.Session, r.UserAgent, r.Reports = "", "", nil // the connector has no use for them
	r.Path, r.Host = clipped(r.Path, 300), clipped(r.Host, 255)
	select {
	case l.queue <- r:
	default:
		l.dropped.Add(1)
	}
}

func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// run sends what there is until ctx ends, and then what is left.
func (l *sessionLogs) run(ctx context.Context) {
	tick := time.NewTicker(sessionEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.send(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			l.send(ctx)
		}
	}
}

// send tells every connector what is there for it, several at once: one that does not answer holds up nobody for long.
func (l *sessionLogs) send(ctx context.Context) {
	batches := map[access.ID][]wire.Record{}
	for range len(l.queue) {
		r := <-l.queue
		batches[access.ID(r.Connector)] = append(batches[access.ID(r.Connector)], r)
	}
	dropped := l.dropped.Swap(0)
	l.mu.Lock()
	for id := range l.missed {
		if !l.on(id) {
			delete(l.missed, id)
		}
	}
	for id := range batches {
		l.missed[id] += dropped // whose they were is not known
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, sessionTime)
	defer cancel()
	places := make(chan struct{}, sessionLive)
	for id, all := range batches {
		places <- struct{}{}
		go func() { // send waits for it: it takes every place at its end
			defer func() { <-places }()
			l.tell(ctx, id, all)
		}()
	}
	for range sessionLive {
		places <- struct{}{}
	}
}

// tell sends transactions in messages that fit. One that a connector does not take is missing there, and told; the next is sent.
func (l *sessionLogs) tell(ctx context.Context, id access.ID, all []wire.Record) {
	for len(all) > 0 {
		n, missed := fitting(all), l.takeMissed(id)
		if _, err := l.ask(ctx, id, wire.QuestionRecords, wire.Encode(wire.Records{Records: all[:n], Missed: missed})); err != nil {
			l.mu.Lock()
			l.missed[id] += missed + uint64(n)
			l.mu.Unlock()
			l.log.Debug("session log not sent", "connector", id, "transactions", n, "error", err)
		}
		all = all[n:]
	}
}

// fitting tells how many transactions go into one message: their paths are their clients', and may take six bytes for one.
func fitting(all []wire.Record) int {
	size := 0
	for n := range all {
		if size += len(wire.Encode(all[n])); n > 0 && size > sessionBatch {
			return n
		}
	}
	return len(all)
}

func (l *sessionLogs) takeMissed(id access.ID) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.missed[id]
	delete(l.missed, id)
	return n
}
