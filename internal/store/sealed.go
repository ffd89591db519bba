package store

import (
	"context"
	"database/sql"
	"slices"
)

// sealedColumn is a column of sealed secrets. The place of each, which it is sealed for, is the prefix
// and the row's key.
type sealedColumn struct{ table, key, column, prefix string }

// sealedColumns lists those of a schema. A test finds the ones that are missing here.
func sealedColumns(schema []tableShape) []sealedColumn {
	all := []sealedColumn{
		{"instance", "id", "key_check", ""},
		{"secrets", "name", "value", "secrets/"},
		{"public_certificates", "id", "sealed", "public_certificates/sealed/"},
		{"factors", "id", "sealed", "factors/"},
		{"upstreams", "id", "sealed", "upstreams/sealed/"},
		{"exports", "id", "sealed", "exports/sealed/"},
		{"upstream_sessions", "session_id", "renewal", "upstream_sessions/renewal/"},
		{"upstream_arrivals", "hash", "renewal", "upstream_arrivals/renewal/"},
	}
	return slices.DeleteFunc(all, func(c sealedColumn) bool {
		return !slices.ContainsFunc(schema, func(t tableShape) bool { return t.name == c.table && slices.Contains(t.names(), c.column) })
	})
}

func (c sealedColumn) place(key string) string {
	if c.prefix == "" {
		return checkPlace
	}
	return c.prefix + key
}

// each shows every secret of the column, by key, and stores what do gives instead, if it gives
// something. The errors of do are collected.
func (c sealedColumn) each(ctx context.Context, tx *sql.Tx, do func(place, value string) (string, error)) (bad []error, _ error) {
	const batch = 500
	last := ""
	for {
		keys, values, err := c.page(ctx, tx, last, batch)
		if err != nil || len(keys) == 0 {
			return bad, err
		}
		for i, key := range keys {
			last = key
			if values[i] == "" {
				continue // a secret that was never set
			}
			next, err := do(c.place(key), values[i])
			if err != nil {
				bad = append(bad, err)
				continue
			}
			if next == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, "UPDATE "+c.table+" SET "+c.column+" = $1 WHERE "+c.key+" = $2", next, key); err != nil {
				return bad, err
			}
		}
	}
}

func (c sealedColumn) page(ctx context.Context, tx *sql.Tx, after string, limit int) (keys, values []string, err error) {
	result, err := tx.QueryContext(ctx, "SELECT "+c.key+", COALESCE("+c.column+", '') FROM "+c.table+" WHERE "+c.key+" > $1 ORDER BY "+c.key+" LIMIT $2", after, limit)
	if err != nil {
		return nil, nil, err
	}
	defer result.Close()
	for result.Next() {
		var key, value string
		if err := result.Scan(&key, &value); err != nil {
			return nil, nil, err
		}
		keys, values = append(keys, key), append(values, value)
	}
	return keys, values, result.Err()
}
