package service

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"postern/internal/access"
	"postern/internal/wire"
)

// TestSessionLogsOfOddPaths: what a client writes into its paths does not keep the transactions of others out of the log, and a
// connector that takes nothing is told how many it missed, alone and once.
func TestSessionLogsOfOddPaths(t *testing.T) {
	var mu sync.Mutex
	got, missed, away := map[access.ID]int{}, map[access.ID]uint64{}, true
	l := &sessionLogs{
		on: func(access.ID) bool { return true }, log: slog.New(slog.DiscardHandler), queue: make(chan wire.Record, 1000), missed: map[access.ID]uint64{},
		ask: func(_ context.Context, id access.ID, _ string, body []byte) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			if len(body) > wire.MaxAsk {
				t.Errorf("a message of %d bytes", len(body))
			}
			if id == "con_away" && away {
				return nil, errors.New("there is no tunnel")
			}
			records, err := wire.Decode[wire.Records](body)
			got[id] += len(records.Records)
			missed[id] += records.Missed
			return nil, err
		},
	}
	for range 200 {
		for _, id := range []string{"con_here", "con_away"} {
			l.Record(wire.Record{Connector: id, Path: "/" + strings.Repeat("&", 1000)})
		}
	}
	l.send(t.Context())
	away = false
	for range 3 {
		l.Record(wire.Record{Connector: "con_away"})
		l.Record(wire.Record{Connector: "con_here"})
		l.send(t.Context())
	}
	if got["con_here"] != 203 || missed["con_here"] != 0 || got["con_away"] != 3 || missed["con_away"] != 200 {
		t.Error(got, missed)
	}
}
