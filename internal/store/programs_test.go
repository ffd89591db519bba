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

var accessKeyNoun = noun[access.AccessKey]{
	meta: func(k *access.AccessKey) *access.Meta { return &k.Meta },
	sample: func(i int) access.AccessKey {
		return access.AccessKey{
			Meta: meta(num("ack", i), 1), User: "usr_w", Application: "app_w", Name: fmt.Sprintf("Backup %d", i),
			Methods: []string{access.MethodPassword, access.MethodTOTP}, Expires: at(30), LastUsed: at(20), Hash: fmt.Append(nil, "\x00hash", i),
		}
	},
	name:   func(k *access.AccessKey, name string) { k.Name = name },
	insert: (*store.Tx).InsertAccessKey, one: (*store.Tx).AccessKey, page: (*store.Tx).AccessKeys, remove: (*store.Tx).DeleteAccessKey,
}

func accessKeysAreFoundByHash(t *testing.T, k *kit) {
	k.settle(t)
	key := accessKeyNoun.add(t, k, 1)
	accessKeyNoun.add(t, k, 2)
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.TouchAccessKeys(ctx, map[access.ID]time.Time{key.ID: at(25), "ack_gone": at(26)})
	})
	key.LastUsed = at(25)
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		got, err := tx.AccessKeyByHash(ctx, key.Hash)
		if diff := cmp.Diff(key, got); diff != "" {
			t.Errorf("the key (-want +got):\n%s", diff)
		}
		if _, err := tx.AccessKeyByHash(ctx, key.Hash[:3]); !fault.Is(err, fault.KindNotFound) {
			t.Error(err)
		}
		for user, want := range map[string]int{"usr_w": 2, "usr_other": 0} {
			list, _, err := tx.AccessKeys(ctx, access.Page{Only: map[string]string{"user": user}})
			if err != nil || len(list) != want {
				t.Errorf("of %s: %d, %v", user, len(list), err)
			}
		}
		return err
	})
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeleteOldAccessKeys(ctx, at(31), 10)
		if n != 2 {
			t.Errorf("%d were over", n)
		}
		return err
	})
}

func programCodesAreSpentOnce(t *testing.T, k *kit) {
	s := k.signIn(t)
	want := access.ProgramCode{
		Hash: []byte{9, 0}, Parent: s.portal.ID, Session: "ses_first", Client: "postern-cli", Name: "laptop", Redirect: "http://127.0.0.1:1/callback",
		Challenge: "c", Resource: "https://r/", Scope: "openid", Nonce: "n", Expires: at(30),
	}
	made := want
	made.Session = ""
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertProgramCode(ctx, &made) })
	for _, session := range []access.ID{"ses_first", "ses_second"} {
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			got, err := tx.SpendProgramCode(ctx, want.Hash, session)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("spent for %s (-want +got):\n%s", session, diff)
			}
			return err
		})
	}
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SpendProgramCode(ctx, []byte{9}, "ses_third")
		return err
	})
}

func programsWait(t *testing.T, k *kit) {
	s := k.signIn(t)
	want := access.DeviceCode{
		Hash: []byte{1}, UserHash: []byte{2}, State: access.DevicePending, Client: "postern-cli", Name: "rack", Resource: "https://r/", Scope: "openid",
		Address: "192.0.2.1", Network: "192.0.2.1/32", Created: at(1), Expires: at(50), Polled: at(1),
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertDeviceCode(ctx, &want) })
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		got, ok, err := tx.PollDeviceCode(ctx, want.Hash, at(10), at(5))
		want.Polled = at(10)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("asked in time: %v\n%s", ok, diff)
		}
		return err
	})
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		got, ok, err := tx.PollDeviceCode(ctx, want.Hash, at(11), at(6))
		if diff := cmp.Diff(want, got); diff != "" || ok {
			t.Errorf("asked too early: %v\n%s", ok, diff)
		}
		return err
	})
	for i, kind := range []fault.Kind{0, fault.KindNotFound} {
		err := k.try(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.DecideDeviceCode(ctx, want.UserHash, access.DeviceAllowed, s.portal.ID, at(20))
			return err
		})
		if i == 0 && err != nil || i > 0 && !fault.Is(err, kind) {
			t.Errorf("decided %d times: %v", i+1, err)
		}
	}
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		all, here, err := tx.CountDeviceCodes(ctx, "192.0.2.1/32", at(20))
		if all != 1 || here != 1 {
			t.Errorf("%d wait, %d here", all, here)
		}
		return err
	})
	k.write(t, func(ctx context.Context, tx *store.Tx) error { _, err := tx.EndSession(ctx, s.portal.ID); return err })
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { // with who allowed it
		_, err := tx.DeviceCode(ctx, want.UserHash, at(20))
		return err
	})
}

func refreshTokensGo(t *testing.T, k *kit) {
	s := k.signIn(t)
	want := access.Refresh{Session: s.portal.ID, Resource: "https://r/", Generation: 1, Hash: []byte{1}, Rotated: at(5)}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertRefresh(ctx, &want) })
	want.Generation, want.Hash, want.Previous, want.Rotated = 2, []byte{2}, []byte{1}, at(6)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateRefresh(ctx, &want) })
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		got, err := tx.Refresh(ctx, s.portal.ID)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return err
	})
	k.write(t, func(ctx context.Context, tx *store.Tx) error { _, err := tx.EndSession(ctx, s.portal.ID); return err })
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { _, err := tx.Refresh(ctx, s.portal.ID); return err })
}
