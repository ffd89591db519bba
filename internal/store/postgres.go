package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"postern/internal/fault"
)

// postgresEngine is a PostgreSQL, which several services may share.
type postgresEngine struct{ config *pgx.ConnConfig }

// dialPatience bounds the way to a server, where the URL does not (connect_timeout).
const dialPatience = 5 * time.Second

func newPostgres(url string) (engine, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.Invalid("database", "is not a URL of PostgreSQL: %v", err) // pgx leaves the password out
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > time.Minute { // pgx's own is two minutes
		config.ConnectTimeout = dialPatience
	}
	if _, named := config.RuntimeParams["application_name"]; !named {
		config.RuntimeParams["application_name"] = "postern"
	}
	return postgresEngine{config}, nil
}

// alone does nothing: migrations take a lock in the database.
func (e postgresEngine) alone(context.Context) (func() error, error) {
	return func() error { return nil }, nil
}

func (e postgresEngine) open() (writer, reader *sql.DB, err error) {
	return e.pool(), e.pool(), nil
}

func (e postgresEngine) pool() *sql.DB {
	db := stdlib.OpenDB(*e.config, stdlib.OptionAfterConnect(limit))
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour) // so that a server that came back after another took over is used again
	return db
}

// limit makes the server give up what a service left behind that vanished without a word: its locks
// would stop every other.
func limit(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SET statement_timeout = '30s'; SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '30s';
		SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`, pgx.QueryExecModeSimpleProtocol)
	return err
}

func (e postgresEngine) check(ctx context.Context, writer *sql.DB) error {
	var encoding string
	if err := writer.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fault.Invalid("database", "has the encoding %s and needs UTF8: create it with ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	return nil
}

// migrator works on a connection without limits of time, and holds a lock in the database.
func (e postgresEngine) migrator(_ *sql.DB, list []*goose.Migration) (*goose.Provider, func() error, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600)) // asks every second
	if err != nil {
		return nil, nil, err
	}
	db := stdlib.OpenDB(*e.config)
	m, err := goose.NewProvider(goose.DialectPostgres, db, nil, goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(list...),
		goose.WithSessionLocker(locker))
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return m, db.Close, nil
}

func (e postgresEngine) written(context.Context, *sql.Conn) {}

func (e postgresEngine) view() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

func (e postgresEngine) tables(ctx context.Context, db *sql.DB) ([]string, error) {
	return names(db.QueryContext(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = CURRENT_SCHEMA() ORDER BY tablename"))
}

func (e postgresEngine) shared() bool { return true }

func (e postgresEngine) unhurried(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0")
	if err == nil {
		_, err = tx.ExecContext(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0")
	}
	return err
}

// The codes of PostgreSQL's errors (PostgreSQL documentation, appendix A).
const (
	pgSerialization = "40001"
	pgDeadlock      = "40P01"
	pgUnique        = "23505"
	pgForeignKey    = "23503"
	pgRestrict      = "23001"
	pgCanceled      = "57014" // by statement_timeout
	pgLocked        = "55P03" // by lock_timeout
	pgReadOnly      = "25006"
	pgPrivilege     = "42501"
)

// again takes what the server undid itself, and a connection that was lost before the commit: the
// server undoes that too.
func (e postgresEngine) again(err error) bool {
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == pgSerialization || pg.Code == pgDeadlock) {
		return true
	}
	_, committing := errors.AsType[*commitError](err)
	return !committing && lost(err)
}

// lost reports whether the connection is gone.
func lost(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Severity == "FATAL" || pg.Severity == "PANIC"
	}
	_, isNet := errors.AsType[net.Error](err)
	return isNet || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || isEOF(err)
}

func (e postgresEngine) explain(err error) error {
	if _, committing := errors.AsType[*commitError](err); committing && !undone(err) {
		return fault.Unavailable("the connection to the database was lost while the change was being saved: look whether it is there before you try again").
			After(retryAfter).Because(err)
	}
	if explained, ok := common(err); ok {
		return explained
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.answer(pg, err)
	}
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting || lost(err) {
		return fault.Unavailable("the database is away").After(retryAfter).Because(err)
	}
	return fault.Internal(err, "the database reported an error")
}

// undone reports whether the server said that it did not commit.
func undone(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	_, answered := errors.AsType[*pgconn.PgError](err)
	return answered && !lost(err)
}

// answer explains an error that the server itself reports.
func (e postgresEngine) answer(pg *pgconn.PgError, err error) error {
	away := func(format string, args ...any) error {
		return fault.Unavailable(format, args...).After(retryAfter).Because(err)
	}
	switch pg.Code {
	case pgUnique:
		return taken(pg.ConstraintName, err)
	case pgForeignKey, pgRestrict:
		return referred(err)
	case pgSerialization, pgDeadlock, pgLocked:
		return away("the database is busy")
	case pgCanceled:
		return away("the database did not answer in time")
	case pgReadOnly:
		return away("the database takes no changes: it is read-only")
	case pgPrivilege:
		return away("the database refuses us: %s", pg.Message)
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "08", "57", "58": // connection, operator intervention, system
		return away("the database is away")
	case "53": // resources
		return away("the database has run out of something: %s", pg.Message)
	case "28", "3D": // not authorised, no such database
		return away("the database refuses us: %s", pg.Message)
	case "54": // a limit of the program
		return fault.New(fault.KindTooLarge, "a value is too large for the database").Because(err)
	}
	if lost(err) {
		return away("the database is away")
	}
	return fault.Internal(err, "the database reported an error")
}
