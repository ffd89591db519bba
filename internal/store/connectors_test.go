package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

var connectorGroupNoun = noun[access.ConnectorGroup]{
	meta: func(g *access.ConnectorGroup) *access.Meta { return &g.Meta },
	sample: func(i int) access.ConnectorGroup {
		return access.ConnectorGroup{Meta: meta(num("cgr", i), 1), Name: fmt.Sprintf("Group %d", i), Region: "eu", BackupGroup: "cgr_w"}
	},
	change: func(g *access.ConnectorGroup) { g.Name, g.Region, g.BackupGroup, g.Updated = "Other", "us", "", at(9) },
	apart:  []string{".Default"}, // there is only one; see below
	name:   func(g *access.ConnectorGroup, name string) { g.Name = name },
	insert: (*store.Tx).InsertConnectorGroup, one: (*store.Tx).ConnectorGroup, page: (*store.Tx).ConnectorGroups,
	update: (*store.Tx).UpdateConnectorGroup, remove: (*store.Tx).DeleteConnectorGroup,
}

func oneDefaultGroup(t *testing.T, k *kit) {
	w := k.settle(t)
	second := access.ConnectorGroup{Meta: meta("cgr_second", 0), Name: "Second", Default: true}
	err := k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error { return tx.InsertConnectorGroup(ctx, &second) })
	wantFields(t, err, "default")
	second.Default = false
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertConnectorGroup(ctx, &second) })
	second.Default = true
	err = k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateConnectorGroup(ctx, &second) })
	wantFields(t, err, "default")
	w.group.Default = false
	k.write(t, func(ctx context.Context, tx *store.Tx) error { // the old one gives it up first, in the same change
		if err := tx.UpdateConnectorGroup(ctx, &w.group); err != nil {
			return err
		}
		return tx.UpdateConnectorGroup(ctx, &second)
	})
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		got, err := tx.DefaultConnectorGroup(ctx)
		if diff := cmp.Diff(second, got); diff != "" {
			t.Errorf("the default group (-want +got):\n%s", diff)
		}
		all, err2 := tx.AllConnectorGroups(ctx)
		if len(all) != 2 {
			t.Errorf("%d groups, want 2", len(all))
		}
		return errFirst(err, err2)
	})
}

func groupsInUseStay(t *testing.T, k *kit) {
	w := k.settle(t)
	remove := func(ctx context.Context, tx *store.Tx) error { return tx.DeleteConnectorGroup(ctx, w.group.ID, 0) }
	k.refused(t, fault.KindConflict, remove)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteApplication(ctx, w.application.ID, 0) })
	k.refused(t, fault.KindConflict, remove)
	k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteConnector(ctx, w.connector.ID, 0) })
	k.write(t, remove)
	for _, insert := range []func(context.Context, *store.Tx) error{
		func(ctx context.Context, tx *store.Tx) error { return tx.InsertConnector(ctx, &w.connector) },
		func(ctx context.Context, tx *store.Tx) error { return tx.InsertApplication(ctx, &w.application) },
		func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertToken(ctx, &access.Token{Meta: meta("tok_1", 0), GroupID: w.group.ID})
		},
	} {
		k.refused(t, fault.KindConflict, insert)
	}
}

var connectorNoun = noun[access.Connector]{
	meta: func(c *access.Connector) *access.Meta { return &c.Meta },
	sample: func(i int) access.Connector {
		return access.Connector{
			Meta: meta(num("con", i), 1), Name: fmt.Sprintf("Edge %d", i), GroupID: "cgr_w", Disabled: true,
			Host:   access.HostFacts{MachineName: "edge", OS: "linux", Arch: "arm64", Program: "1.2.3"},
			Serial: "0a1b", NotAfter: at(20), LastSeen: at(10), Address: "192.0.2.7", Priority: 3, Draining: true, Archived: at(11),
			SessionLogUntil: at(12), DebugLogUntil: at(13), BenchUntil: at(14), Waiting: at(15),
		}
	},
	change: func(c *access.Connector) {
		m := c.Meta
		*c = access.Connector{Meta: m, Name: "Other", GroupID: "cgr_second"}
		c.Updated = at(9)
	},
	name:   func(c *access.Connector, name string) { c.Name = name },
	insert: (*store.Tx).InsertConnector, one: (*store.Tx).Connector, page: (*store.Tx).Connectors,
	update: (*store.Tx).UpdateConnector, remove: (*store.Tx).DeleteConnector,
}

func connectorsBehave(t *testing.T, k *kit) {
	k.write(t, insertSecondGroup)
	connectorNoun.behaves(t, k)
}

func connectorsAreSeen(t *testing.T, k *kit) {
	w := k.settle(t)
	touch := func(seen ...store.Seen) access.Connector {
		t.Helper()
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.TouchConnectors(ctx, seen) })
		return connectorNoun.stored(t, k, w.connector.ID)
	}
	host := access.HostFacts{MachineName: "m", OS: "windows", Arch: "amd64", Program: "2"}
	want := w.connector
	want.LastSeen, want.Address, want.Host = at(30), "192.0.2.1", host
	got := touch(store.Seen{ID: w.connector.ID, At: at(30), Address: "192.0.2.1", Host: host}, store.Seen{ID: "con_gone", At: at(30)})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after it was seen (-want +got):\n%s", diff)
	}
	// What another replica saw before arrives late.
	if diff := cmp.Diff(want, touch(store.Seen{ID: w.connector.ID, At: at(29), Address: "192.0.2.2"})); diff != "" {
		t.Errorf("after old news (-want +got):\n%s", diff)
	}
	want.LastSeen, want.Address = at(31), "192.0.2.3"
	if diff := cmp.Diff(want, touch(store.Seen{ID: w.connector.ID, At: at(31), Address: "192.0.2.3"})); diff != "" {
		t.Errorf("after news without facts (-want +got):\n%s", diff)
	}
}
