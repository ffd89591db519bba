package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

var tokenNoun = noun[access.Token]{
	meta: func(k *access.Token) *access.Meta { return &k.Meta },
	sample: func(i int) access.Token {
		return access.Token{
			Meta: meta(num("tok", i), 1), Name: fmt.Sprintf("Token %d", i), GroupID: "cgr_w", Expires: at(40), Used: at(3), UsedBy: "con_1",
			Hash: []byte{1, 2, 0, 255}, KeyHash: []byte{3, 0}, Hold: true,
		}
	},
	name:   func(k *access.Token, name string) { k.Name = name },
	insert: (*store.Tx).InsertToken, one: (*store.Tx).Token, page: (*store.Tx).Tokens, remove: (*store.Tx).DeleteToken,
}

func tokensAreSpentOnce(t *testing.T, k *kit) {
	k.settle(t)
	token := access.Token{Meta: meta("tok_1", 0), Name: "T", GroupID: "cgr_w", Expires: at(40), Hash: []byte{1}}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertToken(ctx, &token) })
	spend := func(id access.ID, when time.Time) (ok bool) {
		t.Helper()
		k.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
			ok, err = tx.SpendToken(ctx, store.Spending{Token: id, Connector: "con_7", KeyHash: []byte{9}, Time: when})
			return err
		})
		return ok
	}
	for _, test := range []struct {
		id   access.ID
		when time.Time
		ok   bool
	}{
		{"tok_missing", at(1), false}, {"tok_1", at(40), false}, {"tok_1", at(41), false}, {"tok_1", at(39), true}, {"tok_1", at(39), false},
	} {
		if ok := spend(test.id, test.when); ok != test.ok {
			t.Errorf("spending %s at %v = %v, want %v", test.id, test.when, ok, test.ok)
		}
	}
	token.Used, token.UsedBy, token.KeyHash, token.Version, token.Updated = at(39), "con_7", []byte{9}, 2, at(39)
	if diff := cmp.Diff(token, tokenNoun.stored(t, k, "tok_1")); diff != "" {
		t.Errorf("the spent token (-want +got):\n%s", diff)
	}
}

func oldTokensGo(t *testing.T, k *kit) {
	k.settle(t)
	for i := range 5 {
		token := access.Token{Meta: meta(num("tok", i), 0), GroupID: "cgr_w", Expires: at(10 * i)}
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertToken(ctx, &token) })
	}
	left := func() (n int) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			list, _, err := tx.Tokens(ctx, access.Page{})
			n = len(list)
			return err
		})
		return n
	}
	trims(t, k, []int64{2, 1, 0}, func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.DeleteOldTokens(ctx, at(30), 2) })
	if n := left(); n != 2 {
		t.Errorf("%d tokens are left, want 2", n)
	}
}

// trims repeats a clean-up and expects what it removes each time.
func trims(t *testing.T, k *kit, want []int64, trim func(context.Context, *store.Tx) (int64, error)) {
	t.Helper()
	for _, w := range want {
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			n, err := trim(ctx, tx)
			if n != w {
				t.Errorf("%d rows removed, want %d", n, w)
			}
			return err
		})
	}
}

var keyNoun = noun[access.Key]{
	meta: func(k *access.Key) *access.Meta { return &k.Meta },
	sample: func(i int) access.Key {
		return access.Key{
			Meta: meta(num("key", i), 1), Name: fmt.Sprintf("Key %d", i), Roles: []access.Role{access.RoleLogReader}, Scopes: []string{"read-only"}, Expires: at(30),
			LastUsed: at(20), Hash: fmt.Append(nil, "\x00hash", i),
		}
	},
	name:   func(k *access.Key, name string) { k.Name = name },
	insert: (*store.Tx).InsertKey, one: (*store.Tx).Key, page: (*store.Tx).Keys, remove: (*store.Tx).DeleteKey,
}

func keysAreFoundByHash(t *testing.T, k *kit) {
	key := keyNoun.add(t, k, 1)
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.TouchKeys(ctx, map[access.ID]time.Time{key.ID: at(25), "key_gone": at(26)})
	})
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.TouchKeys(ctx, map[access.ID]time.Time{key.ID: at(24)})
	})
	key.LastUsed = at(25)
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		got, err := tx.KeyByHash(ctx, key.Hash)
		if diff := cmp.Diff(key, got); diff != "" {
			t.Errorf("the key (-want +got):\n%s", diff)
		}
		for _, hash := range [][]byte{nil, {0}, key.Hash[:3]} {
			if _, err := tx.KeyByHash(ctx, hash); !fault.Is(err, fault.KindNotFound) {
				t.Errorf("hash %x: %v", hash, err)
			}
		}
		return err
	})
}
