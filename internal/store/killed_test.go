package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/disk"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
	"postern/test/size"
)

// TestKilledRestore kills a restore over another database at random points. Whatever point it was, the
// database is the one before or the restored one, whole, and the next restore succeeds.
func TestKilledRestore(t *testing.T) {
	points := size.Of(4, 100)
	t.Run("sqlite", func(t *testing.T) { killRestore(t, sqliteConfig(t), points) })
	t.Run("postgres", func(t *testing.T) { killRestore(t, postgresConfig(t, pg.New(t)), points) })
}

func killRestore(t *testing.T, cfg store.Config, points int) {
	k := open(t, cfg, nil)
	k.fill(t)
	hide(t, k.Store, 0, 500)
	file, then := k.backup(t)
	path := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STORE_TEST_FILE", path)
	closed := k
	began := time.Now()
	finish(t, closed, cfg, 0)
	whole := time.Since(began)
	restored, kept := 0, 0
	for range points {
		k := open(t, cfg, nil)
		k.alone(t)
		if _, err := act(t.Context(), k.Store); err != nil { // so that before and after differ
			t.Fatal(err)
		}
		_, now := k.backup(t)
		finish(t, k, cfg, 1+rand.N(whole+whole/4))
		k = open(t, cfg, nil)
		k.alone(t)
		_, found := k.backup(t)
		switch found.Digest {
		case then.Digest:
			restored++
		case now.Digest:
			kept++
		default:
			t.Fatal("the database is neither the one before nor the restored one")
		}
		k.sound(t)
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
	k = open(t, cfg, nil)
	k.alone(t)
	finish(t, k, cfg, 0)
	k = open(t, cfg, nil)
	if _, found := k.backup(t); found.Digest != then.Digest {
		t.Error("a restore after all those that were killed gave something else")
	}
	if left, err := filepath.Glob(strings.TrimPrefix(cfg.URL, "sqlite:") + ".restore*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v (%v)", left, err)
	}
	t.Logf("%d crash points: %d times restored, %d times as before", points, restored, kept)
}

// finish closes the store and restores over its database in another process, which is killed after a
// while; 0: never.
func finish(t *testing.T, k *kit, cfg store.Config, after time.Duration) {
	t.Helper()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, "restore", cfg)
	if !p.out.Scan() {
		t.Fatal("the process ended by itself")
	}
	if after > 0 {
		defer time.AfterFunc(after, func() { _ = p.Process.Kill() }).Stop()
	}
	for p.out.Scan() {
	}
	if err := p.Wait(); err != nil && after == 0 {
		t.Fatal(err)
	}
}

// restoreTask restores over the database with force.
func restoreTask(ctx context.Context, s *store.Store) error {
	if err := s.Close(); err != nil {
		return err
	}
	file, err := os.Open(os.Getenv("STORE_TEST_FILE"))
	if err != nil {
		return err
	}
	fmt.Println("begins")
	cfg := store.Config{URL: os.Getenv("STORE_TEST_URL"), KeyFile: os.Getenv("STORE_TEST_KEY")}
	_, err = store.Restore(ctx, store.Restoring{Config: cfg, File: file, Force: true})
	return errors.Join(err, file.Close())
}

// TestKilledBackup kills a backup at random points: the file is there whole, or not at all.
func TestKilledBackup(t *testing.T) {
	k := open(t, sqliteConfig(t), nil)
	k.fill(t)
	hide(t, k.Store, 0, 2000)
	path := filepath.Join(t.TempDir(), "backup")
	t.Setenv("STORE_TEST_FILE", path)
	whole := time.Duration(0)
	points, there := size.Of(8, 100), 0
	for point := range points + 1 {
		p := startProcess(t, "backup", k.cfg)
		if !p.out.Scan() {
			t.Fatal("the process ended by itself")
		}
		began := time.Now()
		if point > 0 {
			time.AfterFunc(rand.N(whole+whole/4), func() { _ = p.Process.Kill() })
		}
		for p.out.Scan() {
		}
		_ = p.Wait()
		whole = max(whole, time.Since(began))
		file, err := os.Open(path)
		if os.IsNotExist(err) && point > 0 {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.VerifyBackup(t.Context(), file, k.cfg.KeyFile); err != nil {
			t.Errorf("crash point %d: %v", point, err)
		}
		there++
		if err := errors.Join(file.Close(), os.Remove(path)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d crash points: %d files, all whole", points, there)
	p := startProcess(t, "backup", k.cfg)
	for p.out.Scan() {
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".backup.*")); err != nil || len(left) > 0 {
		t.Errorf("a backup that was not killed left what those before began: %v (%v)", left, err)
	}
}

// backupTask writes a backup as the command does.
func backupTask(ctx context.Context, s *store.Store) error {
	fmt.Println("begins")
	draft, err := disk.Create(os.Getenv("STORE_TEST_FILE"), 0o600)
	if err != nil {
		return err
	}
	if _, err := s.Backup(ctx, draft); err != nil {
		return errors.Join(err, draft.Discard())
	}
	return errors.Join(draft.Commit(), s.Close())
}
