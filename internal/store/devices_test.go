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

var deviceNoun = noun[access.Device]{
	meta: func(d *access.Device) *access.Meta { return &d.Meta },
	sample: func(i int) access.Device {
		return access.Device{
			Meta: meta(num("dev", i), 1), User: "usr_w", Name: fmt.Sprintf("Laptop %d", i), MachineName: "laptop", OS: "linux", OSVersion: "12", Arch: "amd64",
			Program: "1.4.0", KeyHash: fmt.Sprintf("%064x", i), Serial: fmt.Sprintf("%x", i+1), NotAfter: at(30), Previous: "f", PreviousEnd: at(25),
			LastSeen: at(20), Address: "192.0.2.7", Revoked: at(29),
		}
	},
	change: func(d *access.Device) {
		d.Name, d.MachineName, d.OS, d.OSVersion, d.Arch, d.Program = "Other", "desk", "windows", "11", "arm64", "1.5.0"
		d.KeyHash, d.Serial, d.NotAfter, d.Previous, d.PreviousEnd = "ff", "aa", at(60), "bb", at(55)
		d.LastSeen, d.Address, d.Revoked = at(50), "2001:db8::1", at(59)
		d.Updated = at(9)
	},
	apart:  []string{".User"}, // never another one
	name:   func(d *access.Device, name string) { d.Name = name },
	insert: (*store.Tx).InsertDevice, one: (*store.Tx).Device, page: (*store.Tx).Devices, update: (*store.Tx).UpdateDevice, remove: (*store.Tx).DeleteDevice,
}

// devicesAreFoundAndBound: by key, by user, by the sessions on them; and what writes no version.
func devicesAreFoundAndBound(t *testing.T, k *kit) {
	s := k.signIn(t)
	d := deviceNoun.sample(1)
	d.User, d.Revoked = s.portal.User, time.Time{}
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertDevice(ctx, &d) })
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.DeviceSessions(ctx, d.ID)
		if len(list) != 0 {
			t.Errorf("bound to it before anything was: %v", list)
		}
		return errFirst(err, tx.BindSession(ctx, s.portal.ID, d.ID), tx.BindSession(ctx, s.portal.ID, d.ID))
	})
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { return tx.BindSession(ctx, s.portal.ID, "dev_other") })
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { return tx.BindSession(ctx, "ses_gone", d.ID) })
	fresh := d
	fresh.Program, fresh.Serial, fresh.NotAfter, fresh.Previous, fresh.PreviousEnd = "2.0", "cc", at(70), d.Serial, d.NotAfter
	named := fresh
	named.Name, named.Version = "what a renewal does not write", 7
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.RefreshDevice(ctx, &named) })
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.TouchDevices(ctx, []store.Seen{{ID: d.ID, At: at(40), Address: "198.51.100.1"}, {ID: "dev_gone", At: at(40)}})
	})
	k.write(t, func(ctx context.Context, tx *store.Tx) error { // news that is older than what is known
		return tx.TouchDevices(ctx, []store.Seen{{ID: d.ID, At: at(30), Address: "203.0.113.1"}})
	})
	fresh.LastSeen, fresh.Address = at(40), "198.51.100.1"
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		got, err := tx.DeviceByKey(ctx, d.KeyHash)
		if diff := cmp.Diff(fresh, got); diff != "" {
			t.Errorf("by its key (-want +got):\n%s", diff)
		}
		if _, err := tx.DeviceByKey(ctx, "00"); !fault.Is(err, fault.KindNotFound) {
			t.Error(err)
		}
		list, listErr := tx.DeviceSessions(ctx, d.ID)
		if len(list) != 1 || list[0].ID != s.portal.ID || list[0].Device != d.ID {
			t.Errorf("its sessions: %v", list)
		}
		for since, want := range map[int]int{40: 1, 41: 0} {
			if seen, err := tx.CountDevicesSeen(ctx, at(since)); err != nil || seen != want {
				t.Errorf("seen since %d: %d, %v", since, seen, err)
			}
		}
		for only, want := range map[[2]string]int{{"user", string(d.User)}: 1, {"user", "usr_other"}: 0, {"os", "linux"}: 1, {"os", "darwin"}: 0, {"revoked", "false"}: 1, {"revoked", "true"}: 0} {
			found, _, err := tx.Devices(ctx, access.Page{Only: map[string]string{only[0]: only[1]}})
			if err != nil || len(found) != want {
				t.Errorf("%v: %d, %v", only, len(found), err)
			}
		}
		return errFirst(err, listErr)
	})
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return tx.ReserveSerial(ctx, &store.IssuedCertificate{Serial: fresh.Serial, Kind: "client", Subject: "s", KeyHash: "aa", NotBefore: at(10), NotAfter: at(70)})
	})
	for _, c := range []struct{ before, now, want int }{{11, 69, 1}, {10, 69, 0}, {11, 70, 0}} {
		k.read(t, func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.CountOldDevices(ctx, at(c.before), at(c.now))
			if n != c.want {
				t.Errorf("%d certificates from before %d are good at %d", n, c.before, c.now)
			}
			return err
		})
	}
	fresh.Revoked = at(80)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateDevice(ctx, &fresh) })
	k.refused(t, fault.KindNotFound, func(ctx context.Context, tx *store.Tx) error { return tx.RefreshDevice(ctx, &fresh) })
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		early, err := tx.DeleteOldDevices(ctx, at(80), 10)
		late, lateErr := tx.DeleteOldDevices(ctx, at(81), 10)
		if early != 0 || late != 1 {
			t.Errorf("%d deleted before their time, %d after it", early, late)
		}
		return errFirst(err, lateErr)
	})
}

// devicesKeepTheirKey: of all others a key has one certificate.
func devicesKeepTheirKey(t *testing.T, k *kit) {
	reserve := func(kind, serial string) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			return tx.ReserveSerial(ctx, &store.IssuedCertificate{Serial: serial, Kind: kind, Subject: "spiffe://x/" + kind + "/1", KeyHash: "aa", NotBefore: at(1), NotAfter: at(2)})
		}
	}
	k.write(t, reserve("client", "1"))
	k.write(t, reserve("client", "2"))
	k.write(t, reserve("connector", "3"))
	k.refused(t, fault.KindConflict, reserve("connector", "4"))
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		serials, err := tx.RevokeSubject(ctx, "spiffe://x/client/1", at(3), "revoked")
		if len(serials) != 2 {
			t.Errorf("revoked %v", serials)
		}
		return err
	})
}
