package store

import (
	"context"
	"time"

	"postern/internal/access"
)

// trafficSeen is how long what a gateway said of its exports counts as failing after it was last heard of.
const trafficSeen = time.Hour

// startTraffic lets a destination begin with the traffic of all gateways. One that has begun is left where it is.
func (t *Tx) startTraffic(ctx context.Context, id access.ID, since time.Time) error {
	_, err := t.exec(ctx, "INSERT INTO traffic_starts (export_id, since) VALUES ($1, $2) ON CONFLICT (export_id) DO NOTHING", string(id), micros(since))
	return err
}

// stopTraffic removes the start first: who saves a place holds it, and was waited for then.
func (t *Tx) stopTraffic(ctx context.Context, id access.ID) error {
	for _, query := range []string{"DELETE FROM traffic_starts WHERE export_id = $1", "DELETE FROM traffic_cursors WHERE export_id = $1"} {
		if _, err := t.exec(ctx, query, string(id)); err != nil {
			return err
		}
	}
	return nil
}

// TrafficStart says since when a destination is sent traffic; zero: from the beginning. It is not, if that is not found.
func (t *Tx) TrafficStart(ctx context.Context, id access.ID) (time.Time, error) {
	var since int64
	err := t.row(ctx, "the export is sent no traffic", "SELECT since FROM traffic_starts WHERE export_id = $1", []any{string(id)}, &since)
	return moment(since), err
}

const trafficCursorColumns = "export_id, log_id, gateway, seq, sent, missed, waiting, error, failing"

// trafficCursor is a row.
type trafficCursor struct {
	export access.ID
	access.ExportState
}

func scanTrafficCursor(row scanner, c *trafficCursor) error {
	var sent, failing int64
	err := row.Scan(&c.export, &c.Log, &c.Gateway, &c.Seq, &sent, &c.Missed, &c.Waiting, &c.Error, &failing)
	c.Stream, c.Sent, c.Failing = access.StreamTraffic, moment(sent), moment(failing)
	return err
}

// TrafficCursor says how far a destination is with a traffic log; false if it has not begun.
func (t *Tx) TrafficCursor(ctx context.Context, id access.ID, log string) (access.ExportState, bool, error) {
	list, err := rows(ctx, t, scanTrafficCursor, "SELECT "+trafficCursorColumns+" FROM traffic_cursors WHERE export_id = $1 AND log_id = $2", string(id), log)
	if err != nil || len(list) == 0 {
		return access.ExportState{}, false, err
	}
	return list[0].ExportState, true, nil
}

// SaveTrafficCursor says how far a destination is with a traffic log. The place never goes back. Nothing is saved of a destination that is
// sent no traffic any more.
func (t *Tx) SaveTrafficCursor(ctx context.Context, id access.ID, s access.ExportState, now time.Time) error {
	n, err := t.exec(ctx, "UPDATE traffic_starts SET since = since WHERE export_id = $1", string(id)) // nobody stops it before this is committed
	if err != nil || n == 0 {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO traffic_cursors (export_id, log_id, gateway, seq, sent, missed, waiting, error, failing, seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (export_id, log_id) DO UPDATE SET gateway = excluded.gateway, sent = excluded.sent, missed = excluded.missed,
			waiting = excluded.waiting, error = excluded.error, failing = excluded.failing, seen = excluded.seen,
			seq = CASE WHEN excluded.seq > traffic_cursors.seq THEN excluded.seq ELSE traffic_cursors.seq END`,
		string(id), s.Log, s.Gateway, int64(s.Seq), micros(s.Sent), int64(s.Missed), s.Waiting, s.Error, micros(s.Failing), micros(now))
	return err
}

// trafficStates adds how far destinations are with each traffic log.
func (t *Tx) trafficStates(ctx context.Context, only access.ID, states map[access.ID][]access.ExportState) error {
	list, err := rows(ctx, t, scanTrafficCursor, "SELECT "+trafficCursorColumns+` FROM traffic_cursors WHERE CAST($1 AS TEXT) = '' OR export_id = $1
		ORDER BY export_id, gateway, log_id`, string(only))
	for _, c := range list {
		states[c.export] = append(states[c.export], c.ExportState)
	}
	return err
}

// DeleteLostTrafficCursors forgets logs of which no gateway was heard for long.
func (t *Tx) DeleteLostTrafficCursors(ctx context.Context, before time.Time) (int64, error) {
	return t.exec(ctx, "DELETE FROM traffic_cursors WHERE seen < $1", micros(before))
}
