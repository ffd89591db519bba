package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"postern/internal/fault"
)

// draft is a place where a database is built that will take another's place, in one step.
type draft struct {
	engine  engine
	begin   func(ctx context.Context, tx *sql.Tx) error // lets rows come in any order
	end     func(ctx context.Context, tx *sql.Tx) error // checks that every row that is referred to has come
	publish func(ctx context.Context) error             // all connections to the draft are closed
	discard func(ctx context.Context) error
	kept    string // where the replaced database is afterwards
}

// Restoring says what to restore. File and the store's URL and KeyFile are required.
type Restoring struct {
	Config
	File  io.ReadSeeker
	Force bool // replace a database that is in use; the one before is kept beside it
}

// Restored says what was restored.
type Restored struct {
	Summary
	Kept string // where the database is that was there before; empty: there was none
}

// Restore builds a database from a backup beside the one that is there, checks it, brings its schema
// up to date, and puts it in its place in one step: until then nothing has changed, whatever
// happens, and from then on all of it has. No service may run on it meanwhile.
func Restore(ctx context.Context, r Restoring) (Restored, error) {
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	e, err := engineOf(r.URL, r.Log)
	if err != nil {
		return Restored{}, err
	}
	// First to the end without a database: most of what can be wrong shows then.
	if _, err := r.File.Seek(0, io.SeekStart); err != nil {
		return Restored{}, fmt.Errorf("read the backup: %w", err)
	}
	if _, err := VerifyBackup(ctx, r.File, r.KeyFile); err != nil {
		return Restored{}, err
	}
	if _, err := r.File.Seek(0, io.SeekStart); err != nil {
		return Restored{}, fmt.Errorf("read the backup again: %w", err)
	}
	release, err := e.alone(ctx)
	if err != nil {
		return Restored{}, fmt.Errorf("open the database: %w", err)
	}
	out, err := restoreInto(ctx, e, r)
	return out, errors.Join(withCause(e, err), release())
}

func restoreInto(ctx context.Context, e engine, r Restoring) (out Restored, err error) {
	d, err := e.draft(ctx)
	if err != nil {
		return out, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.discard(context.WithoutCancel(ctx)))
		}
	}()
	used, err := inUse(ctx, r.Config)
	if err != nil && !r.Force {
		return out, err
	}
	if used && !r.Force {
		return out, fault.Conflict("the database holds an instance already: restore into an empty one, or replace it with --force")
	}
	if out.Summary, err = d.build(ctx, r); err != nil {
		return out, err
	}
	if err := d.publish(ctx); err != nil {
		return out, err
	}
	if used {
		out.Kept = d.kept
	}
	return out, nil
}

// inUse reports whether an instance of Postern is in the database. A schema without one is none.
func inUse(ctx context.Context, cfg Config) (bool, error) {
	s, err := attach(ctx, cfg)
	if fault.Is(err, fault.KindNotFound) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	defer s.Close() // nothing was written
	if s.schema.Version == 0 {
		return false, nil
	}
	if s.schema.Version > s.schema.Newest {
		return true, fault.Conflict("the database has schema %d and this program knows %d: restore with the newer program", s.schema.Version, s.schema.Newest)
	}
	var rows int
	err = s.writer.QueryRowContext(ctx, "SELECT COUNT(*) FROM instance").Scan(&rows)
	return rows > 0, s.engine.explain(err)
}

// build makes the draft from the backup: schema of that time, rows, checks, schema of today.
func (d *draft) build(ctx context.Context, r Restoring) (Summary, error) {
	s := &Store{engine: d.engine, log: r.Log}
	var err error
	if s.writer, s.reader, err = d.engine.open(); err != nil {
		return Summary{}, err
	}
	summary, err := s.load(ctx, d, r)
	return summary, errors.Join(err, s.Close())
}

func (s *Store) load(ctx context.Context, d *draft, r Restoring) (Summary, error) {
	if err := s.engine.check(ctx, s.writer); err != nil {
		return Summary{}, err
	}
	b, err := openBackup(r.File)
	if err != nil {
		return Summary{}, err
	}
	_, newest, err := migrationList()
	if err != nil {
		return Summary{}, err
	}
	quiet := slog.New(slog.DiscardHandler)
	if err := migrateTo(ctx, s.engine, s.writer, steps{to: b.Schema, log: quiet}); err != nil {
		return Summary{}, err
	}
	s.schema = Schema{Version: b.Schema}
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return Summary{}, err
	}
	defer tx.Rollback() // nothing to do after a commit
	for _, step := range []func(context.Context, *sql.Tx) error{
		s.engine.unhurried, d.begin,
		func(ctx context.Context, tx *sql.Tx) error { return s.fill(ctx, tx, b, r.KeyFile) },
		d.end,
	} {
		if err := step(ctx, tx); err != nil {
			return Summary{}, err
		}
	}
	if err := tx.Commit(); err != nil {
		return Summary{}, err
	}
	if err := migrateTo(ctx, s.engine, s.writer, steps{to: newest, log: r.Log}); err != nil {
		return Summary{}, err
	}
	s.schema.Version = newest
	return b.Summary, s.proven(ctx, r.KeyFile)
}

// fill puts the rows of a backup into a migrated schema.
func (s *Store) fill(ctx context.Context, tx *sql.Tx, b *backupReader, keyFile string) error {
	key, err := sealerOf(keyFile)
	if err != nil {
		return err
	}
	in := &inserter{tx: tx}
	if err := b.walk(ctx, key, in); err != nil {
		return err
	}
	return in.flush(ctx)
}

// proven checks a restored database before anybody uses it.
func (s *Store) proven(ctx context.Context, keyFile string) error {
	if err := s.attachKey(ctx, keyFile); err != nil {
		return err
	}
	report, err := s.examine(ctx)
	if err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return damaged("holds a database that is not in order: %s", strings.Join(report.Problems, "; "))
	}
	return nil
}

// inserter puts rows into tables, many with each statement.
type inserter struct {
	tx   *sql.Tx
	at   tableShape
	args []any
	rows int
}

// maxArgs is how many values one statement takes.
const maxArgs = 5000

func (in *inserter) table(ctx context.Context, t tableShape) error {
	if err := in.flush(ctx); err != nil {
		return err
	}
	in.at = t
	_, err := in.tx.ExecContext(ctx, "DELETE FROM "+t.name) // what migrations put there
	return err
}

func (in *inserter) row(ctx context.Context, t tableShape, values []any) error {
	in.args = append(in.args, values...)
	in.rows++
	if len(in.args)+len(t.columns) > maxArgs {
		return in.flush(ctx)
	}
	return nil
}

func (in *inserter) flush(ctx context.Context) error {
	if in.rows == 0 {
		return nil
	}
	width := len(in.at.columns)
	tuples := make([]string, in.rows)
	for i := range tuples {
		tuples[i] = "(" + marks(i*width+1, width) + ")"
	}
	_, err := in.tx.ExecContext(ctx, "INSERT INTO "+in.at.name+" ("+strings.Join(in.at.names(), ", ")+") VALUES "+strings.Join(tuples, ", "), in.args...)
	in.args, in.rows = in.args[:0], 0
	if err != nil {
		return fmt.Errorf("restore the table %s: %w", in.at.name, err)
	}
	return nil
}
