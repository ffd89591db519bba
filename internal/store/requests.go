package store

import (
	"context"
	"time"

	"postern/internal/access"
)

var requests = table[access.AccessRequest]{
	name:    "access_requests",
	what:    "access request",
	columns: []string{"application_id", "user_id", "reason", "period", "state", "decided", "decided_by", "decided_name", "answer", "expires", "assignment_id"},
	filters: map[string]condition{"user": equal("user_id"), "application": equal("application_id"), "state": equal("state")},
	meta:    func(r *access.AccessRequest) *access.Meta { return &r.Meta },
	values: func(r *access.AccessRequest) []any {
		return []any{string(r.Application), string(r.User), r.Reason, r.Period.Microseconds(), string(r.State), micros(r.Decided),
			string(r.DecidedBy), r.DecidedName, r.Answer, micros(r.Expires), string(r.Assignment)}
	},
	into: func(r *access.AccessRequest) ([]any, func() error) {
		var period, decided, expires int64
		return []any{&r.Application, &r.User, &r.Reason, &period, &r.State, &decided, &r.DecidedBy, &r.DecidedName, &r.Answer, &expires, &r.Assignment}, func() error {
			r.Period, r.Decided, r.Expires = time.Duration(period)*time.Microsecond, moment(decided), moment(expires)
			return nil
		}
	},
}

// AccessRequest gives an access request.
func (t *Tx) AccessRequest(ctx context.Context, id access.ID) (access.AccessRequest, error) {
	return requests.one(ctx, t, "id", string(id))
}

// AccessRequests gives a page of the access requests, the oldest first, and the cursor of the next one.
func (t *Tx) AccessRequests(ctx context.Context, p access.Page) ([]access.AccessRequest, string, error) {
	return requests.page(ctx, t, p)
}

// LatestRequests gives the latest access requests of a user, the newest first.
func (t *Tx) LatestRequests(ctx context.Context, user access.ID, limit int) ([]access.AccessRequest, error) {
	return rows(ctx, t, requests.scan, requests.selected()+" WHERE user_id = $1 ORDER BY created DESC, id DESC LIMIT $2", string(user), limit)
}

// PendingFor gives the undecided requests for applications, the oldest first.
func (t *Tx) PendingFor(ctx context.Context, applications []access.ID, limit int) ([]access.AccessRequest, error) {
	if len(applications) == 0 {
		return nil, nil
	}
	args := append([]any{string(access.RequestPending), limit}, anys(applications)...)
	return rows(ctx, t, requests.scan, requests.selected()+" WHERE state = $1 AND application_id IN ("+marks(3, len(applications))+") ORDER BY created, id LIMIT $2", args...)
}

// InsertAccessRequest stores a new access request.
func (t *Tx) InsertAccessRequest(ctx context.Context, r *access.AccessRequest) error {
	return requests.insert(ctx, t, r)
}

// UpdateAccessRequest stores an access request that is still at the version it was read at.
func (t *Tx) UpdateAccessRequest(ctx context.Context, r *access.AccessRequest) error {
	return requests.update(ctx, t, r)
}

// DeleteOldRequests removes at most limit decided requests that were last changed before a time.
func (t *Tx) DeleteOldRequests(ctx context.Context, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM access_requests WHERE id IN (SELECT id FROM access_requests WHERE state <> $1 AND updated < $2 LIMIT $3)",
		string(access.RequestPending), micros(before), limit)
}
