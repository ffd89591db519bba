// Package store keeps everything that must survive: the only place with SQL.
//
// It runs the same statements on SQLite and PostgreSQL. A write is one transaction: all of it is
// there when Write returns nil, and none of it when it returns an error, except that a connection
// lost during the commit says honestly that nobody knows. Secrets are sealed under a master key
// that is not in the database. Errors are faults with the admin API's field names.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"postern/internal/audit"
	"postern/internal/fault"
)

// Config says where the data is. URL and KeyFile are required.
type Config struct {
	URL     string // "sqlite:PATH" or "postgres://…"
	KeyFile string // the master key; made at the first start, while the database is empty
	Log     *slog.Logger
}

// Store is an open database.
type Store struct {
	engine  engine
	writer  *sql.DB // one connection for SQLite
	reader  *sql.DB
	sealer  atomic.Pointer[sealer]
	key     string      // path of the key file
	keyless atomic.Bool // the master key was changed and we have not got the new one
	chain   audit.Key
	schema  Schema
	log     *slog.Logger
}

// Open opens the database, brings its schema up to date and checks the master key.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e, err := engineOf(cfg.URL, cfg.Log)
	if err != nil {
		return nil, err
	}
	alone, err := e.alone(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s, err := openWith(ctx, e, cfg)
	if err := errors.Join(err, alone()); err != nil {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
		return nil, err
	}
	return s, nil
}

func openWith(ctx context.Context, e engine, cfg Config) (*Store, error) {
	s := &Store{engine: e, log: cfg.Log}
	var err error
	if s.writer, s.reader, err = e.open(); err != nil {
		return nil, err
	}
	if err := e.check(ctx, s.writer); err != nil {
		return s, fmt.Errorf("open the database: %w", withCause(e, err))
	}
	if err := s.migrate(ctx); err != nil {
		return s, fmt.Errorf("bring the database up to date: %w", withCause(e, err))
	}
	if err := s.openKey(ctx, cfg.KeyFile); err != nil {
		return s, err
	}
	return s, s.openChain(ctx)
}

// Attach opens a database that is there, as it is: nothing is made and nothing migrated. The key must
// be the right one.
func Attach(ctx context.Context, cfg Config) (*Store, error) {
	s, err := attach(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := s.attachKey(ctx, cfg.KeyFile); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// attach opens a database without its key.
func attach(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e, err := engineOf(cfg.URL, cfg.Log)
	if err != nil {
		return nil, err
	}
	if file, ok := e.(sqliteEngine); ok {
		file.existing = true
		e = file
	}
	s := &Store{engine: e, log: cfg.Log}
	if s.writer, s.reader, err = e.open(); err != nil {
		return nil, err
	}
	if err = e.check(ctx, s.writer); err == nil {
		s.schema, err = readSchema(ctx, e, s.writer)
	}
	if err == nil {
		err = s.schema.usable()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", withCause(e, err)), s.Close())
	}
	return s, nil
}

// Schema says how far the database's structure is.
func (s *Store) Schema() Schema { return s.schema }

// withCause says what the database said too: whoever starts the service is its administrator.
func withCause(e engine, err error) error {
	explained := e.explain(err)
	if f, ok := errors.AsType[*fault.Error](explained); ok && f.Err != nil {
		return fmt.Errorf("%w (%v)", explained, f.Err)
	}
	return explained
}

// Close closes the database.
func (s *Store) Close() error {
	// SQLite's last connection tidies up, which one that only reads may not.
	return errors.Join(s.reader.Close(), s.writer.Close())
}

// pingPatience is how long a database may take to answer Ping.
const pingPatience = 2 * time.Second

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	return s.Read(ctx, func(tx *Tx) error {
		_, err := tx.Version(ctx) // a real row: SQLite answers SELECT 1 without looking at the file
		return err
	})
}

// engineOf tells which database a URL means.
func engineOf(raw string, log *slog.Logger) (engine, error) {
	if path, ok := strings.CutPrefix(raw, "sqlite:"); ok && path != "" && path != ":memory:" && !strings.ContainsRune(path, 0) {
		return sqliteEngine{path: path, log: log}, nil
	}
	if strings.HasPrefix(raw, "postgres://") || strings.HasPrefix(raw, "postgresql://") {
		return newPostgres(raw)
	}
	return nil, fault.Invalid("database", "must be postgres://user@host/name or sqlite:PATH")
}
