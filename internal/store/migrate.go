package store

import (
	"context"
	"embed"
	"errors"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Migrations are numbered files, each in its own transaction,
// only ever appended. Services that start together take turns.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	migrator, end, err := s.engine.migrator(s.writer, files)
	if err != nil {
		return err
	}
	results, err := migrator.Up(ctx)
	for _, r := range results {
		s.log.Info("database migrated", "file", r.Source.Path, "duration", r.Duration)
	}
	return errors.Join(err, end())
}
