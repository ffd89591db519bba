package store

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

const factorColumns = `id, user_id, kind, name, credential, sealed, counter, created, last_used`

// factorsBy gives the factors whose column has the value, with their secrets opened.
func (t *Tx) factorsBy(ctx context.Context, column, value string) ([]access.Factor, error) {
	return rows(ctx, t, func(row scanner, f *access.Factor) (err error) {
		var credential *string
		var sealed string
		var created, lastUsed int64
		if err := row.Scan(&f.ID, &f.User, &f.Kind, &f.Name, &credential, &sealed, &f.Counter, &created, &lastUsed); err != nil {
			return err
		}
		f.Created, f.LastUsed = moment(created), moment(lastUsed)
		if credential != nil {
			if f.Credential, err = unhex(*credential); err != nil {
				return err
			}
		}
		f.Secret, err = t.sealer.open("factors/"+string(f.ID), sealed)
		return err
	}, "SELECT "+factorColumns+" FROM factors WHERE "+column+" = $1 ORDER BY created, id", value)
}

// UserFactors gives a user's factors, the oldest first.
func (t *Tx) UserFactors(ctx context.Context, user access.ID) ([]access.Factor, error) {
	return t.factorsBy(ctx, "user_id", string(user))
}

// FactorByCredential gives the passkey that a browser calls so.
func (t *Tx) FactorByCredential(ctx context.Context, credential []byte) (access.Factor, error) {
	list, err := t.factorsBy(ctx, "credential", hex.EncodeToString(credential))
	if err != nil {
		return access.Factor{}, err
	}
	if len(list) == 0 {
		return access.Factor{}, fault.NotFound("there is no such passkey")
	}
	return list[0], nil
}

// InsertFactor stores a new factor, its secret sealed. A passkey that somebody has already is
// fault.KindConflict.
func (t *Tx) InsertFactor(ctx context.Context, f *access.Factor) error {
	var credential any
	if len(f.Credential) > 0 {
		credential = hex.EncodeToString(f.Credential)
	}
	_, err := t.exec(ctx, "INSERT INTO factors ("+factorColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		string(f.ID), string(f.User), string(f.Kind), f.Name, credential, t.sealer.seal("factors/"+string(f.ID), f.Secret),
		f.Counter, micros(f.Created), micros(f.LastUsed))
	return err
}

// UseFactor notes that a factor was used with a counter, in one statement that succeeds only for a
// counter that is greater than any before: nobody uses one twice. Passkeys that do not count stay
// at zero (WebAuthn level 3, section 6.1.1).
func (t *Tx) UseFactor(ctx context.Context, id access.ID, counter int64, at time.Time) (ok bool, err error) {
	n, err := t.exec(ctx, `UPDATE factors SET counter = $1, last_used = $2
		WHERE id = $3 AND (counter < $1 OR (kind = 'passkey' AND counter = 0 AND $1 = 0))`, counter, micros(at), string(id))
	return n == 1, err
}

// DeleteFactor removes one factor of a user.
func (t *Tx) DeleteFactor(ctx context.Context, user, id access.ID) error {
	n, err := t.exec(ctx, "DELETE FROM factors WHERE id = $1 AND user_id = $2", string(id), string(user))
	if err == nil && n == 0 {
		return fault.NotFound("there is no such factor")
	}
	return err
}

// DeleteUserFactors removes all factors and recovery codes of a user.
func (t *Tx) DeleteUserFactors(ctx context.Context, user access.ID) error {
	if _, err := t.exec(ctx, "DELETE FROM factors WHERE user_id = $1", string(user)); err != nil {
		return err
	}
	return t.SetRecoveryCodes(ctx, user, nil)
}

// withFactors adds which factors the users have, each kind once.
func (t *Tx) withFactors(ctx context.Context, list []access.User) error {
	places := map[string]int{}
	ids := make([]access.ID, len(list))
	for i := range list {
		ids[i] = list[i].ID
		places[string(list[i].ID)] = i
	}
	type kind struct{ user, kind string }
	for some := range slices.Chunk(ids, chunk) {
		found, err := rows(ctx, t, func(row scanner, k *kind) error { return row.Scan(&k.user, &k.kind) },
			"SELECT DISTINCT user_id, kind FROM factors WHERE user_id IN ("+marks(1, len(some))+") ORDER BY user_id, kind", anys(some)...)
		if err != nil {
			return err
		}
		for _, k := range found {
			u := &list[places[k.user]]
			u.Factors = append(u.Factors, access.FactorKind(k.kind))
		}
	}
	return nil
}

// SetRecoveryCodes replaces a user's recovery codes by those with the hashes.
func (t *Tx) SetRecoveryCodes(ctx context.Context, user access.ID, hashes [][]byte) error {
	if _, err := t.exec(ctx, "DELETE FROM recovery_codes WHERE user_id = $1", string(user)); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := t.exec(ctx, "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)", string(user), hex.EncodeToString(hash)); err != nil {
			return err
		}
	}
	return nil
}

// RecoveryCodes counts the recovery codes that a user has left.
func (t *Tx) RecoveryCodes(ctx context.Context, user access.ID) (left int, err error) {
	err = t.row(ctx, "", "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1", []any{string(user)}, &left)
	return left, err
}

// SpendRecoveryCode removes a recovery code, in one statement that succeeds once.
func (t *Tx) SpendRecoveryCode(ctx context.Context, user access.ID, hash []byte) (ok bool, err error) {
	n, err := t.exec(ctx, "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2", string(user), hex.EncodeToString(hash))
	return n == 1, err
}

// SpendStep notes that a step of a sign-in was completed, in one statement that succeeds once.
func (t *Tx) SpendStep(ctx context.Context, hash []byte, expires time.Time) (ok bool, err error) {
	n, err := t.exec(ctx, "INSERT INTO spent_steps (hash, expires) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING", hex.EncodeToString(hash), micros(expires))
	return n == 1, err
}

// DeleteExpiredSteps removes at most limit notes of steps that nobody could show again anyway.
func (t *Tx) DeleteExpiredSteps(ctx context.Context, now time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM spent_steps WHERE hash IN (SELECT hash FROM spent_steps WHERE expires <= $1 LIMIT $2)", micros(now), limit)
}

const linkColumns = "user_id, hash, kind, created, expires"

func scanLink(row scanner, l *access.Link) (err error) {
	var hash string
	var created, expires int64
	if err := row.Scan(&l.User, &hash, &l.Kind, &created, &expires); err != nil {
		return err
	}
	l.Created, l.Expires = moment(created), moment(expires)
	l.Hash, err = unhex(hash)
	return err
}

// PutLink stores a user's link; the one before is void.
func (t *Tx) PutLink(ctx context.Context, l *access.Link) error {
	_, err := t.exec(ctx, "INSERT INTO links ("+linkColumns+`) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id)
		DO UPDATE SET hash = excluded.hash, kind = excluded.kind, created = excluded.created, expires = excluded.expires`,
		string(l.User), hex.EncodeToString(l.Hash), string(l.Kind), micros(l.Created), micros(l.Expires))
	return err
}

// Link gives the link whose code has the hash, unless it has expired.
func (t *Tx) Link(ctx context.Context, hash []byte, now time.Time) (access.Link, error) {
	return t.link(ctx, "SELECT "+linkColumns+" FROM links WHERE hash = $1", hash, now)
}

// SpendLink removes a link and gives it, in one statement: nobody gets it twice.
func (t *Tx) SpendLink(ctx context.Context, hash []byte, now time.Time) (access.Link, error) {
	return t.link(ctx, "DELETE FROM links WHERE hash = $1 RETURNING "+linkColumns, hash, now)
}

func (t *Tx) link(ctx context.Context, query string, hash []byte, now time.Time) (access.Link, error) {
	list, err := rows(ctx, t, scanLink, query, hex.EncodeToString(hash))
	if err != nil {
		return access.Link{}, err
	}
	if len(list) == 0 || !now.Before(list[0].Expires) {
		return access.Link{}, fault.NotFound("there is no such link")
	}
	return list[0], nil
}

// DeleteLink removes a user's link if there is one.
func (t *Tx) DeleteLink(ctx context.Context, user access.ID) error {
	_, err := t.exec(ctx, "DELETE FROM links WHERE user_id = $1", string(user))
	return err
}

// DeleteExpiredLinks removes at most limit links that have expired.
func (t *Tx) DeleteExpiredLinks(ctx context.Context, now time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM links WHERE expires <= $1 AND user_id IN (SELECT user_id FROM links WHERE expires <= $1 LIMIT $2)", micros(now), limit)
}
