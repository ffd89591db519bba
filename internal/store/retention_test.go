package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

func retentionIsKept(t *testing.T, k *kit) {
	read := func() (r access.Retention) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) { r, err = tx.Retention(ctx); return err })
		return r
	}
	first := read()
	if first.ID != access.RetentionID || first.Version != 1 || first.AuditDays != 0 || first.TrafficBytes != 0 {
		t.Errorf("at first: %+v", first)
	}
	next := first
	next.AuditDays, next.SignInDays, next.TrafficDays, next.TrafficBytes, next.Updated = 1, 2, 3, 1<<50, at(7)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateRetention(ctx, &next) })
	if diff := cmp.Diff(next, read()); diff != "" || next.Version != 2 {
		t.Errorf("it came back changed (-stored +read):\n%s", diff)
	}
	k.refused(t, fault.KindChanged, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateRetention(ctx, &first) })
}

// logosAreKept: so many as are allowed, those that were used last.
func logosAreKept(t *testing.T, k *kit) {
	logo := func(n int) store.Logo {
		return store.Logo{Sum: fmt.Sprintf("%02d", n), Kind: access.LogoPNG, Image: []byte{0, byte(n), 255}}
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for n := range 50 {
			if err := tx.KeepLogo(ctx, logo(n), at(n+1)); err != nil {
				return err
			}
		}
		if err := tx.KeepLogo(ctx, logo(0), at(60)); err != nil { // used again
			return err
		}
		return tx.KeepLogo(ctx, logo(50), at(61))
	})
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		for _, n := range []int{0, 2, 50} {
			found, err := tx.Logo(ctx, logo(n).Sum)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(logo(n), found); diff != "" {
				t.Errorf("logo %d (-kept +read):\n%s", n, diff)
			}
		}
		if _, err := tx.Logo(ctx, "01"); !fault.Is(err, fault.KindNotFound) {
			t.Errorf("the oldest: %v", err)
		}
		return nil
	})
}
