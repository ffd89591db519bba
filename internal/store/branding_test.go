package store_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

func brandingIsKept(t *testing.T, k *kit) {
	read := func() (b access.Branding) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) { b, err = tx.Branding(ctx); return err })
		return b
	}
	first := read()
	if first.ID != access.BrandingID || first.Version != 1 || first.Name != "" || first.Logo != nil {
		t.Errorf("at first: %+v", first)
	}
	next := first
	next.Name, next.Logo, next.LogoType, next.Colour, next.DarkColour, next.Updated = "Example", []byte{0, 1, 255}, access.LogoPNG, "#0f6cbd", "#479ef5", at(7)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateBranding(ctx, &next) })
	if diff := cmp.Diff(next, read()); diff != "" || next.Version != 2 {
		t.Errorf("it came back changed (-stored +read):\n%s", diff)
	}
	k.refused(t, fault.KindChanged, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateBranding(ctx, &first) })
	if diff := cmp.Diff(next, read()); diff != "" {
		t.Errorf("a refused update left something:\n%s", diff)
	}
}
