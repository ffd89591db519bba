package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

func insertGroup(ctx context.Context, tx *store.Tx, name string) error {
	return tx.InsertConnectorGroup(ctx, &access.ConnectorGroup{Meta: meta(access.ID("cgr_"+name), 1), Name: name})
}

// groups gives the names of the connector groups.
func (k *kit) groups(t testing.TB) (names []string) {
	t.Helper()
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.AllConnectorGroups(ctx)
		for _, g := range list {
			names = append(names, g.Name)
		}
		return err
	})
	return names
}

// allOrNothing ends a write in every way but the good one, after its first statements.
func allOrNothing(t *testing.T, k *kit) {
	ctx, cancel := context.WithCancel(t.Context())
	for _, test := range []struct {
		name string
		ctx  context.Context
		then func(context.Context, *store.Tx) error
		want func(error) bool
	}{
		{"an error", t.Context(), func(context.Context, *store.Tx) error { return errUndo }, func(err error) bool { return err == errUndo }},
		{"a fault", t.Context(), func(context.Context, *store.Tx) error { return fault.Forbidden("no") }, kindIs(fault.KindForbidden)},
		{"a failed statement", t.Context(), func(ctx context.Context, tx *store.Tx) error { return insertGroup(ctx, tx, "one") }, kindIs(fault.KindConflict)},
		{"a failed statement that is ignored", t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_ = insertGroup(ctx, tx, "one")
			if err := insertGroup(ctx, tx, "two"); !fault.Is(err, fault.KindConflict) {
				t.Errorf("a statement after one that failed: %v", err)
			}
			_, err := tx.Version(ctx)
			if !fault.Is(err, fault.KindConflict) {
				t.Errorf("a query after a statement that failed: %v", err)
			}
			return nil
		}, kindIs(fault.KindConflict)},
		{"a caller that leaves before a statement", ctx, func(ctx context.Context, tx *store.Tx) error {
			cancel()
			return insertGroup(ctx, tx, "two")
		}, func(err error) bool { return errors.Is(err, context.Canceled) }},
		{"a caller that left before", ctx, nil, func(err error) bool { return errors.Is(err, context.Canceled) }},
		{"too little time", expired(t), nil, kindIs(fault.KindUnavailable)},
	} {
		err := k.Write(test.ctx, func(tx *store.Tx) error {
			if err := insertGroup(test.ctx, tx, "one"); err != nil {
				return err
			}
			return test.then(test.ctx, tx)
		})
		if !test.want(err) {
			t.Errorf("%s: %v (%v)", test.name, err, fault.KindOf(err))
		}
		if names := k.groups(t); len(names) > 0 {
			t.Errorf("%s: left %q", test.name, names)
		}
	}
	leaving, leave := context.WithCancel(t.Context())
	err := k.Write(leaving, func(tx *store.Tx) error {
		defer leave() // after the last statement, before the commit
		return insertGroup(leaving, tx, "one")
	})
	if !errors.Is(err, context.Canceled) || len(k.groups(t)) > 0 {
		t.Errorf("a caller that leaves before the commit: %v, left %q", err, k.groups(t))
	}
	panics(t, k)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return insertGroup(ctx, tx, "one") }) // all is well afterwards
}

func panics(t *testing.T, k *kit) {
	t.Helper()
	defer func() {
		if r := recover(); r != "bug" {
			t.Errorf("recovered %v, want the panic of the function", r)
		}
		if names := k.groups(t); len(names) > 0 {
			t.Errorf("a panic left %q", names)
		}
	}()
	_ = k.try(t, func(ctx context.Context, tx *store.Tx) error {
		if err := insertGroup(ctx, tx, "one"); err != nil {
			t.Error(err)
		}
		var bug any = "bug"
		func() { panic(bug) }()
		return nil
	})
}

func kindIs(kind fault.Kind) func(error) bool {
	return func(err error) bool { return fault.Is(err, kind) }
}

func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	t.Cleanup(cancel)
	return ctx
}

func readsCannotWrite(t *testing.T, k *kit) {
	k.settle(t)
	for _, statement := range []string{
		"UPDATE instance SET version = version + 1", "DELETE FROM users", "INSERT INTO endings (seq, kind, id, time) VALUES (1, '', '', 0)",
		"DROP TABLE audit", "CREATE TABLE x (id TEXT)",
	} {
		err := k.Read(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), statement)
			return err
		})
		if err == nil {
			t.Errorf("a read did %s", statement)
		}
	}
	if u := userNoun.stored(t, k, "usr_w"); u.Name != "ada" {
		t.Errorf("%+v", u)
	}
}

// readsSeeOneMoment looks twice in one read, between which somebody else commits.
func readsSeeOneMoment(t *testing.T, k *kit) {
	k.settle(t)
	look := func(ctx context.Context, tx *store.Tx) (version uint64, groups int) {
		t.Helper()
		version, err := tx.Version(ctx)
		list, err2 := tx.AllConnectorGroups(ctx)
		if err := errFirst(err, err2); err != nil {
			t.Error(err)
		}
		return version, len(list)
	}
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		version, _ := look(ctx, tx)
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.NextVersion(ctx)
			return errFirst(err, insertGroup(ctx, tx, "late"))
		})
		if v, groups := look(ctx, tx); v != version || groups != 1 {
			t.Errorf("a read saw version %d with %d groups after version %d with 1", v, groups, version)
		}
		return nil
	})
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		if v, groups := look(ctx, tx); v != 1 || groups != 2 {
			t.Errorf("the next read saw version %d with %d groups", v, groups)
		}
		return nil
	})
}

// waitingEnds has one act hold up another, whose caller does not wait for ever.
func waitingEnds(t *testing.T, k *kit) {
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	ctx := t.Context()
	go func() {
		done <- k.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.NextVersion(ctx)
			close(held)
			<-release
			return err
		})
	}()
	<-held
	act := func(ctx context.Context) error {
		return k.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.NextVersion(ctx)
			return err
		})
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := act(short); !fault.Is(err, fault.KindUnavailable) || retryAfter(err) == 0 {
		t.Errorf("an act that waited for another: %v (%v)", err, fault.KindOf(err))
	}
	leaving, leave := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, leave)
	if err := act(leaving); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := act(ctx); err != nil {
		t.Errorf("an act afterwards: %v", err)
	}
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		if v, err := tx.Version(ctx); v != 2 || err != nil {
			t.Errorf("version %d, %v; want 2", v, err)
		}
		return nil
	})
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// causeOf gives what stands behind a fault, for a test's message.
func causeOf(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Err
	}
	return nil
}

// largeTakesLonger shows that a transaction of many changes gets more time, and never more than an answer may take.
func largeTakesLonger(t *testing.T, k *kit) {
	for _, test := range []struct {
		changes int
		within  time.Duration
	}{{0, store.Patience}, {1000, store.Patience + 20*time.Second}, {1 << 20, store.MostPatience}} {
		err := k.WriteMany(t.Context(), test.changes, func(tx *store.Tx) error {
			if left := time.Until(tx.Ends()); left > test.within || left < test.within/2 {
				t.Errorf("%d changes have %v, want about %v", test.changes, left, test.within)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
