package control

import (
	"context"
	"net/netip"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/store"
)

// guesses bounds how often something of an account may be guessed. What one address may try is counted
// in each service by itself; what counts against the account is counted in rows where several services share a
// database, so that nobody gets as many tries as there are services.
type guesses struct {
	what  string // is guessed
	local *identity.Throttle
	// user gives the user whose account it is, without an id if there is none: only when somebody is
	// about to be refused.
	user func(ctx context.Context, tx *store.Tx, account string) (access.User, error)
}

// guess is one try under way. It counts as a failure until Succeeded or Void says otherwise.
type guess struct {
	c     *Control
	local *identity.Attempt
	key   string // of the row that counts it; empty where there is none
	of    store.Tries
}

// beginGuess allows a try, or says with KindLimited when to try again.
func (c *Control) beginGuess(ctx context.Context, g guesses, account string, address netip.Addr) (*guess, error) {
	local, err := g.local.Begin(account, address)
	if fault.Is(err, fault.KindLimited) && c.acquaint(ctx, g, account, address) {
		local, err = g.local.Begin(account, address)
	}
	if err != nil {
		return nil, err
	}
	if !c.store.Shared() {
		return &guess{c: c, local: local}, nil
	}
	try, wait, err := c.countGuess(ctx, g, local)
	if err == nil && wait > 0 && c.acquaint(ctx, g, account, address) {
		// A network of the user's own, which this service did not know, has a bound of its own.
		local.Void()
		if local, err = g.local.Begin(account, address); err == nil {
			try, wait, err = c.countGuess(ctx, g, local)
		}
	}
	switch {
	case err != nil:
		if local != nil {
			local.Void()
		}
		return nil, err
	case wait > 0: // it counts here, so that the next ones are refused without asking the database
		return nil, identity.TooMany(wait)
	}
	return try, nil
}

// countGuess counts a try for all services together.
func (c *Control) countGuess(ctx context.Context, g guesses, local *identity.Attempt) (try *guess, wait time.Duration, err error) {
	whose, rate := local.Shared()
	try = &guess{c: c, local: local, key: c.instance.macs.Name("guess", g.what, whose), of: store.Tries(rate)}
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		wait, err = tx.CountTry(ctx, try.key, c.now(), try.of)
		return err
	})
	return try, wait, err
}

// acquaint finds out whether an account's user has signed in from an address's network before, as
// sessions and the sign-in log tell: whoever guesses elsewhere must not lock the user out. It reports whether
// that is news. How often a network may have that asked is bounded.
func (c *Control) acquaint(ctx context.Context, g guesses, account string, address netip.Addr) bool {
	if g.local.Knows(account, address) {
		return false
	}
	if _, err := c.acquaintances.Begin(address.String(), address); err != nil {
		return false
	}
	var found []string
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		user, err := g.user(ctx, tx, account)
		if err != nil {
			return err
		}
		found, err = tx.AddressesOf(ctx, user.ID, user.PasswordSet)
		return err
	})
	if err != nil {
		c.log.Warn("find out from where a user signed in before", "error", cause(err))
		return false
	}
	for _, each := range found {
		if a := addressOf(access.Actor{Address: each}); a.IsValid() {
			g.local.Acquaint(account, a)
		}
	}
	return g.local.Knows(account, address)
}

// Succeeded says that the try was right.
func (g *guess) Succeeded(ctx context.Context) {
	g.local.Succeeded()
	g.forgive(ctx)
}

// Void says that nothing was found out.
func (g *guess) Void(ctx context.Context) {
	g.local.Void()
	g.forgive(ctx)
}

func (g *guess) forgive(ctx context.Context) {
	if g.key == "" {
		return
	}
	err := g.c.write(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error { return tx.ForgiveTry(ctx, g.key, g.of) })
	if err != nil {
		g.c.log.Warn("take back a try that was no failure", "error", cause(err))
	}
}

// passwordGuesses are those of passwords, by the name that is typed, whether somebody has it or not.
func (c *Control) passwordGuesses() guesses {
	return guesses{"password", c.throttle, func(ctx context.Context, tx *store.Tx, name string) (user access.User, err error) {
		if access.CheckSignInName(name) == nil {
			user, err = tx.UserByName(ctx, name)
		}
		return user, orElse(err, fault.KindNotFound, nil)
	}}
}

func (c *Control) factorGuesses() guesses { return guesses{"factor", c.second, userOfID} }

func (c *Control) deviceGuesses() guesses { return guesses{"device code", c.devices, userOfID} }

func userOfID(ctx context.Context, tx *store.Tx, id string) (access.User, error) {
	user, err := tx.User(ctx, access.ID(id))
	return user, orElse(err, fault.KindNotFound, nil)
}
