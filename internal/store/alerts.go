package store

import (
	"context"
	"time"

	"postern/internal/access"
)

const alertColumns = "id, seq, code, severity, object, sentence, cure, opened, resolved"

func scanAlert(row scanner, a *access.Alert) error {
	var opened, resolved int64
	err := row.Scan(&a.ID, &a.Seq, &a.Code, &a.Severity, &a.Object, &a.Sentence, &a.Cure, &opened, &resolved)
	a.Opened, a.Resolved = moment(opened), moment(resolved)
	return err
}

// OpenAlerts gives the alerts of what is so still, the oldest first.
func (t *Tx) OpenAlerts(ctx context.Context) ([]access.Alert, error) {
	return rows(ctx, t, scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE resolved = 0 ORDER BY opened, id")
}

// Alerts gives a page of the alerts, the newest first, and the cursor of the next page. Page.Only may ask for the state: open or resolved.
func (t *Tx) Alerts(ctx context.Context, p access.Page) ([]access.Alert, string, error) {
	at, id, err := parseCursor(p.After)
	if err != nil {
		return nil, "", err
	}
	limit := pageLimit(p.Limit)
	w := conditions{args: []any{limit + 1}}
	if p.After != "" {
		w.add("(opened, id) < ($%d, $%d)", at, id)
	}
	if state, given := p.Only["state"]; given {
		w.add("(resolved = 0) = ($%d > 0)", flag(state == "open"))
	}
	list, err := rows(ctx, t, scanAlert, "SELECT "+alertColumns+" FROM alerts"+w.text()+" ORDER BY opened DESC, id DESC LIMIT $1", w.args...)
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	last := list[limit-1]
	return list[:limit], makeCursor(micros(last.Opened), string(last.ID)), nil
}

// AlertsAfter gives the alerts with news behind a number, in the order of the news.
func (t *Tx) AlertsAfter(ctx context.Context, after uint64, limit int) ([]access.Alert, error) {
	return rows(ctx, t, scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE seq > $1 ORDER BY seq LIMIT $2", int64(after), limit)
}

// PutAlert stores an alert, new or with news, under the next number.
func (t *Tx) PutAlert(ctx context.Context, a *access.Alert) error {
	err := t.row(ctx, "the alerts have no numbers", "UPDATE alert_numbers SET seq = seq + 1 WHERE id = 'last' RETURNING seq", nil, &a.Seq)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "INSERT INTO alerts ("+alertColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, severity = excluded.severity, sentence = excluded.sentence, cure = excluded.cure, resolved = excluded.resolved`,
		string(a.ID), int64(a.Seq), a.Code, a.Severity, string(a.Object), a.Sentence, a.Cure, micros(a.Opened), micros(a.Resolved))
	return err
}

// TrimAlerts removes at most limit alerts that were over before a time.
func (t *Tx) TrimAlerts(ctx context.Context, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE resolved > 0 AND resolved < $1 ORDER BY resolved, id LIMIT $2)", micros(before), limit)
}

// cursorsOf gives the table that says how far destinations are with a stream.
func cursorsOf(stream access.ExportStream) string {
	if stream == access.StreamAlerts {
		return "alert_cursors"
	}
	return "export_cursors"
}
