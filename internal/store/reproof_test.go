package store_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/store"
)

// reproofsAreClaimedOnce: of many tabs one goes to the upstream, no session of the kind is asked about behind the
// browser's back, and a renewal whose answer was lost stays in doubt until another one is stored.
func reproofsAreClaimedOnce(t *testing.T, k *kit) {
	w := k.settle(t)
	up := upstreamNoun.add(t, k, 1)
	row := access.Session{ID: num("ses", 90), Kind: access.SessionPortal, User: w.user.ID, Hash: []byte{90}, Created: at(1), Authenticated: at(1), LastUsed: at(5), Expires: at(1).Add(time.Hour)}
	known := store.UpstreamSession{Session: row.ID, Upstream: up.ID, User: w.user.ID, SID: "s", Renewal: []byte("renew"), Checked: at(2), Reprove: at(3), Ends: at(9)}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(tx.InsertSession(ctx, &row), tx.InsertUpstreamSession(ctx, &known))
	})
	read := func() (s store.UpstreamSession) {
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			s, err = tx.UpstreamSession(ctx, row.ID)
			return err
		})
		return s
	}
	if diff := cmp.Diff(known, read()); diff != "" {
		t.Error(diff)
	}
	claim := func(now, next time.Time) (ok bool) {
		err := k.try(t, func(ctx context.Context, tx *store.Tx) (err error) {
			ok, err = tx.ClaimReproof(ctx, row.ID, now, next)
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return ok
	}
	if claim(at(2), at(4)) {
		t.Error("claimed before it was due")
	}
	var won atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if claim(at(3), at(5)) {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || !read().Reprove.Equal(at(5)) {
		t.Errorf("%d claimed it; it is due again at %v", won.Load(), read().Reprove)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		due, err := tx.SessionsToCheck(ctx, at(20), 10)
		_, mine, err2 := tx.ClaimCheck(ctx, row.ID, at(20), at(21))
		if len(due) != 0 || mine {
			t.Errorf("asked about without the browser: %v, %v", due, mine)
		}
		return errFirst(err, err2)
	})
	// Proved again, by an upstream that can be asked now.
	known.Reprove, known.Ends, known.SID, known.Renewal = time.Time{}, time.Time{}, "s2", []byte("renew 2")
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUpstreamSession(ctx, &known) })
	if diff := cmp.Diff(known, read()); diff != "" {
		t.Error(diff)
	}
	for i, doubt := range []time.Time{at(6), at(6)} { // since the first time
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			s, mine, err := tx.ClaimCheck(ctx, row.ID, at(6+i), at(6+i))
			if !mine || !s.Doubt.Equal(doubt) || !s.Checked.Equal(at(6+i)) {
				t.Errorf("time %d: %v, %+v", i, mine, s)
			}
			return err
		})
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.SetRenewal(ctx, row.ID, []byte("renew 3")) })
	if s := read(); !s.Doubt.IsZero() || string(s.Renewal) != "renew 3" {
		t.Errorf("after an answer: %+v", s)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.Reprove(ctx, row.ID, at(7), at(8)) })
	if s := read(); !s.Reprove.Equal(at(7)) || !s.Ends.Equal(at(8)) {
		t.Errorf("demanded: %+v", s)
	}
}
