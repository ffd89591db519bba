package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	sqlite3 "modernc.org/sqlite/lib"

	"postern/internal/disk"
	"postern/internal/fault"
)

// kept is where a replaced database is.
func (e sqliteEngine) kept() string { return e.path + ".replaced" }

// draft builds a file beside the database and gives it the database's name in the end.
func (e sqliteEngine) draft(context.Context) (*draft, error) {
	d := sqliteEngine{path: e.path + ".restore", log: e.log}
	if err := d.remove(); err != nil { // left by one that was killed
		return nil, err
	}
	return &draft{
		engine: d,
		begin: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "PRAGMA defer_foreign_keys = ON")
			return err
		},
		end: func(context.Context, *sql.Tx) error { return nil }, // the commit checks
		publish: func(ctx context.Context) error {
			return d.publish(ctx, e)
		},
		discard: func(context.Context) error { return d.remove() },
		kept:    e.kept(),
	}, nil
}

// remove removes the database's files.
func (e sqliteEngine) remove() error {
	var errs []error
	for _, suffix := range []string{"-wal", "-shm", "-journal", ""} {
		errs = append(errs, disk.Remove(e.path+suffix))
	}
	return errors.Join(errs...)
}

// publish puts this file in the other's place. Its last connection is closed, so it is one file.
func (e sqliteEngine) publish(ctx context.Context, target sqliteEngine) error {
	if _, err := os.Stat(e.path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return fault.Internal(err, "the restored database was not closed")
	}
	if err := target.retire(ctx); err != nil {
		return err
	}
	return disk.Rename(e.path, target.path)
}

// retire keeps the database under another name, too, once nobody uses it: its log must not be left
// to be taken for the next one's.
func (e sqliteEngine) retire(ctx context.Context) error {
	if _, err := os.Stat(e.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := e.unused(ctx); err != nil {
		return err
	}
	old := sqliteEngine{path: e.kept(), log: e.log}
	if err := old.remove(); err != nil {
		return err
	}
	if err := os.Link(e.path, old.path); err != nil {
		return fmt.Errorf("keep the database that is there as %s: %w", old.path, err)
	}
	return errors.Join(disk.Remove(e.path+"-wal"), disk.Remove(e.path+"-shm"))
}

// unused fails while another process has the database open: only the last one may end its log. A
// file that is too damaged to be opened is used by nobody.
func (e sqliteEngine) unused(ctx context.Context) error {
	db, err := sql.Open("sqlite", e.dsn())
	if err != nil {
		return err
	}
	defer db.Close() // what it could tell, the query has told
	db.SetMaxOpenConns(1)
	var mode string
	err = db.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode)
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return nil
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault.Conflict("the database is in use: stop the service first").Because(err)
	}
	if err == nil && mode != "delete" {
		return fault.Conflict("the database is in use: stop the service first")
	}
	return err
}
