package store

import (
	"context"
	"encoding/hex"
	"math"
	"slices"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

const sessionColumns = `id, kind, parent_id, user_id, application_id, host, hash, address, user_agent, authenticated, created, last_used, expires, methods, client, name, device_id`

func scanSession(row scanner, s *access.Session) (err error) {
	var parent, application *string
	var hash, methods string
	var authenticated, created, lastUsed, expires int64
	err = row.Scan(&s.ID, &s.Kind, &parent, &s.User, &application, &s.Host, &hash, &s.Address, &s.UserAgent,
		&authenticated, &created, &lastUsed, &expires, &methods, &s.Client, &s.Name, &s.Device)
	if err != nil {
		return err
	}
	if parent != nil {
		s.Parent = access.ID(*parent)
	}
	if application != nil {
		s.Application = access.ID(*application)
	}
	s.Authenticated, s.Created, s.LastUsed, s.Expires = moment(authenticated), moment(created), moment(lastUsed), moment(expires)
	if err := readList(methods, &s.Methods); err != nil {
		return err
	}
	s.Hash, err = unhex(hash)
	return err
}

// InsertSession stores a new session. A child whose parent has ended is fault.KindConflict.
func (t *Tx) InsertSession(ctx context.Context, s *access.Session) error {
	if s.Parent != "" {
		held, err := t.holdSessions(ctx, "id", string(s.Parent))
		if err != nil {
			return err
		}
		if len(held) == 0 {
			return fault.Conflict("the session that this one would belong to is over")
		}
	}
	if s.Parent == "" { // whoever disables the user or ends all sessions comes before or after all of this
		if err := t.HoldUser(ctx, s.User); err != nil {
			return err
		}
		var enabled int
		if err := t.row(ctx, "", "SELECT COUNT(*) FROM users WHERE id = $1 AND disabled = 0", []any{string(s.User)}, &enabled); err != nil {
			return err
		}
		if enabled == 0 {
			return fault.Conflict("the user is disabled or gone")
		}
	}
	_, err := t.exec(ctx, `INSERT INTO sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		string(s.ID), string(s.Kind), nullable(s.Parent), string(s.User), nullable(s.Application), s.Host, hex.EncodeToString(s.Hash), s.Address,
		s.UserAgent, micros(s.Authenticated), micros(s.Created), micros(s.LastUsed), micros(s.Expires), jsonList(s.Methods), s.Client, s.Name, string(s.Device))
	return err
}

// RaiseSession writes what a session proves now, with another secret and end.
func (t *Tx) RaiseSession(ctx context.Context, s *access.Session) error {
	n, err := t.exec(ctx, `UPDATE sessions SET hash = $1, methods = $2, authenticated = $3, last_used = $4, expires = $5 WHERE id = $6`,
		hex.EncodeToString(s.Hash), jsonList(s.Methods), micros(s.Authenticated), micros(s.LastUsed), micros(s.Expires), string(s.ID))
	if err == nil && n == 0 {
		return fault.NotFound("there is no such session")
	}
	return err
}

// holdSessions gives the portal sessions whose column has the value. Until this transaction ends,
// no other one adds a child to them or ends them: a child can neither be missed nor outlive them.
func (t *Tx) holdSessions(ctx context.Context, column, value string) ([]access.ID, error) {
	return rows(ctx, t, scanID, "UPDATE sessions SET last_used = last_used WHERE "+column+" = $1 AND parent_id IS NULL RETURNING id", value)
}

// SessionByID gives a session.
func (t *Tx) SessionByID(ctx context.Context, id access.ID) (access.Session, error) {
	list, err := rows(ctx, t, scanSession, "SELECT "+sessionColumns+" FROM sessions WHERE id = $1", string(id))
	if err != nil {
		return access.Session{}, err
	}
	if len(list) == 0 {
		return access.Session{}, fault.NotFound("there is no such session")
	}
	return list[0], nil
}

// EndSession removes a session with its children and gives the ids of all of them.
func (t *Tx) EndSession(ctx context.Context, id access.ID) ([]access.ID, error) {
	if _, err := t.holdSessions(ctx, "id", string(id)); err != nil {
		return nil, err
	}
	return t.endSessions(ctx, []access.ID{id})
}

// EndUserSessions removes all sessions of a user and gives their ids. Until this transaction ends, nobody makes another.
func (t *Tx) EndUserSessions(ctx context.Context, user access.ID) ([]access.ID, error) {
	if err := t.HoldUser(ctx, user); err != nil {
		return nil, err
	}
	held, err := t.holdSessions(ctx, "user_id", string(user))
	if err != nil {
		return nil, err
	}
	return t.endSessions(ctx, held)
}

// endSessions removes the sessions and their children. The children go first: removing the parents
// would take them along without a word.
func (t *Tx) endSessions(ctx context.Context, ids []access.ID) (ended []access.ID, err error) {
	for _, column := range []string{"parent_id", "id"} {
		for some := range slices.Chunk(ids, chunk) {
			gone, err := rows(ctx, t, scanID, "DELETE FROM sessions WHERE "+column+" IN ("+marks(1, len(some))+") RETURNING id", anys(some)...)
			if err != nil {
				return nil, err
			}
			ended = append(ended, gone...)
		}
	}
	slices.Reverse(ended)
	return ended, nil
}

// UserSessions gives the sessions of a user, the newest first.
func (t *Tx) UserSessions(ctx context.Context, user access.ID) ([]access.Session, error) {
	return rows(ctx, t, scanSession, "SELECT "+sessionColumns+" FROM sessions WHERE user_id = $1 ORDER BY created DESC, id DESC LIMIT 1000", string(user))
}

// Used tells when something was last used.
type Used struct {
	ID access.ID
	At time.Time
}

// TouchSessions writes when sessions were last used. One that is gone is left out.
func (t *Tx) TouchSessions(ctx context.Context, used []Used) error {
	return t.touch(ctx, "sessions", used)
}

func (t *Tx) touch(ctx context.Context, table string, used []Used) error {
	last := map[access.ID][]any{}
	for _, u := range used {
		if at := micros(u.At); last[u.ID] == nil || at > last[u.ID][0].(int64) {
			last[u.ID] = []any{at}
		}
	}
	return t.each(ctx, last, []string{"BIGINT"}, "UPDATE "+table+" SET last_used = new.column2 FROM %s WHERE "+
		table+".id = new.column1 AND "+table+".last_used < new.column2")
}

// DeleteExpiredSessions removes at most limit sessions that have expired.
func (t *Tx) DeleteExpiredSessions(ctx context.Context, now time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM sessions WHERE expires <= $1 AND id IN (SELECT id FROM sessions WHERE expires <= $1 LIMIT $2)", micros(now), limit)
}

// InsertCode stores a one-time code.
func (t *Tx) InsertCode(ctx context.Context, c *access.Code) error {
	_, err := t.exec(ctx, `INSERT INTO codes (hash, parent_id, application_id, host, return_to, binding, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		hex.EncodeToString(c.Hash), string(c.Parent), string(c.Application), c.Host, c.Return, c.Binding, micros(c.Expires))
	return err
}

// SpendCode removes a one-time code and gives it, in one statement: nobody gets it twice. An
// expired one is fault.KindNotFound as if it had never been.
func (t *Tx) SpendCode(ctx context.Context, hash []byte, now time.Time) (access.Code, error) {
	list, err := rows(ctx, t, func(row scanner, c *access.Code) error {
		var expires int64
		err := row.Scan(&c.Parent, &c.Application, &c.Host, &c.Return, &c.Binding, &expires)
		c.Hash, c.Expires = hash, moment(expires)
		return err
	}, "DELETE FROM codes WHERE hash = $1 RETURNING parent_id, application_id, host, return_to, binding, expires", hex.EncodeToString(hash))
	if err != nil {
		return access.Code{}, err
	}
	if len(list) == 0 || !now.Before(list[0].Expires) {
		return access.Code{}, fault.NotFound("there is no such code")
	}
	return list[0], nil
}

// DeleteExpiredCodes removes at most limit codes that have expired.
func (t *Tx) DeleteExpiredCodes(ctx context.Context, now time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM codes WHERE hash IN (SELECT hash FROM codes WHERE expires <= $1 LIMIT $2)", micros(now), limit)
}

// HoldEndings lets nobody else say that something ended, or change the configuration, before this transaction is over. Whoever is to append
// an ending after touching sessions holds them first, as changes of the configuration do: neither waits for the other then.
func (t *Tx) HoldEndings(ctx context.Context) error {
	_, err := t.exec(ctx, "UPDATE instance SET ending = ending WHERE id = $1", instanceRow)
	return err
}

// AppendEnding stores an ending and gives it its sequence number. Numbers have no gaps and are
// committed in their order, since whoever counts second waits for the first.
func (t *Tx) AppendEnding(ctx context.Context, e *access.Ending) error {
	err := t.row(ctx, "there is no instance", "UPDATE instance SET ending = ending + 1 WHERE id = $1 RETURNING ending", []any{instanceRow}, &e.Seq)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "INSERT INTO endings (seq, kind, id, time) VALUES ($1, $2, $3, $4)", int64(e.Seq), string(e.Kind), e.ID, micros(e.Time))
	if err != nil {
		return err
	}
	return t.Announce(ctx)
}

// EndingsAfter gives at most limit endings after a sequence number, in their order.
func (t *Tx) EndingsAfter(ctx context.Context, after uint64, limit int) ([]access.Ending, error) {
	return rows(ctx, t, func(row scanner, e *access.Ending) error {
		var at int64
		err := row.Scan(&e.Seq, &e.Kind, &e.ID, &at)
		e.Time = moment(at)
		return err
	}, "SELECT seq, kind, id, time FROM endings WHERE seq > $1 ORDER BY seq LIMIT $2", int64(min(after, math.MaxInt64)), limit)
}

// LastEnding gives the last ending's sequence number.
func (t *Tx) LastEnding(ctx context.Context) (seq uint64, err error) {
	err = t.row(ctx, "there is no instance", "SELECT ending FROM instance WHERE id = $1", []any{instanceRow}, &seq)
	return seq, err
}

// TrimEndings removes at most limit endings from before a time.
func (t *Tx) TrimEndings(ctx context.Context, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM endings WHERE seq IN (SELECT seq FROM endings WHERE time < $1 ORDER BY seq LIMIT $2)", micros(before), limit)
}
