package store

import (
	"context"
	"time"

	"postern/internal/access"
)

// Tries bounds failures that count for all services together: how many are forgiven at once (Burst) and
// how long one is remembered (Every).
type Tries struct {
	Burst int
	Every time.Duration
}

// CountTry counts a try of what has the key as a failure, in one statement: tries at the same moment
// cannot exceed the bound together. If there is no room for it, wait says for how long.
func (t *Tx) CountTry(ctx context.Context, key string, now time.Time, of Tries) (wait time.Duration, err error) {
	at, every := micros(now), of.Every.Microseconds()
	const owed = "(CASE WHEN throttles.until < $2 THEN $2 ELSE throttles.until END)"
	n, err := t.exec(ctx, `INSERT INTO throttles (key, until) VALUES ($1, $3) ON CONFLICT (key) DO UPDATE
		SET until = `+owed+` + $4 WHERE `+owed+` + $4 <= $5`, key, at, at+every, every, at+int64(of.Burst)*every)
	if err != nil || n > 0 {
		return 0, err
	}
	var until int64
	if err := t.row(ctx, "", "SELECT until FROM throttles WHERE key = $1", []any{key}, &until); err != nil {
		return 0, err
	}
	return max(time.Duration(until+every-at-int64(of.Burst)*every)*time.Microsecond, time.Millisecond), nil
}

// ForgiveTry takes back one that CountTry counted.
func (t *Tx) ForgiveTry(ctx context.Context, key string, of Tries) error {
	_, err := t.exec(ctx, "UPDATE throttles SET until = until - $1 WHERE key = $2", of.Every.Microseconds(), key)
	return err
}

// Tries counts the accounts that somebody tried to guess not long ago.
func (t *Tx) Tries(ctx context.Context) (n int, err error) {
	err = t.row(ctx, "", "SELECT COUNT(*) FROM throttles", nil, &n)
	return n, err
}

// DeleteOldTries removes at most limit rows that count no more.
func (t *Tx) DeleteOldTries(ctx context.Context, now time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM throttles WHERE until <= $1 AND key IN (SELECT key FROM throttles WHERE until <= $1 LIMIT $2)", micros(now), limit)
}

// AddressesOf gives from where a user is signed in, or has signed in since a time, with or without ports.
func (t *Tx) AddressesOf(ctx context.Context, user access.ID, since time.Time) ([]string, error) {
	return rows(ctx, t, func(row scanner, address *string) error { return row.Scan(address) },
		`SELECT address FROM sessions WHERE user_id = $1 AND authenticated >= $2 UNION
		SELECT address FROM sign_ins WHERE user_id = $1 AND event = 'sign-in' AND result = 'success' AND time >= $2 LIMIT 1000`,
		string(user), micros(since))
}
