package store_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

func clientsAreKept(t *testing.T, k *kit) {
	read := func() (c access.Clients) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) { c, err = tx.Clients(ctx); return err })
		return c
	}
	first := read()
	if first.ID != access.ClientsID || first.Version != 1 || first.Off || first.Locked != nil {
		t.Errorf("at first: %+v", first)
	}
	next := first
	next.Off, next.OffReason, next.Locked, next.Updated = true, "“why”", []access.ClientSwitch{"down", "pause"}, at(7)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateClients(ctx, &next) })
	if diff := cmp.Diff(next, read()); diff != "" || next.Version != 2 {
		t.Errorf("it came back changed (-stored +read):\n%s", diff)
	}
	k.refused(t, fault.KindChanged, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateClients(ctx, &first) })
}
