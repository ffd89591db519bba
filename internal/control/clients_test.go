package control_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

// TestClients: what holds for all clients is changed, comes back, is part of documents, and is in the snapshot.
func TestClients(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		held := good(k.Clients(ctx, k.actor(access.RoleReader)))
		if held.Version != 1 || held.Off || held.Locked != nil || held.Connected != 0 {
			t.Errorf("at first: %+v", held)
		}
		want := held.Clients
		want.Off, want.OffReason, want.Locked = true, " a drill ", []access.ClientSwitch{"pause", "down", "pause"}
		held = good(k.UpdateClients(ctx, k.actor(access.RolePolicyAdmin), want))
		if held.Version != 2 || held.OffReason != "a drill" || !cmp.Equal(held.Locked, []access.ClientSwitch{"down", "pause"}) {
			t.Errorf("%+v", held)
		}
		k.settled()
		if snap := good(k.Snapshot(ctx, 0)); !snap.Clients.Off {
			t.Error("the snapshot does not say so")
		}
		for field, bad := range map[string]access.Clients{"offReason": {OffReason: "\x00"}, "locked": {Locked: []access.ClientSwitch{"login"}}} {
			bad.Meta = held.Meta
			_, err := k.UpdateClients(ctx, k.owner, bad)
			wantField(t, err, field)
		}
		_, err := k.UpdateClients(ctx, k.actor(access.RoleApplicationAdmin), held.Clients)
		wantKind(t, err, fault.KindForbidden)
		_, err = k.UpdateClients(ctx, k.owner, want)
		wantKind(t, err, fault.KindChanged)

		exported := k.document()
		if back := good(k.UndoClients(ctx, k.owner, control.Undo{Version: 2})); back.Off || back.Locked != nil || back.Version != 3 {
			t.Errorf("undone: %+v", back)
		}
		if list := good(k.ClientsHistory(ctx, k.owner, "")); len(list) != 3 || !list[1].Object.Off || list[1].Entry.Action != "clients.update" {
			t.Errorf("%+v", list)
		}
		if plan := k.apply(access.Document{Clients: exported.Clients}, true); len(plan.Steps) != 1 || plan.Steps[0].Action != "clients.update" {
			t.Errorf("%+v", plan.Steps)
		}
		if now := good(k.Clients(ctx, k.owner)); !now.Off || now.OffReason != "a drill" {
			t.Errorf("applied: %+v", now)
		}
		_, err = k.PlanDocument(ctx, k.owner, control.ApplyRequest{Document: access.Document{Clients: &access.Clients{Locked: []access.ClientSwitch{"login"}}}})
		wantField(t, err, "clients.locked")
	})
}

func wantField(t *testing.T, err error, field string) {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) != 1 || e.Fields[0].Name != field {
		t.Errorf("%v, want it to be about %s", err, field)
	}
}
