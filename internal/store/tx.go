package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"postern/internal/access"
	"postern/internal/audit"
	"postern/internal/fault"
)

const (
	// attempts bounds how often a transaction is tried that the database undid for reasons of its own.
	// After a restart of the database every idle connection may be a dead one: more than there are.
	attempts = poolSize + 2
	// patience bounds a transaction, so that a database that hangs holds nobody for ever.
	patience = 30 * time.Second
	// perChange is added for each change of a large transaction, up to mostPatience: less than an answer may take.
	perChange    = 20 * time.Millisecond
	mostPatience = 4 * time.Minute
	// grace is how long a commit that has begun may go on when its caller has gone.
	grace = 5 * time.Second
)

// Tx is one transaction. It is good until the function that got it returns, for one goroutine.
type Tx struct {
	tx     *sql.Tx
	engine engine
	sealer *txSealer
	chain  audit.Key
	ends   time.Time // when its time is over
	// appended are entries of the audit log that are chained and written last.
	appended []access.AuditEntry
	// broken is the first error of the database. Nothing is done and nothing is committed after it:
	// PostgreSQL refuses that anyway, and SQLite may have undone more than the statement.
	broken error
}

// Write runs do in one transaction and commits it. do may run more than once, when the database
// undid it before the commit because of a conflict with another one, or the connection was lost.
//
// On PostgreSQL a write sees what others have committed before each of its statements (READ COMMITTED), and nothing of what they are about to.
// Whoever decides by one row what happens to another first holds what both are about: HoldUser for all that becomes of a user's sign-in,
// HoldEndings before sessions, NextVersion for every change of the configuration. What is removed by a condition repeats it outside of a
// subquery, which is not asked again for a row that had to be waited for.
func (s *Store) Write(ctx context.Context, do func(*Tx) error) error {
	return s.WriteMany(ctx, 0, do)
}

// WriteMany is Write for a transaction of about as many changes as it is told: it may take longer.
func (s *Store) WriteMany(ctx context.Context, changes int, do func(*Tx) error) error {
	within := min(patience+time.Duration(changes)*perChange, mostPatience)
	return s.repeat(ctx, within, func(ctx context.Context) error {
		return s.transact(ctx, s.writer, nil, do)
	})
}

// Read runs do on one consistent view of the data. It cannot change anything. do may run more than
// once, as in Write.
func (s *Store) Read(ctx context.Context, do func(*Tx) error) error {
	return s.repeat(ctx, patience, func(ctx context.Context) error {
		return s.transact(ctx, s.reader, s.engine.view(), do)
	})
}

func (s *Store) repeat(ctx context.Context, within time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := try(ctx)
		if strange, ok := errors.AsType[*strangeKeyError](err); ok {
			if err = s.otherKey(ctx, strange); err == nil && attempt < attempts {
				continue // with the key that the database has now
			}
		}
		if err == nil || attempt == attempts || ctx.Err() != nil || !s.engine.again(err) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(time.Duration(attempt) * 10 * time.Millisecond)): // those who met do not meet again
		}
	}
}

// transact runs do in one transaction of the pool. Its commit is not cut off by the end of ctx:
// nobody would know then what became of it. What do returns as an error comes back as it is.
func (s *Store) transact(ctx context.Context, pool *sql.DB, options *sql.TxOptions, do func(*Tx) error) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return s.engine.explain(inTime(ctx, err))
	}
	defer conn.Close()
	own, end := outlive(ctx)
	defer end()
	tx, err := conn.BeginTx(own, options)
	if err != nil {
		return s.engine.explain(inTime(ctx, err))
	}
	defer tx.Rollback() // nothing to do after a commit
	ends, _ := ctx.Deadline()
	t := &Tx{tx: tx, engine: s.engine, sealer: &txSealer{sealer: s.sealer.Load()}, chain: s.chain, ends: ends}
	if err := do(t); err != nil {
		if t.sealer.strange {
			return &strangeKeyError{err, t.sealer.sealer}
		}
		return err
	}
	if err := t.chainAppended(ctx); err != nil {
		return err
	}
	if err := t.sameKey(ctx); err != nil {
		return err
	}
	if t.broken != nil {
		return t.broken
	}
	if err := ctx.Err(); err != nil {
		return s.engine.explain(err)
	}
	if err := tx.Commit(); err != nil {
		return s.engine.explain(&commitError{err})
	}
	if pool == s.writer {
		s.engine.written(own, conn)
	}
	return nil
}

// outlive gives a context that ends some time after the other, or with the function.
func outlive(ctx context.Context) (context.Context, func()) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return own, func() { stop(); cancel() }
}

// commitError marks an error after which nobody knows whether the change is there, unless the
// database itself said that it is not.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

// inTime says that time was over, or the caller gone, where a driver says only that it was
// interrupted.
func inTime(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// begin checks what every statement needs, and bounds its time.
func (t *Tx) begin(ctx context.Context, args []any) (context.Context, context.CancelFunc, error) {
	if t.broken != nil {
		return nil, nil, t.broken
	}
	if err := checkArgs(args); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithDeadline(ctx, t.ends)
	return ctx, cancel, nil
}

// fail explains an error of the database, after which the transaction is over.
func (t *Tx) fail(ctx context.Context, err error) error {
	if err != nil {
		err = t.engine.explain(inTime(ctx, err))
		t.broken = err
	}
	return err
}

// exec runs a statement and gives how many rows it touched.
func (t *Tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	ctx, cancel, err := t.begin(ctx, args)
	if err != nil {
		return 0, err
	}
	defer cancel()
	result, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, t.fail(ctx, err)
	}
	n, err := result.RowsAffected()
	return n, t.fail(ctx, err)
}

// row runs a query for one row; no row is fault.KindNotFound with the sentence.
func (t *Tx) row(ctx context.Context, missing, query string, args []any, into ...any) error {
	ctx, cancel, err := t.begin(ctx, args)
	if err != nil {
		return err
	}
	defer cancel()
	err = t.tx.QueryRowContext(ctx, query, args...).Scan(into...)
	if isNoRows(err) {
		return fault.NotFound("%s", missing)
	}
	return t.fail(ctx, err)
}

// rows runs a query and scans every row of it.
func rows[T any](ctx context.Context, t *Tx, scan func(scanner, *T) error, query string, args ...any) ([]T, error) {
	ctx, cancel, err := t.begin(ctx, args)
	if err != nil {
		return nil, err
	}
	defer cancel()
	result, err := t.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, t.fail(ctx, err)
	}
	defer result.Close()
	var list []T
	for result.Next() {
		var value T
		if err := scan(result, &value); err != nil {
			return nil, t.fail(ctx, err)
		}
		list = append(list, value)
	}
	return list, t.fail(ctx, result.Err())
}

// scanner is a row of a query.
type scanner interface{ Scan(into ...any) error }

// checkArgs refuses text that one of the engines could not store as it is.
func checkArgs(args []any) error {
	for _, arg := range args {
		text, ok := arg.(string)
		if ok && (strings.ContainsRune(text, 0) || !utf8.ValidString(text)) {
			return fault.New(fault.KindInvalid, "text must be valid UTF-8 without the character NUL")
		}
	}
	return nil
}
