package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// TestRaces holds what many who do the same thing at once can rely on.
func TestRaces(t *testing.T) {
	keepOnBoth(t, []promise{
		{"one of a hundred spends a token", tokenRace},
		{"one of fifty spends a code", codeRace},
		{"versions have no gap", versionRace},
		{"endings are seen in their order", endingRace},
		{"of two changes of the same, one is refused", updateRace},
		{"all get the same secret", secretRace},
		{"no session outlives its parent", sessionRace},
		{"touches of the same things", touchRace},
		{"a stream that is stopped leaves no place behind", stopRace},
	})
}

// race runs do many times at once and gives how often each result came.
func race(n int, do func(i int) error) (won, lost int64, errs []error) {
	var all sync.WaitGroup
	var wins atomic.Int64
	var mu sync.Mutex // guards errs
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			if err := do(i); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
				return
			}
			wins.Add(1)
		})
	}
	close(start)
	all.Wait()
	return wins.Load(), int64(n) - wins.Load(), errs
}

func onlyKind(t *testing.T, errs []error, kind fault.Kind) {
	t.Helper()
	for _, err := range errs {
		if !fault.Is(err, kind) {
			t.Errorf("a loser was told %v (%v), want %v", err, fault.KindOf(err), kind)
		}
	}
}

func tokenRace(t *testing.T, k *kit) {
	k.settle(t)
	token := access.Token{Meta: meta("tok_1", 0), GroupID: "cgr_w", Expires: at(50)}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertToken(ctx, &token) })
	won, _, errs := race(100, func(i int) error {
		return k.try(t, func(ctx context.Context, tx *store.Tx) error {
			ok, err := tx.SpendToken(ctx, store.Spending{Token: token.ID, Connector: num("con", i), KeyHash: []byte{byte(i)}, Time: at(1)})
			if err == nil && !ok {
				return fault.New(fault.KindGone, "too late")
			}
			return err
		})
	})
	onlyKind(t, errs, fault.KindGone)
	if got := tokenNoun.stored(t, k, token.ID); won != 1 || got.Version != 2 || got.UsedBy != num("con", int(got.KeyHash[0])) {
		t.Errorf("%d of 100 spent the token; it was used by %s with key %x", won, got.UsedBy, got.KeyHash)
	}
}

func codeRace(t *testing.T, k *kit) {
	s := k.signIn(t)
	won, _, errs := race(50, func(int) error {
		return k.try(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.SpendCode(ctx, s.code.Hash, at(1))
			return err
		})
	})
	onlyKind(t, errs, fault.KindNotFound)
	if won != 1 {
		t.Errorf("%d of 50 spent the code", won)
	}
}

func versionRace(t *testing.T, k *kit) {
	const writers, acts = 8, 50
	seen := make([][]uint64, writers)
	_, lost, errs := race(writers, func(i int) error {
		for range acts {
			version, err := act(t.Context(), k.Store)
			if err != nil {
				return err
			}
			seen[i] = append(seen[i], version)
		}
		return nil
	})
	if lost > 0 {
		t.Fatal(errs)
	}
	for _, one := range seen {
		if !slices.IsSorted(one) {
			t.Errorf("a writer was given the versions %v", one)
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(seen...)))
	for i, v := range all {
		if v != uint64(i+1) {
			t.Fatalf("version %d is the %dth", v, i+1)
		}
	}
	k.counted(t, writers*acts)
}

// endingRace reads endings while they are written: what was read up to a number must be all there is
// up to it.
func endingRace(t *testing.T, k *kit) {
	const writers, each = 8, 25
	done := make(chan struct{})
	read := make(chan error)
	go func() {
		var last uint64
		for last < writers*each {
			// Asked before reading: what is written after the read is no loss.
			over := false
			select {
			case <-done:
				over = true
			default:
			}
			var list []access.Ending
			err := k.Read(t.Context(), func(tx *store.Tx) (err error) {
				list, err = tx.EndingsAfter(t.Context(), last, 10)
				return err
			})
			for _, e := range list {
				if e.Seq != last+1 && err == nil {
					err = fmt.Errorf("ending %d was seen after %d", e.Seq, last)
				}
				last = e.Seq
			}
			if err != nil {
				read <- err
				return
			}
			if over && len(list) == 0 {
				read <- fmt.Errorf("only %d endings of %d", last, writers*each)
				return
			}
		}
		read <- nil
	}()
	_, _, errs := race(writers, func(i int) error {
		for j := range each {
			var undo error
			if j%5 == 0 {
				undo = errUndo // leaves no gap
			}
			one := func(ctx context.Context, tx *store.Tx) error {
				return errFirst(tx.AppendEnding(ctx, &access.Ending{Kind: access.EndingUser, ID: fmt.Sprint(i, j), Time: at(1)}), undo)
			}
			err := k.try(t, one)
			if undo != nil {
				undo = nil
				err = k.try(t, one)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	close(done)
	if err := errFirst(append(errs, <-read)...); err != nil {
		t.Error(err)
	}
}

func updateRace(t *testing.T, k *kit) {
	w := k.settle(t)
	for round := range 20 {
		old := userNoun.stored(t, k, w.user.ID)
		won, _, errs := race(4, func(i int) error {
			mine := old
			mine.Email = fmt.Sprint(round, "-", i)
			return k.try(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateUser(ctx, &mine) })
		})
		onlyKind(t, errs, fault.KindChanged)
		if now := userNoun.stored(t, k, w.user.ID); won != 1 || now.Version != old.Version+1 {
			t.Fatalf("%d of 4 changed the user from version %d to %d", won, old.Version, now.Version)
		}
	}
}

func secretRace(t *testing.T, k *kit) {
	got := make([]string, 20)
	_, _, errs := race(len(got), func(i int) error {
		return k.try(t, func(ctx context.Context, tx *store.Tx) error {
			secret, err := tx.InsertSecretOnce(ctx, "ca", fmt.Append(nil, "of ", i))
			got[i] = string(secret)
			return err
		})
	})
	if len(errs) > 0 {
		t.Error(errs)
	}
	if one := slices.Compact(got); len(one) != 1 || one[0] == "" {
		t.Errorf("secrets %q", one)
	}
}

// sessionRace ends a portal session while children of it are made. Each child that was made has
// ended with it, and is among those that are told.
func sessionRace(t *testing.T, k *kit) {
	s := k.signIn(t)
	for round := range 10 {
		parent := s.portal
		parent.ID = num("ses", round)
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertSession(ctx, &parent) })
		var mu sync.Mutex // guards made and told
		var made, told []access.ID
		_, _, errs := race(6, func(i int) error {
			child := s.child
			child.ID, child.Parent = access.ID(fmt.Sprintf("%s_%d", parent.ID, i)), parent.ID
			var ended []access.ID
			err := k.try(t, func(ctx context.Context, tx *store.Tx) (err error) {
				switch {
				case i > 1:
					return tx.InsertSession(ctx, &child)
				case round%2 == 0:
					ended, err = tx.EndSession(ctx, parent.ID)
				default:
					ended, err = tx.EndUserSessions(ctx, parent.User)
				}
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			told = append(told, ended...)
			if err == nil && i > 1 {
				made = append(made, child.ID)
			}
			return err
		})
		onlyKind(t, errs, fault.KindConflict)
		for _, id := range append(made, parent.ID) {
			if !slices.Contains(told, id) {
				t.Errorf("round %d: session %s was made and nobody was told of its end", round, id)
			}
		}
		left := slices.DeleteFunc(k.sessions(t, s.user.ID), func(id access.ID) bool { return id == s.portal.ID || id == s.child.ID })
		if len(left) > 0 {
			t.Errorf("round %d: sessions %q are left of one that has ended", round, left)
		}
	}
}

// touchRace writes the same rows in another order each, as replicas do with what they have seen.
func touchRace(t *testing.T, k *kit) {
	k.settle(t)
	var ids []access.ID
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for i := range 40 {
			c := connectorNoun.sample(i)
			s := access.Session{ID: num("ses", i), Kind: access.SessionPortal, User: "usr_w", Expires: at(1)}
			if err := errFirst(tx.InsertConnector(ctx, &c), tx.InsertSession(ctx, &s)); err != nil {
				return err
			}
			ids = append(ids, num("", i))
		}
		return nil
	})
	_, _, errs := race(6, func(i int) error {
		for round := range 10 {
			var seen []store.Seen
			var used []store.Used
			for j := range ids {
				if i%2 == 0 {
					j = len(ids) - 1 - j
				}
				seen = append(seen, store.Seen{ID: "con" + ids[j], At: at(20 + round), Host: access.HostFacts{MachineName: fmt.Sprint(i)}})
				used = append(used, store.Used{ID: "ses" + ids[j], At: at(20 + round)})
			}
			err := k.try(t, func(ctx context.Context, tx *store.Tx) error {
				return errFirst(tx.TouchConnectors(ctx, seen), tx.TouchSessions(ctx, used))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if len(errs) > 0 {
		t.Error(errs)
	}
}

func stopRace(t *testing.T, k *kit) {
	e := access.Export{Meta: meta("exp_1", 0), Name: "SIEM", Streams: []access.ExportStream{access.StreamTraffic}}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertExport(ctx, &e) })
	for range 30 {
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			return tx.StartExport(ctx, e.ID, access.StreamTraffic, true)
		})
		_, lost, errs := race(5, func(i int) error {
			return k.try(t, func(ctx context.Context, tx *store.Tx) error {
				if i == 0 {
					return tx.StopExport(ctx, e.ID, access.StreamTraffic)
				}
				return tx.SaveTrafficCursor(ctx, e.ID, access.ExportState{Log: string(num("tlg", i)), Seq: 1}, at(1))
			})
		})
		if lost > 0 {
			t.Fatal(errs)
		}
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			states, err := tx.ExportStates(ctx, e.ID)
			if len(states[e.ID]) > 0 {
				t.Errorf("%+v", states[e.ID])
			}
			return err
		})
	}
}
