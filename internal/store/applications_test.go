package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

var applicationNoun = noun[access.Application]{
	meta: func(a *access.Application) *access.Meta { return &a.Meta },
	sample: func(i int) access.Application {
		return access.Application{
			Meta: meta(num("app", i), 1), Name: fmt.Sprintf("Wiki %d", i), GroupID: "cgr_w",
			ExternalURL: fmt.Sprintf("https://wiki%d.example.com/", i), InternalURL: "http://wiki:8080/",
			PreAuthentication: access.Passthrough, HostHeader: access.HostExternal, Disabled: true, SkipVerify: true, BackendCA: "PEM",
			BackendProtocol: access.BackendHTTP2, Balancing: access.ByPriority, BackendTimeout: 3*time.Hour + time.Microsecond, IdleTimeout: time.Millisecond, AllowRawPaths: true, AccessKeys: true,
			Requestable: true, OwnerUsers: []access.ID{"usr_w"}, OwnerGroups: []access.ID{"grp_w"},
			Kind: access.KindWeb, Segments: []access.Segment{{Destination: "*.corp.example", Ports: "22,80-90", Protocol: "both"}}, Direct: true, ProxyProtocol: access.ProxyProtocolV2,
		}
	},
	change: func(a *access.Application) {
		m := a.Meta
		*a = access.Application{
			Meta: m, Name: "Other", GroupID: "cgr_second", ExternalURL: "https://other.example.com/docs/", InternalURL: "https://other/",
			PreAuthentication: access.SignIn, HostHeader: access.HostInternal, BackendProtocol: access.BackendAuto, Balancing: access.StickyUser,
			Kind: access.KindQuickAccess,
		}
		a.Updated = at(9)
	},
	name:   func(a *access.Application, name string) { a.Name = name },
	insert: (*store.Tx).InsertApplication, one: (*store.Tx).Application, page: (*store.Tx).Applications,
	update: (*store.Tx).UpdateApplication, remove: (*store.Tx).DeleteApplication,
}

func applicationsBehave(t *testing.T, k *kit) {
	k.write(t, insertSecondGroup)
	applicationNoun.behaves(t, k)
}

func insertSecondGroup(ctx context.Context, tx *store.Tx) error {
	return tx.InsertConnectorGroup(ctx, &access.ConnectorGroup{Meta: meta("cgr_second", 0), Name: "Second"})
}

func applicationsMove(t *testing.T, k *kit) {
	w := k.settle(t)
	k.write(t, insertSecondGroup)
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.MoveApplications(ctx, w.group.ID, "cgr_second", at(7))
		if n != 1 {
			t.Errorf("%d applications moved, want 1", n)
		}
		return err
	})
	want := w.application
	want.GroupID, want.Version, want.Updated = "cgr_second", 2, at(7)
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		list, err := tx.AllApplications(ctx)
		if diff := cmp.Diff([]access.Application{want}, list); diff != "" {
			t.Error(diff)
		}
		return err
	})
	k.refused(t, fault.KindConflict, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.MoveApplications(ctx, "cgr_second", "cgr_missing", at(8))
		return err
	})
}
