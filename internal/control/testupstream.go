package control

import (
	"context"
	"slices"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/store"
)

// UpstreamTest is somebody of whom an administrator wants to know what would become of them.
type UpstreamTest struct {
	Said access.Statement
	User string // instead: whom to ask the directory about
}

// UpstreamTested is what would become of somebody.
type UpstreamTested struct {
	Refusal error // why they would not be let in; nil if they would
	Subject string
	Mapped  access.Mapped
	Groups  []string    // names of ours
	User    access.User // here; without an id if one would be made
	Said    access.Statement
}

// checkWithin is how long an administrator waits for an upstream.
const checkWithin = 20 * time.Second

// TestUpstream says what would become of somebody, and changes nothing.
func (c *Control) TestUpstream(ctx context.Context, by access.Actor, id access.ID, t UpstreamTest) (out UpstreamTested, err error) {
	u, secret, err := c.underTest(ctx, by, id)
	if err != nil {
		return out, err
	}
	return c.foretell(ctx, t, asked{&u, func() (*client, error) { return c.providers.client(u, secret) }, func(err error) { c.heard(&u, err) }})
}

// asked is an upstream that is asked about somebody.
type asked struct {
	upstream *access.Upstream
	dial     func() (*client, error)
	heard    func(error) // is told how it answered
}

func (c *Control) foretell(ctx context.Context, t UpstreamTest, of asked) (out UpstreamTested, err error) {
	u := of.upstream
	if out.Said = t.Said; t.User != "" {
		if u.Kind != access.UpstreamLDAP {
			return out, fault.Invalid("user", "can only be asked of an upstream of kind %q; give claims", access.UpstreamLDAP)
		}
		if len(t.Said.Claims) > 0 {
			return out, fault.Invalid("user", "must not be given together with claims")
		}
		client, err := of.dial()
		if err != nil {
			return out, err
		}
		within, cancel := context.WithTimeout(ctx, checkWithin)
		defer cancel()
		said, err := client.directory.LookUp(within, t.User)
		of.heard(err)
		if err != nil {
			return out, notNow(u, err)
		}
		out.Subject, out.Said = said.Subject, access.Statement{Claims: said.Claims, Groups: said.Groups}
	} else if out.Said, err = stated(u, t.Said); err != nil {
		return out, err
	}
	out.Mapped, out.Refusal = u.Mapping.Map(u.Kind, out.Said)
	if out.Refusal != nil {
		return out, nil
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		f, err := findFederated(ctx, tx, u, out.Subject, out.Mapped)
		if err != nil {
			return err
		}
		names, err := tx.GroupNames(ctx)
		out.Groups = nil
		for _, g := range f.want {
			out.Groups = append(out.Groups, names[g])
		}
		slices.Sort(out.Groups)
		out.User, out.Refusal = f.user, f.refusal()
		return err
	})
	return out, err
}

// stated bounds what an administrator says that an upstream says, as what upstreams say is bounded.
func stated(u *access.Upstream, said access.Statement) (access.Statement, error) {
	if said.Groups == nil && u.OIDC != nil {
		name := u.OIDC.GroupsClaim
		if name == "" {
			name = "groups"
		}
		switch v := said.Claims[name].(type) {
		case string:
			said.Groups = []string{v}
		case []string:
			said.Groups = v
		}
	}
	a := identity.Assertion{Issuer: "test", Subject: "test", Claims: said.Claims, Groups: said.Groups}
	if err := a.Check(); err != nil {
		return said, fault.Invalid("claims", "are not what an upstream could say: %s", err)
	}
	return said, nil
}

// CheckUpstream asks an upstream whether it can be used, and says in a sentence why not.
func (c *Control) CheckUpstream(ctx context.Context, by access.Actor, id access.ID) (problem error, err error) {
	u, secret, err := c.underTest(ctx, by, id)
	if err != nil {
		return nil, err
	}
	client, problem := c.providers.client(u, secret)
	if problem != nil {
		return problem, nil
	}
	within, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	problem = client.check(within)
	c.heard(&u, problem)
	return problem, nil
}

// underTest gives an upstream, disabled or not, and its secret.
func (c *Control) underTest(ctx context.Context, by access.Actor, id access.ID) (u access.Upstream, secret []byte, err error) {
	err = c.read(ctx, request{by: by, perm: testUpstream, object: id}, func(tx *store.Tx) error {
		if u, err = tx.Upstream(ctx, id); err != nil {
			return err
		}
		secret, err = tx.UpstreamSecret(ctx, id)
		return err
	})
	return u, secret, err
}

// UpstreamTry is an upstream that is not stored as it is here.
type UpstreamTry struct {
	Upstream access.Upstream // with the id of the stored one that it would change, if it would
	Secret   []byte          // nil: that of the stored one
	Test     *UpstreamTest   // optional
}

// TryUpstream checks an upstream as it would be, asks it whether it can be used, and says what would become of somebody.
// Nothing is stored.
func (c *Control) TryUpstream(ctx context.Context, by access.Actor, t UpstreamTry) (problem error, out *UpstreamTested, err error) {
	u := &t.Upstream
	if err := c.readyToTry(ctx, by, &t); err != nil {
		return nil, nil, err
	}
	made, problem := c.dialUpstream(*u, t.Secret)
	if problem != nil {
		return problem, nil, nil
	}
	defer made.close()
	within, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	if problem = made.check(within); t.Test == nil {
		return problem, nil, nil
	}
	tested, err := c.foretell(ctx, *t.Test, asked{u, func() (*client, error) { return made, nil }, func(error) {}})
	if err != nil && problem != nil && t.Test.User != "" { // it cannot be asked, and that was said
		return problem, nil, nil
	}
	return problem, &tested, err
}

// readyToTry holds an upstream against what a stored one must be, and finds its secret: a stored one is not shown to other servers.
func (c *Control) readyToTry(ctx context.Context, by access.Actor, t *UpstreamTry) error {
	u := &t.Upstream
	return c.read(ctx, request{by: by, perm: testUpstream, object: u.ID, name: u.Name}, func(tx *store.Tx) error {
		if u.ID == "" {
			u.Meta = access.Meta{ID: access.NewID(access.PrefixUpstream, c.now()), Version: 1, Created: c.now(), Updated: c.now()}
		} else {
			old, err := tx.Upstream(ctx, u.ID)
			if err != nil {
				return err
			}
			if u.Kind != old.Kind {
				return fault.Invalid("kind", "cannot be changed; make another upstream")
			}
			u.Meta, u.HasSecret = old.Meta, old.HasSecret
			if t.Secret == nil && old.HasSecret {
				if sentElsewhere(&old, u) {
					return fault.Invalid("secret", "must be given: the one that is stored is not shown to another server")
				}
				if t.Secret, err = tx.UpstreamSecret(ctx, u.ID); err != nil {
					return err
				}
			}
		}
		if err := checkSecret(u, t.Secret); err != nil {
			return err
		}
		return checkUpstreamIn(ctx, tx, u)
	})
}
