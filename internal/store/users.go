package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// folded gives the form in which names are compared.
func folded(name string) string { return strings.ToLower(name) }

var users = table[access.User]{
	name:    "users",
	what:    "user",
	columns: []string{"name", "name_key", "display_name", "email", "disabled", "roles", "require_second_factor", "upstream_id", "upstream_subject", "break_glass"},
	apart:   []string{"password_set", "upstream_refused"},
	filters: map[string]condition{
		"disabled":   isTrue("disabled"),
		"breakGlass": isTrue("break_glass"),
		"group": func(value string) (string, any) {
			return "id IN (SELECT user_id FROM memberships WHERE group_id = %s)", value
		},
		"upstream": equal("upstream_id"),
		"local": func(value string) (string, any) {
			return "(upstream_id IS NULL) = (%s = 1)", flag(value == "true")
		},
		"secondFactor": func(value string) (string, any) {
			return "(id IN (SELECT user_id FROM factors)) = (%s = 1)", flag(value == "true")
		},
		"role": listed("roles"),
	},
	// Of what is not a name the engines fold ASCII alike.
	search: "name_key || ' ' || LOWER(display_name) || ' ' || LOWER(email)",
	sorted: "name_key",
	meta:   func(u *access.User) *access.Meta { return &u.Meta },
	values: func(u *access.User) []any {
		return []any{u.Name, folded(u.Name), u.DisplayName, u.Email, flag(u.Disabled), jsonList(u.Roles), flag(u.RequireSecondFactor), nullable(u.Upstream), subjectOf(u), flag(u.BreakGlass)}
	},
	into: func(u *access.User) ([]any, func() error) {
		var unused, roles string
		var passwordSet, refused int64
		var upstream, subject *string
		return []any{&u.Name, &unused, &u.DisplayName, &u.Email, &u.Disabled, &roles, &u.RequireSecondFactor, &upstream, &subject, &u.BreakGlass, &passwordSet, &refused}, func() error {
			u.PasswordSet, u.UpstreamRefused = moment(passwordSet), moment(refused)
			if upstream != nil && subject != nil {
				u.Upstream, u.Subject = access.ID(*upstream), *subject
			}
			return readList(roles, &u.Roles)
		}
	},
}

// subjectOf gives NULL for a user of no upstream.
func subjectOf(u *access.User) any {
	if u.Upstream == "" {
		return nil
	}
	return u.Subject
}

// withGroups adds the groups that the users are members of, and which factors they have.
func (t *Tx) withGroups(ctx context.Context, list []access.User) error {
	ids := make([]access.ID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	groups, err := t.pairs(ctx, "user_id", "group_id", ids)
	for i := range list {
		list[i].Groups = groups[list[i].ID]
	}
	if err != nil {
		return err
	}
	return t.withFactors(ctx, list)
}

func (t *Tx) userBy(ctx context.Context, column, value string) (access.User, error) {
	u, err := users.one(ctx, t, column, value)
	if err != nil {
		return u, err
	}
	list := []access.User{u}
	err = t.withGroups(ctx, list)
	return list[0], err
}

// User gives a user with its groups.
func (t *Tx) User(ctx context.Context, id access.ID) (access.User, error) {
	return t.userBy(ctx, "id", string(id))
}

// UserByName gives the user with a sign-in name.
func (t *Tx) UserByName(ctx context.Context, name string) (access.User, error) {
	return t.userBy(ctx, "name_key", folded(name))
}

// Users gives a page of the users and the cursor of the next one.
func (t *Tx) Users(ctx context.Context, p access.Page) ([]access.User, string, error) {
	list, next, err := users.page(ctx, t, p)
	if err != nil {
		return nil, "", err
	}
	return list, next, t.withGroups(ctx, list)
}

// LastSignIns gives when users last signed in, of those for whom the log still says so.
func (t *Tx) LastSignIns(ctx context.Context, ids []access.ID) (map[access.ID]time.Time, error) {
	last := map[access.ID]time.Time{}
	type signedIn struct {
		user access.ID
		at   int64
	}
	for some := range slices.Chunk(ids, chunk) {
		args := make([]any, padded(len(some)), padded(len(some))+2)
		for i := range args {
			args[i] = string(some[min(i, len(some)-1)])
		}
		query := fmt.Sprintf("SELECT id, COALESCE((SELECT time FROM sign_ins WHERE user_id = users.id AND event = $%d AND result = $%d ORDER BY time DESC, id DESC LIMIT 1), 0) FROM users WHERE id IN (%s)",
			len(args)+1, len(args)+2, marks(1, len(args)))
		list, err := rows(ctx, t, func(row scanner, s *signedIn) error { return row.Scan(&s.user, &s.at) }, query,
			append(args, string(access.EventSignIn), string(access.ResultSuccess))...)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			if s.at > 0 {
				last[s.user] = moment(s.at)
			}
		}
	}
	return last, nil
}

// UsersWithRole gives the users that have a role and are not disabled, without their groups.
func (t *Tx) UsersWithRole(ctx context.Context, role access.Role) ([]access.User, error) {
	return rows(ctx, t, users.scan, users.selected()+` WHERE disabled = 0 AND roles LIKE $1 ESCAPE '\' ORDER BY created, id`, `%"`+escapeLike(string(role))+`"%`)
}

// InsertUser stores a new user, without a password and in no group.
func (t *Tx) InsertUser(ctx context.Context, u *access.User) error { return users.insert(ctx, t, u) }

// UpdateUser stores a user that is still at the version it was read at. Groups and password stay.
func (t *Tx) UpdateUser(ctx context.Context, u *access.User) error { return users.update(ctx, t, u) }

// DeleteUser removes a user with its memberships, assignments and sessions.
func (t *Tx) DeleteUser(ctx context.Context, id access.ID, version int64) error {
	return users.remove(ctx, t, id, version)
}

// SetPassword stores the hash of a user's password, a PHC string, or nothing to remove it.
func (t *Tx) SetPassword(ctx context.Context, id access.ID, hash string, at time.Time) error {
	if hash == "" {
		at = time.Time{}
	}
	n, err := t.exec(ctx, "UPDATE users SET password_hash = $1, password_set = $2 WHERE id = $3", hash, micros(at), string(id))
	if err == nil && n == 0 {
		return fault.NotFound("there is no such user")
	}
	return err
}

// Rehash stores another hash of the same password, unless the user has another password meanwhile.
func (t *Tx) Rehash(ctx context.Context, id access.ID, old, hash string) error {
	_, err := t.exec(ctx, "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3", hash, string(id), old)
	return err
}

// HoldUser lets nobody else make a session of a user or end them all before this transaction is over. The user's row is not it: a change of
// many users holds their rows for long, and nobody's sign-in is to wait for one that ends nothing.
func (t *Tx) HoldUser(ctx context.Context, id access.ID) error {
	if !t.engine.shared() {
		return nil // there is one writer at a time
	}
	_, err := t.exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", string(id))
	return err
}

// Password gives the hash of a user's password; empty if there is none.
func (t *Tx) Password(ctx context.Context, id access.ID) (hash string, err error) {
	err = t.row(ctx, "there is no such user", "SELECT password_hash FROM users WHERE id = $1", []any{string(id)}, &hash)
	return hash, err
}
