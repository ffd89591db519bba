package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
)

// SetupCode makes a new set-up code while nobody has claimed the instance; the one before is void.
// Only its hash is kept.
func (c *Control) SetupCode(ctx context.Context) (code string, pending bool, err error) {
	code = session.Secret()
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		claimed, err := hasOwner(ctx, tx)
		if err != nil {
			return err
		}
		if pending = !claimed; !pending {
			return nil
		}
		return tx.PutSecret(ctx, secretSetup, session.Hash(code))
	})
	if err != nil || !pending {
		return "", false, err
	}
	return code, true, nil
}

// Unclaimed reports whether the instance still waits for its first Owner.
func (c *Control) Unclaimed(ctx context.Context) (pending bool, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		claimed, err := hasOwner(ctx, tx)
		pending = !claimed
		return err
	})
	return pending, err
}

// SetupRequest claims the instance.
type SetupRequest struct {
	Code     string
	User     access.User // the first Owner; roles and groups are ignored
	Password string
}

// Setup makes the first Owner and the first API key, whose secret it gives, in one transaction. It
// works once.
func (c *Control) Setup(ctx context.Context, by access.Actor, s SetupRequest) (key string, err error) {
	r := request{by: by, perm: setUp, name: s.User.Name}
	if err := c.checkSetup(ctx, r, s); err != nil {
		return "", err
	}
	hash, err := c.passwords.Hash(ctx, s.Password)
	if err != nil {
		return "", err
	}
	err = c.act(ctx, r, func(ch *change) error {
		if err := checkCode(ctx, ch.tx, s.Code); err != nil {
			return err
		}
		user := s.User
		user.Groups, user.Disabled, user.Roles = nil, false, []access.Role{access.RoleOwner}
		if err := ch.insertUser(&user, hash); err != nil {
			return err
		}
		var err error
		if key, err = ch.insertKey(&access.Key{Name: "First key of " + user.Name, Roles: []access.Role{access.RoleOwner}}); err != nil {
			return err
		}
		ch.audit(setUp, object{user.Meta, user.Name}, nil, nil)
		return ch.tx.DeleteSecret(ctx, secretSetup)
	})
	if err != nil {
		return "", err
	}
	return key, nil
}

// checkSetup finds out what is wrong before the password is hashed, so that a stranger without the
// code does not make the machine work.
func (c *Control) checkSetup(ctx context.Context, r request, s SetupRequest) error {
	err := c.store.Read(ctx, func(tx *store.Tx) error { return checkCode(ctx, tx, s.Code) })
	if err == nil {
		var p fault.Problems
		p.Check("user", s.User.Validate())
		p.Check("password", identity.CheckPassword(s.Password, s.User.Name))
		if err = p.Err(); err == nil {
			err = c.cfg.Breached.Check(ctx, s.Password)
		}
	}
	if err != nil {
		c.refused(ctx, r, err)
	}
	return err
}

func checkCode(ctx context.Context, tx *store.Tx, code string) error {
	claimed, err := hasOwner(ctx, tx)
	if err != nil {
		return err
	}
	if claimed {
		return fault.New(fault.KindGone, "this service has been set up already")
	}
	want, err := tx.Secret(ctx, secretSetup)
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return err
	}
	if !session.SameHash(want, session.Hash(short(code, 128))) {
		return fault.Unauthenticated("the set-up code is not the one that this service printed last")
	}
	return nil
}
