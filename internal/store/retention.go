package store

import (
	"context"

	"postern/internal/access"
)

var retention = table[access.Retention]{
	name:    "retention",
	what:    "retention",
	columns: []string{"audit_days", "sign_in_days", "traffic_days", "traffic_bytes"},
	meta:    func(r *access.Retention) *access.Meta { return &r.Meta },
	values: func(r *access.Retention) []any {
		return []any{r.AuditDays, r.SignInDays, r.TrafficDays, r.TrafficBytes}
	},
	into: func(r *access.Retention) ([]any, func() error) {
		return []any{&r.AuditDays, &r.SignInDays, &r.TrafficDays, &r.TrafficBytes}, nil
	},
}

// Retention gives how long logs are kept; there is always one.
func (t *Tx) Retention(ctx context.Context) (access.Retention, error) {
	return retention.one(ctx, t, "id", string(access.RetentionID))
}

// UpdateRetention stores how long logs are kept, if it is still at the version it was read at.
func (t *Tx) UpdateRetention(ctx context.Context, r *access.Retention) error {
	return retention.update(ctx, t, r)
}
