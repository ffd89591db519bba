package control_test

import (
	"context"
	"testing"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/store"
)

// TestExportsInDocuments: who may not see where logs are sent, does not by a document; a secret stays.
func TestExportsInDocuments(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		if doc := k.document(); doc.Exports == nil || len(doc.Exports) != 0 {
			t.Errorf("none are there: %#v", doc.Exports)
		}
		k.apply(access.Document{Exports: []access.Export{hook("Hook")}}, false)
		made := k.document().Exports[0]
		must(t, 0, k.SetExportSecret(ctx, k.owner, made.ID, []byte("hush")))
		changed := hook("hook")
		changed.Array, changed.Streams = true, []access.ExportStream{access.StreamSignIns, access.StreamAudit}
		plan := k.apply(access.Document{Exports: []access.Export{changed}}, true)
		if len(plan.Steps) != 1 || plan.Steps[0].Action != "export.update" {
			t.Fatalf("%+v", plan.Steps)
		}
		now := good(k.Export(ctx, k.owner, made.ID))
		if !now.HasSecret || !now.Array || len(now.States) != 2 {
			t.Errorf("%+v", now)
		}
		var secret []byte
		must(t, 0, k.store.Read(ctx, func(tx *store.Tx) (err error) {
			secret, err = tx.ExportSecret(context.Background(), made.ID)
			return err
		}))
		if string(secret) != "hush" {
			t.Errorf("the secret became %q", secret)
		}
		k.apply(access.Document{Users: k.document().Users}, true)
		if len(k.document().Exports) != 1 {
			t.Error("a document without exports took them away")
		}

		people := k.actor(access.RolePolicyAdmin)
		doc := good(k.Document(ctx, people))
		if doc.Exports != nil || len(doc.Users) == 0 {
			t.Errorf("an administrator of policies sees %+v", doc.Exports)
		}
		if plan := good(k.PlanDocument(ctx, people, control.ApplyRequest{Document: doc, Prune: true})); len(plan.Steps) != 0 {
			t.Errorf("what they were given changes %v", steps(plan))
		}
		for _, exports := range [][]access.Export{{}, {hook("Hook")}, {changed}} {
			_, err := k.PlanDocument(ctx, people, control.ApplyRequest{Document: access.Document{Exports: exports}, Prune: true})
			wantKind(t, err, fault.KindForbidden)
			_, err = k.ApplyDocument(ctx, people, control.ApplyRequest{Document: access.Document{Exports: exports}, Prune: true})
			wantKind(t, err, fault.KindForbidden)
		}
		reader := k.actor(access.RoleReader)
		if doc := good(k.Document(ctx, reader)); len(doc.Exports) != 1 || doc.Exports[0].HasSecret {
			t.Errorf("a reader sees %+v", doc.Exports)
		}
		both := k.actor(access.RoleReader, access.RolePolicyAdmin) // may see, and not change
		_, err := k.ApplyDocument(ctx, both, control.ApplyRequest{Document: access.Document{Exports: []access.Export{}}, Prune: true})
		wantKind(t, err, fault.KindForbidden)
		k.apply(access.Document{Exports: []access.Export{}}, true)
		if len(k.document().Exports) != 0 {
			t.Error("pruned exports stay")
		}
	})
}
