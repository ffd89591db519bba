package control_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
)

// two gives two control planes on one PostgreSQL, which run.
func two(t *testing.T) (one, other *kit) {
	t.Helper()
	url := server.get().Database(t)
	one = newKit(t, url)
	other = &kit{t: t, owner: one.owner}
	other.store = openStore(t, url, one.keyFile)
	other.cfg = testConfig(other)
	other.Control = other.open()
	other.run()
	return one, other
}

// TestReplicasKnowEachOther: each hears at once that another one came.
func TestReplicasKnowEachOther(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	want := []access.ID{one.cfg.Gateway.ID, other.cfg.Gateway.ID}
	slices.Sort(want)
	for name, k := range map[string]*kit{"the first": one, "the second": other} {
		eventually(t, name+" to know both", func() bool {
			snap, err := k.Snapshot(t.Context(), 0)
			if err != nil || len(snap.Gateways) != 2 {
				return false
			}
			return snap.Gateways[0].ID == want[0] && snap.Gateways[1].ID == want[1]
		})
	}
	before, err := one.Snapshot(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	list, err := one.RunningGateways(t.Context(), before.Gateways[:1])
	if err != nil || len(list) != 2 {
		t.Errorf("got %v, %v", list, err)
	}
	// That a gateway came has no version: nobody else is woken by it.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if snap, err := one.Snapshot(ctx, before.Version); err == nil {
		t.Errorf("version %d came without a change", snap.Version)
	}
}

// TestOneDoesTheJobs: one replica at a time has the lease; when it stops, another takes over, and what the first one
// still wants to write is refused.
func TestOneDoesTheJobs(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	kits := []*kit{one, other}
	leaders := func() (list []*kit) {
		for _, k := range kits {
			if k.Leads() {
				list = append(list, k)
			}
		}
		return list
	}
	eventually(t, "a leader", func() bool { return len(leaders()) > 0 })
	if n := len(leaders()); n != 1 {
		t.Fatalf("%d lead", n)
	}
	first := leaders()[0]
	second := kits[0]
	if second == first {
		second = kits[1]
	}
	write := first.WriteAsLeader() // with the lease of now
	touch := func(ctx context.Context, tx *store.Tx) error { return tx.Announce(ctx) }
	if err := write(t.Context(), touch); err != nil {
		t.Errorf("the leader may not write: %v", err)
	}
	first.stop()
	eventually(t, "the other to take over", second.Leads)
	wantKind(t, write(t.Context(), touch), fault.KindConflict)
	if err := second.WriteAsLeader()(t.Context(), touch); err != nil {
		t.Errorf("the new leader may not write: %v", err)
	}
}

// TestPresenceOfOthers: a connector is active if any gateway says so, and when the last one lost it, it is not.
func TestPresenceOfOthers(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	connector := access.ID(one.enrol().credential.Connector)
	for _, k := range []*kit{one, other} {
		eventually(t, "the connector to be known", func() bool {
			snap, err := k.Snapshot(t.Context(), 0)
			if err != nil {
				return false
			}
			_, ok := snap.Connector(connector)
			return ok
		})
	}
	told := wire.Presence{Connector: string(connector), Instance: "i", Gateway: string(other.cfg.Gateway.ID), Tunnels: 2, Echo: time.Now(), Address: "192.0.2.1:5"}
	one.Report(told)
	if s := one.ConnectorStatus(connector); s.Label != control.LabelActive || s.Tunnels != 2 {
		t.Errorf("got %+v", s)
	}
	mine := told
	mine.Gateway, mine.Tunnels = string(one.cfg.Gateway.ID), 1
	one.Report(mine)
	told.Tunnels = 0
	one.Report(told)
	if s := one.ConnectorStatus(connector); s.Label != control.LabelActive || s.Tunnels != 1 {
		t.Errorf("got %+v", s)
	}
	mine.Tunnels = 0
	one.Report(mine)
	if s := one.ConnectorStatus(connector); s.Label == control.LabelActive {
		t.Errorf("got %+v", s)
	}
}

// TestGatewaysListed: the list says of each gateway how it is, and which one is not reached.
func TestGatewaysListed(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	mine, theirs := string(one.cfg.Gateway.ID), string(other.cfg.Gateway.ID)
	list := func() map[string]control.GatewayStatus {
		found, _, err := one.Gateways(t.Context(), one.owner, access.Page{})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]control.GatewayStatus{}
		for _, g := range found {
			out[string(g.ID)] = g
		}
		return out
	}
	eventually(t, "both to be listed", func() bool { return len(list()) == 2 })
	one.ReportGateway(wire.GatewayState{Gateway: mine, Unreached: []string{theirs}})
	if got := list(); got[theirs].Label != control.LabelUnreached || got[theirs].Why == "" || got[mine].Label != control.LabelActive || !got[mine].Own {
		t.Errorf("got %+v", got)
	}
	one.ReportGateway(wire.GatewayState{Gateway: mine, Peers: []string{theirs}})
	one.ReportGateway(wire.GatewayState{Gateway: theirs, Tunnels: 7})
	if got := list()[theirs]; got.Label != control.LabelActive || got.State.Tunnels != 7 {
		t.Errorf("got %+v", got)
	}
	one.ReportGateway(wire.GatewayState{Gateway: theirs, Draining: true})
	if got := list()[theirs]; got.Label != control.LabelDraining {
		t.Errorf("got %+v", got)
	}
	one.ReportGateway(wire.GatewayState{Gateway: "gtw_unknown"})
	if n := len(list()); n != 2 {
		t.Errorf("%d gateways", n)
	}
	_, _, err := one.Gateways(t.Context(), access.Actor{Kind: access.ActorUser, Roles: []access.Role{access.RoleLogReader}}, access.Page{})
	wantKind(t, err, fault.KindForbidden)
}
