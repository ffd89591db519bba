package store

import (
	"context"
	"encoding/hex"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

const programCodeColumns = "parent_id, session_id, client, name, redirect, challenge, resource, scope, nonce, expires"

// InsertProgramCode stores a one-time code of a program.
func (t *Tx) InsertProgramCode(ctx context.Context, c *access.ProgramCode) error {
	_, err := t.exec(ctx, "INSERT INTO program_codes (hash, "+programCodeColumns+") VALUES ("+marks(1, 11)+")",
		hex.EncodeToString(c.Hash), string(c.Parent), string(c.Session), c.Client, c.Name, c.Redirect, c.Challenge, c.Resource, c.Scope,
		c.Nonce, micros(c.Expires))
	return err
}

// SpendProgramCode gives a program's code and notes for which session it is spent. A code that was
// spent before comes with the session of that time: whoever calls compares.
func (t *Tx) SpendProgramCode(ctx context.Context, hash []byte, session access.ID) (access.ProgramCode, error) {
	list, err := rows(ctx, t, func(row scanner, c *access.ProgramCode) error {
		var expires int64
		err := row.Scan(&c.Parent, &c.Session, &c.Client, &c.Name, &c.Redirect, &c.Challenge, &c.Resource, &c.Scope, &c.Nonce, &expires)
		c.Hash, c.Expires = hash, moment(expires)
		return err
	}, `UPDATE program_codes SET session_id = CASE WHEN session_id = '' THEN CAST($1 AS TEXT) ELSE session_id END
		WHERE hash = $2 RETURNING `+programCodeColumns, string(session), hex.EncodeToString(hash))
	if err != nil {
		return access.ProgramCode{}, err
	}
	if len(list) == 0 {
		return access.ProgramCode{}, fault.NotFound("there is no such code")
	}
	return list[0], nil
}

// DeleteExpiredPrograms removes what programs signed in with, or waited with, that expired before a
// time, at most limit of each, and gives the larger number of the two.
func (t *Tx) DeleteExpiredPrograms(ctx context.Context, before time.Time, limit int) (int64, error) {
	codes, err := t.exec(ctx, "DELETE FROM program_codes WHERE hash IN (SELECT hash FROM program_codes WHERE expires <= $1 LIMIT $2)", micros(before), limit)
	if err != nil {
		return 0, err
	}
	devices, err := t.exec(ctx, "DELETE FROM device_codes WHERE hash IN (SELECT hash FROM device_codes WHERE expires <= $1 LIMIT $2)", micros(before), limit)
	return max(codes, devices), err
}

const deviceCodeColumns = "hash, user_hash, parent_id, state, client, name, resource, scope, address, network, created, expires, polled"

func scanDeviceCode(row scanner, d *access.DeviceCode) (err error) {
	var hash, userHash string
	var parent *string
	var created, expires, polled int64
	err = row.Scan(&hash, &userHash, &parent, &d.State, &d.Client, &d.Name, &d.Resource, &d.Scope, &d.Address, &d.Network, &created, &expires, &polled)
	if err != nil {
		return err
	}
	if parent != nil {
		d.Parent = access.ID(*parent)
	}
	d.Created, d.Expires, d.Polled = moment(created), moment(expires), moment(polled)
	if d.Hash, err = unhex(hash); err != nil {
		return err
	}
	d.UserHash, err = unhex(userHash)
	return err
}

// InsertDeviceCode stores the sign-in of a program without a browser.
func (t *Tx) InsertDeviceCode(ctx context.Context, d *access.DeviceCode) error {
	_, err := t.exec(ctx, "INSERT INTO device_codes ("+deviceCodeColumns+") VALUES ("+marks(1, 13)+")",
		hex.EncodeToString(d.Hash), hex.EncodeToString(d.UserHash), nullable(d.Parent), string(d.State), d.Client, d.Name, d.Resource, d.Scope,
		d.Address, d.Network, micros(d.Created), micros(d.Expires), micros(d.Polled))
	return err
}

// CountDeviceCodes counts what waits to be allowed: in all, and from one network.
func (t *Tx) CountDeviceCodes(ctx context.Context, network string, now time.Time) (all, here int, err error) {
	if err = t.row(ctx, "", "SELECT COUNT(*) FROM device_codes WHERE expires > $1", []any{micros(now)}, &all); err != nil {
		return 0, 0, err
	}
	err = t.row(ctx, "", "SELECT COUNT(*) FROM device_codes WHERE network = $1 AND expires > $2", []any{network, micros(now)}, &here)
	return all, here, err
}

// DeviceCode gives the sign-in whose short code has the hash, unless it has expired.
func (t *Tx) DeviceCode(ctx context.Context, userHash []byte, now time.Time) (access.DeviceCode, error) {
	return t.deviceCode(ctx, "SELECT "+deviceCodeColumns+" FROM device_codes WHERE user_hash = $1 AND expires > $2", hex.EncodeToString(userHash), micros(now))
}

// DecideDeviceCode notes which portal session allowed or refused a sign-in that waits, in one statement: only the
// first word counts. It is fault.KindNotFound when none waits.
func (t *Tx) DecideDeviceCode(ctx context.Context, userHash []byte, state access.DeviceState, by access.ID, now time.Time) (access.DeviceCode, error) {
	return t.deviceCode(ctx, "UPDATE device_codes SET state = $1, parent_id = $2 WHERE user_hash = $3 AND state = $4 AND expires > $5 RETURNING "+deviceCodeColumns,
		string(state), string(by), hex.EncodeToString(userHash), string(access.DevicePending), micros(now))
}

// PollDeviceCode gives the sign-in whose long code has the hash and notes that its program asked. A
// program that asked after since is too fast: ok is false, and nothing is noted.
func (t *Tx) PollDeviceCode(ctx context.Context, hash []byte, now, since time.Time) (d access.DeviceCode, ok bool, err error) {
	d, err = t.deviceCode(ctx, "UPDATE device_codes SET polled = $1 WHERE hash = $2 AND polled <= $3 RETURNING "+deviceCodeColumns,
		micros(now), hex.EncodeToString(hash), micros(since))
	if err == nil || !fault.Is(err, fault.KindNotFound) {
		return d, err == nil, err
	}
	d, err = t.deviceCode(ctx, "SELECT "+deviceCodeColumns+" FROM device_codes WHERE hash = $1", hex.EncodeToString(hash))
	return d, false, err
}

// DeleteDeviceCode removes a sign-in and says whether it was there: of two who spend it, one is first.
func (t *Tx) DeleteDeviceCode(ctx context.Context, hash []byte) (bool, error) {
	n, err := t.exec(ctx, "DELETE FROM device_codes WHERE hash = $1", hex.EncodeToString(hash))
	return n == 1, err
}

func (t *Tx) deviceCode(ctx context.Context, query string, args ...any) (access.DeviceCode, error) {
	list, err := rows(ctx, t, scanDeviceCode, query, args...)
	if err != nil {
		return access.DeviceCode{}, err
	}
	if len(list) == 0 {
		return access.DeviceCode{}, fault.NotFound("there is no such code")
	}
	return list[0], nil
}

const refreshColumns = "session_id, resource, generation, hash, previous, rotated"

// InsertRefresh stores what a new program's session is renewed with.
func (t *Tx) InsertRefresh(ctx context.Context, r *access.Refresh) error {
	_, err := t.exec(ctx, "INSERT INTO refresh_tokens ("+refreshColumns+") VALUES ("+marks(1, 6)+")",
		string(r.Session), r.Resource, r.Generation, hex.EncodeToString(r.Hash), hex.EncodeToString(r.Previous), micros(r.Rotated))
	return err
}

// Refresh gives what a program's session is renewed with. Until this transaction ends nobody else gets it.
func (t *Tx) Refresh(ctx context.Context, session access.ID) (access.Refresh, error) {
	list, err := rows(ctx, t, func(row scanner, r *access.Refresh) error {
		var hash, previous string
		var rotated int64
		err := row.Scan(&r.Session, &r.Resource, &r.Generation, &hash, &previous, &rotated)
		if err != nil {
			return err
		}
		r.Rotated = moment(rotated)
		if r.Hash, err = unhex(hash); err != nil {
			return err
		}
		r.Previous, err = unhex(previous)
		return err
	}, "UPDATE refresh_tokens SET generation = generation WHERE session_id = $1 RETURNING "+refreshColumns, string(session))
	if err != nil {
		return access.Refresh{}, err
	}
	if len(list) == 0 {
		return access.Refresh{}, fault.NotFound("there is no such token")
	}
	return list[0], nil
}

// UpdateRefresh stores the next token of a program's session.
func (t *Tx) UpdateRefresh(ctx context.Context, r *access.Refresh) error {
	_, err := t.exec(ctx, "UPDATE refresh_tokens SET generation = $1, hash = $2, previous = $3, rotated = $4 WHERE session_id = $5",
		r.Generation, hex.EncodeToString(r.Hash), hex.EncodeToString(r.Previous), micros(r.Rotated), string(r.Session))
	return err
}
