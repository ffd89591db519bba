package store_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

func factorsComeBack(t *testing.T, k *kit) {
	w := k.settle(t)
	factors := []access.Factor{
		{ID: "fac_1", User: w.user.ID, Kind: access.FactorTOTP, Name: "Phone", Secret: []byte("seed\x00"), Counter: 1 << 40, Created: at(1), LastUsed: at(2)},
		{ID: "fac_2", User: w.user.ID, Kind: access.FactorTOTP, Name: "Tablet", Secret: []byte("other"), Created: at(2)},
		{ID: "fac_3", User: w.user.ID, Kind: access.FactorPasskey, Name: "Key", Credential: []byte{0, 1}, Secret: []byte("record"), Created: at(3)},
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for i := range factors {
			if err := tx.InsertFactor(ctx, &factors[i]); err != nil {
				return err
			}
		}
		return nil
	})
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.UserFactors(ctx, w.user.ID)
		if diff := cmp.Diff(factors, list); diff != "" {
			t.Errorf("the factors (-want +got):\n%s", diff)
		}
		one, err2 := tx.FactorByCredential(ctx, []byte{0, 1})
		if diff := cmp.Diff(factors[2], one); diff != "" {
			t.Errorf("the passkey (-want +got):\n%s", diff)
		}
		for _, credential := range [][]byte{nil, {0}, {1}} {
			if _, err := tx.FactorByCredential(ctx, credential); !fault.Is(err, fault.KindNotFound) {
				t.Errorf("credential %x: %v", credential, err)
			}
		}
		return errFirst(err, err2)
	})
	if got := userNoun.stored(t, k, w.user.ID).Factors; !cmp.Equal(got, []access.FactorKind{access.FactorPasskey, access.FactorTOTP}) {
		t.Errorf("the user's kinds of factor: %v", got)
	}
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteFactor(ctx, "usr_other", "fac_1") })
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(tx.DeleteFactor(ctx, w.user.ID, "fac_1"), tx.SetRecoveryCodes(ctx, w.user.ID, [][]byte{{1}}), tx.DeleteUserFactors(ctx, w.user.ID))
	})
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.UserFactors(ctx, w.user.ID)
		codes, err2 := tx.RecoveryCodes(ctx, w.user.ID)
		if len(list) > 0 || codes > 0 {
			t.Errorf("%d factors and %d codes are left", len(list), codes)
		}
		return errFirst(err, err2)
	})
}

// onceOnly races for each thing that is good once.
func onceOnly(t *testing.T, k *kit) {
	w := k.settle(t)
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(
			tx.InsertFactor(ctx, &access.Factor{ID: "fac_1", User: w.user.ID, Kind: access.FactorTOTP, Counter: 5}),
			tx.SetRecoveryCodes(ctx, w.user.ID, [][]byte{{1}, {2}}),
			tx.PutLink(ctx, &access.Link{User: w.user.ID, Hash: []byte{3}, Kind: access.LinkReset, Expires: at(30)}))
	})
	for name, spend := range map[string]func(context.Context, *store.Tx) (bool, error){
		"a counter": func(ctx context.Context, tx *store.Tx) (bool, error) { return tx.UseFactor(ctx, "fac_1", 6, at(1)) },
		"a recovery code": func(ctx context.Context, tx *store.Tx) (bool, error) {
			return tx.SpendRecoveryCode(ctx, w.user.ID, []byte{1})
		},
		"a step": func(ctx context.Context, tx *store.Tx) (bool, error) { return tx.SpendStep(ctx, []byte{4}, at(30)) },
		"a link": func(ctx context.Context, tx *store.Tx) (bool, error) {
			_, err := tx.SpendLink(ctx, []byte{3}, at(1))
			return err == nil, err
		},
	} {
		won, _, errs := race(20, func(int) error {
			return k.try(t, func(ctx context.Context, tx *store.Tx) error {
				ok, err := spend(ctx, tx)
				if err == nil && !ok {
					return fault.NotFound("spent")
				}
				return err
			})
		})
		onlyKind(t, errs, fault.KindNotFound)
		if won != 1 {
			t.Errorf("%d of 20 spent %s", won, name)
		}
	}
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { // an older counter
		if ok, err := tx.UseFactor(ctx, "fac_1", 5, at(1)); ok || err != nil {
			t.Errorf("an older counter: %v, %v", ok, err)
		}
		if left, err := tx.RecoveryCodes(ctx, w.user.ID); left != 1 || err != nil {
			t.Errorf("%d recovery codes are left, %v", left, err)
		}
		_, err := tx.Link(ctx, []byte{3}, at(1))
		return err
	})
}

func linksReplaceEachOther(t *testing.T, k *kit) {
	w := k.settle(t)
	for i := range 2 {
		link := access.Link{User: w.user.ID, Hash: []byte{byte(i)}, Kind: access.LinkInvitation, Created: at(i), Expires: at(30)}
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.PutLink(ctx, &link) })
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			got, err := tx.Link(ctx, link.Hash, at(29))
			if diff := cmp.Diff(link, got); diff != "" {
				t.Error(diff)
			}
			return err
		})
	}
	for _, test := range []struct {
		hash byte
		now  int
	}{{0, 1}, {1, 30}} { // the one before, and one that has expired
		k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Link(ctx, []byte{test.hash}, at(test.now))
			return err
		})
	}
	trims(t, k, []int64{0}, func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.DeleteExpiredLinks(ctx, at(29), 9) })
	trims(t, k, []int64{1, 0}, func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.DeleteExpiredLinks(ctx, at(30), 9) })
}
