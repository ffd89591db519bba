package service

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"postern/internal/access"
	"postern/internal/wire"
)

const (
	sessionQueue = 8192        // transactions that wait to be sent
	sessionEvery = time.Second // how often they are sent
	sessionTime  = 5 * time.Second
	sessionBatch = 40 // transactions in one message, each of at most about 1 KiB: it must fit into wire.MaxAsk
	sessionLive  = 16 // connectors that are told at once
)

// sessionLogs tells connectors whose Session log is on what they carried. Nobody waits for it: what has no room is counted.
type sessionLogs struct {
	on      func(connector access.ID) bool
	ask     func(ctx context.Context, connector access.ID, question string, body []byte) ([]byte, error)
	log     *slog.Logger
	queue   chan wire.Record
	dropped atomic.Uint64
}

func newSessionLogs(s *Service) *sessionLogs {
	return &sessionLogs{
		on:  func(id access.ID) bool { return s.control.SessionLogged(id, time.Now()) },
		ask: s.ask, log: s.log, queue: make(chan wire.Record, sessionQueue),
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
	if len(batches) == 0 {
		return
	}
	missed := l.dropped.Swap(0)
	ctx, cancel := context.WithTimeout(ctx, sessionTime)
	defer cancel()
	places := make(chan struct{}, sessionLive)
	for id, all := range batches {
		places <- struct{}{}
		go func() { // send waits for it: it takes every place at its end
			defer func() { <-places }()
			l.tell(ctx, id, all, missed)
		}()
	}
	for range sessionLive {
		places <- struct{}{}
	}
}

func (l *sessionLogs) tell(ctx context.Context, id access.ID, all []wire.Record, missed uint64) {
	for len(all) > 0 {
		n := min(len(all), sessionBatch)
		if _, err := l.ask(ctx, id, wire.QuestionRecords, wire.Encode(wire.Records{Records: all[:n], Missed: missed})); err != nil {
			l.dropped.Add(uint64(len(all)) + missed)
			l.log.Debug("session log not sent", "connector", id, "transactions", len(all), "error", err)
			return
		}
		all, missed = all[n:], 0
	}
}
