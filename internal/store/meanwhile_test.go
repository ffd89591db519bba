package store_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/posterntest/pg"
	"postern/internal/store"
)

// TestMeanwhile: what was changed while a write waited for it is judged as it is then, not as it was.
func TestMeanwhile(t *testing.T) {
	keepOnBoth(t, []promise{
		{"a link that was sent anew stays", linkSentAnew},
		{"a try that was counted stays counted", tryCounted},
		{"a session that was raised goes on", sessionRaised},
		{"points that were added are taken, too", pointAdded},
		{"one of two sessions of a user is asked about", claimedOnce},
	})
}

// meanwhile runs one write up to its commit, has another one begin that it holds up, and lets both end.
func meanwhile(t *testing.T, k *kit, first, second func(context.Context, *store.Tx) error) {
	t.Helper()
	at, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	go func() {
		done <- k.try(t, func(ctx context.Context, tx *store.Tx) error {
			err := first(ctx, tx)
			close(at)
			<-release
			return err
		})
	}()
	<-at
	var ended atomic.Bool
	go func() {
		err := k.try(t, second)
		ended.Store(true)
		done <- err
	}()
	if strings.HasPrefix(k.cfg.URL, "postgres") {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for !ended.Load() && pg.Blocked(t, k.cfg.URL) == 0 {
			<-tick.C
		}
	}
	close(release)
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func linkSentAnew(t *testing.T, k *kit) {
	k.settle(t)
	put := func(hash byte, from, until int) func(context.Context, *store.Tx) error {
		l := access.Link{User: "usr_w", Hash: []byte{hash}, Kind: access.LinkReset, Created: at(from), Expires: at(until)}
		return func(ctx context.Context, tx *store.Tx) error { return tx.PutLink(ctx, &l) }
	}
	k.write(t, put(1, 1, 10))
	meanwhile(t, k, put(2, 20, 50), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.DeleteExpiredLinks(ctx, at(20), 10)
		return err
	})
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Link(ctx, []byte{2}, at(21))
		return err
	})
}

func tryCounted(t *testing.T, k *kit) {
	count := func(second int) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.CountTry(ctx, "a", at(second), store.Tries{Burst: 3, Every: time.Second})
			return err
		}
	}
	k.write(t, count(1))
	meanwhile(t, k, count(20), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.DeleteOldTries(ctx, at(20), 10)
		return err
	})
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Tries(ctx)
		if n != 1 {
			t.Errorf("%d tries are counted", n)
		}
		return err
	})
}

func sessionRaised(t *testing.T, k *kit) {
	raised := k.signIn(t).portal
	raised.Expires = at(59)
	meanwhile(t, k, func(ctx context.Context, tx *store.Tx) error { return tx.RaiseSession(ctx, &raised) },
		func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.DeleteExpiredSessions(ctx, at(40), 10)
			return err
		})
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SessionByID(ctx, raised.ID)
		return err
	})
}

func pointAdded(t *testing.T, k *kit) {
	add := func(data string) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			return tx.AppendSeries(ctx, []store.SeriesChunk{{Subject: "con_w", Span: time.Minute, Start: at(1), Data: data}})
		}
	}
	k.write(t, add("a"))
	var taken []store.SeriesChunk
	meanwhile(t, k, add("b"), func(ctx context.Context, tx *store.Tx) (err error) {
		taken, err = tx.TakeSeries(ctx, time.Minute, at(59), 10)
		return err
	})
	if len(taken) != 1 || taken[0].Data != "ab" {
		t.Errorf("%+v", taken)
	}
}

// claimedOnce: and the database never has to undo one of them, since each waits for the user.
func claimedOnce(t *testing.T, k *kit) {
	k.settle(t)
	u := access.Upstream{Meta: meta("ups_1", 0), Name: "Directory", Kind: access.UpstreamLDAP, LDAP: &access.LDAPSettings{}}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUpstream(ctx, &u) })
	for i := range 2 {
		s := access.Session{ID: num("ses", i), Kind: access.SessionPortal, User: "usr_w", Expires: at(59)}
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertSession(ctx, &s) })
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertUpstreamSession(ctx, &store.UpstreamSession{Session: s.ID, Upstream: u.ID, User: "usr_w", Checked: at(1)})
		})
	}
	const rounds = 30
	var runs, asked atomic.Int64
	for round := range rounds {
		now := at(10 + round)
		_, lost, errs := race(2, func(i int) error {
			mine := false
			err := k.try(t, func(ctx context.Context, tx *store.Tx) (err error) {
				runs.Add(1)
				_, mine, err = tx.ClaimCheck(ctx, num("ses", i), now, now)
				return err
			})
			if mine {
				asked.Add(1)
			}
			return err
		})
		if lost > 0 {
			t.Fatal(errs)
		}
	}
	if runs.Load() != 2*rounds || asked.Load() != rounds {
		t.Errorf("of %d claims %d were undone; asked about %d times, want %d", 2*rounds, runs.Load()-2*rounds, asked.Load(), rounds)
	}
}
