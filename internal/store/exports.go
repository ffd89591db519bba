package store

import (
	"context"
	"errors"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

var exports = table[access.Export]{
	name:    "exports",
	what:    "export",
	columns: []string{"name", "name_key", "kind", "disabled", "streams", "url", "as_array", "ca", "allow_private", "allow_loopback", "mail_from", "mail_to", "mail_user"},
	apart:   []string{"sealed <> ''"},
	filters: map[string]condition{
		"disabled": isTrue("disabled"), "kind": equal("kind"),
		"stream": listed("streams"),
		"failing": func(value string) (string, any) {
			return "(id IN (SELECT export_id FROM export_cursors WHERE failing > 0 UNION SELECT export_id FROM alert_cursors WHERE failing > 0 UNION SELECT export_id FROM traffic_cursors WHERE failing > 0)) = (%s = 1)", flag(value == "true")
		},
	},
	search: "name_key",
	sorted: "name_key",
	meta:   func(e *access.Export) *access.Meta { return &e.Meta },
	values: func(e *access.Export) []any {
		return []any{e.Name, folded(e.Name), string(e.Kind), flag(e.Disabled), jsonList(e.Streams), e.URL, flag(e.Array), e.CA,
			flag(e.AllowPrivate), flag(e.AllowLoopback), e.From, jsonList(e.To), e.User}
	},
	into: func(e *access.Export) ([]any, func() error) {
		var unused, streams, to string
		return []any{&e.Name, &unused, &e.Kind, &e.Disabled, &streams, &e.URL, &e.Array, &e.CA, &e.AllowPrivate, &e.AllowLoopback,
				&e.From, &to, &e.User, &e.HasSecret},
			func() error { return errors.Join(readList(streams, &e.Streams), readList(to, &e.To)) }
	},
}

// Export gives a destination, without its secret.
func (t *Tx) Export(ctx context.Context, id access.ID) (access.Export, error) {
	return exports.one(ctx, t, "id", string(id))
}

// Exports gives a page of the destinations and the cursor of the next one.
func (t *Tx) Exports(ctx context.Context, p access.Page) ([]access.Export, string, error) {
	return exports.page(ctx, t, p)
}

// AllExports gives every destination, the oldest first.
func (t *Tx) AllExports(ctx context.Context) ([]access.Export, error) { return exports.all(ctx, t) }

// InsertExport stores a new destination, without a secret.
func (t *Tx) InsertExport(ctx context.Context, e *access.Export) error {
	return exports.insert(ctx, t, e)
}

// UpdateExport stores a destination that is still at the version it was read at. Its secret stays.
func (t *Tx) UpdateExport(ctx context.Context, e *access.Export) error {
	return exports.update(ctx, t, e)
}

// DeleteExport removes a destination with its secret and its cursors.
func (t *Tx) DeleteExport(ctx context.Context, id access.ID, version int64) error {
	return exports.remove(ctx, t, id, version)
}

func exportPlace(id access.ID) string { return "exports/sealed/" + string(id) }

// SetExportSecret stores a destination's secret, sealed; an empty one removes it.
func (t *Tx) SetExportSecret(ctx context.Context, id access.ID, secret []byte) error {
	sealed := ""
	if len(secret) > 0 {
		sealed = t.sealer.seal(exportPlace(id), secret)
	}
	n, err := t.exec(ctx, "UPDATE exports SET sealed = $1 WHERE id = $2", sealed, string(id))
	if err == nil && n == 0 {
		return fault.NotFound("there is no such export")
	}
	return err
}

// ExportSecret gives a destination's secret; nothing if it has none.
func (t *Tx) ExportSecret(ctx context.Context, id access.ID) ([]byte, error) {
	var sealed string
	err := t.row(ctx, "there is no such export", "SELECT sealed FROM exports WHERE id = $1", []any{string(id)}, &sealed)
	if err != nil || sealed == "" {
		return nil, err
	}
	return t.sealer.open(exportPlace(id), sealed)
}

// ExportStates says how far each destination is, or only one.
func (t *Tx) ExportStates(ctx context.Context, only access.ID) (map[access.ID][]access.ExportState, error) {
	type row struct {
		id access.ID
		access.ExportState
	}
	list, err := rows(ctx, t, func(r scanner, v *row) error {
		var sent, failing int64
		err := r.Scan(&v.id, &v.Stream, &v.Seq, &sent, &v.Missed, &v.Error, &failing, &v.Waiting)
		v.Sent, v.Failing = moment(sent), moment(failing)
		return err
	}, `SELECT c.export_id, c.stream, c.seq, c.sent, c.missed, c.error, c.failing, CASE WHEN c.stream = 'audit'
			THEN (SELECT h.seq FROM audit_chain h WHERE h.id = 'head') - c.seq
			ELSE (SELECT n.seq FROM sign_in_numbers n WHERE n.id = 'last') - c.seq + (SELECT COUNT(*) FROM sign_ins s WHERE s.seq IS NULL) END
		FROM export_cursors c WHERE CAST($1 AS TEXT) = '' OR c.export_id = $1
		UNION ALL SELECT c.export_id, c.stream, c.seq, c.sent, c.missed, c.error, c.failing, (SELECT COUNT(*) FROM alerts a WHERE a.seq > c.seq)
		FROM alert_cursors c WHERE CAST($1 AS TEXT) = '' OR c.export_id = $1 ORDER BY 1, 2`, string(only))
	states := map[access.ID][]access.ExportState{}
	for _, r := range list {
		states[r.id] = append(states[r.id], r.ExportState)
	}
	if err != nil {
		return nil, err
	}
	return states, t.trafficStates(ctx, only, states)
}

// StartExport lets a destination begin with a stream, behind what is there now or at its beginning. One
// that has begun already is left where it is.
func (t *Tx) StartExport(ctx context.Context, id access.ID, stream access.ExportStream, beginning bool) error {
	if stream == access.StreamTraffic {
		since := time.Now()
		if beginning {
			since = time.Time{}
		}
		return t.startTraffic(ctx, id, since)
	}
	query := "SELECT seq FROM audit_chain WHERE id = 'head'"
	if stream == access.StreamAlerts {
		query = "SELECT seq FROM alert_numbers WHERE id = 'last'"
	}
	if stream == access.StreamSignIns {
		query = "SELECT seq FROM sign_in_numbers WHERE id = 'last'"
		for !beginning { // what is there already has no number if nobody exported before
			n, err := t.NumberSignIns(ctx, 1000)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	var seq int64
	if !beginning {
		if err := t.row(ctx, "the log has no end", query, nil, &seq); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, "INSERT INTO "+cursorsOf(stream)+` (export_id, stream, seq, sent, missed, error, failing) VALUES ($1, $2, $3, 0, 0, '', 0)
		ON CONFLICT (export_id, stream) DO NOTHING`, string(id), string(stream), seq)
	return err
}

// StopExport forgets how far a destination was with a stream.
func (t *Tx) StopExport(ctx context.Context, id access.ID, stream access.ExportStream) error {
	if stream == access.StreamTraffic {
		return t.stopTraffic(ctx, id)
	}
	_, err := t.exec(ctx, "DELETE FROM "+cursorsOf(stream)+" WHERE export_id = $1 AND stream = $2", string(id), string(stream))
	return err
}

// AdvanceExport says that a destination has everything of a stream up to an entry. It never goes back.
func (t *Tx) AdvanceExport(ctx context.Context, id access.ID, to access.ExportState) error {
	_, err := t.exec(ctx, "UPDATE "+cursorsOf(to.Stream)+` SET seq = $3, sent = $4, missed = missed + $5, error = '', failing = 0
		WHERE export_id = $1 AND stream = $2 AND seq < $3`, string(id), string(to.Stream), int64(to.Seq), micros(to.Sent), int64(to.Missed))
	return err
}

// FailExport says what went wrong, and since when it does.
func (t *Tx) FailExport(ctx context.Context, id access.ID, what access.ExportState) error {
	_, err := t.exec(ctx, "UPDATE "+cursorsOf(what.Stream)+` SET error = $3, failing = CASE WHEN failing = 0 THEN $4 ELSE failing END
		WHERE export_id = $1 AND stream = $2`, string(id), string(what.Stream), what.Error, micros(what.Failing))
	return err
}

// AuditAfter gives entries of the audit log from behind a number, in the order of the chain.
func (t *Tx) AuditAfter(ctx context.Context, after uint64, limit int) ([]access.AuditEntry, error) {
	return rows(ctx, t, scanAudit, "SELECT "+auditColumns+" FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2", int64(after), limit)
}

// SignInsAfter gives numbered entries of the sign-in log from behind a number.
func (t *Tx) SignInsAfter(ctx context.Context, after uint64, limit int) ([]access.SignInEntry, error) {
	return rows(ctx, t, func(row scanner, s *access.SignInEntry) error {
		return scanSignIn(numbered{row, &s.Seq}, s)
	}, "SELECT seq, "+signInColumns+" FROM sign_ins WHERE seq > $1 ORDER BY seq LIMIT $2", int64(after), limit)
}

// numbered is a row that begins with a number.
type numbered struct {
	scanner
	seq *uint64
}

func (n numbered) Scan(into ...any) error { return n.scanner.Scan(append([]any{n.seq}, into...)...) }

// NumberSignIns gives numbers to entries that have none: they are written in batches by many, so their
// times do not tell in which order they came to be there. It says how many it gave.
func (t *Tx) NumberSignIns(ctx context.Context, limit int) (int, error) {
	var last int64
	err := t.row(ctx, "the sign-in log has no numbers", "UPDATE sign_in_numbers SET seq = seq WHERE id = 'last' RETURNING seq", nil, &last)
	if err != nil {
		return 0, err
	}
	ids, err := rows(ctx, t, scanID, "SELECT id FROM sign_ins WHERE seq IS NULL ORDER BY time, id LIMIT $1", limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	values := map[access.ID][]any{}
	for i, id := range ids {
		values[id] = []any{last + int64(i) + 1}
	}
	err = t.each(ctx, values, []string{"BIGINT"}, "UPDATE sign_ins SET seq = new.column2 FROM %s WHERE sign_ins.id = new.column1")
	if err != nil {
		return 0, err
	}
	_, err = t.exec(ctx, "UPDATE sign_in_numbers SET seq = $1 WHERE id = 'last'", last+int64(len(ids)))
	return len(ids), err
}

// FirstSignIn gives the number of the oldest numbered entry that is left, 0 for none.
func (t *Tx) FirstSignIn(ctx context.Context) (seq uint64, err error) {
	err = t.row(ctx, "", "SELECT COALESCE(MIN(seq), 0) FROM sign_ins", nil, &seq)
	return seq, err
}

// exportPatience is how long an export may have failed before health tells of it.
const exportPatience = 5 * time.Minute

// FailingExports gives the names of destinations that have failed for a while.
func (t *Tx) FailingExports(ctx context.Context, now time.Time) ([]string, error) {
	return rows(ctx, t, func(row scanner, name *string) error { return row.Scan(name) },
		`SELECT DISTINCT e.name FROM exports e JOIN export_cursors c ON c.export_id = e.id WHERE e.disabled = 0 AND c.failing > 0 AND c.failing < $1
		UNION SELECT e.name FROM exports e JOIN alert_cursors c ON c.export_id = e.id WHERE e.disabled = 0 AND c.failing > 0 AND c.failing < $1
		UNION SELECT e.name FROM exports e JOIN traffic_cursors t ON t.export_id = e.id WHERE e.disabled = 0 AND t.failing > 0 AND t.failing < $1 AND t.seen > $2 ORDER BY 1`,
		micros(now.Add(-exportPatience)), micros(now.Add(-trafficSeen)))
}
