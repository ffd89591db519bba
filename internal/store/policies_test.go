package store_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/store"
)

func network(text string) access.Network { return access.Network{Prefix: netip.MustParsePrefix(text)} }

func somePolicy(i int) access.Policy {
	return access.Policy{
		Meta: meta(num("pol", i), 1), Name: fmt.Sprintf("Policy %d", i), Description: "d", Mode: access.ModeEnforce, AllApplications: true,
		Applications: []access.ID{"app_w"}, Everyone: true, Users: []access.ID{"usr_w"}, Groups: []access.ID{"grp_w"},
		ExceptUsers: []access.ID{"usr_w"}, ExceptGroups: []access.ID{"grp_w"},
		Conditions: access.Conditions{
			Strength: access.MultiFactor, MaxAge: 90 * time.Minute,
			AllowedNetworks: []access.Network{network("192.0.2.0/24"), network("2001:db8::/32")},
			BlockedNetworks: []access.Network{network("198.51.100.7/32")},
			Windows:         []access.Window{{Days: 0b0111110, From: 8 * 60, To: 18 * 60, Zone: "Europe/Berlin"}},
			Device:          access.DeviceCondition{Enrolled: true, Systems: []string{"linux", "darwin"}, Clients: []access.ClientVersion{{Version: "1.4"}, {System: "linux", Version: "1.5.0-rc1"}}},
		},
	}
}

var policyNoun = noun[access.Policy]{
	meta: func(p *access.Policy) *access.Meta { return &p.Meta }, sample: somePolicy,
	apart: []string{".Conditions.Unknown"}, // is read of what a later program wrote, and never written
	change: func(p *access.Policy) {
		*p = access.Policy{Meta: p.Meta, Name: "Other", Mode: access.ModeOff}
		p.Updated = at(9)
	},
	name:   func(p *access.Policy, name string) { p.Name = name },
	insert: (*store.Tx).InsertPolicy, one: (*store.Tx).Policy, page: (*store.Tx).Policies,
	update: (*store.Tx).UpdatePolicy, remove: (*store.Tx).DeletePolicy,
}

// policiesForgetWhatIsGone: what a policy names may be deleted, and the policy then is for less, never for more.
func policiesForgetWhatIsGone(t *testing.T, k *kit) {
	k.settle(t)
	p := somePolicy(1)
	p.AllApplications, p.Everyone = false, false
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertPolicy(ctx, &p) })
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		return errFirst(tx.DeleteUser(ctx, "usr_w", 0), tx.DeleteGroup(ctx, "grp_w", 0), tx.DeleteApplication(ctx, "app_w", 0))
	})
	want := p
	want.Applications, want.Users, want.Groups, want.ExceptUsers, want.ExceptGroups = nil, nil, nil, nil, nil
	if diff := cmp.Diff(want, policyNoun.stored(t, k, p.ID)); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

// policiesOfLaterPrograms: a condition that is not known marks all of them.
func policiesOfLaterPrograms(t *testing.T, k *kit) {
	k.settle(t)
	p := somePolicy(1)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertPolicy(ctx, &p) })
	for text, want := range map[string]bool{
		`{"strength":"multi-factor"}`:                           false,
		`{"strength":"multi-factor","device":"managed"}`:        true,
		`{"windows":["mon 08:00-09:00 UTC every second week"]}`: true,
		`{"strength":{"any":["multi-factor"]}}`:                 true,
		`{"allowedNetworks":["192.0.2.0/24","country:DE"]}`:     true,
		`{"maxAge":"1h"}`: true,
		`{}`:              false,
	} {
		k.write(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE policies SET conditions = $1 WHERE id = $2", text, string(p.ID))
			return err
		})
		if got := policyNoun.stored(t, k, p.ID).Conditions.Unknown; got != want {
			t.Errorf("%s: unknown = %v", text, got)
		}
	}
}
