package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

func auditEntry(i int) access.AuditEntry {
	return access.AuditEntry{
		ID: num("aud", i), Version: uint64(i), Time: at(i / 3), // three at the same moment
		Actor:  access.Actor{Kind: access.ActorUser, ID: num("usr", i%2), Name: "ada", Roles: []access.Role{access.RoleOwner}, Address: "192.0.2.1", Request: "req"},
		Action: []string{"application.create", "application.delete", "applicationx.create", "user.create"}[i%4], Object: num("app", i%5),
		Name: fmt.Sprintf("Näme %d%%", i), Outcome: "done", Detail: `{"name":["a","b"]}`,
	}
}

func auditIsRead(t *testing.T, k *kit) {
	const count = 20
	var all []access.AuditEntry // the newest first
	for i := range count {
		e := auditEntry(i)
		e.Actor.Request = fmt.Sprintf("req%d", i%4)
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.AppendAudit(ctx, &e) })
		e.Seq = uint64(i + 1)
		all = append([]access.AuditEntry{e}, all...)
	}
	want := func(keep func(access.AuditEntry) bool) (list []access.AuditEntry) {
		for _, e := range all {
			if keep(e) {
				list = append(list, e)
			}
		}
		return list
	}
	for _, test := range []struct {
		name   string
		filter store.AuditFilter
		keep   func(access.AuditEntry) bool
	}{
		{"all", store.AuditFilter{}, func(access.AuditEntry) bool { return true }},
		{"object", store.AuditFilter{Object: "app_003"}, func(e access.AuditEntry) bool { return e.Object == "app_003" }},
		{"actor", store.AuditFilter{Actor: "usr_001"}, func(e access.AuditEntry) bool { return e.Actor.ID == "usr_001" }},
		{"action", store.AuditFilter{Action: "user.create"}, func(e access.AuditEntry) bool { return e.Action == "user.create" }},
		{"actions", store.AuditFilter{Action: "application."}, func(e access.AuditEntry) bool {
			return e.Action == "application.create" || e.Action == "application.delete"
		}},
		{"case counts in actions", store.AuditFilter{Action: "Application."}, func(access.AuditEntry) bool { return false }},
		{"no pattern in actions", store.AuditFilter{Action: "%."}, func(access.AuditEntry) bool { return false }},
		{"since", store.AuditFilter{Since: at(3)}, func(e access.AuditEntry) bool { return !e.Time.Before(at(3)) }},
		{"request", store.AuditFilter{Request: "req2"}, func(e access.AuditEntry) bool { return e.Actor.Request == "req2" }},
		{"search", store.AuditFilter{Page: access.Page{Search: "NÄME 7%"}}, func(e access.AuditEntry) bool { return e.Name == "Näme 7%" }},
		{"all at once", store.AuditFilter{Page: access.Page{Search: "näme"}, Object: "app_000", Action: "application.", Actor: "usr_000", Since: at(1)},
			func(e access.AuditEntry) bool {
				return e.Object == "app_000" && strings.HasPrefix(e.Action, "application.") && e.Actor.ID == "usr_000" && !e.Time.Before(at(1))
			}},
	} {
		var got []access.AuditEntry
		f := test.filter
		f.Limit = 3
		for {
			var list []access.AuditEntry
			k.read(t, func(ctx context.Context, tx *store.Tx) (err error) {
				list, f.After, err = tx.Audits(ctx, f)
				return err
			})
			for i := range list {
				if len(list[i].Hash) != 64 {
					t.Errorf("%s: hash %q", test.name, list[i].Hash)
				}
				list[i].Hash = "" // which nobody knows before
			}
			got = append(got, list...)
			if f.After == "" {
				break
			}
		}
		if diff := cmp.Diff(want(test.keep), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	for _, bad := range []store.AuditFilter{
		{Page: access.Page{After: "x"}}, {Page: access.Page{Search: "\x00"}}, {Action: "\xff."}, {Object: "\x00"},
	} {
		k.refused(t, fault.KindInvalid, func(ctx context.Context, tx *store.Tx) error {
			_, _, err := tx.Audits(ctx, bad)
			return err
		})
	}
	trims(t, k, []int64{5, 1, 0}, func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.TrimAudit(ctx, at(2), 5) })
}
