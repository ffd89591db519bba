package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pressly/goose/v3"

	"postern/internal/fault"
)

// engine is what differs between the two databases; the statements do not.
type engine interface {
	// alone waits until no other process prepares this database, and gives the end of that.
	alone(ctx context.Context) (end func() error, err error)
	// open gives the pool for writes and the one for reads.
	open() (writer, reader *sql.DB, err error)
	// check says why the database cannot be used.
	check(ctx context.Context, writer *sql.DB) error
	// migrator gives what brings the schema up to date, and what ends it.
	migrator(writer *sql.DB, list []*goose.Migration) (m *goose.Provider, end func() error, err error)
	// view gives the options of a consistent read.
	view() *sql.TxOptions
	// tables gives the names of all tables, by name.
	tables(ctx context.Context, db *sql.DB) ([]string, error)
	// shared reports whether other services may use it at the same time, and programs keep their tables beside ours.
	shared() bool
	// unhurried lets a transaction take as long as it needs.
	unhurried(ctx context.Context, tx *sql.Tx) error
	// draft gives a place to build a database that will take this one's place.
	draft(ctx context.Context) (*draft, error)
	// written is told of a commit, on the connection that did it.
	written(ctx context.Context, conn *sql.Conn)
	// again reports whether a transaction that failed with err may be tried again.
	again(err error) bool
	// explain turns an error of the driver into a fault; faults and cancellations stay as they are.
	explain(err error) error
}

// poolSize is how many connections a pool has at most.
const poolSize = 8

// retryAfter is when to ask a database again that is away.
const retryAfter = 2 * time.Second

// common explains what both engines have in common; ok is false for the rest.
func common(err error) (explained error, ok bool) {
	if err == nil || errors.Is(err, context.Canceled) {
		return err, true
	}
	if _, is := errors.AsType[*fault.Error](err); is {
		return err, true
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.Unavailable("the database did not answer in time").After(retryAfter).Because(err), true
	}
	return err, false
}
