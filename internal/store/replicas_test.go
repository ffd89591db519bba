package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
)

// TestReplicas holds what services that share a database rely on, on either engine.
func TestReplicas(t *testing.T) {
	keepOnBoth(t, []promise{
		{"a gateway is listed while it beats", gatewayIsListed},
		{"a lease has one holder", leaseHasOneHolder},
		{"a lease that ran out changes hands with a new term", leaseChangesHands},
		{"work of an earlier term is refused", earlierTermIsRefused},
		{"of many that want a lease one gets it", oneOfManyGetsTheLease},
	})
}

func gatewayIsListed(t *testing.T, k *kit) {
	one := access.Gateway{ID: "gtw_1", Address: "a:443", Program: "1", Started: at(1)}
	two := access.Gateway{ID: "gtw_2", Address: "b:443", Program: "1", Started: at(2)}
	list := func(age time.Duration) (found []access.Gateway) {
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			found, err = tx.Gateways(ctx, age)
			return err
		})
		return found
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.BeatGateway(ctx, one); err != nil {
			return err
		}
		return tx.BeatGateway(ctx, two)
	})
	if diff := cmp.Diff([]access.Gateway{one, two}, list(time.Hour)); diff != "" {
		t.Error(diff)
	}
	if got := list(-time.Hour); len(got) != 0 {
		t.Errorf("gateways without a heartbeat are listed: %v", got)
	}
	one.Address = "c:443" // it moved
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.BeatGateway(ctx, one) })
	if diff := cmp.Diff([]access.Gateway{one, two}, list(time.Hour)); diff != "" {
		t.Error(diff)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		if n, err := tx.DeleteLostGateways(ctx, time.Hour); n != 0 || err != nil {
			return fmt.Errorf("deleted %d that live: %w", n, err)
		}
		n, err := tx.DeleteLostGateways(ctx, -time.Hour)
		if n != 2 {
			t.Errorf("deleted %d, want 2", n)
		}
		return err
	})
}

// take tries to get the lease "work".
func (k *kit) take(t *testing.T, holder string, life time.Duration) (l store.Lease, ok bool) {
	t.Helper()
	k.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		l, ok, err = tx.TakeLease(ctx, "work", holder, life)
		return err
	})
	return l, ok
}

func leaseHasOneHolder(t *testing.T, k *kit) {
	first, ok := k.take(t, "a", time.Hour)
	if !ok || first.Term != 1 {
		t.Fatalf("got %v %v", first, ok)
	}
	if l, ok := k.take(t, "b", time.Hour); ok {
		t.Errorf("a second holder: %v", l)
	}
	again, ok := k.take(t, "a", time.Hour)
	if !ok || again != first {
		t.Errorf("renewed: %v %v, want the same term", again, ok)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.EndLease(ctx, first) })
	if l, ok := k.take(t, "b", time.Hour); !ok || l.Term != 2 {
		t.Errorf("after its end: %v %v", l, ok)
	}
}

func leaseChangesHands(t *testing.T, k *kit) {
	if _, ok := k.take(t, "a", -time.Second); !ok {
		t.Fatal("not free")
	}
	l, ok := k.take(t, "b", time.Hour)
	if !ok || l.Term != 2 {
		t.Errorf("got %v %v", l, ok)
	}
	if _, ok := k.take(t, "a", time.Hour); ok {
		t.Error("the first one got it back")
	}
}

func earlierTermIsRefused(t *testing.T, k *kit) {
	old, _ := k.take(t, "a", -time.Second)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.HoldLease(ctx, old) })
	now, _ := k.take(t, "b", time.Hour)
	k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error { return tx.HoldLease(ctx, old) })
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.EndLease(ctx, old) }) // changes nothing
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.HoldLease(ctx, now) })
}

func oneOfManyGetsTheLease(t *testing.T, k *kit) {
	var mu sync.Mutex
	var each sync.WaitGroup
	got := 0
	for i := range 8 {
		each.Go(func() {
			if _, ok := k.take(t, fmt.Sprint("holder", i), time.Hour); ok {
				mu.Lock()
				got++
				mu.Unlock()
			}
		})
	}
	each.Wait()
	if got != 1 {
		t.Errorf("%d got it", got)
	}
}

// TestListen wakes another service for each commit that matters, and again after the database was away.
func TestListen(t *testing.T) {
	server := pg.New(t)
	cfg := postgresConfig(t, server)
	here, there := open(t, cfg, server), openStore(t, cfg)
	ctx, stop := context.WithCancel(t.Context())
	woken := make(chan struct{}, 1)
	var ended sync.WaitGroup
	ended.Go(func() {
		_ = there.Listen(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	})
	defer ended.Wait()
	defer stop()
	await := func(what string) {
		t.Helper()
		select {
		case <-woken:
		case <-time.After(patience):
			t.Fatalf("not woken by %s", what)
		}
	}
	await("the beginning")
	for what, do := range map[string]func(context.Context, *store.Tx) error{
		"a version": func(ctx context.Context, tx *store.Tx) error { _, err := tx.NextVersion(ctx); return err },
		"an ending": func(ctx context.Context, tx *store.Tx) error {
			return tx.AppendEnding(ctx, &access.Ending{Kind: access.EndingUser, ID: "usr_1", Time: at(0)})
		},
		"an announcement": func(ctx context.Context, tx *store.Tx) error { return tx.Announce(ctx) },
	} {
		here.write(t, do)
		await(what)
	}
	server.Kill(t)
	server.Start(t)
	await("the database's return")
	here.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.Announce(ctx) })
	await("what came after")
}
