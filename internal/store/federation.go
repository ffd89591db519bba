package store

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// UserBySubject gives the user whom an upstream calls so.
func (t *Tx) UserBySubject(ctx context.Context, upstream access.ID, subject string) (access.User, error) {
	list, err := rows(ctx, t, users.scan, users.selected()+" WHERE upstream_id = $1 AND upstream_subject = $2", string(upstream), subject)
	if err != nil {
		return access.User{}, err
	}
	if len(list) == 0 {
		return access.User{}, fault.NotFound("there is no such user")
	}
	err = t.withGroups(ctx, list)
	return list[0], err
}

// SetRefused notes when a user's upstream refused them; the zero time that it does not any more.
func (t *Tx) SetRefused(ctx context.Context, user access.ID, at time.Time) error {
	_, err := t.exec(ctx, "UPDATE users SET upstream_refused = $1 WHERE id = $2", micros(at), string(user))
	return err
}

// UpstreamGroups gives the groups that a user is a member of because the upstream says so.
func (t *Tx) UpstreamGroups(ctx context.Context, user access.ID) ([]access.ID, error) {
	return rows(ctx, t, scanID, "SELECT group_id FROM upstream_members WHERE user_id = $1 ORDER BY group_id", string(user))
}

// SetUpstreamGroups makes a user a member of these groups on behalf of the upstream, and of no
// others. What an administrator made is not touched.
func (t *Tx) SetUpstreamGroups(ctx context.Context, user access.ID, groups []access.ID) error {
	had, err := t.UpstreamGroups(ctx, user)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(missing(had, set(groups)), chunk) {
		args := append([]any{string(user)}, anys(some)...)
		if _, err := t.exec(ctx, "DELETE FROM upstream_members WHERE user_id = $1 AND group_id IN ("+marks(2, len(some))+")", args...); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(missing(groups, set(had)), chunk) {
		args := append([]any{string(user)}, anys(some)...)
		values := make([]string, len(some))
		for i := range values {
			values[i] = "($1, $" + strconv.Itoa(i+2) + ")"
		}
		if _, err := t.exec(ctx, "INSERT INTO upstream_members (user_id, group_id) VALUES "+strings.Join(values, ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

// UpstreamMembers gives those who are members of a group because an upstream says so.
func (t *Tx) UpstreamMembers(ctx context.Context, group access.ID) ([]access.ID, error) {
	return rows(ctx, t, scanID, "SELECT user_id FROM upstream_members WHERE group_id = $1 ORDER BY user_id", string(group))
}

// GroupsNamed gives the groups that have one of the names, whatever its case.
func (t *Tx) GroupsNamed(ctx context.Context, names []string) (ids []access.ID, err error) {
	for some := range slices.Chunk(names, chunk) {
		args := make([]any, len(some))
		for i, name := range some {
			args[i] = folded(name)
		}
		found, err := rows(ctx, t, scanID, "SELECT id FROM user_groups WHERE name_key IN ("+marks(1, len(args))+") ORDER BY id", args...)
		if err != nil {
			return nil, err
		}
		ids = append(ids, found...)
	}
	return ids, nil
}

// UpstreamSession is what is known of a portal session that was made by an upstream.
type UpstreamSession struct {
	Session  access.ID
	Upstream access.ID
	User     access.ID
	SID      string // what the upstream calls the session; empty if it does not
	Renewal  []byte // what to ask it again with; may be empty
	Checked  time.Time
	Reprove  time.Time // from when a browser is to be sent there once more; zero: it is asked without one
	Ends     time.Time // from when the session is worth nothing until that has happened; zero: never
	Doubt    time.Time // since when Renewal may be used up, the answer to it lost; zero: it is not
}

const upstreamSessionColumns = "session_id, upstream_id, user_id, sid, renewal, checked, reprove, ends, doubt"

func renewalPlace(id access.ID) string { return "upstream_sessions/renewal/" + string(id) }

func (t *Tx) sealRenewal(session access.ID, renewal []byte) string {
	if len(renewal) == 0 {
		return ""
	}
	return t.sealer.seal(renewalPlace(session), renewal)
}

func (t *Tx) scanUpstreamSession(row scanner, s *UpstreamSession) (err error) {
	var sealed string
	var checked, reprove, ends, doubt int64
	if err = row.Scan(&s.Session, &s.Upstream, &s.User, &s.SID, &sealed, &checked, &reprove, &ends, &doubt); err != nil {
		return err
	}
	s.Checked, s.Reprove, s.Ends, s.Doubt = moment(checked), moment(reprove), moment(ends), moment(doubt)
	if sealed != "" {
		s.Renewal, err = t.sealer.open(renewalPlace(s.Session), sealed)
	}
	return err
}

// InsertUpstreamSession stores what is known of a session that is stored already, in the place of what
// was known of it before.
func (t *Tx) InsertUpstreamSession(ctx context.Context, s *UpstreamSession) error {
	_, err := t.exec(ctx, `INSERT INTO upstream_sessions (`+upstreamSessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (session_id) DO UPDATE SET upstream_id = excluded.upstream_id, user_id = excluded.user_id, sid = excluded.sid, renewal = excluded.renewal,
		checked = excluded.checked, reprove = excluded.reprove, ends = excluded.ends, doubt = excluded.doubt`,
		string(s.Session), string(s.Upstream), string(s.User), s.SID, t.sealRenewal(s.Session, s.Renewal), micros(s.Checked),
		micros(s.Reprove), micros(s.Ends), micros(s.Doubt))
	return err
}

// UpstreamSession gives what is known of a session; fault.KindNotFound if no upstream made it.
func (t *Tx) UpstreamSession(ctx context.Context, session access.ID) (UpstreamSession, error) {
	list, err := rows(ctx, t, t.scanUpstreamSession, "SELECT "+upstreamSessionColumns+" FROM upstream_sessions WHERE session_id = $1", string(session))
	if err != nil {
		return UpstreamSession{}, err
	}
	if len(list) == 0 {
		return UpstreamSession{}, fault.NotFound("no upstream made this session")
	}
	return list[0], nil
}

// UpstreamOf gives the id and name of the upstream that made a session; empty if none did.
func (t *Tx) UpstreamOf(ctx context.Context, session access.ID) (id access.ID, name string, err error) {
	type upstream struct {
		id   access.ID
		name string
	}
	list, err := rows(ctx, t, func(row scanner, u *upstream) error { return row.Scan(&u.id, &u.name) },
		"SELECT u.id, u.name FROM upstream_sessions s JOIN upstreams u ON u.id = s.upstream_id WHERE s.session_id = $1", string(session))
	if err != nil || len(list) == 0 {
		return "", "", err
	}
	return list[0].id, list[0].name, nil
}

// SessionsToCheck gives at most limit sessions whose upstream was last asked before a time, and that
// were used since, or whose user used a program or an access key. The longest unasked come first. Those for which a browser is sent there are not among them.
func (t *Tx) SessionsToCheck(ctx context.Context, before time.Time, limit int) ([]access.ID, error) {
	return rows(ctx, t, scanID, `SELECT u.session_id FROM upstream_sessions u WHERE u.checked < $1 AND u.reprove = 0 AND (EXISTS
		(SELECT 1 FROM sessions s WHERE (s.id = u.session_id OR s.user_id = u.user_id AND s.kind = 'program') AND s.last_used > u.checked)
		OR EXISTS (SELECT 1 FROM access_keys k WHERE k.user_id = u.user_id AND k.last_used > u.checked)) ORDER BY u.checked, u.session_id LIMIT $2`, micros(before), limit)
}

// ClaimCheck lets one caller ask the upstream of a session, if nobody has since the time before:
// for all others it was asked at now. Sessions of the same user that have nothing to ask with of
// their own are asked for together. Until SetRenewal, what it is asked with is in doubt; Doubt before now
// means that it was so already.
func (t *Tx) ClaimCheck(ctx context.Context, session access.ID, before, now time.Time) (s UpstreamSession, ok bool, err error) {
	whose, err := rows(ctx, t, scanID, "SELECT user_id FROM upstream_sessions WHERE session_id = $1", string(session))
	if err != nil || len(whose) == 0 {
		return s, false, err
	}
	if err := t.HoldUser(ctx, whose[0]); err != nil { // another session of theirs may be claimed just now
		return s, false, err
	}
	list, err := rows(ctx, t, t.scanUpstreamSession, `UPDATE upstream_sessions SET checked = $1, doubt = CASE WHEN doubt = 0 AND renewal <> '' THEN $1 ELSE doubt END
		WHERE session_id = $2 AND checked < $3 AND reprove = 0 RETURNING `+upstreamSessionColumns,
		micros(now), string(session), micros(before))
	if err != nil || len(list) == 0 {
		return s, false, err
	}
	s = list[0]
	if len(s.Renewal) == 0 {
		_, err = t.exec(ctx, "UPDATE upstream_sessions SET checked = $1 WHERE user_id = $2 AND upstream_id = $3 AND renewal = '' AND checked < $1",
			micros(now), string(s.User), string(s.Upstream))
	}
	return s, true, err
}

// SetRenewal stores what to ask an upstream with the next time. A session that is over is left out.
func (t *Tx) SetRenewal(ctx context.Context, session access.ID, renewal []byte) error {
	_, err := t.exec(ctx, "UPDATE upstream_sessions SET renewal = $1, doubt = 0 WHERE session_id = $2", t.sealRenewal(session, renewal), string(session))
	return err
}

// Reprove says from when a browser of a session is to be sent to its upstream once more, and from when the
// session is worth nothing without.
func (t *Tx) Reprove(ctx context.Context, session access.ID, from, ends time.Time) error {
	_, err := t.exec(ctx, "UPDATE upstream_sessions SET reprove = $1, ends = $2 WHERE session_id = $3", micros(from), micros(ends), string(session))
	return err
}

// ClaimReproof lets one browser tab of a session that is due go to the upstream: for all others it is not due
// before next.
func (t *Tx) ClaimReproof(ctx context.Context, session access.ID, now, next time.Time) (ok bool, err error) {
	n, err := t.exec(ctx, "UPDATE upstream_sessions SET reprove = $1 WHERE session_id = $2 AND reprove > 0 AND reprove <= $3", micros(next), string(session), micros(now))
	return n > 0, err
}

// Unchecked puts back when an upstream was asked that did not answer.
func (t *Tx) Unchecked(ctx context.Context, session access.ID, at time.Time) error {
	_, err := t.exec(ctx, "UPDATE upstream_sessions SET checked = $1 WHERE session_id = $2", micros(at), string(session))
	return err
}

// SessionsOfUpstream gives the sessions that an upstream made: with that name of its own, or, with
// an empty one, of that user.
func (t *Tx) SessionsOfUpstream(ctx context.Context, upstream access.ID, sid string, user access.ID) ([]UpstreamSession, error) {
	where, arg := "sid = $2", sid
	if sid == "" {
		where, arg = "user_id = $2", string(user)
	}
	return rows(ctx, t, t.scanUpstreamSession, "SELECT "+upstreamSessionColumns+" FROM upstream_sessions WHERE upstream_id = $1 AND "+where+
		" ORDER BY session_id LIMIT 1000", string(upstream), arg)
}

// AllOfUpstream gives every session that an upstream made.
func (t *Tx) AllOfUpstream(ctx context.Context, upstream access.ID) ([]access.ID, error) {
	return rows(ctx, t, scanID, "SELECT session_id FROM upstream_sessions WHERE upstream_id = $1 ORDER BY session_id", string(upstream))
}

// GroupsThere gives those of the groups that exist.
func (t *Tx) GroupsThere(ctx context.Context, ids []access.ID) (there []access.ID, err error) {
	for some := range slices.Chunk(ids, chunk) {
		found, err := rows(ctx, t, scanID, "SELECT id FROM user_groups WHERE id IN ("+marks(1, len(some))+") ORDER BY id", anys(some)...)
		if err != nil {
			return nil, err
		}
		there = append(there, found...)
	}
	return there, nil
}

// Arrival is what an upstream gave for a session that is still to be made, after another step.
type Arrival struct {
	Hash     []byte // of the step's id
	Upstream access.ID
	User     access.ID
	SID      string
	Renewal  []byte
	Expires  time.Time
	Until    time.Time // when the session at the upstream is over; zero if it does not say
}

func arrivalPlace(hash string) string { return "upstream_arrivals/renewal/" + hash }

// InsertArrival stores an arrival.
func (t *Tx) InsertArrival(ctx context.Context, a *Arrival) error {
	hash, sealed := hex.EncodeToString(a.Hash), ""
	if len(a.Renewal) > 0 {
		sealed = t.sealer.seal(arrivalPlace(hash), a.Renewal)
	}
	_, err := t.exec(ctx, "INSERT INTO upstream_arrivals (hash, upstream_id, user_id, sid, renewal, expires, until) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		hash, string(a.Upstream), string(a.User), a.SID, sealed, micros(a.Expires), micros(a.Until))
	return err
}

// TakeArrival removes an arrival and gives it; fault.KindNotFound if there is none.
func (t *Tx) TakeArrival(ctx context.Context, hash []byte) (Arrival, error) {
	key := hex.EncodeToString(hash)
	var sealed string
	list, err := rows(ctx, t, func(row scanner, a *Arrival) error {
		var expires, until int64
		err := row.Scan(&a.Upstream, &a.User, &a.SID, &sealed, &expires, &until)
		a.Hash, a.Expires, a.Until = hash, moment(expires), moment(until)
		return err
	}, "DELETE FROM upstream_arrivals WHERE hash = $1 RETURNING upstream_id, user_id, sid, renewal, expires, until", key)
	if err != nil {
		return Arrival{}, err
	}
	if len(list) == 0 {
		return Arrival{}, fault.NotFound("nobody arrived so")
	}
	if sealed != "" {
		list[0].Renewal, err = t.sealer.open(arrivalPlace(key), sealed)
	}
	return list[0], err
}

// DeleteExpiredArrivals removes at most limit arrivals that have expired.
func (t *Tx) DeleteExpiredArrivals(ctx context.Context, now time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM upstream_arrivals WHERE hash IN (SELECT hash FROM upstream_arrivals WHERE expires <= $1 LIMIT $2)", micros(now), limit)
}
