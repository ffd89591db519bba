package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/internal/fault"
)

// Report is what Check found.
type Report struct {
	Schema        Schema
	TrustDomain   string
	Configuration uint64 // version
	Key           string // id of the master key
	Rows          map[string]int64
	Problems      []string // sentences; none: all is well
}

func (r *Report) problem(format string, args ...any) {
	const most = 50 // of thousands of the same kind, the first tell enough
	if len(r.Problems) < most {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Check looks through a whole database, as it is at one moment, while others go on using it. The
// error says why it could not look; what it found is in the report.
func Check(ctx context.Context, cfg Config) (Report, error) {
	s, err := attach(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	report, err := s.check(ctx, cfg.KeyFile)
	return report, errors.Join(err, s.Close())
}

func (s *Store) check(ctx context.Context, keyFile string) (Report, error) {
	report := Report{Schema: s.schema}
	switch {
	case s.schema.Version > s.schema.Newest:
		return report, fault.Conflict("the database has schema %d and this program knows %d: check it with the newer program", s.schema.Version, s.schema.Newest)
	case s.schema.Version == 0:
		return report, fault.NotFound("the database is empty: there is nothing of Postern in it yet")
	}
	keyError := s.attachKey(ctx, keyFile)
	if keyError != nil && !fault.Is(keyError, fault.KindInvalid) {
		return report, keyError
	}
	report, err := s.examine(ctx)
	if err == nil && s.sealer.Load() != nil && s.schema.Version >= chainSchema {
		err = s.checkChain(ctx, &report)
	}
	if keyError != nil { // the rest can be told without it
		report.Problems = slices.Insert(report.Problems, 0, keyError.Error())
	}
	return report, err
}

// examine looks at everything in one transaction. Without a sealer, sealed values are not opened.
func (s *Store) examine(ctx context.Context) (Report, error) {
	report := Report{Schema: s.schema, Rows: map[string]int64{}}
	if s.sealer.Load() != nil {
		report.Key = s.sealer.Load().id
	}
	list, err := catalogue(ctx, s.schema.Version)
	if err != nil {
		return report, err
	}
	if e, ok := s.engine.(interface {
		integrity(context.Context, *sql.DB) ([]string, error)
	}); ok {
		if report.Problems, err = e.integrity(ctx, s.reader); err != nil {
			return report, s.engine.explain(err)
		}
	}
	tx, err := s.reader.BeginTx(ctx, s.engine.view())
	if err != nil {
		return report, s.engine.explain(err)
	}
	defer tx.Rollback() // it has changed nothing
	if err := s.engine.unhurried(ctx, tx); err != nil {
		return report, s.engine.explain(err)
	}
	x := &examination{Report: &report, tx: tx, sealer: s.sealer.Load()}
	for _, look := range []func(context.Context, []tableShape) error{x.tables, x.references, x.instance, x.sealed} {
		err := look(ctx, list)
		if explained := s.engine.explain(inTime(ctx, err)); err != nil && fault.KindOf(explained) == fault.KindInternal {
			report.problem("%v", err) // the database itself says what is wrong; nothing after it counts
			return report, nil
		} else if err != nil {
			return report, explained
		}
	}
	for _, in := range invariants() {
		if s.schema.Version < in.since {
			continue
		}
		problems, err := in.look(ctx, tx)
		if err != nil {
			return report, fmt.Errorf("look at %s: %w", in.name, s.engine.explain(inTime(ctx, err)))
		}
		for _, problem := range problems {
			report.problem("%s: %s", in.name, problem)
		}
	}
	return report, nil
}

// invariant is something that is always true of the rows. look gives sentences about where it is not.
type invariant struct {
	name  string
	since int64 // the first schema that has it
	look  func(ctx context.Context, tx *sql.Tx) ([]string, error)
}

// invariants lists them. A room that has one adds its line here.
func invariants() []invariant {
	return []invariant{
		{"connector groups", 1, func(ctx context.Context, tx *sql.Tx) ([]string, error) {
			return unless(ctx, tx, "SELECT CASE WHEN COUNT(*) = 0 THEN 1 ELSE CAST(SUM(is_default) AS BIGINT) END FROM connector_groups", 1, "%d of them are the default instead of one")
		}},
		{"sessions", 1, func(ctx context.Context, tx *sql.Tx) ([]string, error) {
			return unless(ctx, tx, "SELECT COUNT(*) FROM sessions s JOIN sessions p ON p.id = s.parent_id WHERE p.user_id <> s.user_id", 0,
				"%d are of another user than their parent")
		}},
		{"endings", 1, func(ctx context.Context, tx *sql.Tx) ([]string, error) {
			return unless(ctx, tx, "SELECT COUNT(*) FROM endings WHERE seq > (SELECT ending FROM instance)", 0, "%d have a number that was not given yet")
		}},
		{"audit log", 1, func(ctx context.Context, tx *sql.Tx) ([]string, error) {
			return unless(ctx, tx, "SELECT COUNT(*) FROM audit WHERE version > (SELECT version FROM instance)", 0, "%d entries are of a version that was not given yet")
		}},
	}
}

// unless gives the sentence when a count is not what it should be.
func unless(ctx context.Context, tx *sql.Tx, query string, want int64, sentence string) ([]string, error) {
	var count int64
	if err := tx.QueryRowContext(ctx, query).Scan(&count); err != nil {
		return nil, err
	}
	if count == want {
		return nil, nil
	}
	return []string{fmt.Sprintf(sentence, count)}, nil
}

// examination is one look through a database.
type examination struct {
	*Report
	tx     *sql.Tx
	sealer *sealer
}

// tables counts the rows, and reads every column of every table once.
func (x *examination) tables(ctx context.Context, list []tableShape) error {
	for _, t := range list {
		var rows int64
		parts := []string{"COUNT(*)"}
		for _, c := range t.columns {
			parts = append(parts, "COUNT("+c.name+")")
		}
		into := []any{&rows}
		for range t.columns {
			into = append(into, new(int64))
		}
		err := x.tx.QueryRowContext(ctx, "SELECT "+strings.Join(parts, ", ")+" FROM "+t.name).Scan(into...)
		if err != nil {
			return fmt.Errorf("the table %s is not as schema %d has it: %w", t.name, x.Schema.Version, err)
		}
		x.Rows[t.name] = rows
	}
	return nil
}

func (x *examination) references(ctx context.Context, list []tableShape) error {
	for _, t := range list {
		for _, r := range t.refs {
			var lost int64
			err := x.tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+t.name+" a WHERE a."+r.column+" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "+
				r.table+" b WHERE b."+r.target+" = a."+r.column+")").Scan(&lost)
			if err != nil {
				return err
			}
			if lost > 0 {
				x.problem("%s: %d rows refer by %s to rows of %s that are not there", t.name, lost, r.column, r.table)
			}
		}
	}
	return nil
}

func (x *examination) instance(ctx context.Context, _ []tableShape) error {
	var rows int
	if err := x.tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM instance").Scan(&rows); err != nil {
		return err
	}
	if rows != 1 {
		x.problem("instance: there are %d instead of one", rows)
		return nil
	}
	return x.tx.QueryRowContext(ctx, "SELECT trust_domain, version FROM instance").Scan(&x.TrustDomain, &x.Configuration)
}

// sealed opens every secret.
func (x *examination) sealed(ctx context.Context, list []tableShape) error {
	if x.sealer == nil {
		return nil
	}
	for _, column := range sealedColumns(list) {
		bad, err := column.each(ctx, x.tx, func(place, value string) (string, error) {
			_, err := x.sealer.open(place, value)
			return "", err
		})
		if err != nil {
			return err
		}
		for _, err := range bad {
			x.problem("%s: %s", column.table, err)
		}
	}
	return nil
}

// integrity asks SQLite whether its file is whole.
func (e sqliteEngine) integrity(ctx context.Context, db *sql.DB) ([]string, error) {
	list, err := names(db.QueryContext(ctx, "PRAGMA integrity_check(20)"))
	if err != nil || len(list) == 1 && list[0] == "ok" {
		return nil, err
	}
	for i := range list {
		list[i] = "the file is damaged: " + list[i]
	}
	return list, nil
}
