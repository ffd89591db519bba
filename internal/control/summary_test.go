package control_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

// TestSummary: what is counted is what the lists have, at once after each change.
func TestSummary(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		site, there, silent, off := k.connectorGroup(access.ConnectorGroup{Name: "Site"}), k.enrol(), k.enrol(), k.enrol()
		k.here(there.id(), 2)
		k.disable(off.id())
		wiki, shop := k.application("wiki"), k.application("shop")
		shop.GroupID, shop.Disabled = site.ID, true
		shop, err := k.UpdateApplication(t.Context(), k.owner, shop)
		must(t, shop, err)
		ada, bob := k.user("ada"), k.user("bob")
		k.assign(wiki.ID, ada.ID)
		for _, ends := range []time.Duration{time.Hour, 24 * time.Hour} { // the first has ended when it is looked
			_, err := k.CreateAssignment(t.Context(), k.owner, access.Assignment{Application: []access.ID{wiki.ID, shop.ID}[ends/(24*time.Hour)], User: bob.ID, Expires: k.cfg.Now().Add(ends)})
			must(t, 0, err)
		}
		k.pass(2 * time.Hour)
		k.here(there.id(), 2)
		want := control.Summary{
			Connectors: map[control.Label]int{control.LabelActive: 1, control.LabelInactive: 1, control.LabelDisabled: 1},
			Groups: []control.GroupSummary{
				{ID: k.defaultGroup(), Connectors: 3, Active: 1, Applications: 1}, {ID: site.ID, Applications: 1},
			},
			Applications: 2, Disabled: 1, Assignments: 2,
		}
		got, err := k.Summary(t.Context(), k.actor(access.RoleReader))
		got.Gateways, got.Reached = 0, 0 // as their heartbeats are, which the clock's leap has hurt
		if diff := cmp.Diff(want, must(t, got, err)); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
		must(t, 0, k.DeleteConnector(t.Context(), k.owner, silent.id(), 0))
		if got, err := k.Summary(t.Context(), k.owner); err != nil || got.Connectors[control.LabelInactive] != 0 || got.Groups[0].Connectors != 2 {
			t.Errorf("after a connector was deleted: %+v, %v", got, err)
		}
		_, err = k.Summary(t.Context(), k.actor(access.RoleLogReader))
		wantKind(t, err, fault.KindForbidden)
	})
}

// TestNames: of what somebody may read, and of nothing else.
func TestNames(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		wiki, ada := k.application("wiki"), k.user("ada")
		team, err := k.CreateGroup(t.Context(), k.owner, access.Group{Name: "Team"})
		must(t, team, err)
		asked := []access.ID{wiki.ID, ada.ID, team.ID, ada.ID, "usr_00000000000000000000000000", "", "x"}
		for _, test := range []struct {
			name string
			by   access.Actor
			want map[access.ID]string
		}{
			{"a reader", k.actor(access.RoleReader), map[access.ID]string{wiki.ID: "wiki", ada.ID: "ada", team.ID: "Team"}},
			{"a key for applications", k.scopedKey(access.RoleReader, "application"), map[access.ID]string{wiki.ID: "wiki"}},
			{"who has no role", k.actor(), nil},
		} {
			got, err := k.NamesOf(t.Context(), test.by, asked)
			if diff := cmp.Diff(test.want, must(t, got, err)); diff != "" {
				t.Errorf("%s: want -, got +:\n%s", test.name, diff)
			}
		}
	})
}
