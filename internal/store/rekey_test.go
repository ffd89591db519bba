package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
	"postern/test/size"
)

// hide seals that many secrets.
func hide(t testing.TB, s *store.Store, from, to int) {
	t.Helper()
	ctx := t.Context()
	err := s.Write(ctx, func(tx *store.Tx) error {
		for n := from; n < to; n++ {
			if err := tx.PutSecret(ctx, fmt.Sprint("hidden-", n), fmt.Append(nil, "secret ", n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// found fails the test unless all those secrets open.
func found(t testing.TB, s *store.Store, count int) {
	t.Helper()
	ctx := t.Context()
	err := s.Read(ctx, func(tx *store.Tx) error {
		for n := range count {
			plain, err := tx.Secret(ctx, fmt.Sprint("hidden-", n))
			if err != nil {
				return err
			}
			if string(plain) != fmt.Sprint("secret ", n) {
				return fmt.Errorf("secret %d became %q", n, plain)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestChangeKeyUnderServices changes the master key while services run: one that shares the key file
// and one on another machine, with a copy of the next key or without.
func TestChangeKeyUnderServices(t *testing.T) {
	server := pg.New(t)
	for engine, cfg := range map[string]store.Config{"sqlite": sqliteConfig(t), "postgres": postgresConfig(t, server)} {
		t.Run(engine, func(t *testing.T) { changeKey(t, cfg) })
	}
}

func changeKey(t *testing.T, cfg store.Config) {
	here := openStore(t, cfg)
	hide(t, here, 0, 100)
	there := cfg
	there.KeyFile = filepath.Join(t.TempDir(), "master.key")
	copyFile(t, cfg.KeyFile, there.KeyFile)
	old := filepath.Join(t.TempDir(), "old.key")
	copyFile(t, cfg.KeyFile, old)
	away := openStore(t, there)

	out, err := store.ChangeKey(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if out.Sealed < 101 || out.Old == out.New || out.Pending != "" {
		t.Errorf("%+v", out)
	}
	same(t, old, out.Kept)
	found(t, here, 100) // it takes up the new key by itself
	hide(t, here, 100, 110)

	// The other machine has only the old key: it says so, and seals nothing that nobody could open.
	err = away.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Secret(t.Context(), "hidden-1"); return err })
	if !fault.Is(err, fault.KindUnavailable) || !strings.Contains(err.Error(), out.New) || !strings.Contains(err.Error(), there.KeyFile) || !away.KeyMissing() {
		t.Errorf("got %v (%v)", err, fault.KindOf(err))
	}
	err = away.Write(t.Context(), func(tx *store.Tx) error { return tx.PutSecret(t.Context(), "hidden-1", []byte("lost")) })
	if !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("a secret was sealed with the old key: %v", err)
	}
	if _, err := store.Open(t.Context(), there); !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "is not the master key of this database") {
		t.Errorf("it starts with the old key: %v", err)
	}
	copyFile(t, cfg.KeyFile, there.KeyFile+".next") // as the instructions say
	found(t, away, 110)
	if away.KeyMissing() {
		t.Error("the key is still missing")
	}
	same(t, cfg.KeyFile, there.KeyFile)
	hide(t, away, 110, 120)
	found(t, here, 120)
	(&kit{Store: here, cfg: cfg}).sound(t)

	entries := audits(t, here)
	if len(entries) != 1 || entries[0].Name != out.New {
		t.Errorf("the audit log has %+v", entries)
	}
}

func audits(t *testing.T, s *store.Store) (list []access.AuditEntry) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
		list, _, err = tx.Audits(t.Context(), store.AuditFilter{Action: "instance.change-master-key"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if string(x) != string(y) {
		t.Errorf("%s and %s differ", a, b)
	}
}

// TestChangeKeyRefuses changes nothing when a secret does not open.
func TestChangeKeyRefuses(t *testing.T) {
	k := open(t, sqliteConfig(t), nil)
	hide(t, k.Store, 0, 10)
	writer, _ := k.Pools()
	if _, err := writer.Exec("UPDATE secrets SET value = (SELECT value FROM secrets WHERE name = 'hidden-2') WHERE name = 'hidden-5'"); err != nil {
		t.Fatal(err)
	}
	before := masterKey(t, k)
	if _, err := store.ChangeKey(t.Context(), k.cfg); err == nil || !strings.Contains(err.Error(), "nothing was changed") || !strings.Contains(err.Error(), "hidden-5") {
		t.Errorf("got %v", err)
	}
	if string(masterKey(t, k)) != string(before) {
		t.Error("the key file was changed")
	}
	found(t, k.Store, 2)
}

// TestKilledChangeOfKey kills the change at random points, again and again, while a service seals.
// Whatever point it was: the database opens with the files that are there, and every secret too.
func TestKilledChangeOfKey(t *testing.T) {
	points := size.Of(8, 150)
	t.Run("sqlite", func(t *testing.T) { killChangeOfKey(t, sqliteConfig(t), points) })
	t.Run("postgres", func(t *testing.T) { killChangeOfKey(t, postgresConfig(t, pg.New(t)), points) })
}

func killChangeOfKey(t *testing.T, cfg store.Config, points int) {
	const secrets = 300
	s := openStore(t, cfg)
	hide(t, s, 0, secrets)
	took := time.Now()
	if err := changeKeyProcess(t, cfg, 0); err != nil { // one that is left in peace, for how long it takes
		t.Fatal(err)
	}
	whole := time.Since(took)
	changed, left := 0, 0
	for range points {
		before, err := os.ReadFile(cfg.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		_ = changeKeyProcess(t, cfg, rand.N(whole+whole/4)) // mostly it was killed
		found(t, s, secrets)                                // a service that runs
		hide(t, s, 0, 5)
		again, err := store.Open(t.Context(), cfg) // and one that starts
		if err != nil {
			t.Fatal(err)
		}
		found(t, again, secrets)
		if err := again.Close(); err != nil {
			t.Error(err)
		}
		after, err := os.ReadFile(cfg.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		if string(before) != string(after) {
			changed++
		}
		if _, err := os.Stat(cfg.KeyFile + ".next"); err == nil {
			left++
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	(&kit{Store: s, cfg: cfg}).sound(t)
	t.Logf("%d crash points: %d changed the key, %d left the next one for the next time", points, changed, left)
}

// changeKeyProcess changes the key in another process and kills that after a while; 0: never.
func changeKeyProcess(t *testing.T, cfg store.Config, after time.Duration) error {
	p := startProcess(t, "change key", cfg)
	if !p.out.Scan() {
		t.Fatal("the process ended by itself")
	}
	if after > 0 {
		defer time.AfterFunc(after, func() { _ = p.Process.Kill() }).Stop()
	}
	for p.out.Scan() {
	}
	return p.Wait()
}

// changeKeyTask is what the killed process does: it says that it begins, and changes the key until it
// is killed or has done it once.
func changeKeyTask(ctx context.Context, s *store.Store) error {
	if err := s.Close(); err != nil {
		return err
	}
	fmt.Println("begins")
	_, err := store.ChangeKey(ctx, store.Config{URL: os.Getenv("STORE_TEST_URL"), KeyFile: os.Getenv("STORE_TEST_KEY")})
	return err
}
