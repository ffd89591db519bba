package store

import (
	"context"
	"time"
)

// Clock gives the time of the database's machine. SQLite has ours.
func (t *Tx) Clock(ctx context.Context) (time.Time, error) {
	if !t.engine.shared() {
		return time.Now(), nil
	}
	var at int64
	err := t.row(ctx, "", "SELECT CAST(EXTRACT(EPOCH FROM CLOCK_TIMESTAMP()) * 1000000 AS BIGINT)", nil, &at)
	return moment(at), err
}

// BreakGlassUsers counts the enabled users whom no policy locks out.
func (t *Tx) BreakGlassUsers(ctx context.Context) (count int, err error) {
	err = t.row(ctx, "", "SELECT COUNT(*) FROM users WHERE break_glass = 1 AND disabled = 0", nil, &count)
	return count, err
}
