package control

import (
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/wire"
)

// Tokens lists enrolment tokens and gives the cursor of the next page, empty at the end.
func (c *Control) Tokens(ctx context.Context, by access.Actor, page access.Page) (list []access.Token, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readToken}, func(tx *store.Tx) error {
		list, next, err = tx.Tokens(ctx, c.timed(page))
		return err
	})
	return list, next, err
}

// Token gives one enrolment token, without its secret.
func (c *Control) Token(ctx context.Context, by access.Actor, id access.ID) (t access.Token, err error) {
	err = c.read(ctx, request{by: by, perm: readToken, object: id}, func(tx *store.Tx) error {
		t, err = tx.Token(ctx, id)
		return err
	})
	return t, err
}

// CreateToken adds an enrolment token and gives its text, which is shown once and kept nowhere.
// Without a group it is for the default one; without an end it is good for access.TokenLifetime.
func (c *Control) CreateToken(ctx context.Context, by access.Actor, t access.Token) (access.Token, string, error) {
	secret := session.Secret()
	err := c.act(ctx, request{by: by, perm: createToken, name: t.Name}, func(ch *change) error {
		t.Meta = ch.fresh(access.PrefixToken)
		t.Used, t.UsedBy, t.KeyHash = time.Time{}, "", nil
		t.Hash = session.Hash(secret)
		if t.Expires.IsZero() {
			t.Expires = ch.now.Add(access.TokenLifetime)
		}
		t.Expires = t.Expires.UTC().Truncate(time.Microsecond)
		if err := ch.checkToken(&t); err != nil {
			return err
		}
		if err := ch.tx.InsertToken(ctx, &t); err != nil {
			return err
		}
		ch.audit(createToken, object{t.Meta, t.Name}, nil, t)
		return nil
	})
	if err != nil {
		return access.Token{}, "", err
	}
	return t, wire.EnrolmentToken{
		TrustDomain: c.instance.trustDomain,
		ServiceURL:  c.cfg.Names.PortalURL,
		Fingerprint: ca.Fingerprint(c.authority.Load().newest().Cert),
		ID:          string(t.ID),
		Secret:      secret,
	}.String(), nil
}

func (ch *change) checkToken(t *access.Token) error {
	if t.GroupID == "" {
		group, err := ch.tx.DefaultConnectorGroup(ch.ctx)
		if err != nil {
			return err
		}
		t.GroupID = group.ID
	}
	if err := t.Validate(ch.now); err != nil {
		return err
	}
	_, err := ch.tx.ConnectorGroup(ch.ctx, t.GroupID)
	return orElse(err, fault.KindNotFound, fault.Invalid("connectorGroup", "must be the id of a connector group that exists"))
}

// DeleteToken deletes an enrolment token; a connector that used it stays.
func (c *Control) DeleteToken(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteToken, object: id}, func(ch *change) error {
		old, err := ch.tx.Token(ctx, id)
		if err != nil {
			return err
		}
		if err := ch.tx.DeleteToken(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteToken, object{old.Meta, old.Name}, old, nil)
		return nil
	})
}
