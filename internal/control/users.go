package control

import (
	"context"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/store"
)

// Users lists users and gives the cursor of the next page, empty at the end.
func (c *Control) Users(ctx context.Context, by access.Actor, page access.Page) (list []access.User, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readUser}, func(tx *store.Tx) error {
		if list, next, err = tx.Users(ctx, page); err != nil {
			return err
		}
		return withSignIns(ctx, tx, list)
	})
	return list, next, err
}

// withSignIns adds when the users last signed in.
func withSignIns(ctx context.Context, tx *store.Tx, list []access.User) error {
	ids := make([]access.ID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	last, err := tx.LastSignIns(ctx, ids)
	for i := range list {
		list[i].LastSignIn = last[list[i].ID]
	}
	return err
}

// User gives one user.
func (c *Control) User(ctx context.Context, by access.Actor, id access.ID) (u access.User, err error) {
	err = c.read(ctx, request{by: by, perm: readUser, object: id}, func(tx *store.Tx) error {
		if u, err = tx.User(ctx, id); err != nil {
			return err
		}
		one := []access.User{u}
		err = withSignIns(ctx, tx, one)
		u = one[0]
		return err
	})
	return u, err
}

// CreateUser adds a user. Without a password the user cannot sign in with one.
func (c *Control) CreateUser(ctx context.Context, by access.Actor, u access.User, password string) (access.User, error) {
	u.Groups, u.Factors = nil, nil
	r := request{by: by, perm: createUser, name: u.Name}
	if u.Upstream != "" && password != "" {
		return access.User{}, fault.Invalid("password", "must not be given for a user of an upstream")
	}
	hash, err := c.newPassword(ctx, r, password, u.Name)
	if err != nil {
		return access.User{}, err
	}
	err = c.act(ctx, r, func(ch *change) error {
		if err := gives(ch.by, &u); err != nil {
			return err
		}
		return ch.insertUser(&u, hash)
	})
	return u, err
}

// newPassword checks and hashes a password before the transaction, so that nobody waits for the
// hashing; an empty one stays empty. Whoever may not do r does not make the machine work.
func (c *Control) newPassword(ctx context.Context, r request, password, name string) (hash string, err error) {
	if password == "" {
		return "", nil
	}
	if err = allow(r.by, r.perm); err == nil {
		err = c.checkPassword(ctx, password, name)
	}
	if err != nil {
		c.refused(ctx, r, err)
		return "", err
	}
	return c.passwords.Hash(ctx, password)
}

// checkPassword says what is wrong with a new password, and whether others know it already.
func (c *Control) checkPassword(ctx context.Context, password, name string) error {
	if err := identity.CheckPassword(password, name); err != nil {
		return err
	}
	return c.cfg.Breached.Check(ctx, password)
}

func (ch *change) insertUser(u *access.User, hash string) error {
	u.Meta = ch.fresh(access.PrefixUser)
	if err := u.Validate(); err != nil {
		return err
	}
	if err := ch.linkTo(u); err != nil {
		return err
	}
	if err := ch.tx.InsertUser(ch.ctx, u); err != nil {
		return err
	}
	if hash != "" {
		u.PasswordSet = ch.now
		if err := ch.tx.SetPassword(ch.ctx, u.ID, hash, ch.now); err != nil {
			return err
		}
	}
	ch.audit(createUser, object{u.Meta, u.Name}, nil, *u)
	return nil
}

// UpdateUser changes a user; u.Version is the version that the caller saw. Groups are changed
// through groups. Disabling ends the user's sessions.
func (c *Control) UpdateUser(ctx context.Context, by access.Actor, u access.User) (access.User, error) {
	var out access.User
	err := c.act(ctx, request{by: by, perm: updateUser, object: u.ID, name: u.Name}, func(ch *change) error {
		old, err := ch.tx.User(ctx, u.ID)
		if err != nil {
			return err
		}
		out = u
		out.Created, out.Updated, out.Groups, out.PasswordSet = old.Created, ch.now, old.Groups, old.PasswordSet
		out.Factors, out.UpstreamRefused = old.Factors, old.UpstreamRefused
		if err := out.Validate(); err != nil {
			return err
		}
		if err := touches(ch.by, &old, "this user"); err != nil {
			return err
		}
		if err := gives(ch.by, &out); err != nil {
			return err
		}
		if err := ch.linkTo(&out); err != nil {
			return err
		}
		if err := ch.tx.UpdateUser(ctx, &out); err != nil {
			return err
		}
		if err := ch.linked(&old, &out); err != nil {
			return err
		}
		if err := ch.keepOwner(&old); err != nil {
			return err
		}
		ch.audit(updateUser, object{out.Meta, out.Name}, old, out)
		if out.Disabled && !old.Disabled {
			if err := ch.tx.DeleteLink(ctx, u.ID); err != nil {
				return err
			}
			return ch.endUser(u.ID, access.ReasonUserDisabled)
		}
		return ch.end(access.EndingUser, string(u.ID))
	})
	return out, err
}

// DeleteUser deletes a user and ends the user's sessions.
func (c *Control) DeleteUser(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteUser, object: id}, func(ch *change) error {
		old, err := ch.tx.User(ctx, id)
		if err != nil {
			return err
		}
		if err := touches(ch.by, &old, "this user"); err != nil {
			return err
		}
		if err := ch.endUser(id, access.ReasonRevoked); err != nil {
			return err
		}
		if err := ch.dropDevices(id); err != nil {
			return err
		}
		if err := ch.tx.DeleteUser(ctx, id, version); err != nil {
			return err
		}
		if err := ch.keepOwner(&old); err != nil {
			return err
		}
		ch.audit(deleteUser, object{old.Meta, old.Name}, old, nil)
		return nil
	})
}

// SetPassword gives a user another password and ends the user's sessions.
func (c *Control) SetPassword(ctx context.Context, by access.Actor, id access.ID, password string) error {
	r := request{by: by, perm: setPassword, object: id}
	user, err := c.nameOf(ctx, r)
	if err != nil {
		return err
	}
	if password == "" {
		err = fault.Invalid("password", "must not be empty")
		c.refused(ctx, r, err)
		return err
	}
	hash, err := c.newPassword(ctx, r, password, user)
	if err != nil {
		return err
	}
	err = c.act(ctx, r, func(ch *change) error {
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
		if err := ch.tx.SetPassword(ctx, id, hash, ch.now); err != nil {
			return err
		}
		ch.audit(setPassword, object{u.Meta, u.Name}, nil, nil)
		if err := ch.tx.DeleteLink(ctx, id); err != nil {
			return err
		}
		return ch.endUser(id, access.ReasonPasswordChanged)
	})
	if err == nil {
		c.throttle.Forget(user)
	}
	return err
}

func (c *Control) nameOf(ctx context.Context, r request) (name string, err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		u, err := tx.User(ctx, r.object)
		name = u.Name
		return err
	})
	return name, err
}

// endUser ends all sessions of a user, for one of the reasons of sign-outs.
func (ch *change) endUser(id access.ID, reason string) error {
	if err := ch.c.endAllIn(ch.ctx, ch.tx, id, leaving{ch.by, reason}); err != nil {
		return err
	}
	return ch.end(access.EndingUser, string(id))
}

// keepOwner refuses a change after which nobody could administer the instance any more. old is the
// user before it.
func (ch *change) keepOwner(old *access.User) error {
	if old.Disabled || !slices.Contains(old.Roles, access.RoleOwner) {
		return nil
	}
	left, err := hasOwner(ch.ctx, ch.tx)
	if err != nil {
		return err
	}
	if !left {
		return fault.Conflict("%s is the last enabled Owner; make somebody else an Owner first", old.Name)
	}
	return nil
}

// hasOwner reports whether there is an enabled Owner.
func hasOwner(ctx context.Context, tx *store.Tx) (bool, error) {
	owners, err := tx.UsersWithRole(ctx, access.RoleOwner)
	return len(owners) > 0, err
}
