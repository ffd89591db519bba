package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
	"postern/test/size"
)

// counted fails the test unless the store holds exactly that many acts, each of them whole.
func (k *kit) counted(t testing.TB, acts uint64) {
	t.Helper()
	if got := k.acts(t); got != acts {
		t.Errorf("the store holds %d acts, want %d", got, acts)
	}
}

// acts gives how many acts the store holds, and fails the test if one is not whole or a version
// was left out.
func (k *kit) acts(t testing.TB) uint64 {
	t.Helper()
	_, reader := k.Pools()
	var n [7]uint64
	for i, query := range []string{
		"SELECT version FROM instance", "SELECT ending FROM instance", "SELECT COUNT(*) FROM users", "SELECT COUNT(*) FROM user_group_members",
		"SELECT COUNT(*) FROM audit", "SELECT COUNT(*) FROM endings",
		"SELECT COUNT(*) FROM audit a JOIN users u ON u.id = a.object JOIN user_group_members m ON m.user_id = u.id JOIN endings e ON e.id = u.id AND e.seq = a.version",
	} {
		if err := reader.QueryRowContext(t.Context(), query).Scan(&n[i]); err != nil {
			t.Fatal(err)
		}
	}
	if n != [7]uint64{n[0], n[0], n[0], n[0], n[0], n[0], n[0]} {
		t.Errorf("version, ending, users, members, audit entries, endings, whole acts: %v; want all the same", n)
	}
	if report := k.chained(t); report.Entries != n[0] {
		t.Errorf("%d entries are chained, want %d", report.Entries, n[0])
	}
	return n[0]
}

// TestKilledService kills a process that writes, at random points, again and again on one database.
func TestKilledService(t *testing.T) {
	points := size.Of(10, 200)
	t.Run("sqlite", func(t *testing.T) { killService(t, sqliteConfig(t), points) })
	t.Run("postgres", func(t *testing.T) { killService(t, postgresConfig(t, pg.New(t)), points) })
}

func killService(t *testing.T, cfg store.Config, points int) {
	var total uint64
	for point := range points {
		p := startProcess(t, "on and on", cfg)
		acknowledged := total
		for range 1 + rand.N(20) { // acts that it may do in peace
			if !p.out.Scan() {
				t.Fatal("the process ended by itself")
			}
			acknowledged = number(t, p.out.Text())
		}
		kill := time.AfterFunc(rand.N(5*time.Millisecond), func() { _ = p.Process.Kill() })
		for p.out.Scan() { // what it still acknowledged
			acknowledged = number(t, p.out.Text())
		}
		kill.Stop()
		_ = p.Wait()
		k := open(t, cfg, nil)
		k.alone(t)
		found := k.acts(t)
		if found < acknowledged || found > acknowledged+1 { // one may be there whose word was lost
			t.Fatalf("crash point %d: %d acts are there, %d were acknowledged", point, found, acknowledged)
		}
		total = found
		if _, err := act(t.Context(), k.Store); err != nil { // and it goes on at once
			t.Fatal(err)
		}
		total++
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d acts over %d crash points", total, points)
}

// alone waits until PostgreSQL has noticed that the killed one is gone: it may have been committing.
func (k *kit) alone(t *testing.T) {
	t.Helper()
	if !strings.HasPrefix(k.cfg.URL, "postgres") {
		return
	}
	writer, reader := k.Pools()
	wait(t, func() bool {
		var sessions int
		err := writer.QueryRow("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = CURRENT_DATABASE() AND backend_type = 'client backend'").Scan(&sessions)
		return err == nil && sessions == writer.Stats().OpenConnections+reader.Stats().OpenConnections
	})
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKilledDatabase kills PostgreSQL under a client that writes. The client keeps its store open.
func TestKilledDatabase(t *testing.T) {
	server := pg.New(t)
	k := open(t, postgresConfig(t, server), server)
	points := size.Of(10, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var acknowledged, refused atomic.Uint64
	ended := make(chan error)
	go func() {
		var wrong error
		for ctx.Err() == nil && wrong == nil {
			_, err := act(t.Context(), k.Store)
			switch {
			case err == nil:
				acknowledged.Add(1)
			case fault.Is(err, fault.KindUnavailable) && retryAfter(err) > 0:
				refused.Add(1)
				<-time.After(5 * time.Millisecond)
			default:
				wrong = fmt.Errorf("a client of a killed database was told %w (%v, %v)", err, fault.KindOf(err), causeOf(err))
			}
		}
		ended <- wrong
	}()
	for range points {
		before := acknowledged.Load()
		wait(t, func() bool { return acknowledged.Load() > before+uint64(1+rand.N(20)) })
		server.Kill(t)
		server.Start(t)
	}
	last := acknowledged.Load()
	wait(t, func() bool { return acknowledged.Load() > last })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	found := k.acts(t)
	if done := acknowledged.Load(); found < done || found > done+uint64(points) { // of one act for each crash nobody knows
		t.Errorf("%d acts are there, %d were acknowledged, %d crashes", found, done, points)
	}
	t.Logf("%d acts acknowledged, %d there, %d refused, %d crashes", acknowledged.Load(), found, refused.Load(), points)
}

// wait waits until something has come about.
func wait(t testing.TB, until func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !until() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("this did not come about in time")
		}
	}
}
