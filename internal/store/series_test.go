package store_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/store"
)

func seriesAreKept(t *testing.T, k *kit) {
	const span, long = 20 * time.Minute, 4 * time.Hour
	appended := func(chunks ...store.SeriesChunk) {
		t.Helper()
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.AppendSeries(ctx, chunks) })
	}
	read := func(from, to time.Time, subjects ...string) (list []store.SeriesChunk) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			list, err = tx.Series(ctx, subjects, from, to)
			return err
		})
		return list
	}
	start := at(0)
	first := store.SeriesChunk{Subject: "con_1", Span: span, Start: start, Data: "a."}
	second := store.SeriesChunk{Subject: "con_1", Span: span, Start: start.Add(span), Data: "b."}
	other := store.SeriesChunk{Subject: store.SeriesService, Span: long, Start: start, Data: "c."}
	appended(first, second, first, other)
	appended(store.SeriesChunk{Subject: "con_1", Span: span, Start: start, Data: "d."})
	first.Data = "a.a.d."
	if diff := cmp.Diff([]store.SeriesChunk{first, second, other}, read(start, start.Add(time.Hour), "con_1", store.SeriesService)); diff != "" {
		t.Errorf("all of it (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]store.SeriesChunk{second}, read(start.Add(span), start.Add(span+time.Second), "con_1", "con_2")); diff != "" {
		t.Errorf("a part (-want +got):\n%s", diff)
	}
	if list := read(start.Add(-time.Hour), start, "con_1"); len(list) > 0 {
		t.Errorf("before there was anything: %v", list)
	}

	appended(store.SeriesChunk{Subject: "con_3", Span: span, Start: start, Data: strings.Repeat("x", 64<<10)})
	appended(store.SeriesChunk{Subject: "con_3", Span: span, Start: start, Data: "y."})
	if list := read(start, start.Add(span), "con_3"); len(list) != 1 || len(list[0].Data) != 64<<10 {
		t.Error("a chunk grew without end")
	}

	var taken []store.SeriesChunk
	k.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		taken, err = tx.TakeSeries(ctx, span, start.Add(span), 1)
		return err
	})
	if diff := cmp.Diff([]store.SeriesChunk{first}, taken); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	var trimmed int64
	k.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		trimmed, err = tx.TrimSeries(ctx, span, start.Add(time.Hour), 100)
		return err
	})
	if left := read(start, start.Add(time.Hour), "con_1", "con_3", store.SeriesService); trimmed != 2 || len(left) != 1 {
		t.Errorf("trimmed %d, left %v", trimmed, left)
	}
}

func connectorStatesAreKept(t *testing.T, k *kit) {
	w := k.settle(t)
	save := func(states ...store.ConnectorState) {
		t.Helper()
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.SaveConnectorStates(ctx, states) })
	}
	want := func(what string, since time.Time, want ...store.ConnectorState) {
		t.Helper()
		var got []store.ConnectorState
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			got, err = tx.ConnectorStates(ctx, since)
			return err
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	id := w.connector.ID
	save(store.ConnectorState{ID: id, Told: at(10), Load: "{}", Diagnosis: `{"a":1}`}, store.ConnectorState{ID: "con_gone", Told: at(10), Load: "{}"})
	want("told", at(0), store.ConnectorState{ID: id, Told: at(10), Load: "{}", Diagnosis: `{"a":1}`})
	save(store.ConnectorState{ID: id, Told: at(12), Load: `{"b":1}`})
	save(store.ConnectorState{ID: id, Told: at(11), Load: "{}", Diagnosis: "{}"}) // another replica's, late
	want("news", at(12), store.ConnectorState{ID: id, Told: at(12), Load: `{"b":1}`, Diagnosis: `{"a":1}`})
	want("older", at(13))
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteConnector(ctx, id, 0) })
	want("of a connector that is deleted", at(0))
}

// activeUsersAreCounted once each, however many sessions they use.
func activeUsersAreCounted(t *testing.T, k *kit) {
	w := k.settle(t)
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for i := range 3 {
			s := access.Session{ID: access.ID(fmt.Sprintf("ses_%d", i)), Kind: access.SessionPortal, User: w.user.ID, Hash: bytes.Repeat([]byte{byte(i)}, 32), LastUsed: at(48 + i), Expires: at(59)}
			if err := tx.InsertSession(ctx, &s); err != nil {
				return err
			}
		}
		return nil
	})
	for since, want := range map[time.Time]int64{at(49): 1, at(51): 0} {
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.ActiveUsers(ctx, since)
			if err == nil && n != want {
				err = fmt.Errorf("%d users since %s, want %d", n, since, want)
			}
			return err
		})
	}
}

// backupsHoldNoMeasurements: they come by themselves, and would be most of it.
func backupsHoldNoMeasurements(t *testing.T, k *kit) {
	w := k.settle(t)
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(tx.AppendSeries(ctx, []store.SeriesChunk{{Subject: "con_1", Span: time.Minute, Start: at(0), Data: "a."}}),
			tx.SaveConnectorStates(ctx, []store.ConnectorState{{ID: w.connector.ID, Told: at(10), Load: "{}"}}))
	})
	var out bytes.Buffer
	summary, err := k.Backup(t.Context(), &out)
	if err != nil || summary.Rows["series"] != 0 || summary.Rows["connector_states"] != 0 || summary.Rows["connectors"] == 0 {
		t.Errorf("%v, %v", summary.Rows, err)
	}
}
