package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/access"
)

// SeriesService is the subject of what is measured of the whole service.
const SeriesService = "service"

// SeriesChunk is a span of the series of a subject: points in a text, as the package series writes them.
type SeriesChunk struct {
	Subject string // a connector's id, or SeriesService
	Span    time.Duration
	Start   time.Time
	Data    string
}

// maxChunk bounds the text of a chunk in bytes: what would come on top is left out.
const maxChunk = 64 << 10

// AppendSeries adds points to chunks, whichever there are of them.
func (t *Tx) AppendSeries(ctx context.Context, chunks []SeriesChunk) error {
	values := make(map[access.ID][]any, len(chunks))
	for _, c := range chunks {
		key := access.ID(fmt.Sprintf("%s %d %d", c.Subject, c.Span, c.Start.Unix())) // each in one order
		if before := values[key]; before != nil {
			c.Data = before[3].(string) + c.Data
		}
		values[key] = []any{c.Subject, c.Span.Microseconds(), micros(c.Start), c.Data}
	}
	return t.each(ctx, values, []string{"TEXT", "BIGINT", "BIGINT", "TEXT"},
		`INSERT INTO series (subject, span, start, data) SELECT new.column2, new.column3, new.column4, new.column5 FROM %s WHERE true
		ON CONFLICT (subject, span, start) DO UPDATE SET data = series.data || excluded.data WHERE LENGTH(series.data) < `+strconv.Itoa(maxChunk))
}

const chunkColumns = "subject, span, start, data"

func scanChunk(row scanner, c *SeriesChunk) error {
	var span, start int64
	err := row.Scan(&c.Subject, &span, &start, &c.Data)
	c.Span, c.Start = time.Duration(span)*time.Microsecond, moment(start)
	return err
}

// Series gives the chunks of subjects that hold something between two times, by subject, the longest spans first, then by time.
func (t *Tx) Series(ctx context.Context, subjects []string, from, to time.Time) ([]SeriesChunk, error) {
	var all []SeriesChunk
	for some := range slices.Chunk(subjects, touchChunk) {
		args := []any{micros(from), micros(to)}
		for _, s := range some {
			args = append(args, s)
		}
		list, err := rows(ctx, t, scanChunk, "SELECT "+chunkColumns+" FROM series WHERE start + span > $1 AND start < $2 AND subject IN ("+
			marks(3, len(some))+") ORDER BY subject, span DESC, start", args...)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// TakeSeries removes at most limit chunks of a span that began before a time, and gives them, the oldest first.
func (t *Tx) TakeSeries(ctx context.Context, span time.Duration, before time.Time, limit int) ([]SeriesChunk, error) {
	list, err := rows(ctx, t, scanChunk, `DELETE FROM series WHERE span = $1 AND start < $2 AND (subject, start) IN
		(SELECT subject, start FROM series WHERE span = $1 AND start < $2 ORDER BY start, subject LIMIT $3) RETURNING `+chunkColumns,
		span.Microseconds(), micros(before), limit)
	slices.SortFunc(list, func(a, b SeriesChunk) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.Subject, b.Subject))
	})
	return list, err
}

// TrimSeries removes at most limit chunks of a span that began before a time.
func (t *Tx) TrimSeries(ctx context.Context, span time.Duration, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, `DELETE FROM series WHERE span = $1 AND start < $2 AND (subject, start) IN
		(SELECT subject, start FROM series WHERE span = $1 AND start < $2 ORDER BY start, subject LIMIT $3)`, span.Microseconds(), micros(before), limit)
}

// ConnectorState is what a connector told last of itself.
type ConnectorState struct {
	ID        access.ID
	Told      time.Time
	Load      string // JSON; empty: it told nothing
	Diagnosis string // JSON; empty: none
}

// SaveConnectorStates keeps what connectors told last. One that is gone is left out, as is news that is older than what is known. A
// diagnosis stays until there is another one.
func (t *Tx) SaveConnectorStates(ctx context.Context, states []ConnectorState) error {
	values := make(map[access.ID][]any, len(states))
	for _, s := range states {
		values[s.ID] = []any{micros(s.Told), s.Load, s.Diagnosis}
	}
	return t.each(ctx, values, []string{"BIGINT", "TEXT", "TEXT"},
		`INSERT INTO connector_states (connector_id, told, load, diagnosis)
		SELECT new.column1, new.column2, new.column3, new.column4 FROM %s JOIN connectors ON connectors.id = new.column1 WHERE true
		ON CONFLICT (connector_id) DO UPDATE SET told = excluded.told, load = excluded.load,
			diagnosis = CASE WHEN excluded.diagnosis = '' THEN connector_states.diagnosis ELSE excluded.diagnosis END
		WHERE connector_states.told <= excluded.told`)
}

// ConnectorStates gives what connectors told since a time, each one's last.
func (t *Tx) ConnectorStates(ctx context.Context, since time.Time) ([]ConnectorState, error) {
	return rows(ctx, t, func(row scanner, s *ConnectorState) error {
		var told int64
		err := row.Scan(&s.ID, &told, &s.Load, &s.Diagnosis)
		s.Told = moment(told)
		return err
	}, "SELECT connector_id, told, load, diagnosis FROM connector_states WHERE told >= $1 ORDER BY connector_id", micros(since))
}

// ActiveUsers counts the users who used a session since a time.
func (t *Tx) ActiveUsers(ctx context.Context, since time.Time) (n int64, err error) {
	err = t.row(ctx, "nobody counts", "SELECT COUNT(DISTINCT user_id) FROM sessions WHERE last_used >= $1", []any{micros(since)}, &n)
	return n, err
}

// measured are the tables that hold measurements, which backups leave out.
func measured(table string) bool { return table == "series" || table == "connector_states" }
