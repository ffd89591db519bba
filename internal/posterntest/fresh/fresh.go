// Package fresh gives tests databases that are as a service's are before its first start, except that
// the schema is there already: made once for a test program, copied for each test. To migrate costs
// more than most tests. What migrating itself does, the tests of store hold, on empty databases.
package fresh

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"postern/internal/posterntest/pg"
	"postern/internal/store"
)

// SQLite gives the URL of a database in a directory of the test's own.
func SQLite(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postern.db")
	if err := At(path); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// At puts a database of SQLite where there is none.
func At(path string) error {
	data, err := migrated()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// migrated gives the file that all databases of SQLite are copies of.
var migrated = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "fresh")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // what is left is among temporary files
	path := filepath.Join(dir, "postern.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return nil, err
	}
	if err := migrate("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Postgres gives the URL of a database on the server.
func Postgres(t testing.TB, server *pg.Server) string {
	t.Helper()
	return server.Copy(t, migrate)
}

func migrate(url string) error {
	_, _, err := store.Migrate(context.Background(), store.Config{URL: url})
	return err
}
