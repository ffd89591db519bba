package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"postern/internal/disk"
	"postern/internal/fault"
)

// sqliteEngine is SQLite in a file of our own.
type sqliteEngine struct {
	path     string
	existing bool // the file must be there: none is made
	log      *slog.Logger
}

// alone holds a lock between processes: one of them at a time makes the file and migrates it.
func (e sqliteEngine) alone(ctx context.Context) (func() error, error) {
	lock, err := disk.Lock(ctx, e.path+".lock")
	if err != nil {
		return nil, err
	}
	return lock.Unlock, nil
}

// open sets what SQLite needs to lose nothing: a write-ahead log, synced at every commit. Writers
// queue for the one connection instead of finding the database locked.
func (e sqliteEngine) open() (writer, reader *sql.DB, err error) {
	if err := e.create(); err != nil {
		return nil, nil, fmt.Errorf("open the database: %w", err)
	}
	writer, err = sql.Open("sqlite", e.dsn()+"&_txlock=immediate")
	if err != nil {
		return nil, nil, err
	}
	writer.SetMaxOpenConns(1)
	reader, err = sql.Open("sqlite", e.dsn("query_only(1)"))
	if err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(poolSize)
	reader.SetMaxIdleConns(poolSize)
	return writer, reader, nil
}

// create makes the file before SQLite does, for nobody else to read: SQLite gives its other files
// the same mode.
func (e sqliteEngine) create() error {
	flags := os.O_RDWR | os.O_CREATE
	if e.existing {
		flags = os.O_RDWR
	}
	file, err := os.OpenFile(e.path, flags, 0o600)
	if e.existing && errors.Is(err, fs.ErrNotExist) {
		return fault.NotFound("there is no database at %s", e.path).Because(err)
	}
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := disk.CheckSecret(e.path); err != nil {
		e.log.Warn("other users of this machine may read or change the database", "error", err)
	}
	return nil
}

// dsn gives the data source name, with what every connection sets before anything else.
func (e sqliteEngine) dsn(more ...string) string {
	q := url.Values{"_pragma": append([]string{
		"busy_timeout(5000)", // another process may write: a backup, a second service
		"journal_mode(WAL)",
		"synchronous(FULL)", // a commit that was acknowledged survives a power cut
		"foreign_keys(1)",
		"journal_size_limit(8388608)", // bytes that the log keeps after a burst
	}, more...)}
	return "file:" + (&url.URL{Path: e.path}).EscapedPath() + "?" + q.Encode()
}

func (e sqliteEngine) check(ctx context.Context, writer *sql.DB) error {
	return writer.PingContext(ctx)
}

func (e sqliteEngine) migrator(writer *sql.DB, list []*goose.Migration) (*goose.Provider, func() error, error) {
	m, err := goose.NewProvider(goose.DialectSQLite3, writer, nil, goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(list...))
	return m, func() error { return nil }, err
}

// logLimit is how large the write-ahead log may become, in bytes, before a writer waits for the
// readers: while one reads at every moment, SQLite by itself would never begin it anew.
const logLimit = 16 << 20

func (e sqliteEngine) written(ctx context.Context, conn *sql.Conn) {
	info, err := os.Stat(e.path + "-wal")
	if err != nil || info.Size() < logLimit {
		return // without a log there is nothing to do
	}
	// Readers that begin now read the database itself; it waits for those that read the log.
	var busy, frames, done int
	_, err = conn.ExecContext(ctx, "PRAGMA busy_timeout(1000)")
	err = errors.Join(err, conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(RESTART)").Scan(&busy, &frames, &done))
	_, err2 := conn.ExecContext(ctx, "PRAGMA busy_timeout(5000)")
	if err := errors.Join(err, err2); err != nil || busy != 0 {
		e.log.Warn("the log of the database grows: it could not begin anew", "bytes", info.Size(), "frames", frames, "written", done, "error", err)
	}
}

// A read transaction of SQLite in WAL mode is a consistent view by itself.
func (e sqliteEngine) view() *sql.TxOptions { return nil }

func (e sqliteEngine) tables(ctx context.Context, db *sql.DB) ([]string, error) {
	return sqliteTables(ctx, db)
}

func (e sqliteEngine) shared() bool { return false }

func (e sqliteEngine) unhurried(context.Context, *sql.Tx) error { return nil }

// again is never needed: a writer that was not let in has waited already, and one that was let in is
// alone.
func (e sqliteEngine) again(error) bool { return false }

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func (e sqliteEngine) explain(err error) error {
	if explained, ok := common(err); ok {
		return explained
	}
	code := sqliteCode(err)
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return taken(err.Error(), err)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return referred(err)
	}
	away := func(text string) error { return fault.Unavailable("%s", text).After(retryAfter).Because(err) }
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return away("the database is busy")
	case sqlite3.SQLITE_FULL:
		return away("the database cannot be written: its disk is full")
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return away("the database cannot be opened for writing: is its file, with its directory, still there and ours to write?")
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM:
		return away("the database cannot be read or written: is its disk in order?")
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return fault.Internal(err, "the database's file is damaged, or no database of SQLite")
	case sqlite3.SQLITE_TOOBIG:
		return fault.New(fault.KindTooLarge, "a value is too large for the database").Because(err)
	}
	return fault.Internal(err, "the database reported an error")
}
