package store

import (
	"context"
	"encoding/json"

	"postern/internal/access"
	"postern/internal/fault"
)

var upstreams = table[access.Upstream]{
	name:    "upstreams",
	what:    "upstream",
	columns: []string{"name", "name_key", "kind", "disabled", "only_known", "is_default", "domains", "mapping", "settings"},
	apart:   []string{"sealed <> ''"},
	filters: map[string]condition{"disabled": isTrue("disabled"), "kind": equal("kind")},
	search:  "name_key",
	sorted:  "name_key",
	meta:    func(u *access.Upstream) *access.Meta { return &u.Meta },
	values: func(u *access.Upstream) []any {
		return []any{u.Name, folded(u.Name), string(u.Kind), flag(u.Disabled), flag(u.OnlyKnown), flag(u.Default),
			jsonList(u.Domains), jsonText(u.Mapping), jsonText(upstreamSettings{u.OIDC, u.LDAP, u.SAML})}
	},
	into: func(u *access.Upstream) ([]any, func() error) {
		var unused, domains, mapping, settings string
		return []any{&u.Name, &unused, &u.Kind, &u.Disabled, &u.OnlyKnown, &u.Default, &domains, &mapping, &settings, &u.HasSecret}, func() error {
			var s upstreamSettings
			if err := readList(domains, &u.Domains); err != nil {
				return err
			}
			if err := readJSON(mapping, &u.Mapping); err != nil {
				return err
			}
			err := readJSON(settings, &s)
			u.OIDC, u.LDAP, u.SAML = s.OIDC, s.LDAP, s.SAML
			return err
		}
	},
}

// upstreamSettings is how they are stored.
type upstreamSettings struct {
	OIDC *access.OIDCSettings `json:",omitempty"`
	LDAP *access.LDAPSettings `json:",omitempty"`
	SAML *access.SAMLSettings `json:",omitempty"`
}

func jsonText(value any) string {
	text, _ := json.Marshal(value) // texts and switches: cannot fail
	return string(text)
}

func readJSON(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fault.Internal(err, "an object in the database is damaged")
	}
	return nil
}

// Upstream gives an upstream, without its secret.
func (t *Tx) Upstream(ctx context.Context, id access.ID) (access.Upstream, error) {
	return upstreams.one(ctx, t, "id", string(id))
}

// Upstreams gives a page of the upstreams and the cursor of the next one.
func (t *Tx) Upstreams(ctx context.Context, p access.Page) ([]access.Upstream, string, error) {
	return upstreams.page(ctx, t, p)
}

// AllUpstreams gives every upstream, the oldest first.
func (t *Tx) AllUpstreams(ctx context.Context) ([]access.Upstream, error) {
	return upstreams.all(ctx, t)
}

// InsertUpstream stores a new upstream, without a secret.
func (t *Tx) InsertUpstream(ctx context.Context, u *access.Upstream) error {
	return upstreams.insert(ctx, t, u)
}

// UpdateUpstream stores an upstream that is still at the version it was read at. Its secret stays.
func (t *Tx) UpdateUpstream(ctx context.Context, u *access.Upstream) error {
	return upstreams.update(ctx, t, u)
}

// CompleteUpstream stores what was left open of an upstream that is new: no version comes of it.
func (t *Tx) CompleteUpstream(ctx context.Context, u *access.Upstream) error {
	_, err := t.exec(ctx, "UPDATE upstreams SET mapping = $1, is_default = $2 WHERE id = $3", jsonText(u.Mapping), flag(u.Default), string(u.ID))
	return err
}

// DeleteUpstream removes an upstream with its secret. One that still has users stays: fault.KindConflict.
func (t *Tx) DeleteUpstream(ctx context.Context, id access.ID, version int64) error {
	return upstreams.remove(ctx, t, id, version)
}

func upstreamPlace(id access.ID) string { return "upstreams/sealed/" + string(id) }

// SetUpstreamSecret stores an upstream's secret, sealed; an empty one removes it.
func (t *Tx) SetUpstreamSecret(ctx context.Context, id access.ID, secret []byte) error {
	sealed := ""
	if len(secret) > 0 {
		sealed = t.sealer.seal(upstreamPlace(id), secret)
	}
	n, err := t.exec(ctx, "UPDATE upstreams SET sealed = $1 WHERE id = $2", sealed, string(id))
	if err == nil && n == 0 {
		return fault.NotFound("there is no such upstream")
	}
	return err
}

// UpstreamSecret gives an upstream's secret; nothing if it has none.
func (t *Tx) UpstreamSecret(ctx context.Context, id access.ID) ([]byte, error) {
	var sealed string
	err := t.row(ctx, "there is no such upstream", "SELECT sealed FROM upstreams WHERE id = $1", []any{string(id)}, &sealed)
	if err != nil || sealed == "" {
		return nil, err
	}
	return t.sealer.open(upstreamPlace(id), sealed)
}

// UpstreamUsers tells how many users an upstream has, and which roles any of them has.
func (t *Tx) UpstreamUsers(ctx context.Context, id access.ID) (count int, roles []access.Role, err error) {
	if err := t.row(ctx, "", "SELECT COUNT(*) FROM users WHERE upstream_id = $1", []any{string(id)}, &count); err != nil {
		return 0, nil, err
	}
	lists, err := rows(ctx, t, func(row scanner, list *[]access.Role) error {
		var text string
		if err := row.Scan(&text); err != nil {
			return err
		}
		return readList(text, list)
	}, "SELECT DISTINCT roles FROM users WHERE upstream_id = $1 AND roles <> '[]'", string(id))
	seen := map[access.Role]bool{}
	for _, list := range lists {
		for _, role := range list {
			if !seen[role] {
				seen[role] = true
				roles = append(roles, role)
			}
		}
	}
	return count, roles, err
}
