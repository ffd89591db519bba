package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/store"
)

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("not a database\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ url, say string }{
		{"", "sqlite:PATH"},
		{"sqlite:", "sqlite:PATH"},
		{"sqlite::memory:", "sqlite:PATH"},
		{"sqlite:a\x00b", "sqlite:PATH"},
		{"mysql://localhost/db", "postgres://"},
		{"/var/lib/postern.db", "sqlite:PATH"},
		{"postgres://postern:sesame@[::1/db", "database"},
		{"postgres://postern:sesame@localhost:port/db", "database"},
		{"postgres://localhost/db?sslmode=perhaps&password=sesame", "database"},
		{"sqlite:" + filepath.Join(dir, "missing", "p.db"), "no such file or directory"},
		{"sqlite:" + filepath.Join(file, "p.db"), "not a directory"},
		{"sqlite:" + dir, "is a directory"},
		{"sqlite:" + file, "no database of SQLite"},
	} {
		s, err := store.Open(t.Context(), store.Config{URL: test.url, KeyFile: filepath.Join(dir, "key")})
		if err == nil {
			t.Errorf("%q opened", test.url)
			_ = s.Close()
			continue
		}
		if !strings.Contains(err.Error(), test.say) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v; want words about %q", test.url, err, test.say)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "key")); err == nil {
		t.Error("a key was made for a database that did not open")
	}
}

func TestOddPathsOfSQLite(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"relative.db", "./sub dir/with blanks.db", "a?mode=ro.db", "a#b.db", "100%41.db", "ünïcödé 🎣.db", "a&_pragma=x.db", "'quotes\".db"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, store.Config{URL: "sqlite:" + path, KeyFile: path + ".key"})
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestPragmasHoldOnEveryConnection asks each connection of both pools.
func TestPragmasHoldOnEveryConnection(t *testing.T) {
	writer, reader := openStore(t, sqliteConfig(t)).Pools()
	for _, test := range []struct {
		pool      *sql.DB
		size      int
		queryOnly string
	}{{writer, 1, "0"}, {reader, store.PoolSize, "1"}} {
		for range test.size {
			conn, err := test.pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() // only then, so that the next one is another
			for pragma, want := range map[string]string{
				"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "journal_size_limit": "8388608",
				"query_only": test.queryOnly, "wal_autocheckpoint": "1000",
			} {
				var got string
				if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s = %s, %v; want %s", pragma, got, err, want)
				}
			}
		}
		if stats := test.pool.Stats(); stats.OpenConnections != test.size || stats.MaxOpenConnections != test.size {
			t.Errorf("%d connections of at most %d, want %d", stats.OpenConnections, stats.MaxOpenConnections, test.size)
		}
	}
}

// TestLogOfSQLiteStaysSmall writes much while others read all the time.
func TestLogOfSQLiteStaysSmall(t *testing.T) {
	cfg := sqliteConfig(t)
	cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	k := open(t, cfg, nil)
	k.settle(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	for range store.PoolSize {
		go func() {
			var err error
			for ctx.Err() == nil && err == nil {
				err = k.Read(t.Context(), func(tx *store.Tx) error {
					_, err := tx.AllApplications(t.Context())
					return err
				})
			}
			ended <- err
		}()
	}
	entry := auditEntry(1)
	entry.Detail = strings.Repeat("x", 100_000)
	var largest int64
	for i := range 400 { // 40 MB
		entry.ID = num("aud", i)
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.AppendAudit(ctx, &entry) })
		info, err := os.Stat(strings.TrimPrefix(cfg.URL, "sqlite:") + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	cancel()
	for range store.PoolSize {
		if err := <-ended; err != nil {
			t.Errorf("a reader beside a busy writer: %v", err)
		}
	}
	if largest > 20<<20 {
		t.Errorf("the log of SQLite grew to %d bytes", largest)
	}
	t.Logf("largest log: %d bytes", largest)
}

// opensAgain opens a database that is there, as it is, and as a newer version left it.
func opensAgain(t *testing.T, k *kit) {
	k.settle(t)
	writer, _ := k.Pools()
	if _, err := writer.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, $1)", true); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cfg := k.cfg
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	again := open(t, cfg, nil)
	if names := again.groups(t); !slices.Equal(names, []string{"Default"}) {
		t.Errorf("groups %q", names)
	}
	if strings.Contains(log.String(), "migrated") {
		t.Errorf("migrated again: %s", &log)
	}
}

// processesAtOnce starts several services on an empty database.
func processesAtOnce(t *testing.T, k *kit) {
	cfg := k.cfg
	if k.server != nil {
		cfg.URL = k.server.Database(t)
	} else {
		cfg.URL += "2"
	}
	cfg.KeyFile += "2"
	const services = 3
	var processes []process
	for range services {
		processes = append(processes, startProcess(t, "once", cfg))
	}
	domains := map[string]bool{}
	for _, p := range processes {
		for p.out.Scan() {
			domains[p.out.Text()] = true
		}
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
	if len(domains) != 1 {
		t.Errorf("the services say that they are of %v", domains)
	}
	open(t, cfg, nil).counted(t, services)
}

func pings(t *testing.T, k *kit) {
	if err := k.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := k.Ping(expired(t)); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("without time: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	start := time.Now()
	if err := k.Ping(t.Context()); err == nil || time.Since(start) > patience {
		t.Errorf("a closed store: %v after %v", err, time.Since(start))
	}
}
