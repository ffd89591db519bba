package control_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/access"
	"postern/internal/fault"
)

// TestRestoreDeleted deletes one of each and brings it back, under its id and as it was.
func TestRestoreDeleted(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, bob := k.user("ada", access.RoleReader), k.user("bob")
		staff := good(k.CreateGroup(ctx, k.owner, access.Group{Name: "Staff", Description: "all of us", Members: []access.ID{ada.ID, bob.ID}}))
		cgr := good(k.CreateConnectorGroup(ctx, k.owner, access.ConnectorGroup{Name: "Far"}))
		wiki := good(k.CreateApplication(ctx, k.owner, access.Application{
			Name: "wiki", GroupID: cgr.ID, ExternalURL: "https://wiki.example.com/", InternalURL: "https://wiki.lan/", SkipVerify: true, BackendTimeout: 7 * time.Second,
		}))
		gives := good(k.CreateAssignment(ctx, k.owner, access.Assignment{Application: wiki.ID, Group: staff.ID}))
		same := func(what string, before, after any) {
			t.Helper()
			meta := cmpopts.IgnoreFields(access.Meta{}, "Version", "Created", "Updated")
			if diff := cmp.Diff(before, after, meta, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(access.User{}, "PasswordSet", "Groups")); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
		}
		_, err := k.RestoreApplication(ctx, k.owner, wiki.ID)
		wantKind(t, err, fault.KindConflict)

		must(t, 0, k.DeleteAssignment(ctx, k.owner, gives.ID, 0))
		same("assignment", gives, good(k.RestoreAssignment(ctx, k.owner, gives.ID)))
		must(t, 0, k.DeleteApplication(ctx, k.owner, wiki.ID, 0))
		same("application", wiki, good(k.RestoreApplication(ctx, k.owner, wiki.ID)))
		if _, err := k.Assignment(ctx, k.owner, gives.ID); !fault.Is(err, fault.KindNotFound) {
			t.Errorf("the assignment came back: %v", err)
		}
		same("assignment of before", gives, good(k.RestoreAssignment(ctx, k.owner, gives.ID)))
		must(t, 0, k.DeleteGroup(ctx, k.owner, staff.ID, 0))
		must(t, 0, k.DeleteUser(ctx, k.owner, bob.ID, 0))
		must(t, 0, k.DeleteUser(ctx, k.owner, ada.ID, 0))
		back := good(k.RestoreUser(ctx, k.owner, ada.ID))
		same("user", ada, back)
		if !back.PasswordSet.IsZero() || len(back.Factors) > 0 {
			t.Errorf("%+v has secrets", back)
		}
		only := staff
		only.Members = []access.ID{ada.ID}
		same("group", only, good(k.RestoreGroup(ctx, k.owner, staff.ID)))
		must(t, 0, k.DeleteApplication(ctx, k.owner, wiki.ID, 0))
		must(t, 0, k.DeleteConnectorGroup(ctx, k.owner, cgr.ID, 0))
		_, err = k.RestoreApplication(ctx, k.owner, wiki.ID)
		if !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), "connectorGroup") {
			t.Errorf("an application of a group that is gone: %v", err)
		}
		same("connector group", cgr, good(k.RestoreConnectorGroup(ctx, k.owner, cgr.ID)))
		same("application again", wiki, good(k.RestoreApplication(ctx, k.owner, wiki.ID)))
		if n := len(good(k.ApplicationHistory(ctx, k.owner, wiki.ID))); n != 1 {
			t.Errorf("its history has %d versions", n)
		}
	})
}

// TestRestoreDeletedRefuses what would be in somebody's way, or give what the actor does not have.
func TestRestoreDeletedRefuses(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		wiki := k.application("wiki")
		must(t, 0, k.DeleteApplication(ctx, k.owner, wiki.ID, 0))
		k.application("wiki")
		_, err := k.RestoreApplication(ctx, k.owner, wiki.ID)
		wantKind(t, err, fault.KindConflict)
		_, err = k.RestoreApplication(ctx, k.owner, access.NewID(access.PrefixApplication, time.Now()))
		wantKind(t, err, fault.KindNotFound)
		boss := k.user("boss", access.RoleOwner)
		must(t, 0, k.DeleteUser(ctx, k.owner, boss.ID, 0))
		_, err = k.RestoreUser(ctx, k.actor(access.RolePolicyAdmin), boss.ID)
		wantKind(t, err, fault.KindForbidden)
		_, err = k.RestoreUser(ctx, k.actor(access.RoleReader), boss.ID)
		wantKind(t, err, fault.KindForbidden)
		k.user("boss")
		_, err = k.RestoreUser(ctx, k.owner, boss.ID)
		wantKind(t, err, fault.KindConflict)
	})
}
