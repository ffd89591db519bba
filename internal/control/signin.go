package control

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
)

// Credentials are what the form brings with which somebody signs in or confirms it.
type Credentials struct {
	Name      string
	Password  string
	UserAgent string
	Binding   string            // the secret of the cookie that binds the steps to the browser
	Who       *access.Principal // who is signed in and confirms it; nil in a sign-in
	Need      access.Strength   // with Who: that their session is to prove this much from now on
}

// Progress is where a sign-in stands: at its end, with a cookie, or before another step.
type Progress struct {
	Who           access.Principal
	Cookie        string     // of the new session
	Confirmed     string     // instead, for who confirmed being signed in: see Own
	RecoveryCodes []string   // shown this once
	Next          *Challenge // instead of all: what to ask now
	Proof         *Proof     // instead: what came of asking an upstream once more about who is signed in
}

// SignIn checks a password and gives a new portal session, or what to ask next. What is said of a
// wrong password, an unknown name and a disabled user is the same, and takes as long.
func (c *Control) SignIn(ctx context.Context, by access.Actor, in Credentials) (p Progress, err error) {
	name := strings.ToLower(strings.TrimSpace(in.Name))
	if in.Who != nil {
		name = in.Who.Name
	}
	tried := attempt(access.EventSignIn, by, in.UserAgent)
	if in.Who != nil {
		tried.Event, tried.Session = access.EventConfirm, in.Who.Session
	}
	defer func() { c.tried(ctx, tried, p, err) }()
	guess, err := c.beginGuess(ctx, c.passwordGuesses(), short(name, 64), addressOf(by))
	if err != nil {
		return p, err
	}
	started := c.now()
	user, hash, err := c.passwordOf(ctx, name)
	if err != nil {
		guess.Void(ctx)
		return p, err
	}
	// A name that nobody has is not recorded: people type their password there by mistake.
	tried = of(tried, &user)
	if elsewhere, err := c.directoryFor(ctx, name, &user); err != nil || elsewhere != nil {
		if err != nil {
			guess.Void(ctx)
			return p, err
		}
		tried.Upstream, tried.UpstreamName = elsewhere.upstream.ID, elsewhere.upstream.Name
		user, p, err = c.signInElsewhere(ctx, by, typed{elsewhere, name, confirmed(&user, in.Who), in, guess})
		if user.ID != "" {
			tried = of(tried, &user)
		}
		return p, err
	}
	good, stale, err := c.passwords.Check(ctx, hash, in.Password)
	if err != nil {
		guess.Void(ctx)
		return p, err
	}
	if !good || user.Disabled || in.Who != nil && in.Who.User != user.ID {
		tried.Reason = whyNot(&user, good, in.Who)
		return p, fault.Unauthenticated("the user name or the password is not right")
	}
	guess.Succeeded(ctx)
	tried.Methods = []string{access.MethodPassword}
	if stale {
		c.rehash(ctx, user, hash, in.Password)
	}
	step := session.Step{ID: session.Secret(), User: user.ID, Methods: []string{access.MethodPassword}, Started: started, PasswordSet: user.PasswordSet}
	if in.Who != nil {
		step.Session, step.Need = in.Who.Session, in.Need
	}
	return c.afterPassword(ctx, by, in, passed{user: user, step: step})
}

// whyNot says what was wrong with a password, to the administrator alone.
func whyNot(user *access.User, good bool, who *access.Principal) string {
	switch {
	case user.ID == "":
		return access.ReasonUnknownUser
	case !good:
		return access.ReasonWrongPassword
	case user.Disabled:
		return access.ReasonUserDisabled
	case who != nil && who.User != user.ID:
		return access.ReasonOtherUser
	}
	return access.ReasonOther
}

// passed is somebody whose password was right.
type passed struct {
	user  access.User
	step  session.Step
	proof *store.UpstreamSession // what an upstream gave just now, which is not stored yet
}

// afterPassword goes on to the second factor, to enrolling one, or to the end.
func (c *Control) afterPassword(ctx context.Context, by access.Actor, in Credentials, p passed) (Progress, error) {
	switch {
	case len(p.user.Factors) > 0:
		p.step.Kind = session.StepSecond
		return c.next(ctx, p.step, in.Binding)
	case in.Who != nil && in.Need == "":
		return c.confirm(*in.Who, p.step, in.Binding)
	case in.Need != "" && in.Need != access.SingleFactor:
		p.step.Kind = session.StepEnrol
		return c.next(ctx, p.step, in.Binding)
	case in.Who != nil:
		return c.raiseNow(ctx, by, p)
	case c.needsSecond(&p.user):
		p.step.Kind = session.StepEnrol
		return c.next(ctx, p.step, in.Binding)
	}
	row, secret := c.newSession(by, p.step, in.UserAgent)
	if err := c.insertSignIn(ctx, by, p.user, row); err != nil {
		return Progress{}, err
	}
	return c.signedIn(&p.user, &row, secret), nil
}

// needsSecond reports whether a user is let in only with a second factor.
func (c *Control) needsSecond(user *access.User) bool {
	return user.RequireSecondFactor || c.cfg.Settings.RequireSecondFactor
}

// newSession makes the row of a session for who has passed all steps.
func (c *Control) newSession(by access.Actor, step session.Step, userAgent string) (row access.Session, secret string) {
	secret = session.Secret()
	return access.Session{
		ID: access.NewID(access.PrefixSession, c.now()), Kind: access.SessionPortal, User: step.User, Hash: session.Hash(secret),
		Address: by.Address, UserAgent: short(strings.ToValidUTF8(userAgent, ""), 256), Methods: step.Methods,
		Authenticated: step.Started, Created: step.Started, LastUsed: c.now(), Expires: step.Started.Add(c.cfg.Settings.SessionLife),
	}, secret
}

func (c *Control) signedIn(user *access.User, row *access.Session, secret string) Progress {
	return Progress{Who: principal(user, row), Cookie: c.instance.macs.Cookie(session.Of(row), row.ID, secret)}
}

// addressOf gives the actor's network address without its port.
func addressOf(by access.Actor) netip.Addr {
	host := by.Address
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return address
}

// passwordOf gives a user and the password's hash, both empty for a name that nobody has.
func (c *Control) passwordOf(ctx context.Context, name string) (user access.User, hash string, err error) {
	if access.CheckSignInName(name) != nil {
		return user, "", nil
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		if user, err = tx.UserByName(ctx, name); err != nil {
			return err
		}
		hash, err = tx.Password(ctx, user.ID)
		return err
	})
	return user, hash, orElse(err, fault.KindNotFound, nil)
}

// insertSignIn stores the session and its trace in the sign-in log.
func (c *Control) insertSignIn(ctx context.Context, by access.Actor, user access.User, row access.Session) error {
	return c.store.Write(ctx, func(tx *store.Tx) error { return c.writeSignIn(ctx, tx, by, signedIn{user: user, row: row}) })
}

// signedIn is a user with a new session.
type signedIn struct {
	user     access.User
	row      access.Session
	upstream access.ID // that vouches for who it is, if one does
}

func (c *Control) writeSignIn(ctx context.Context, tx *store.Tx, by access.Actor, s signedIn) error {
	if err := holdAsBegun(ctx, tx, &s.user, s.upstream); err != nil {
		return err
	}
	if err := tx.InsertSession(ctx, &s.row); err != nil {
		return err
	}
	if err := c.signedInGlass(ctx, tx, by, s); err != nil {
		return err
	}
	entry := of(attempt(access.EventSignIn, by, s.row.UserAgent), &s.user)
	entry.Result, entry.Session, entry.Methods = access.ResultSuccess, s.row.ID, s.row.Methods
	if s.upstream != "" {
		u, err := tx.Upstream(ctx, s.upstream)
		if orElse(err, fault.KindNotFound, nil) != nil {
			return err
		}
		entry.Upstream, entry.UpstreamName = s.upstream, u.Name
	}
	c.signIns.complete(&entry)
	return tx.InsertSignIns(ctx, []access.SignInEntry{entry})
}

// holdAsBegun keeps a user as they are until the transaction is over, and refuses a sign-in that began when they signed in otherwise. The
// time alone does not tell: a change that was under way has the time of its beginning. Who was refused since by the upstream that vouches is
// not let in either.
func holdAsBegun(ctx context.Context, tx *store.Tx, began *access.User, vouches access.ID) error {
	if err := tx.HoldUser(ctx, began.ID); err != nil {
		return err
	}
	now, err := tx.User(ctx, began.ID)
	if err != nil {
		return orElse(err, fault.KindNotFound, errBegin)
	}
	if vouches != "" && !now.UpstreamRefused.IsZero() {
		return errBegin
	}
	if now.Disabled || !now.PasswordSet.Equal(began.PasswordSet) || now.Upstream != began.Upstream || now.Subject != began.Subject {
		return errBegin
	}
	return nil
}

// rehash stores the password at today's cost. It stays the same password, so no session ends.
func (c *Control) rehash(ctx context.Context, user access.User, old, password string) {
	hash, err := c.passwords.Hash(ctx, password)
	if err == nil {
		err = c.store.Write(ctx, func(tx *store.Tx) error { return tx.Rehash(ctx, user.ID, old, hash) })
	}
	if err != nil {
		c.log.Warn("store a password at the present cost", "user", user.ID, "error", cause(err))
	}
}

func principal(user *access.User, row *access.Session) access.Principal {
	return access.Principal{
		User: user.ID, Name: user.Name, DisplayName: user.DisplayName, Email: user.Email,
		Groups: user.Groups, Roles: user.Roles, Session: row.ID, Authenticated: row.Authenticated,
		Methods: row.Methods, BreakGlass: user.BreakGlass,
	}
}

// PortalSession gives who is signed in at the portal with the cookie.
func (c *Control) PortalSession(ctx context.Context, cookie string) (access.Principal, error) {
	entry, err := c.sessions.Find(ctx, session.Scope{Kind: access.SessionPortal}, cookie)
	return entry.Principal, err
}

// SignOut ends a portal session of the actor's own and all its children.
func (c *Control) SignOut(ctx context.Context, by access.Actor, id access.ID) error {
	return c.endSession(ctx, by, id)
}

// endSession ends a session of the actor's own with its children. One that is over already is no error.
func (c *Control) endSession(ctx context.Context, by access.Actor, id access.ID) error {
	err := c.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.HoldEndings(ctx); err != nil {
			return err
		}
		row, err := tx.SessionByID(ctx, id)
		if err != nil {
			return orElse(err, fault.KindNotFound, nil)
		}
		if row.User != by.ID {
			return fault.Forbidden("this is somebody else's session")
		}
		if row.Parent != "" {
			id = row.Parent
		}
		_, err = c.endIn(ctx, tx, id, leaving{by, access.ReasonSignedOut})
		return err
	})
	if err == nil {
		c.sessions.Ended(access.Ending{Kind: access.EndingSession, ID: string(id)}) // here at once, elsewhere when told
		c.announce()
	}
	return err
}

// lookUpSession reads a session and who that is now. A session is over when its parent or its user
// is gone, when the user is disabled, when the password is newer than the sign-in, or when a second
// factor is asked of the user that was not shown; so nothing that races with a sign-in can leave one behind that should not be.
func (c *Control) lookUpSession(ctx context.Context, id access.ID) (session.Entry, error) {
	over := fault.Unauthenticated("you are not signed in any more")
	var entry session.Entry
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		row, err := tx.SessionByID(ctx, id)
		if err != nil {
			return err
		}
		if row.Parent != "" {
			parent, err := tx.SessionByID(ctx, row.Parent)
			if err != nil {
				return err
			}
			// What was proven at the portal counts for all that came of it, also when it was proven later.
			row.Authenticated, row.Methods = parent.Authenticated, parent.Methods
		}
		user, err := tx.User(ctx, row.User)
		if err != nil {
			return err
		}
		if user.Disabled || row.Authenticated.Before(user.PasswordSet) || c.needsSecond(&user) && !access.Strong(row.Methods) {
			return over
		}
		if off, err := upstreamOff(ctx, tx, &user); err != nil || off {
			return cmpErr(err, over)
		}
		// Sessions in the browser end one by one when they are asked about; a program's cannot be asked about alone.
		if row.Kind == access.SessionProgram && user.Upstream != "" && !user.UpstreamRefused.IsZero() {
			return over
		}
		// All groups, those around others included: what decisions are made on.
		if user.Groups, err = tx.Memberships(ctx, user.ID); err != nil {
			return err
		}
		entry = session.Entry{Session: row, Principal: principal(&user, &row)}
		if row.Device != "" {
			if entry.Device, err = boundTo(ctx, tx, &row); err != nil {
				return err
			}
		}
		if user.Upstream == "" {
			return nil
		}
		return untilProof(ctx, tx, &entry)
	})
	switch {
	case err == nil:
		// After a restart the sessions tell which networks are their users' own.
		if address, err := netip.ParseAddr(entry.Session.Address); err == nil {
			c.throttle.Know(entry.Principal.Name, address)
		}
		return entry, nil
	case fault.Is(err, fault.KindNotFound), fault.Is(err, fault.KindUnauthenticated):
		return entry, over
	}
	// Whatever is wrong with the database, it says nothing about the cookie: never send a browser to
	// sign in for that.
	return entry, fault.Unavailable("sign-ins cannot be checked at this moment; please try again soon").After(sessionAgain).Because(err)
}

// sessionAgain is when to show a cookie again that could not be looked up.
const sessionAgain = 5 * time.Second
