package control

import (
	"context"
	"net/url"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
)

// How long the links live with which a user sets a password.
const (
	invitationLife = 7 * 24 * time.Hour
	resetLife      = 24 * time.Hour
)

// CreateLink makes the one-time link with which a user sets a password: an invitation for one who
// has none, else a reset. The link before is void; only the hash of its code is kept.
func (c *Control) CreateLink(ctx context.Context, by access.Actor, id access.ID) (link access.Link, address string, err error) {
	code := session.Secret()
	err = c.act(ctx, request{by: by, perm: linkUser, object: id}, func(ch *change) error {
		u, err := ch.tx.User(ctx, id)
		if err != nil {
			return err
		}
		if err := touches(ch.by, &u, "this user"); err != nil {
			return err
		}
		if err := ownPassword(&u); err != nil {
			return err
		}
		if u.Disabled {
			return fault.Conflict("%s is disabled; enable the user first", u.Name)
		}
		link = access.Link{Hash: session.Hash(code), User: id, Kind: access.LinkInvitation, Created: ch.now, Expires: ch.now.Add(invitationLife)}
		if !u.PasswordSet.IsZero() {
			link.Kind, link.Expires = access.LinkReset, ch.now.Add(resetLife)
		}
		ch.audit(linkUser, object{u.Meta, u.Name}, nil, map[string]any{"kind": link.Kind, "expires": link.Expires})
		return ch.tx.PutLink(ctx, &link)
	})
	if err != nil {
		return access.Link{}, "", err
	}
	return link, strings.TrimSuffix(c.cfg.Names.PortalURL, "/") + "/link?" + url.Values{"code": {code}}.Encode(), nil
}

var errLink = fault.New(fault.KindGone, "this link was used already, is too old, or a newer one was made; ask an administrator for another")

// Link says whose a link is, without spending it: a mail program may open it before the person.
func (c *Control) Link(ctx context.Context, code string) (link access.Link, user access.User, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		if link, err = tx.Link(ctx, session.Hash(short(code, 128)), c.now()); err != nil {
			return err
		}
		user, err = tx.User(ctx, link.User)
		return err
	})
	if err == nil && user.Disabled {
		err = errLink
	}
	return link, user, orElse(err, fault.KindNotFound, errLink)
}

// FollowLink sets the password of the link's user and spends the link. It signs nobody in: a second
// factor is asked for as ever.
func (c *Control) FollowLink(ctx context.Context, by access.Actor, code, password string) error {
	r := request{by: by, perm: followLink}
	_, user, err := c.Link(ctx, code)
	if err == nil {
		r.object, r.name = user.ID, user.Name
		err = c.checkPassword(ctx, password, user.Name)
	}
	if err != nil {
		c.refused(ctx, r, err)
		return err
	}
	hash, err := c.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	err = c.act(ctx, r, func(ch *change) error {
		spent, err := ch.tx.SpendLink(ctx, session.Hash(short(code, 128)), ch.now)
		if err != nil {
			return orElse(err, fault.KindNotFound, errLink)
		}
		u, err := ch.tx.User(ctx, spent.User)
		if err != nil {
			return err
		}
		if u.Disabled || u.ID != user.ID || u.Upstream != "" {
			return errLink
		}
		ch.audit(followLink, object{u.Meta, u.Name}, nil, map[string]any{"kind": spent.Kind})
		return ch.replacePassword(u.ID, hash)
	})
	if err == nil {
		c.throttle.Forget(user.Name)
	}
	return err
}
