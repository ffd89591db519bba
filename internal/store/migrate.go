package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/pressly/goose/v3"

	"postern/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Migrations are numbered files, each in its own transaction,
// only ever appended. Services that start together take turns. A schema that is newer than this
// program stays as it is: migrations only add, so that the program of the version before runs on.
func (s *Store) migrate(ctx context.Context) error {
	schema, err := readSchema(ctx, s.engine, s.writer)
	if err != nil {
		return err
	}
	if err := schema.usable(); err != nil {
		return err
	}
	if schema.Version > schema.Newest {
		s.log.Warn("the database has a newer schema than this program: a newer version works on it, and this one goes on",
			"schema", schema.Version, "known", schema.Newest)
	}
	s.schema = schema
	if err := migrateTo(ctx, s.engine, s.writer, steps{to: schema.Newest, log: s.log}); err != nil {
		return err
	}
	s.schema.Version = max(schema.Version, schema.Newest)
	return nil
}

// steps says how far to migrate.
type steps struct {
	to  int64
	log *slog.Logger
}

func migrateTo(ctx context.Context, e engine, writer *sql.DB, way steps) error {
	list, _, err := migrationList()
	if err != nil {
		return err
	}
	files, tasks := map[int64]string{}, []*goose.Migration{}
	for _, m := range list {
		files[m.version] = m.file
		tasks = append(tasks, m.task())
	}
	migrator, end, err := e.migrator(writer, tasks)
	if err != nil {
		return err
	}
	results, err := migrator.UpTo(ctx, way.to)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		results, err = partial.Applied, stuck(e, files[partial.Failed.Source.Version], partial)
	}
	for _, r := range results {
		way.log.Info("database migrated", "file", files[r.Source.Version], "duration", r.Duration)
	}
	return errors.Join(err, end())
}

// task gives the migration as a function to goose, which would read the file line by line, each
// through a buffer of 4 MB; the database itself knows where its statements end.
func (m migration) task() *goose.Migration {
	return goose.NewGoMigration(m.version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, m.up)
		return err
	}}, nil)
}

// stuck says which migration the database did not take. What was done before it stays; the rest
// follows when the cause is gone.
func stuck(e engine, file string, partial *goose.PartialError) error {
	explained := e.explain(partial.Err)
	kind := fault.KindOf(explained)
	if kind == fault.KindInternal {
		kind = fault.KindConflict
	}
	return fault.New(kind, "the migration %s could not be done: %s", file, text(explained)).Because(partial.Err)
}

// text gives what the database said, to whoever administers it.
func text(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Err != nil {
		return fmt.Sprintf("%s (%v)", f.Error(), f.Err)
	}
	return err.Error()
}

// Migrate brings the schema of a database that is there up to date, as Open does, and gives how it was
// and is. It needs no key.
func Migrate(ctx context.Context, cfg Config) (before, after Schema, err error) {
	s, err := attach(ctx, cfg)
	if err != nil {
		return Schema{}, Schema{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	before = s.schema
	release, err := s.engine.alone(ctx)
	if err != nil {
		return before, before, err
	}
	if err := errors.Join(s.migrate(ctx), release()); err != nil {
		return before, before, fmt.Errorf("bring the database up to date: %w", withCause(s.engine, err))
	}
	return before, s.schema, nil
}
