package control_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/wire"
)

// carried is the record of a flow.
func carried(app access.ID, user, device, host string, at time.Time) wire.Record {
	return wire.Record{Time: at, Duration: time.Second, FirstByte: 1, Application: string(app), UserID: user, Device: device, Host: host, Protocol: "tcp",
		Outcome: wire.OutcomeForwarded, Action: "allow", Received: 10, Sent: 20, Complete: true}
}

// TestDiscovery: what Quick Access carried is told by destination, with different users and devices over minutes and days; what others carried, or
// nobody, is not. Whoever has it by now is said.
func TestDiscovery(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		quick := k.privately("Quick", access.KindQuickAccess, nil, "10.0.0.0/8:1-65535/both", ".corp.example:1-65535/both")
		other := k.privately("Other", access.KindPrivate, nil, "192.0.2.1:22")
		k.settled()
		now := k.cfg.Now()
		for _, r := range []wire.Record{
			carried(quick.ID, "usr_a", "dev_a", "10.1.2.3:443", now), carried(quick.ID, "usr_a", "dev_a", "10.1.2.3:443", now.Add(time.Second)), carried(quick.ID, "usr_a", "dev_b", "10.1.2.3:443", now),
			carried(quick.ID, "usr_b", "dev_c", "DB.corp.example:5432", now), carried(other.ID, "usr_a", "dev_a", "192.0.2.1:22", now), carried("app_gone", "usr_a", "dev_a", "10.1.2.4:443", now),
		} {
			k.Record(r)
		}
		refused := carried(quick.ID, "usr_a", "dev_a", "10.9.9.9:1", now)
		refused.Outcome, refused.FirstByte = wire.OutcomeFailed, 0
		k.Record(refused)
		k.WriteDiscovered(ctx)
		k.Record(carried(quick.ID, "usr_a", "dev_a", "10.1.2.3:443", now.Add(time.Minute))) // another minute: the same user and device
		k.WriteDiscovered(ctx)

		logs := k.actor(access.RoleLogReader)
		found, next, err := k.Discovery(ctx, logs, control.DiscoveryQuery{})
		if err != nil || next != "" || len(found) != 2 {
			t.Fatalf("%+v, %q, %v", found, next, err)
		}
		if d := found[0]; d.Discovered.Destination != "10.1.2.3:443/tcp" || d.Users != 1 || d.Devices != 2 || d.Flows != 4 || d.Received != 40 || d.Sent != 80 || d.Name != "Quick" || d.Owned ||
			!d.Last.Equal(now.Add(61*time.Second).Truncate(time.Microsecond)) || !d.First.Equal(now.Truncate(time.Microsecond)) {
			t.Errorf("%+v", d)
		}
		if d := found[1]; d.Discovered.Destination != "db.corp.example:5432/tcp" || d.Segment != (access.Segment{Destination: "db.corp.example", Ports: "5432", Protocol: "tcp"}) {
			t.Errorf("%+v", d)
		}
		k.privately("Databases", access.KindPrivate, nil, "db.corp.example:5432")
		k.settled()
		for _, test := range []struct {
			q    control.DiscoveryQuery
			want []string
		}{
			{control.DiscoveryQuery{Owned: "true"}, []string{"db.corp.example:5432/tcp"}},
			{control.DiscoveryQuery{Owned: "false"}, []string{"10.1.2.3:443/tcp"}},
			{control.DiscoveryQuery{Protocol: "udp"}, nil},
			{control.DiscoveryQuery{Page: access.Page{Search: "CORP"}}, []string{"db.corp.example:5432/tcp"}},
			{control.DiscoveryQuery{Page: access.Page{Sort: "flows"}}, []string{"db.corp.example:5432/tcp", "10.1.2.3:443/tcp"}},
			{control.DiscoveryQuery{Page: access.Page{Sort: "-name"}}, []string{"db.corp.example:5432/tcp", "10.1.2.3:443/tcp"}},
		} {
			if got := destinations(t, k, logs, test.q); !slices.Equal(got, test.want) {
				t.Errorf("%+v: %v", test.q, got)
			}
		}
		for _, by := range []access.Actor{k.actor(access.RoleReader), k.actor(access.RoleApplicationAdmin), k.actor()} {
			_, _, err := k.Discovery(ctx, by, control.DiscoveryQuery{})
			wantKind(t, err, fault.KindForbidden)
		}
		_, _, err = k.Discovery(ctx, logs, control.DiscoveryQuery{Page: access.Page{After: "none"}})
		wantKind(t, err, fault.KindInvalid)
		k.pass((access.DiscoveryDays + 2) * access.Day)
		if got := destinations(t, k, logs, control.DiscoveryQuery{}); got != nil {
			t.Errorf("after 30 days: %v", got)
		}
	})
}

func destinations(t *testing.T, k *kit, by access.Actor, q control.DiscoveryQuery) (names []string) {
	t.Helper()
	found, _, err := k.Discovery(t.Context(), by, q)
	for _, d := range must(t, found, err) {
		names = append(names, d.Discovered.Destination)
	}
	return names
}

// TestDiscoveryPages: pages together are the whole, in order and each once, whatever is used meanwhile.
func TestDiscoveryPages(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		quick := k.privately("Quick", access.KindQuickAccess, nil, "10.0.0.0/8:1-65535/both")
		k.settled()
		now := k.cfg.Now()
		for i := range 25 {
			for range i%4 + 1 {
				k.Record(carried(quick.ID, "usr_a", "dev_a", fmt.Sprintf("10.0.0.%d:443", i), now.Add(time.Duration(i)*time.Second)))
			}
		}
		k.WriteDiscovered(t.Context())
		for _, sort := range control.DiscoverySorts() {
			whole := destinations(t, k, k.owner, control.DiscoveryQuery{Page: access.Page{Sort: sort}})
			var parts []string
			for q := (control.DiscoveryQuery{Page: access.Page{Sort: sort, Limit: 7}}); ; {
				page, next, err := k.Discovery(t.Context(), k.owner, q)
				for _, d := range must(t, page, err) {
					parts = append(parts, d.Discovered.Destination)
				}
				if q.After = next; next == "" {
					break
				}
			}
			if len(whole) != 25 || !slices.Equal(parts, whole) {
				t.Errorf("%s: %v, in pages %v", sort, whole, parts)
			}
		}
	})
}
