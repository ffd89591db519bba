package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"postern/internal/access"
)

// Pools gives the connections behind the store, for tests that look at what the database itself says.
func (s *Store) Pools() (writer, reader *sql.DB) { return s.writer, s.reader }

// Exec runs any statement in the transaction.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return t.exec(ctx, query, args...)
}

// Ends is when the transaction's time is over.
func (t *Tx) Ends() time.Time { return t.ends }

// Limits that tests rely on.
const (
	PoolSize     = poolSize
	Patience     = patience
	MostPatience = mostPatience
)

// Shape is a table as the newest schema has it.
type Shape struct {
	Name    string
	Columns []string
	Numbers map[string]bool
	Refs    map[string][2]string // column → table and column
}

// Catalogue gives every table of a schema.
func Catalogue(ctx context.Context, version int64) (list []Shape, err error) {
	shapes, err := catalogue(ctx, version)
	for _, t := range shapes {
		s := Shape{Name: t.name, Columns: t.names(), Numbers: map[string]bool{}, Refs: map[string][2]string{}}
		for _, c := range t.columns {
			s.Numbers[c.name] = c.number
		}
		for _, r := range t.refs {
			s.Refs[r.column] = [2]string{r.table, r.target}
		}
		list = append(list, s)
	}
	return list, err
}

// NewestSchema gives the schema of this program.
func NewestSchema() int64 {
	_, newest, err := migrationList()
	if err != nil {
		panic(err)
	}
	return newest
}

// MigrateTo brings the schema of a new database to a version.
func MigrateTo(ctx context.Context, cfg Config, version int64) error {
	e, err := engineOf(cfg.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	writer, reader, err := e.open()
	if err != nil {
		return err
	}
	err = migrateTo(ctx, e, writer, steps{to: version, log: slog.New(slog.DiscardHandler)})
	return errors.Join(err, writer.Close(), reader.Close())
}

// SchemaOf gives the version of a database's schema.
func SchemaOf(ctx context.Context, cfg Config) (int64, error) {
	e, err := engineOf(cfg.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	writer, reader, err := e.open()
	if err != nil {
		return 0, err
	}
	schema, err := readSchema(ctx, e, writer)
	return schema.Version, errors.Join(err, writer.Close(), reader.Close())
}

// SealedColumns gives table and column of all that hold sealed values.
func SealedColumns(ctx context.Context) (places []string, err error) {
	list, err := catalogue(ctx, NewestSchema())
	for _, c := range sealedColumns(list) {
		places = append(places, c.place(""))
	}
	return places, err
}

// RemoveAccessRequest lets the tests of all nouns delete one; the service only lets them grow old.
func (t *Tx) RemoveAccessRequest(ctx context.Context, id access.ID, version int64) error {
	return requests.remove(ctx, t, id, version)
}
