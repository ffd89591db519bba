package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/store"
)

// directoryFor gives the directory that is to check the password of a name; nil if it is ours to
// check. A user of our own is never asked for elsewhere.
func (c *Control) directoryFor(ctx context.Context, name string, user *access.User) (*client, error) {
	if user.ID != "" && user.Upstream == "" {
		return nil, nil
	}
	var all []access.Upstream
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.AllUpstreams(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var chosen access.ID
	for i := range all {
		u := &all[i]
		if u.Kind != access.UpstreamLDAP || u.Disabled {
			continue
		}
		switch {
		case user.Upstream == u.ID, user.ID == "" && u.ServesName(name):
			return c.upstreamClient(ctx, u.ID)
		case user.ID == "" && len(u.Domains) == 0:
			chosen = u.ID
		}
	}
	if chosen == "" {
		return nil, nil
	}
	return c.upstreamClient(ctx, chosen)
}

// typed is a name and a password that a directory is to check.
type typed struct {
	client  *client
	name    string
	subject string // instead of the name: of somebody who confirms to be who is signed in
	in      Credentials
	guess   *guess
}

// check asks the directory. Who is signed in is asked for by what the directory calls them for ever: their name here
// may be another than the one that they sign in with.
func (t *typed) check(ctx context.Context) (identity.Assertion, error) {
	if t.subject != "" {
		return t.client.directory.Confirm(ctx, t.subject, t.in.Password)
	}
	return t.client.directory.Authenticate(ctx, t.name, t.in.Password)
}

// confirmed gives what its directory calls a user who is signed in and confirms it; nothing in a sign-in.
func confirmed(user *access.User, who *access.Principal) string {
	if who == nil || user.ID != who.User {
		return ""
	}
	return user.Subject
}

// signInElsewhere checks a password at a directory, and goes on with whom it names. Meanwhile it is
// hashed as one of ours would be, so that the time tells little of which names are ours.
func (c *Control) signInElsewhere(ctx context.Context, by access.Actor, t typed) (access.User, Progress, error) {
	started := c.now()
	hashed := make(chan error, 1)
	go func() {
		_, _, err := c.passwords.Check(ctx, "", t.in.Password)
		hashed <- err
	}()
	said, err := t.check(ctx)
	busy := <-hashed
	if ctx.Err() == nil { // else nobody waited for the answer, which says nothing about the directory
		c.heard(&t.client.upstream, err)
	}
	switch {
	case err == nil && busy != nil:
		t.guess.Void(ctx)
		return access.User{}, Progress{}, busy
	case fault.Is(err, fault.KindUnauthenticated):
		return access.User{}, Progress{}, fault.Unauthenticated("the user name or the password is not right").Because(err)
	case err != nil:
		t.guess.Void(ctx)
		return access.User{}, Progress{}, notNow(&t.client.upstream, err)
	}
	t.guess.Succeeded(ctx)
	return c.welcome(ctx, by, arrival{client: t.client, said: said, started: started, in: t.in})
}
