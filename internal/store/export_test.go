package store

import (
	"context"
	"database/sql"
)

// Pools gives the connections behind the store, for tests that look at what the database itself says.
func (s *Store) Pools() (writer, reader *sql.DB) { return s.writer, s.reader }

// Exec runs any statement in the transaction.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return t.exec(ctx, query, args...)
}

// Limits that tests rely on.
const (
	PoolSize = poolSize
	Patience = patience
)
