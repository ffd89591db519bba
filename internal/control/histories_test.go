package control_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/wire"
)

// TestAssignmentComesBack: when it ends is what changes of an assignment, and what an undo takes back.
func TestAssignmentComesBack(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		made := good(k.CreateAssignment(ctx, k.owner, access.Assignment{Application: k.application("wiki").ID, User: k.user("ada").ID}))
		soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		changed := made
		changed.Expires = soon
		changed = good(k.UpdateAssignment(ctx, k.owner, changed))
		list := good(k.AssignmentHistory(ctx, k.owner, made.ID))
		if len(list) != 2 || !list[0].Object.Expires.Equal(soon) || !list[1].Object.Expires.IsZero() || list[1].Entry.Action != "assignment.create" {
			t.Fatalf("%+v", list)
		}
		_, err := k.UndoAssignment(ctx, k.owner, control.Undo{ID: made.ID, Version: 1})
		wantKind(t, err, fault.KindChanged)
		_, err = k.UndoAssignment(ctx, k.actor(access.RoleReader), control.Undo{ID: made.ID, Version: 2})
		wantKind(t, err, fault.KindForbidden)
		back := good(k.UndoAssignment(ctx, k.owner, control.Undo{ID: made.ID, Version: 2}))
		if !back.Expires.IsZero() || back.Version != 3 {
			t.Errorf("%+v", back)
		}
		k.pass(2 * time.Hour)
		_, err = k.UndoAssignment(ctx, k.owner, control.Undo{ID: made.ID, Version: 3, To: 2})
		wantKind(t, err, fault.KindConflict)
		if err == nil || !strings.Contains(err.Error(), "that version ended at") {
			t.Errorf("back to what is over: %v", err)
		}
	})
}

// TestConnectorComesBack: renewals are versions, too, but nothing that could be undone.
func TestConnectorComesBack(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		agent := k.enrol()
		_, err := k.UndoConnector(ctx, k.owner, control.Undo{ID: agent.id(), Version: 1})
		wantKind(t, err, fault.KindConflict)
		far := good(k.CreateConnectorGroup(ctx, k.owner, access.ConnectorGroup{Name: "Far"}))
		was := good(k.Connector(ctx, k.owner, agent.id()))
		moved := was
		moved.Name, moved.GroupID, moved.Disabled = "moved", far.ID, true
		moved = good(k.UpdateConnector(ctx, k.owner, moved))
		moved.Disabled = false
		good(k.UpdateConnector(ctx, k.owner, moved))
		next := newKey(t)
		good(k.Renew(ctx, anyone(), agent.signed(t, wire.PurposeRenew, next, nil)))
		list := good(k.ConnectorHistory(ctx, k.owner, agent.id()))
		actions := ""
		for _, v := range list {
			actions += v.Entry.Action + " "
		}
		if actions != "connector.renew connector.update connector.update connector.enrol " {
			t.Fatal(actions)
		}
		now := list[0]
		back := good(k.UndoConnector(ctx, k.owner, control.Undo{ID: agent.id(), Version: now.Number}))
		if !back.Disabled || back.Name != "moved" || back.Serial != now.Object.Serial {
			t.Errorf("the last change taken back: %+v", back)
		}
		back = good(k.UndoConnector(ctx, k.owner, control.Undo{ID: agent.id(), Version: back.Version, To: 1}))
		if back.Disabled || back.Name != was.Name || back.GroupID != was.GroupID || back.Serial != now.Object.Serial {
			t.Errorf("as it enrolled: %+v", back)
		}
	})
}

// TestExportComesBack: undone and restored, but never with its secret to another place.
func TestExportComesBack(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		hook := access.Export{Name: "Hook", Kind: access.ExportWebhook, URL: "https://hooks.example.com/a", Disabled: true,
			Streams: []access.ExportStream{access.StreamAudit, access.StreamSignIns}, AllowPrivate: true}
		made := good(k.CreateExport(ctx, k.owner, control.NewExport{Export: hook, Secret: []byte("hush")}))
		changed := made
		changed.Streams, changed.Array = []access.ExportStream{access.StreamAudit}, true
		changed = good(k.UpdateExport(ctx, k.owner, changed))
		if list := good(k.ExportHistory(ctx, k.owner, made.ID)); len(list) != 2 || list[1].Object.Array || !list[1].Object.HasSecret || len(list[1].Object.Streams) != 2 {
			t.Fatalf("%+v", list)
		}
		_, err := k.ExportHistory(ctx, k.actor(access.RolePolicyAdmin), made.ID)
		wantKind(t, err, fault.KindForbidden)
		_, err = k.UndoExport(ctx, k.actor(access.RoleReader), control.Undo{ID: made.ID, Version: 2})
		wantKind(t, err, fault.KindForbidden)
		back := good(k.UndoExport(ctx, k.owner, control.Undo{ID: made.ID, Version: 2}))
		if diff := cmp.Diff(made.Export, back.Export, cmpopts.IgnoreFields(access.Meta{}, "Version", "Updated")); diff != "" || len(back.States) != 2 {
			t.Errorf("%s%+v", diff, back.States)
		}
		must(t, 0, k.SetExportSecret(ctx, k.owner, made.ID, nil))
		back.URL = "https://hooks.example.com/b"
		back = good(k.UpdateExport(ctx, k.owner, back))
		must(t, 0, k.SetExportSecret(ctx, k.owner, made.ID, []byte("other")))
		_, err = k.UndoExport(ctx, k.owner, control.Undo{ID: made.ID, Version: back.Version})
		wantKind(t, err, fault.KindConflict)

		must(t, 0, k.DeleteExport(ctx, k.owner, made.ID, 0))
		_, err = k.RestoreExport(ctx, k.actor(access.RolePolicyAdmin), made.ID)
		wantKind(t, err, fault.KindForbidden)
		again := good(k.RestoreExport(ctx, k.owner, made.ID))
		if again.HasSecret || again.URL != back.URL || again.ID != made.ID || len(again.States) != 2 {
			t.Errorf("restored %+v", again)
		}
		_, err = k.RestoreExport(ctx, k.owner, made.ID)
		wantKind(t, err, fault.KindConflict)
	})
}

// TestPolicyAndUpstreamComeBack, for what they named that there still is.
func TestPolicyAndUpstreamComeBack(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, bob, wiki := k.user("ada"), k.user("bob"), k.application("wiki")
		staff := good(k.CreateGroup(ctx, k.owner, access.Group{Name: "Staff"}))
		guests := good(k.CreateGroup(ctx, k.owner, access.Group{Name: "Guests"}))
		office := good(k.CreatePolicy(ctx, k.owner, access.Policy{Name: "Office", Mode: access.ModeReportOnly, Applications: []access.ID{wiki.ID}, Groups: []access.ID{staff.ID, guests.ID},
			ExceptUsers: []access.ID{ada.ID, bob.ID}, Conditions: access.Conditions{Strength: access.MultiFactor, MaxAge: time.Hour, Windows: []access.Window{{Days: 3, From: 60, To: 120, Zone: "Europe/Berlin"}}}}))
		up := good(k.CreateUpstream(ctx, k.owner, access.Upstream{Name: "Example", Kind: access.UpstreamOIDC, Default: true, OIDC: &access.OIDCSettings{Issuer: "https://login.example.com", ClientID: "postern"},
			Mapping: access.Mapping{Groups: []access.GroupMapping{{From: "a", To: staff.ID}, {From: "b", To: guests.ID}}}}, []byte("hush")))
		must(t, 0, k.DeletePolicy(ctx, k.owner, office.ID, 0))
		must(t, 0, k.DeleteUpstream(ctx, k.owner, up.ID, 0))
		must(t, 0, k.DeleteUser(ctx, k.owner, bob.ID, 0))
		must(t, 0, k.DeleteGroup(ctx, k.owner, guests.ID, 0))

		_, err := k.RestorePolicy(ctx, k.actor(access.RoleApplicationAdmin), office.ID)
		wantKind(t, err, fault.KindForbidden)
		meta := cmpopts.IgnoreFields(access.Meta{}, "Version", "Created", "Updated")
		want := office
		want.Groups, want.ExceptUsers = []access.ID{staff.ID}, []access.ID{ada.ID}
		if diff := cmp.Diff(want, good(k.RestorePolicy(ctx, k.owner, office.ID)), meta, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		_, err = k.RestoreUpstream(ctx, k.actor(access.RoleApplicationAdmin), up.ID)
		wantKind(t, err, fault.KindForbidden)
		wanted := up
		wanted.Default, wanted.HasSecret, wanted.Mapping.Groups = false, false, wanted.Mapping.Groups[:1]
		if diff := cmp.Diff(wanted, good(k.RestoreUpstream(ctx, k.owner, up.ID)), meta, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if len(good(k.PolicyHistory(ctx, k.owner, office.ID))) != 1 || len(good(k.UpstreamHistory(ctx, k.owner, up.ID))) != 1 {
			t.Error("histories begin anew with what was restored")
		}
		must(t, 0, k.DeletePolicy(ctx, k.owner, office.ID, 0))
		must(t, 0, k.DeleteApplication(ctx, k.owner, wiki.ID, 0))
		_, err = k.RestorePolicy(ctx, k.owner, office.ID)
		if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "applications") {
			t.Errorf("a policy for nothing: %v", err)
		}
	})
}
