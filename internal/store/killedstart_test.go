package store_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"postern/internal/posterntest/pg"
	"postern/internal/store"
	"postern/test/size"
)

// TestKilledMigration starts several services at once on an empty database or one of an older schema, and kills
// them at random points. The next one that starts finishes what they began, and loses nothing of what any
// acknowledged.
func TestKilledMigration(t *testing.T) {
	points := size.Of(3, 60)
	t.Run("sqlite", func(t *testing.T) {
		killMigrations(t, points, func() string { return "sqlite:" + filepath.Join(t.TempDir(), "postern.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		server := pg.New(t)
		killMigrations(t, points, func() string { return server.Database(t) })
	})
}

func killMigrations(t *testing.T, points int, database func() string) {
	var whole time.Duration
	unfinished := 0
	for point := range points + 1 {
		cfg := store.Config{URL: database(), KeyFile: filepath.Join(t.TempDir(), "master.key")}
		if from := rand.Int64N(store.NewestSchema()); from > 0 && point > 0 {
			if err := store.MigrateTo(t.Context(), cfg, from); err != nil {
				t.Fatal(err)
			}
		}
		acknowledged, took := startAndKill(t, cfg, whole)
		whole = max(whole, took)
		if schema, err := store.SchemaOf(t.Context(), cfg); err != nil || schema < store.NewestSchema() {
			unfinished++
		}
		k := open(t, cfg, nil)
		if got := k.Schema(); got.Version != store.NewestSchema() {
			t.Errorf("crash point %d: schema %d", point, got.Version)
		}
		if _, err := act(t.Context(), k.Store); err != nil {
			t.Errorf("crash point %d: %v", point, err)
		}
		if acts := k.acts(t); acts < acknowledged+1 || acts > 4 {
			t.Errorf("crash point %d: %d acts, and %d services told of theirs", point, acts, acknowledged)
		}
		k.sound(t)
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d crash points, %d of them before the schema was up to date", points, unfinished)
}

// startAndKill starts three services at once, kills each a while after it began, 0: never, and gives how
// many told of a change, and how long the first one lived.
func startAndKill(t *testing.T, cfg store.Config, within time.Duration) (acknowledged uint64, took time.Duration) {
	t.Helper()
	services := []process{startProcess(t, "start", cfg), startProcess(t, "start", cfg), startProcess(t, "start", cfg)}
	began := time.Now()
	for i, p := range services {
		if !p.out.Scan() {
			t.Fatal("a process ended by itself")
		}
		if i == 0 {
			began = time.Now()
		}
		if within > 0 {
			// Rather early: most of the time goes by in waiting for each other.
			defer time.AfterFunc(rand.N(1+rand.N(within)), func() { _ = p.Process.Kill() }).Stop()
		}
	}
	for i, p := range services {
		for p.out.Scan() {
			acknowledged++
		}
		_ = p.Wait() // killed, mostly
		if i == 0 {
			took = time.Since(began)
		}
	}
	return acknowledged, took
}
