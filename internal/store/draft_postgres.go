package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"postern/internal/fault"
)

// The schemas (namespaces) of PostgreSQL where a restored database is built and a replaced one kept.
const (
	draftSchema = "postern_restore"
	keptSchema  = "postern_replaced"
)

const restoreLock = "hashtext('postern restore')"

// draft builds in a namespace of its own and moves the tables in the end. One session holds a lock
// from the first to the last, so that two restores do not meet.
func (e postgresEngine) draft(ctx context.Context) (*draft, error) {
	own := e.config.Copy()
	own.RuntimeParams["application_name"] = "postern restore"
	db := stdlib.OpenDB(*own)
	db.SetMaxOpenConns(1) // whose lock lasts as long as the connection
	ok := false
	err := db.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+restoreLock+")").Scan(&ok)
	if err == nil && !ok {
		err = fault.Conflict("another restore is under way on this database")
	}
	if err != nil {
		return nil, errors.Join(e.explain(err), db.Close())
	}
	if _, err = db.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+draftSchema+" CASCADE"); err == nil {
		_, err = db.ExecContext(ctx, "CREATE SCHEMA "+draftSchema)
	}
	if err != nil {
		return nil, errors.Join(e.explain(err), leave(ctx, db))
	}
	place := own.Copy()
	place.RuntimeParams["search_path"] = draftSchema
	return &draft{
		engine: postgresEngine{place},
		begin: func(ctx context.Context, tx *sql.Tx) error {
			return deferKeys(ctx, tx, "DEFERRABLE INITIALLY DEFERRED")
		},
		end: checkKeys,
		publish: func(ctx context.Context) error {
			if err := e.publish(ctx, db); err != nil {
				return err
			}
			return leave(ctx, db)
		},
		discard: func(ctx context.Context) error {
			_, err := db.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+draftSchema+" CASCADE")
			return errors.Join(err, leave(ctx, db))
		},
		kept: "the schema " + keptSchema + " of the same database",
	}, nil
}

// leave gives the lock back before it closes: the server takes a moment to notice that a connection has ended, and the next restore
// may not wait.
func leave(ctx context.Context, db *sql.DB) error {
	// An error means that the connection is lost, and the lock with it.
	_, _ = db.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock("+restoreLock+")")
	return db.Close()
}

// deferKeys changes when the foreign keys of the current schema are checked.
func deferKeys(ctx context.Context, tx *sql.Tx, when string) error {
	list, err := names(tx.QueryContext(ctx, `SELECT format('ALTER TABLE %s ALTER CONSTRAINT %I ', conrelid::regclass, conname)
		FROM pg_constraint WHERE contype = 'f' AND connamespace = CURRENT_SCHEMA()::regnamespace`))
	if err != nil {
		return err
	}
	for _, statement := range list {
		if _, err := tx.ExecContext(ctx, statement+when); err != nil {
			return err
		}
	}
	return nil
}

func checkKeys(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		return err
	}
	return deferKeys(ctx, tx, "NOT DEFERRABLE")
}

// publish moves our tables of the database out of the way and the restored ones in, in one
// transaction.
func (e postgresEngine) publish(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // back to the pool, which is closed next
	var home string
	if err := conn.QueryRowContext(ctx, "SELECT quote_ident(CURRENT_SCHEMA())").Scan(&home); err != nil {
		return err
	}
	if err := e.unused(ctx, conn); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing to do after a commit
	if _, err := tx.ExecContext(ctx, "SET LOCAL lock_timeout = '20s'"); err != nil {
		return err
	}
	if err := moveTables(ctx, tx, home, keptSchema, true); err != nil {
		return fmt.Errorf("move the tables that are there: %w", err)
	}
	if err := moveTables(ctx, tx, draftSchema, home, false); err != nil {
		return fmt.Errorf("move the restored tables: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "DROP SCHEMA "+draftSchema+" CASCADE"); err != nil {
		return err
	}
	return tx.Commit()
}

// unused fails while a service is connected. The server takes a moment to notice that one has gone.
func (e postgresEngine) unused(ctx context.Context, conn *sql.Conn) error {
	const moments = 50
	for moment := 1; ; moment++ {
		var services int
		err := conn.QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = CURRENT_DATABASE() AND application_name = $1 AND pid <> pg_backend_pid()`, e.config.RuntimeParams["application_name"]).Scan(&services)
		if err != nil || services == 0 {
			return err
		}
		if moment == moments {
			return fault.Conflict("the database is in use by %d connections of services: stop all of them first", services)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// moveTables moves our tables and views from one namespace to another: those whose names the draft has.
func moveTables(ctx context.Context, tx *sql.Tx, from, to string, fresh bool) error {
	list, err := names(tx.QueryContext(ctx, `SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'v') AND quote_ident(n.nspname) = $1 AND c.relname IN
		(SELECT relname FROM pg_class WHERE relnamespace = '`+draftSchema+`'::regnamespace) ORDER BY c.relkind, c.relname`, from))
	if err != nil || len(list) == 0 {
		return err
	}
	if fresh {
		if _, err := tx.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+to+" CASCADE"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "CREATE SCHEMA "+to); err != nil {
			return err
		}
	}
	for _, name := range list {
		if _, err := tx.ExecContext(ctx, "ALTER TABLE "+from+"."+name+" SET SCHEMA "+to); err != nil {
			return err
		}
	}
	return nil
}
