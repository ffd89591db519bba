package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/posterntest/pg"
	"postern/internal/store"
	"postern/test/size"
)

// fill puts rows into every table there is, with texts and numbers that are easily spoilt on the way.
func (k *kit) fill(t testing.TB) {
	t.Helper()
	shapes, err := store.Catalogue(t.Context(), store.NewestSchema())
	if err != nil {
		t.Fatal(err)
	}
	k.settle(t)
	var waiting []store.Shape
	for _, s := range shapes {
		if !slices.Contains([]string{"instance", "schema_floor", "audit", "endings"}, s.Name) { // acts make those that count
			waiting = append(waiting, s)
		}
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutSecret(ctx, "test", []byte("a sealed one"))
	})
	for done := map[string]bool{}; len(waiting) > 0; {
		before := len(waiting)
		waiting = slices.DeleteFunc(waiting, func(s store.Shape) bool {
			for _, ref := range s.Refs {
				if ref[0] != s.Name && !done[ref[0]] {
					return false
				}
			}
			done[s.Name] = true
			k.write(t, func(ctx context.Context, tx *store.Tx) error { return fillTable(ctx, tx, s) })
			return true
		})
		if len(waiting) == before {
			t.Fatalf("tables refer to each other in a circle: %v", waiting)
		}
	}
	for range 5 {
		if _, err := act(t.Context(), k.Store); err != nil {
			t.Fatal(err)
		}
	}
}

// fillTable stores three rows, each of which refers to the row of its own number elsewhere.
func fillTable(ctx context.Context, tx *store.Tx, s store.Shape) error {
	for n := range int64(3) {
		var args []any
		var marks []string
		for i, column := range s.Columns {
			args = append(args, fillValue(s, column, n))
			marks = append(marks, fmt.Sprintf("$%d", i+1))
		}
		if _, err := tx.Exec(ctx, "INSERT INTO "+s.Name+" ("+strings.Join(s.Columns, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

func fillValue(s store.Shape, column string, n int64) any {
	if ref, ok := s.Refs[column]; ok {
		if s.Name == "assignments" && (column == "user_id") == (n%2 == 0) && column != "application_id" {
			return nil // one of the two only
		}
		return fillText(ref[0], ref[1], n)
	}
	sealed := column == "sealed" || column == "renewal" || s.Name == "secrets" && column == "value"
	switch {
	case sealed:
		return "" // one that was never set
	case s.Numbers[column] && strings.HasPrefix(column, "is_"):
		return 0
	case s.Numbers[column]:
		return []int64{0, math.MaxInt64, math.MinInt64}[n]
	}
	return fillText(s.Name, column, n)
}

func fillText(table, column string, n int64) string {
	return fmt.Sprintf("%s.%s %d é\"\\\n\r\t<&>\u2028😀\x01", table, column, n)
}

// backup backs up, checks that the file is good, and gives it.
func (k *kit) backup(t testing.TB) ([]byte, store.Summary) {
	t.Helper()
	s, err := store.Attach(t.Context(), k.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var file bytes.Buffer
	made, err := s.Backup(t.Context(), &file)
	if err != nil {
		t.Fatal(err)
	}
	read, err := store.VerifyBackup(t.Context(), bytes.NewReader(file.Bytes()), k.cfg.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, read); diff != "" {
		t.Errorf("written and read: %s", diff)
	}
	return file.Bytes(), made
}

// restored restores a backup into an empty database and opens it.
func restored(t testing.TB, file []byte, keyFile string, server *pg.Server) *kit {
	t.Helper()
	cfg := sqliteConfig(t)
	if server != nil {
		cfg = postgresConfig(t, server)
	}
	cfg.KeyFile = keyFile
	if _, err := store.Restore(t.Context(), store.Restoring{Config: cfg, File: bytes.NewReader(file)}); err != nil {
		t.Fatal(err)
	}
	return open(t, cfg, server)
}

// sound fails the test unless the check finds nothing.
func (k *kit) sound(t testing.TB) store.Report {
	t.Helper()
	report, err := store.Check(t.Context(), k.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range report.Problems {
		t.Error(problem)
	}
	return report
}

// TestBackupIsTheSameEverywhere takes every table from one engine to the other and back.
func TestBackupIsTheSameEverywhere(t *testing.T) {
	server := pg.New(t)
	origin := open(t, sqliteConfig(t), nil)
	origin.fill(t)
	file, first := origin.backup(t)
	for name, rows := range first.Rows {
		if rows == 0 {
			t.Errorf("the table %s was empty", name)
		}
	}
	way := origin
	for _, next := range []*pg.Server{server, server, nil, nil, server} {
		way = restored(t, file, origin.cfg.KeyFile, next)
		way.sound(t)
		var there store.Summary
		file, there = way.backup(t)
		if there.Digest != first.Digest || !cmp.Equal(there.Rows, first.Rows) || there.Configuration != first.Configuration {
			t.Fatalf("on %s: %s", way.cfg.URL, cmp.Diff(first, there))
		}
	}
	way.read(t, func(ctx context.Context, tx *store.Tx) error {
		secret, err := tx.Secret(ctx, "test")
		if err == nil && string(secret) != "a sealed one" {
			t.Errorf("the secret became %q", secret)
		}
		return err
	})
	if _, err := act(t.Context(), way.Store); err != nil { // and life goes on
		t.Fatal(err)
	}
}

// TestBackupUnderLoad backs up while others write, and restores each: every act is whole in it.
func TestBackupUnderLoad(t *testing.T) {
	rounds := size.Of(3, 30)
	t.Run("sqlite", func(t *testing.T) { backupUnderLoad(t, open(t, sqliteConfig(t), nil), rounds) })
	t.Run("postgres", func(t *testing.T) {
		server := pg.New(t)
		backupUnderLoad(t, open(t, postgresConfig(t, server), server), rounds)
	})
}

func backupUnderLoad(t *testing.T, k *kit, rounds int) {
	before := uint64(0)
	for range rounds {
		file, made := k.backupWhileWriting(t, before)
		if made.Configuration <= before {
			t.Errorf("version %d after %d", made.Configuration, before)
		}
		before = made.Configuration
		there := restored(t, file, k.cfg.KeyFile, k.server)
		there.counted(t, made.Configuration)
		_, again := there.backup(t)
		if again.Digest != made.Digest {
			t.Error("the restored database is another")
		}
		if err := there.Close(); err != nil {
			t.Error(err)
		}
	}
}

// backupWhileWriting backs up while others write, and only as long as that takes: a database that grew meanwhile would
// take the next round longer, in which it grows more.
func (k *kit) backupWhileWriting(t *testing.T, before uint64) ([]byte, store.Summary) {
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for ctx.Err() == nil {
				if _, err := act(t.Context(), k.Store); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer writers.Wait()
	defer stop()
	wait(t, func() bool { return k.version(t) > before })
	return k.backup(t)
}

func (k *kit) version(t testing.TB) (version uint64) {
	t.Helper()
	k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
		version, err = tx.Version(ctx)
		return err
	})
	return version
}

// TestBackupHoldsNoKey looks for the master key in all its spellings.
func TestBackupHoldsNoKey(t *testing.T) {
	k := open(t, sqliteConfig(t), nil)
	k.fill(t)
	file, _ := k.backup(t)
	leaks(t, "the backup", unzipped(t, file), masterKey(t, k))
	leaks(t, "the backup", unzipped(t, file), []byte("a sealed one"))
	if filepath.Dir(k.cfg.KeyFile) == "" {
		t.Error("no key")
	}
}
