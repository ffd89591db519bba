package control

import (
	"context"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Upstreams lists upstreams and gives the cursor of the next page, empty at the end.
func (c *Control) Upstreams(ctx context.Context, by access.Actor, page access.Page) (list []access.Upstream, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readUpstream}, func(tx *store.Tx) error {
		list, next, err = tx.Upstreams(ctx, page)
		return err
	})
	return list, next, err
}

// Upstream gives one upstream, without its secret.
func (c *Control) Upstream(ctx context.Context, by access.Actor, id access.ID) (u access.Upstream, err error) {
	err = c.read(ctx, request{by: by, perm: readUpstream, object: id}, func(tx *store.Tx) error {
		u, err = tx.Upstream(ctx, id)
		return err
	})
	return u, err
}

// CreateUpstream adds an upstream with its secret, if it has one.
func (c *Control) CreateUpstream(ctx context.Context, by access.Actor, u access.Upstream, secret []byte) (access.Upstream, error) {
	err := c.act(ctx, request{by: by, perm: createUpstream, name: u.Name}, func(ch *change) error {
		return ch.insertUpstream(&u, secret)
	})
	return u, err
}

func (ch *change) insertUpstream(u *access.Upstream, secret []byte) error {
	u.Meta, u.HasSecret = ch.fresh(access.PrefixUpstream), false
	if err := ch.checkUpstream(u); err != nil {
		return err
	}
	if err := checkSecret(u, secret); err != nil {
		return err
	}
	if err := ch.tx.InsertUpstream(ch.ctx, u); err != nil {
		return err
	}
	if len(secret) > 0 {
		u.HasSecret = true
		if err := ch.tx.SetUpstreamSecret(ch.ctx, u.ID, secret); err != nil {
			return err
		}
	}
	ch.audit(createUpstream, object{u.Meta, u.Name}, nil, *u)
	return nil
}

// UpdateUpstream changes an upstream; u.Version is the version that the caller saw. The kind stays
// what it is, and so does the secret. Disabling ends the sessions that came from it.
func (c *Control) UpdateUpstream(ctx context.Context, by access.Actor, u access.Upstream) (access.Upstream, error) {
	var out access.Upstream
	err := c.act(ctx, request{by: by, perm: updateUpstream, object: u.ID, name: u.Name}, func(ch *change) error {
		old, err := ch.tx.Upstream(ctx, u.ID)
		if err != nil {
			return err
		}
		out = u
		return ch.updateUpstream(&old, &out)
	})
	return out, err
}

func (ch *change) updateUpstream(old, u *access.Upstream) error {
	u.Created, u.Updated, u.HasSecret = old.Created, ch.now, old.HasSecret
	if u.Kind != old.Kind {
		return fault.Invalid("kind", "cannot be changed; make another upstream")
	}
	if err := ch.checkUpstream(u); err != nil {
		return err
	}
	count, roles, err := ch.tx.UpstreamUsers(ch.ctx, u.ID)
	if err != nil {
		return err
	}
	if err := outranks(ch.by, roles, "a user of this upstream"); err != nil {
		return err
	}
	if count > 0 && whoseUsers(old) != whoseUsers(u) {
		return fault.Conflict("this upstream has %d users, whom another provider could not be trusted to name; make another upstream for it", count)
	}
	if old.HasSecret && sentElsewhere(old, u) {
		return fault.Conflict("this upstream has a secret, which must not be sent elsewhere: remove the secret first, and give it again after the change")
	}
	if err := ch.tx.UpdateUpstream(ch.ctx, u); err != nil {
		return err
	}
	ch.audit(updateUpstream, object{u.Meta, u.Name}, *old, *u)
	if u.Disabled && !old.Disabled {
		return ch.endUpstream(u.ID)
	}
	return nil
}

// whoseUsers gives what must stay the same while an upstream has users: whoever else it were could
// name any of them.
func whoseUsers(u *access.Upstream) string {
	if u.OIDC != nil {
		return u.OIDC.Issuer
	}
	return ""
}

// sentElsewhere reports whether the secret would be shown to another server: whoever may change where an
// upstream is could read it there, which nobody may.
func sentElsewhere(old, u *access.Upstream) bool {
	switch {
	case old.LDAP != nil && u.LDAP != nil:
		return slices.ContainsFunc(u.LDAP.URLs, func(url string) bool { return !slices.Contains(old.LDAP.URLs, url) })
	case old.OIDC != nil && u.OIDC != nil:
		return old.OIDC.Issuer != u.OIDC.Issuer
	}
	return false
}

// endUpstream ends all sessions that came from an upstream.
func (ch *change) endUpstream(id access.ID) error {
	sessions, err := ch.tx.AllOfUpstream(ch.ctx, id)
	if err != nil {
		return err
	}
	if err := ch.endSessions(sessions, access.ReasonUpstreamDisabled); err != nil {
		return err
	}
	return ch.end(access.EndingUsers, "") // who has only programs and access keys left
}

// endSessions ends portal sessions with their children.
func (ch *change) endSessions(ids []access.ID, reason string) error {
	for _, id := range ids {
		if _, err := ch.c.endIn(ch.ctx, ch.tx, id, leaving{ch.by, reason}); err != nil {
			return err
		}
	}
	return nil
}

// DeleteUpstream deletes an upstream that has no users any more.
func (c *Control) DeleteUpstream(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteUpstream, object: id}, func(ch *change) error {
		old, err := ch.tx.Upstream(ctx, id)
		if err != nil {
			return err
		}
		return ch.deleteUpstream(&old, version)
	})
}

func (ch *change) deleteUpstream(old *access.Upstream, version int64) error {
	count, _, err := ch.tx.UpstreamUsers(ch.ctx, old.ID)
	if err != nil {
		return err
	}
	if count > 0 {
		return fault.Conflict("%s still has %d users; delete them or link them elsewhere first, or disable the upstream", old.Name, count)
	}
	if err := ch.tx.DeleteUpstream(ch.ctx, old.ID, version); err != nil {
		return err
	}
	ch.audit(deleteUpstream, object{old.Meta, old.Name}, *old, nil)
	return nil
}

// SetUpstreamSecret gives an upstream another secret; an empty one removes it.
func (c *Control) SetUpstreamSecret(ctx context.Context, by access.Actor, id access.ID, secret []byte) error {
	return c.act(ctx, request{by: by, perm: secretUpstream, object: id}, func(ch *change) error {
		u, err := ch.tx.Upstream(ctx, id)
		if err != nil {
			return err
		}
		if err := checkSecret(&u, secret); err != nil {
			return err
		}
		_, roles, err := ch.tx.UpstreamUsers(ctx, id)
		if err != nil {
			return err
		}
		if err := outranks(ch.by, roles, "a user of this upstream"); err != nil {
			return err
		}
		ch.audit(secretUpstream, object{u.Meta, u.Name}, map[string]any{"HasSecret": u.HasSecret}, map[string]any{"HasSecret": len(secret) > 0})
		return ch.tx.SetUpstreamSecret(ctx, id, secret)
	})
}

// maxSecret bounds an upstream's secret; a private key is the largest.
const maxSecret = 16 << 10

func checkSecret(u *access.Upstream, secret []byte) error {
	if len(secret) > maxSecret {
		return fault.Invalid("secret", "must be at most %d bytes long", maxSecret)
	}
	if u.Kind == access.UpstreamLDAP && u.LDAP != nil && u.LDAP.BindDN == "" && len(secret) > 0 {
		return fault.Invalid("secret", "is of no use without ldap.bindDn")
	}
	return nil
}

// checkUpstream checks an upstream and what it has to do with others.
func (ch *change) checkUpstream(u *access.Upstream) error { return checkUpstreamIn(ch.ctx, ch.tx, u) }

func checkUpstreamIn(ctx context.Context, tx *store.Tx, u *access.Upstream) error {
	if err := u.Validate(); err != nil {
		return err
	}
	groups, err := tx.GroupNames(ctx)
	if err != nil {
		return err
	}
	for _, m := range u.Mapping.Groups {
		if _, there := groups[m.To]; !there {
			return fault.Invalid("mapping.groups", "must lead to groups that exist; %q does not", m.To)
		}
	}
	others, err := tx.AllUpstreams(ctx)
	if err != nil {
		return err
	}
	return besideUpstreams(u, others)
}

// unmapped refuses to take away a group that an upstream's mapping leads to.
func (ch *change) unmapped(group access.ID) error {
	all, err := ch.tx.AllUpstreams(ch.ctx)
	if err != nil {
		return err
	}
	for _, u := range all {
		if slices.ContainsFunc(u.Mapping.Groups, func(m access.GroupMapping) bool { return m.To == group }) {
			return fault.Conflict("the mapping of the upstream %s leads to this group; change that first", u.Name)
		}
	}
	return nil
}

// besideUpstreams says what is wrong with an upstream beside the others: a sign-in name belongs to
// one directory, so that no password is shown to two.
func besideUpstreams(u *access.Upstream, others []access.Upstream) error {
	others = slices.DeleteFunc(slices.Clone(others), func(o access.Upstream) bool { return o.ID == u.ID && u.ID != "" })
	if len(others) >= access.MaxUpstreams {
		return fault.Conflict("there are %d upstreams already, which is as many as there may be", len(others))
	}
	if u.Kind != access.UpstreamLDAP {
		return nil
	}
	for _, o := range others {
		if o.Kind != access.UpstreamLDAP {
			continue
		}
		if len(o.Domains) == 0 && len(u.Domains) == 0 {
			return fault.Invalid("domains", "must be given, since %q serves every other sign-in name already", o.Name)
		}
		for _, d := range u.Domains {
			if slices.Contains(o.Domains, d) {
				return fault.Invalid("domains", "contains %q, which %q serves already", d, o.Name)
			}
		}
	}
	return nil
}

// UpstreamHistory gives the versions of an upstream, the newest first.
func (c *Control) UpstreamHistory(ctx context.Context, by access.Actor, id access.ID) ([]Version[access.Upstream], error) {
	return c.upstreamVersions(ctx, request{by: by, perm: readUpstream, object: id})
}

// UndoUpstream gives an upstream the fields of an earlier version. The secret stays.
func (c *Control) UndoUpstream(ctx context.Context, by access.Actor, u Undo) (access.Upstream, error) {
	list, err := c.upstreamVersions(ctx, request{by: by, perm: updateUpstream, object: u.ID})
	if err != nil {
		return access.Upstream{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return access.Upstream{}, err
	}
	old.Meta = access.Meta{ID: u.ID, Version: u.Version}
	return c.UpdateUpstream(ctx, by, old)
}

func (c *Control) upstreamVersions(ctx context.Context, r request) (list []Version[access.Upstream], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Upstream(ctx, r.object)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[access.Upstream]{now, now.Meta, []permission{createUpstream, updateUpstream}})
		for i := range list {
			list[i].Object.HasSecret = now.HasSecret
		}
		return err
	})
	return list, err
}

// UpstreamAddresses are what a provider must be told about this service.
type UpstreamAddresses struct{ Callback, BackLogout, FrontLogout, Metadata string }

// UpstreamAddresses gives the addresses of an upstream; a directory needs none.
func (c *Control) UpstreamAddresses(u *access.Upstream) UpstreamAddresses {
	var a UpstreamAddresses
	if u.Kind == access.UpstreamLDAP || u.ID == "" {
		return a
	}
	a.Callback = c.callbackOf(u.ID)
	if u.Kind == access.UpstreamOIDC {
		a.BackLogout, a.FrontLogout = c.upstreamURL(u.ID, "logout"), c.upstreamURL(u.ID, "front-logout")
	} else {
		a.BackLogout, a.Metadata = c.upstreamURL(u.ID, "logout"), c.upstreamURL(u.ID, "metadata")
	}
	return a
}
