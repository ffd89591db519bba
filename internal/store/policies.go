package store

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"postern/internal/access"
	"postern/internal/fault"
)

var policies = table[access.Policy]{
	name:    "policies",
	what:    "policy",
	columns: []string{"name", "name_key", "description", "mode", "all_applications", "everyone", "conditions"},
	filters: map[string]condition{
		"mode": equal("mode"),
		"application": func(value string) (string, any) {
			return "(all_applications = 1 OR id IN (SELECT policy_id FROM policy_scope WHERE application_id = %s))", value
		},
		"user":  named("user_id"),
		"group": named("group_id"),
	},
	search: "name_key",
	sorted: "name_key",
	meta:   func(p *access.Policy) *access.Meta { return &p.Meta },
	values: func(p *access.Policy) []any {
		conditions, _ := json.Marshal(p.Conditions) // checked values: cannot fail
		return []any{p.Name, folded(p.Name), p.Description, string(p.Mode), flag(p.AllApplications), flag(p.Everyone), string(conditions)}
	},
	into: func(p *access.Policy) ([]any, func() error) {
		var unused, conditions string
		return []any{&p.Name, &unused, &p.Description, &p.Mode, &p.AllApplications, &p.Everyone, &conditions}, func() error {
			return readConditions(conditions, &p.Conditions)
		}
	},
}

// named asks for policies that name somebody, as one whom they are for or not for.
func named(column string) condition {
	return func(value string) (string, any) {
		return "id IN (SELECT policy_id FROM policy_scope WHERE " + column + " = %s)", value
	}
}

// readConditions reads what may have been written by a later program: what of it is not known marks
// all of it, so that nobody meets it.
func readConditions(text string, into *access.Conditions) error {
	strict := json.NewDecoder(bytes.NewReader([]byte(text)))
	strict.DisallowUnknownFields()
	if strict.Decode(into) == nil {
		return nil
	}
	if !json.Valid([]byte(text)) {
		return fault.Internal(nil, "the conditions of a policy are damaged in the database")
	}
	// As much as can be read is shown; it is Unknown that counts.
	_ = json.Unmarshal([]byte(text), into)
	into.Unknown = true
	return nil
}

// A scoped is a row of what a policy names.
type scoped struct {
	policy                   access.ID
	excluded                 bool
	application, user, group *string
}

// withScope adds what the policies name.
func (t *Tx) withScope(ctx context.Context, list []access.Policy) error {
	at := make(map[access.ID]*access.Policy, len(list))
	for i := range list {
		at[list[i].ID] = &list[i]
	}
	query, args := "SELECT policy_id, excluded, application_id, user_id, group_id FROM policy_scope", []any(nil)
	if len(list) == 1 {
		query, args = query+" WHERE policy_id = $1", []any{string(list[0].ID)}
	}
	found, err := rows(ctx, t, func(row scanner, s *scoped) error {
		return row.Scan(&s.policy, &s.excluded, &s.application, &s.user, &s.group)
	}, query+" ORDER BY policy_id, application_id, user_id, group_id", args...)
	if err != nil {
		return err
	}
	for _, s := range found {
		p := at[s.policy]
		if p == nil {
			continue
		}
		switch {
		case s.application != nil:
			p.Applications = append(p.Applications, access.ID(*s.application))
		case s.user != nil && s.excluded:
			p.ExceptUsers = append(p.ExceptUsers, access.ID(*s.user))
		case s.user != nil:
			p.Users = append(p.Users, access.ID(*s.user))
		case s.group != nil && s.excluded:
			p.ExceptGroups = append(p.ExceptGroups, access.ID(*s.group))
		case s.group != nil:
			p.Groups = append(p.Groups, access.ID(*s.group))
		}
	}
	return nil
}

// setScope writes what a policy names.
func (t *Tx) setScope(ctx context.Context, p *access.Policy) error {
	if _, err := t.exec(ctx, "DELETE FROM policy_scope WHERE policy_id = $1", string(p.ID)); err != nil {
		return err
	}
	for _, part := range []struct {
		column   string
		excluded bool
		ids      []access.ID
	}{
		{"application_id", false, p.Applications}, {"user_id", false, p.Users}, {"group_id", false, p.Groups},
		{"user_id", true, p.ExceptUsers}, {"group_id", true, p.ExceptGroups},
	} {
		if err := t.insertAll(ctx, "INSERT INTO policy_scope (policy_id, excluded, "+part.column+") VALUES ", []any{string(p.ID), flag(part.excluded)}, part.ids); err != nil {
			return err
		}
	}
	return nil
}

// insertAll inserts a row for each id: the given values, then the id.
func (t *Tx) insertAll(ctx context.Context, query string, given []any, ids []access.ID) error {
	for len(ids) > 0 {
		some := ids[:min(len(ids), touchChunk)]
		ids = ids[len(some):]
		var args []any
		values := make([]string, len(some))
		for i, id := range some {
			values[i] = "(" + marks(len(args)+1, len(given)+1) + ")"
			args = append(append(args, given...), string(id))
		}
		if _, err := t.exec(ctx, query+strings.Join(values, ", "), args...); err != nil {
			return err
		}
	}
	return nil
}

// Policy gives a policy.
func (t *Tx) Policy(ctx context.Context, id access.ID) (access.Policy, error) {
	p, err := policies.one(ctx, t, "id", string(id))
	if err != nil {
		return p, err
	}
	list := []access.Policy{p}
	err = t.withScope(ctx, list)
	return list[0], err
}

// Policies gives a page of the policies and the cursor of the next one.
func (t *Tx) Policies(ctx context.Context, p access.Page) ([]access.Policy, string, error) {
	list, next, err := policies.page(ctx, t, p)
	if err != nil {
		return nil, "", err
	}
	return list, next, t.withScope(ctx, list)
}

// AllPolicies gives every policy, in the order in which they were made.
func (t *Tx) AllPolicies(ctx context.Context) ([]access.Policy, error) {
	list, err := policies.all(ctx, t)
	if err != nil {
		return nil, err
	}
	return list, t.withScope(ctx, list)
}

// InsertPolicy stores a new policy.
func (t *Tx) InsertPolicy(ctx context.Context, p *access.Policy) error {
	if err := policies.insert(ctx, t, p); err != nil {
		return err
	}
	return t.setScope(ctx, p)
}

// UpdatePolicy stores a policy that is still at the version it was read at.
func (t *Tx) UpdatePolicy(ctx context.Context, p *access.Policy) error {
	if err := policies.update(ctx, t, p); err != nil {
		return err
	}
	return t.setScope(ctx, p)
}

// DeletePolicy removes a policy.
func (t *Tx) DeletePolicy(ctx context.Context, id access.ID, version int64) error {
	return policies.remove(ctx, t, id, version)
}
