package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/store"
)

func discoveriesAddUp(t *testing.T, k *kit) {
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	use := func(to string, user, device access.ID, day, flows int) access.DiscoveredUse {
		at := monday.AddDate(0, 0, day)
		return access.DiscoveredUse{Destination: to, User: user, Device: device, Day: at, Flows: int64(flows), Received: 1 << 40, Sent: 2, First: at.Add(time.Hour), Last: at.Add(2 * time.Hour)}
	}
	add := func(list ...access.DiscoveredUse) {
		t.Helper()
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			if left, err := tx.AddDiscovered(ctx, list); left != 0 || err != nil {
				t.Errorf("%d left out, %v", left, err)
			}
			return nil
		})
	}
	add(use("db:5432/tcp", "usr_a", "dev_a", 0, 1), use("db:5432/tcp", "usr_b", "dev_b", 0, 2), use("db:5432/udp", "usr_a", "dev_a", 0, 1))
	late := use("db:5432/tcp", "usr_a", "dev_a", 0, 4) // another minute, or another gateway
	late.First, late.Last = late.First.Add(-time.Minute), late.First
	add(late, use("db:5432/tcp", "usr_a", "dev_c", 1, 8))
	found := func(since int) (list []access.Discovered) {
		t.Helper()
		k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
			list, err = tx.Discovered(ctx, monday.AddDate(0, 0, since))
			return err
		})
		return list
	}
	want := []access.Discovered{
		{Destination: "db:5432/tcp", Users: 2, Devices: 3, Flows: 15, Received: 4 << 40, Sent: 8, First: monday.Add(59 * time.Minute), Last: monday.Add(26 * time.Hour)},
		{Destination: "db:5432/udp", Users: 1, Devices: 1, Flows: 1, Received: 1 << 40, Sent: 2, First: monday.Add(time.Hour), Last: monday.Add(2 * time.Hour)},
	}
	if diff := cmp.Diff(want, found(0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list := found(1); len(list) != 1 || list[0].Users != 1 || list[0].Flows != 8 {
		t.Errorf("of the second day: %+v", list)
	}
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		for want := int64(2); want >= 0; want-- { // one, then two of the three of the first day
			limit := 1
			if want == 1 {
				limit = 10
			}
			n, err := tx.TrimDiscovered(ctx, monday.AddDate(0, 0, 1), limit)
			if expected := map[int64]int64{2: 1, 1: 2, 0: 0}[want]; err != nil || n != expected {
				t.Errorf("trimmed %d, %v", n, err)
			}
		}
		return nil
	})
	if list := found(0); len(list) != 1 || list[0].Devices != 1 {
		t.Errorf("left: %+v", list)
	}
}
