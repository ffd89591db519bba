package control

import (
	"context"
	"crypto/sha256"
	"maps"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
)

// AccessKeys lists access keys and gives the cursor of the next page, empty at the end.
func (c *Control) AccessKeys(ctx context.Context, by access.Actor, page access.Page) (list []access.AccessKey, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readAccessKey}, func(tx *store.Tx) error {
		list, next, err = tx.AccessKeys(ctx, c.timed(page))
		return err
	})
	return list, next, err
}

// AccessKey gives one access key.
func (c *Control) AccessKey(ctx context.Context, by access.Actor, id access.ID) (k access.AccessKey, err error) {
	err = c.read(ctx, request{by: by, perm: readAccessKey, object: id}, func(tx *store.Tx) error {
		k, err = tx.AccessKey(ctx, id)
		return err
	})
	return k, err
}

// DeleteAccessKey ends an access key of any user; what it has open is cut.
func (c *Control) DeleteAccessKey(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteAccessKey, object: id}, func(ch *change) error {
		old, err := ch.tx.AccessKey(ctx, id)
		if err != nil {
			return err
		}
		u, err := ch.tx.User(ctx, old.User)
		if err != nil {
			return err
		}
		if err := outranks(ch.by, u.Roles, "the key's user"); err != nil {
			return err
		}
		return ch.deleteAccessKey(deleteAccessKey, &old, version)
	})
}

func (ch *change) deleteAccessKey(perm permission, old *access.AccessKey, version int64) error {
	if err := ch.tx.DeleteAccessKey(ch.ctx, old.ID, version); err != nil {
		return err
	}
	ch.audit(perm, object{old.Meta, old.Name}, old, nil)
	return ch.end(access.EndingSession, string(old.ID)) // gateways know it under its own id
}

// OwnAccessKeys gives somebody's own access keys, and the applications for which they may make some.
func (c *Control) OwnAccessKeys(ctx context.Context, who access.Principal) (list []access.AccessKey, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		list, _, err = tx.AccessKeys(ctx, access.Page{Limit: access.MaxAccessKeys, Only: map[string]string{"user": string(who.User)}})
		return err
	})
	return list, err
}

// CreateAccessKey makes an access key for somebody's own programs and gives its secret, which is shown
// once and kept nowhere. It asks for a second factor as a sign-in does, since the key works without.
func (c *Control) CreateAccessKey(ctx context.Context, by access.Actor, own Own, k access.AccessKey) (made access.AccessKey, secret string, err error) {
	secret = access.AccessKeyPrefix + session.Secret()
	err = c.actOwn(ctx, by, own, ownChange{createAccessKey, func(ch *change, user *access.User) error {
		app, err := ch.tx.Application(ctx, k.Application)
		if fault.Is(err, fault.KindNotFound) || err == nil && !app.AccessKeys {
			return fault.Invalid("application", "takes no access keys")
		}
		if err != nil {
			return err
		}
		mine, _, err := ch.tx.AccessKeys(ctx, access.Page{Limit: access.MaxAccessKeys, Only: map[string]string{"user": string(user.ID)}})
		if err != nil {
			return err
		}
		if len(mine) >= access.MaxAccessKeys {
			return fault.Conflict("you have %d access keys already; delete one first", len(mine))
		}
		made = k
		made.Meta, made.User, made.LastUsed = ch.fresh(access.PrefixAccessKey), user.ID, time.Time{}
		made.Methods, made.Hash = own.Who.Methods, session.Hash(secret)
		if made.Expires.IsZero() {
			made.Expires = ch.now.Add(access.AccessKeyLife)
		}
		made.Expires = made.Expires.UTC().Truncate(time.Microsecond)
		if err := made.Validate(ch.now); err != nil {
			return err
		}
		ch.audit(createAccessKey, object{made.Meta, made.Name}, nil, made)
		return ch.tx.InsertAccessKey(ctx, &made)
	}})
	if err != nil {
		return access.AccessKey{}, "", err
	}
	return made, secret, nil
}

// DeleteOwnAccessKey ends one of somebody's own access keys. It needs no confirmation: it only takes away.
func (c *Control) DeleteOwnAccessKey(ctx context.Context, by access.Actor, who access.Principal, id access.ID) error {
	by.Kind, by.ID, by.Name = access.ActorUser, who.User, who.Name
	return c.act(ctx, request{by: by, perm: dropAccessKey, object: id}, func(ch *change) error {
		old, err := ch.tx.AccessKey(ctx, id)
		if err == nil && old.User != who.User {
			err = fault.NotFound("there is no such access key")
		}
		if err != nil {
			return err
		}
		return ch.deleteAccessKey(dropAccessKey, &old, 0)
	})
}

var errCredential = fault.Unauthenticated("the credential is not good: unknown, ended or for another application")

// Credential gives who shows an access token or an access key at an application, and until when that
// is good.
func (c *Control) Credential(ctx context.Context, in access.Credential) (access.Principal, time.Time, error) {
	app, authority, err := c.externalHost(in.Application, in.Host)
	if err != nil || authority != in.Host {
		return access.Principal{}, time.Time{}, errCredential
	}
	if strings.HasPrefix(in.Secret, access.AccessKeyPrefix) {
		return c.accessKey(ctx, app, in)
	}
	entry, shown, err := c.bearer(ctx, in.Secret, in.At)
	if err != nil {
		return access.Principal{}, time.Time{}, err
	}
	if e := app.External(); shown.Application != app.ID || shown.Audience != e.Origin()+e.Path {
		err := fault.Unauthenticated("the token is for %s", shown.Audience)
		tried := keyShown(app, in)
		tried.User, tried.UserName, tried.Session = entry.Principal.User, entry.Principal.Name, shown.Session
		tried.Client, tried.Reason = shown.Client, access.ReasonWrongAudience
		c.shown(ctx, tried, err)
		return access.Principal{}, time.Time{}, err
	}
	return entry.Principal, time.Unix(shown.Expires, 0), nil
}

// accessKey gives who shows an access key. It counts as one factor, proven when it was made. Guesses
// are bounded, though a key cannot be guessed: each costs a look-up.
func (c *Control) accessKey(ctx context.Context, app *access.Application, in access.Credential) (access.Principal, time.Time, error) {
	none := func(err error) (access.Principal, time.Time, error) { return access.Principal{}, time.Time{}, err }
	if len(in.Secret) != len(access.AccessKeyPrefix)+43 || !app.AccessKeys {
		return none(errCredential)
	}
	hash := session.Hash(in.Secret)
	void := func() {}
	if !c.accessKeysGood.has(hash, c.now()) { // nobody locks out their neighbours
		attempt, err := c.accessKeys.Begin(in.Address, addressOf(access.Actor{Address: in.Address}))
		if err != nil {
			return none(err)
		}
		void = attempt.Void
	}
	var k access.AccessKey
	var user access.User
	var off bool
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		if k, err = tx.AccessKeyByHash(ctx, hash); err != nil {
			return err
		}
		if user, err = tx.User(ctx, k.User); err != nil {
			return err
		}
		if off, err = disowned(ctx, tx, &user); err != nil {
			return err
		}
		user.Groups, err = tx.Memberships(ctx, user.ID)
		return err
	})
	now := c.now()
	switch {
	case fault.Is(err, fault.KindNotFound):
		tried := keyShown(app, in)
		tried.Reason = access.ReasonWrongKey
		c.shown(ctx, tried, errCredential)
		return none(errCredential)
	case err != nil:
		void()
		return none(fault.Unavailable("access keys cannot be checked at this moment; please try again soon").After(sessionAgain).Because(err))
	}
	void() // whoever has a key of anything is not guessing
	tried := of(keyShown(app, in), &user)
	tried.Session, tried.Client, tried.Methods = k.ID, string(k.ID), []string{access.MethodAccessKey}
	if tried.Reason = c.keyRefusal(&k, &user, app.ID); tried.Reason == "" && off {
		tried.Reason = access.ReasonUpstreamDenied
	}
	if tried.Reason != "" || !session.SameHash(k.Hash, hash) {
		c.shown(ctx, tried, errCredential)
		return none(errCredential)
	}
	c.shown(ctx, tried, nil)
	c.accessKeysUsed.note(k.ID, now)
	c.keyUsers.note(&user)
	c.accessKeysGood.add(hash, now)
	who := principal(&user, &access.Session{ID: k.ID, Authenticated: k.Created, Methods: []string{access.MethodAccessKey}})
	who.BreakGlass = false // that is for a person whose sign-in everybody hears of
	return who, k.Expires, nil
}

// keyShown begins the entry of a key or token that was shown at an application.
func keyShown(app *access.Application, in access.Credential) access.SignInEntry {
	e := attempt(access.EventKey, access.Actor{Address: in.Address, Request: in.Request}, in.UserAgent)
	e.Application, e.ApplicationName = app.ID, app.Name
	return e
}

// keyRefusal says why an access key is not good, or nothing.
func (c *Control) keyRefusal(k *access.AccessKey, user *access.User, app access.ID) string {
	switch {
	case k.Application != app:
		return access.ReasonKeyElsewhere
	case user.Disabled:
		return access.ReasonUserDisabled
	case expired(k.Expires, c.now()), k.Created.Before(user.PasswordSet):
		// A key from before the password was set may be the work of who knew the old one.
		return access.ReasonKeyExpired
	case c.needsSecond(user) && !access.Strong(k.Methods):
		return access.ReasonEnrolFactor
	}
	return ""
}

// accessKeyThrottle gives the bounds on wrong access keys: on look-ups, not on guesses.
func accessKeyThrottle(cfg identity.ThrottleConfig) identity.ThrottleConfig {
	rate := identity.Rate{Burst: 50, Every: time.Second}
	cfg.Pair, cfg.Network, cfg.Account = rate, rate, rate
	return cfg
}

// goodKeys remembers the hashes of access keys that were good a moment ago, in bounded memory.
type goodKeys struct {
	mu    sync.Mutex // guards until
	until map[[sha256.Size]byte]time.Time
}

const (
	goodKeysKept = 4096
	goodKeysFor  = 10 * time.Minute
)

func (g *goodKeys) has(hash []byte, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until[[sha256.Size]byte(hash)].After(now)
}

func (g *goodKeys) add(hash []byte, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until == nil {
		g.until = map[[sha256.Size]byte]time.Time{}
	}
	if len(g.until) >= goodKeysKept {
		maps.DeleteFunc(g.until, func(_ [sha256.Size]byte, until time.Time) bool { return until.Before(now) })
	}
	if len(g.until) < goodKeysKept {
		g.until[[sha256.Size]byte(hash)] = now.Add(goodKeysFor)
	}
}
