package store_test

import (
	"context"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/store"
)

var requestNoun = noun[access.AccessRequest]{
	meta: func(r *access.AccessRequest) *access.Meta { return &r.Meta },
	sample: func(i int) access.AccessRequest {
		return access.AccessRequest{Meta: meta(num("req", i), 1), Application: "app_w", User: "usr_w", Reason: "because", Period: 36 * time.Hour,
			State: access.RequestApproved, Decided: at(3), DecidedBy: "usr_w", DecidedName: "ada", Answer: "yes", Expires: at(4), Assignment: "asg_1"}
	},
	change: func(r *access.AccessRequest) {
		*r = access.AccessRequest{Meta: r.Meta, Application: r.Application, User: r.User, State: access.RequestDenied}
		r.Updated = at(9)
	},
	apart:  []string{".Application", ".User"}, // never another one
	insert: (*store.Tx).InsertAccessRequest, one: (*store.Tx).AccessRequest, page: (*store.Tx).AccessRequests, update: (*store.Tx).UpdateAccessRequest,
	remove: func(tx *store.Tx, ctx context.Context, id access.ID, version int64) error {
		return tx.RemoveAccessRequest(ctx, id, version)
	},
}

func requestsAreFound(t *testing.T, k *kit) {
	k.settle(t)
	for i := range 4 {
		r := requestNoun.sample(i)
		if i >= 2 {
			r.State = access.RequestPending
		}
		r.Created, r.Updated = at(i), at(i)
		k.write(t, func(ctx context.Context, tx *store.Tx) error { return tx.InsertAccessRequest(ctx, &r) })
	}
	ids := func(list []access.AccessRequest) (ids []access.ID) {
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		return ids
	}
	k.read(t, func(ctx context.Context, tx *store.Tx) error {
		latest, err := tx.LatestRequests(ctx, "usr_w", 3)
		if got := ids(latest); len(got) != 3 || got[0] != "req_003" {
			t.Errorf("the latest: %v", got)
		}
		pending, err2 := tx.PendingFor(ctx, []access.ID{"app_w", "app_x"}, 10)
		if got := ids(pending); len(got) != 2 || got[0] != "req_002" {
			t.Errorf("pending: %v", got)
		}
		none, err3 := tx.PendingFor(ctx, nil, 10)
		if len(none) > 0 {
			t.Errorf("pending for nothing: %v", none)
		}
		return errFirst(err, err2, err3)
	})
	k.write(t, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeleteOldRequests(ctx, at(10), 10)
		if n != 2 {
			t.Errorf("%d old ones deleted, want the two that are decided", n)
		}
		return err
	})
}
