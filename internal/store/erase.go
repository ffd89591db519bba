package store

import (
	"context"
	"slices"
	"strings"

	"postern/internal/access"
	"postern/internal/audit"
)

// Erasure says what was erased of a user.
type Erasure struct {
	Entries []uint64 // of the audit log that were about something else and named the user
	Audit   int64    // entries of the audit log that lost something
	SignIns int64
}

// EraseUser erases what tells of a user in the logs. The ids stay, which tell nobody who it was once
// the user is gone. names are those that the user had; more are found in the logs.
func (t *Tx) EraseUser(ctx context.Context, user access.ID, names, emails []string) (out Erasure, err error) {
	if _, err := t.AdoptAudit(ctx, chainPage); err != nil { // what is not chained cannot be told to be erased
		return out, err
	}
	known, err := rows(ctx, t, func(row scanner, name *string) error { return row.Scan(name) },
		`SELECT name FROM audit WHERE object = $1 UNION SELECT actor FROM audit WHERE actor_id = $1 UNION SELECT user_name FROM sign_ins WHERE user_id = $1`, string(user))
	if err != nil {
		return out, err
	}
	names = slices.DeleteFunc(append(known, names...), func(name string) bool { return strings.TrimSpace(name) == "" })
	if out.Entries, err = t.mentions(ctx, user, names, emails); err != nil {
		return out, err
	}
	for _, seq := range out.Entries {
		if _, err := t.exec(ctx, "UPDATE audit SET name = '', name_key = '', detail = '', what_salt = '' WHERE seq = $1", int64(seq)); err != nil {
			return out, err
		}
	}
	n, err := t.exec(ctx, "UPDATE audit SET name = '', name_key = '', detail = '', what_salt = '' WHERE object = $1 AND what_salt <> '' AND action <> $2",
		string(user), audit.EraseAction)
	if err != nil {
		return out, err
	}
	out.Audit = n + int64(len(out.Entries))
	if n, err = t.exec(ctx, "UPDATE audit SET actor = '', address = '', who_salt = '' WHERE actor_id = $1 AND who_salt <> ''", string(user)); err != nil {
		return out, err
	}
	out.Audit += n
	out.SignIns, err = t.exec(ctx, `UPDATE sign_ins SET user_name = '', name_key = '', address = '', user_agent = '', message = ''
		WHERE user_id = $1 AND (user_name <> '' OR address <> '' OR user_agent <> '' OR message <> '')`, string(user))
	return out, err
}

// maxMentions bounds how many entries about something else one erasure changes.
const maxMentions = 10_000

// mentions finds entries about something else that name the user: about a session or a user of that
// name that was refused, and with the e-mail address in their detail.
func (t *Tx) mentions(ctx context.Context, user access.ID, names, emails []string) (list []uint64, err error) {
	scan := func(row scanner, seq *uint64) error { return row.Scan(seq) }
	found := map[uint64]bool{}
	for _, name := range names {
		some, err := rows(ctx, t, scan, `SELECT seq FROM audit WHERE name_key = $1 AND object <> $2 AND what_salt <> '' AND action <> $3
			AND (object LIKE 'ses\_%' ESCAPE '\' OR object = '' AND action LIKE 'user.%') LIMIT $4`, folded(name), string(user), audit.EraseAction, maxMentions)
		if err != nil {
			return nil, err
		}
		for _, seq := range some {
			found[seq] = true
		}
	}
	for _, email := range emails {
		if email == "" {
			continue
		}
		some, err := rows(ctx, t, scan, `SELECT seq FROM audit WHERE detail LIKE $1 ESCAPE '\' AND object <> $2 AND what_salt <> '' AND action <> $3 LIMIT $4`,
			"%"+escapeLike(email)+"%", string(user), audit.EraseAction, maxMentions)
		if err != nil {
			return nil, err
		}
		for _, seq := range some {
			found[seq] = true
		}
	}
	// People call their devices after themselves. Each entry about one says whose it is.
	some, err := rows(ctx, t, scan, `SELECT seq FROM audit WHERE object LIKE 'dev\_%' ESCAPE '\' AND detail LIKE $1 ESCAPE '\' AND what_salt <> '' LIMIT $2`,
		"%"+escapeLike(string(user))+"%", maxMentions)
	if err != nil {
		return nil, err
	}
	for _, seq := range some {
		found[seq] = true
	}
	for seq := range found {
		list = append(list, seq)
	}
	slices.Sort(list)
	return list, nil
}

// ErasedUsers gives the users who were erased, by entries of the audit log behind a place.
func (t *Tx) ErasedUsers(ctx context.Context, after uint64) ([]access.ID, error) {
	return rows(ctx, t, scanID, "SELECT object FROM audit WHERE seq > $1 AND action = $2 AND outcome = 'done' ORDER BY seq", int64(after), audit.EraseAction)
}
