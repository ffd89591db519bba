package control

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
)

// GrantDevice is the grant type of programs without a browser (RFC 8628, section 3.4).
const GrantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// TokenRequest is what a program shows to get tokens.
type TokenRequest struct {
	Type      string // "authorization_code", "refresh_token" or GrantDevice
	Client    string
	Code      string // of the first
	Redirect  string
	Verifier  string
	Refresh   string // of the second
	Device    string // of the third
	Resource  string
	UserAgent string
}

// Tokens are what it gets.
type Tokens struct {
	Access  string
	Expires time.Duration
	Refresh string
	Scope   string
	ID      string // a token that says who it is, if that was asked for (OpenID Connect)
}

// granted is what a token request has proven.
type granted struct {
	session access.ID
	refresh string
	scope   string
	nonce   string
	limit   string // the only resource; empty for all that the client may use
}

// ProgramTokens answers a program's token request. An error with an OAuthCode is told so.
func (c *Control) ProgramTokens(ctx context.Context, by access.Actor, in TokenRequest) (t Tokens, err error) {
	a := &asking{TokenRequest: in, by: by, tried: attempt(access.EventSignIn, by, in.UserAgent)}
	defer func() { c.noteAsked(ctx, a, err) }()
	if a.client, err = c.oauthClient(in.Client); err != nil {
		a.tried.Reason = access.ReasonInvalid
		return t, fault.Unauthenticated("%s", err).Because(OAuthCode("invalid_client"))
	}
	a.tried.Client, a.tried.Application = a.client.id, a.client.only
	var got granted
	switch in.Type {
	case "authorization_code":
		got, err = c.grantCode(ctx, a)
	case "refresh_token":
		a.tried.Event = access.EventRefresh
		got, err = c.grantRefresh(ctx, a)
	case GrantDevice:
		got, err = c.grantDevice(ctx, a)
	default:
		err = oauthError("unsupported_grant_type", "grant_type must be authorization_code, refresh_token or %s", GrantDevice)
	}
	if err != nil {
		return t, err
	}
	return c.tokens(ctx, a, got)
}

// asking is a program's token request under way.
type asking struct {
	TokenRequest
	by     access.Actor
	client oauthClient
	tried  access.SignInEntry // what is known for the sign-in log
}

// noteAsked notes what came of a token request. That a program signed in is written with its session, and
// that a person refused it when they did.
func (c *Control) noteAsked(ctx context.Context, a *asking, err error) {
	switch {
	case waits(err), codeOf(err) == "access_denied":
	case a.tried.Event == access.EventRefresh:
		c.shown(ctx, a.tried, err)
	case err != nil:
		c.turnedAway(ctx, a.tried, err)
	}
}

// waits reports whether an error only says that somebody has not answered yet.
func waits(err error) bool {
	return codeOf(err) == "authorization_pending" || codeOf(err) == "slow_down"
}

func errGrant(format string, args ...any) error { return oauthError("invalid_grant", format, args...) }

// tokens makes the tokens of a session that is still good.
func (c *Control) tokens(ctx context.Context, a *asking, got granted) (t Tokens, err error) {
	who, resource := a.client, a.Resource
	if resource == "" {
		resource = got.limit
	}
	target, err := c.within(who, resource, got.limit)
	if err != nil {
		return t, err
	}
	entry, err := c.sessions.Known(ctx, got.session)
	if err != nil {
		a.tried.Reason = access.ReasonSessionOver
		return t, orElse(err, fault.KindUnauthenticated, errGrant("the sign-in of this program is over; sign in again"))
	}
	a.tried.User, a.tried.UserName, a.tried.Session = entry.Principal.User, entry.Principal.Name, got.session
	a.tried.Methods, a.tried.Application = entry.Session.Methods, target.app
	now := c.now()
	expires := now.Add(accessLife)
	if entry.Session.Expires.Before(expires) {
		expires = entry.Session.Expires
	}
	t = Tokens{Expires: expires.Sub(now), Refresh: got.refresh, Scope: got.scope}
	t.Access, err = c.instance.macs.AccessText(session.AccessToken{
		Session: got.session, Client: who.id, Audience: target.url, Application: target.app, Expires: expires.Unix(),
	})
	if err == nil && strings.Contains(got.scope, "openid") {
		t.ID, err = c.idToken(entry, who, got.nonce)
	}
	return t, err
}

// within finds the audience of a resource inside the only one that was granted, if any.
func (c *Control) within(who oauthClient, resource, limit string) (audience, error) {
	target, err := c.audience(who, resource)
	if err != nil || limit == "" {
		return target, err
	}
	only, err := c.audience(who, limit)
	if err == nil && only.url != target.url {
		err = oauthError("invalid_target", "this sign-in is for %s only", only.url)
	}
	return target, err
}

// grantCode spends the code of a program. A code that is shown twice was stolen by one of the two: the
// session made for it ends.
func (c *Control) grantCode(ctx context.Context, a *asking) (got granted, err error) {
	bad := errGrant("the code is not good: it is older than a minute, was used already, or is another program's")
	a.tried.Reason = access.ReasonWrongCode
	if !c.instance.macs.CheckTicket(ticketCode, a.Code) {
		return got, bad
	}
	if _, err := c.within(a.client, a.Resource, ""); a.Resource != "" && err != nil {
		return got, err // before the code is spent for nothing
	}
	made := access.NewID(access.PrefixSession, c.now())
	var refusal error
	var reused access.ID
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		refusal, reused = nil, ""
		spent, err := tx.SpendProgramCode(ctx, session.Hash(a.Code), made)
		if err != nil {
			return orElse(err, fault.KindNotFound, bad)
		}
		a.tried.Session = spent.Parent // whose it is, while that lasts
		switch {
		case spent.Session != made:
			reused, refusal = spent.Session, errGrant("the code was used already; the sign-in that it was used for has ended")
			return c.endReused(ctx, tx, a, spent.Session)
		case expired(spent.Expires, c.now()), spent.Client != a.client.id, spent.Redirect != a.Redirect:
			refusal = bad
			return nil // and the code stays spent
		case !verified(spent.Challenge, a.Verifier):
			refusal = errGrant("the code_verifier is not the one that the code was asked for with")
			return nil
		}
		got = granted{session: made, scope: spent.Scope, nonce: spent.Nonce, limit: spent.Resource}
		got.refresh, err = c.insertProgram(ctx, tx, a.by, program{
			id: made, client: a.client, name: spent.Name, resource: spent.Resource, parent: spent.Parent, agent: a.UserAgent,
		})
		return err
	})
	if err == nil {
		err = refusal
	}
	c.programEnded(reused)
	return got, err
}

// verified checks the proof key of a code (RFC 7636, section 4.6).
func verified(challenge, verifier string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// grantDevice answers a program that waits for somebody to allow it.
func (c *Control) grantDevice(ctx context.Context, a *asking) (got granted, err error) {
	over := oauthError("expired_token", "nobody allowed this in time, or the code was used already; begin again")
	a.tried.Reason = access.ReasonWrongCode
	if !c.instance.macs.CheckTicket(ticketDevice, a.Device) {
		return got, errGrant("the device_code was not made here")
	}
	now := c.now()
	made := access.NewID(access.PrefixSession, now)
	var refusal error
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		refusal = nil
		// A second less: clocks and networks are not that exact.
		d, ok, err := tx.PollDeviceCode(ctx, session.Hash(a.Device), now, now.Add(time.Second-PollInterval))
		if err != nil {
			return orElse(err, fault.KindNotFound, over)
		}
		a.tried.Session = d.Parent
		switch {
		case expired(d.Expires, now):
			a.tried.Reason, refusal = access.ReasonStepOver, over
		case d.Client != a.client.id:
			refusal = errGrant("the device_code is another program's")
		case !ok:
			refusal = oauthError("slow_down", "ask every %s only", PollInterval)
		case d.State == access.DevicePending:
			refusal = oauthError("authorization_pending", "nobody has allowed it yet")
		case d.State != access.DeviceAllowed:
			refusal = oauthError("access_denied", "the sign-in was refused")
		}
		if refusal != nil {
			return nil
		}
		if first, err := tx.DeleteDeviceCode(ctx, d.Hash); err != nil || !first {
			return orNil(err, over)
		}
		got = granted{session: made, scope: d.Scope, limit: d.Resource}
		got.refresh, err = c.insertProgram(ctx, tx, a.by, program{
			id: made, client: a.client, name: d.Name, resource: d.Resource, parent: d.Parent, agent: a.UserAgent,
		})
		return err
	})
	if err == nil {
		err = refusal
	}
	return got, err
}

// lostAnswer is how long the refresh token before the newest may be shown again: an answer may have
// been lost on its way. The one that it was answered with is void then.
const lostAnswer = time.Minute

// grantRefresh gives the next refresh token of a session for the newest one. An older one was kept by
// somebody who should not have it, or by who should while another used it: nobody can tell which,
// so the session ends (RFC 9700, section 4.14.2).
func (c *Control) grantRefresh(ctx context.Context, a *asking) (got granted, err error) {
	shown, err := c.instance.macs.ParseRefresh(a.Refresh)
	if err != nil {
		return got, errGrant("%s", err)
	}
	if _, err := c.within(a.client, a.Resource, ""); a.Resource != "" && err != nil {
		return got, err
	}
	a.tried.Session = shown.Session
	over := errGrant("the sign-in of this program is over; sign in again")
	if _, err := c.sessions.Known(ctx, shown.Session); fault.Is(err, fault.KindUnavailable) {
		return got, err // before the token is spent for nothing
	}
	next := session.RefreshToken{Session: shown.Session, Secret: session.Secret()}
	var refusal error
	var reused access.ID
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		refusal, reused = nil, ""
		row, err := tx.SessionByID(ctx, shown.Session)
		if err != nil {
			a.tried.Reason = access.ReasonSessionOver
			return orElse(err, fault.KindNotFound, over)
		}
		a.tried.Reason = ""
		if row.Client != a.client.id {
			refusal = errGrant("the refresh token is another program's")
			return nil
		}
		kept, err := tx.Refresh(ctx, shown.Session)
		if err != nil {
			return orElse(err, fault.KindNotFound, over)
		}
		if !c.rotate(&kept, shown, next.Secret) {
			reused, refusal = row.ID, errGrant("this refresh token was used before, so somebody else may have it; the sign-in has ended, sign in again")
			return c.endReused(ctx, tx, a, row.ID)
		}
		next.Generation, got = kept.Generation, granted{session: row.ID, limit: kept.Resource}
		return tx.UpdateRefresh(ctx, &kept)
	})
	c.programEnded(reused)
	if err = orNil(err, refusal); err != nil {
		return granted{}, err
	}
	got.refresh, err = c.instance.macs.RefreshText(next)
	return got, err
}

// rotate puts a new token in the place of the one shown, or says that this one is too old.
func (c *Control) rotate(kept *access.Refresh, shown session.RefreshToken, secret string) bool {
	hash, now := session.Hash(shown.Secret), c.now()
	switch {
	case shown.Generation == kept.Generation && session.SameHash(kept.Hash, hash):
		kept.Generation++
		kept.Previous, kept.Rotated = hash, now
	case shown.Generation == kept.Generation-1 && session.SameHash(kept.Previous, hash) && now.Sub(kept.Rotated) < lostAnswer:
		// The token in between is void: whoever shows it ends the session.
	default:
		return false
	}
	kept.Hash = session.Hash(secret)
	return true
}

// endReused ends the session of a code or token that somebody showed a second time.
func (c *Control) endReused(ctx context.Context, tx *store.Tx, a *asking, id access.ID) error {
	a.tried.Reason, a.tried.Session = access.ReasonReused, id
	if err := tx.HoldEndings(ctx); err != nil {
		return err
	}
	row, err := tx.SessionByID(ctx, id)
	if err != nil {
		return orElse(err, fault.KindNotFound, nil)
	}
	a.tried.User, a.tried.Methods = row.User, row.Methods
	_, err = c.endIn(ctx, tx, id, leaving{access.Actor{Kind: access.ActorSystem, Request: a.by.Request}, access.ReasonReused})
	return err
}

// programEnded makes the end of a session known, here at once and elsewhere soon.
func (c *Control) programEnded(id access.ID) {
	if id == "" {
		return
	}
	c.sessions.Ended(access.Ending{Kind: access.EndingSession, ID: string(id)})
	c.announce()
}

// RevokeToken ends the session of a token (RFC 7009). A token that is not good any more is no error.
func (c *Control) RevokeToken(ctx context.Context, by access.Actor, clientID, token string) error {
	who, err := c.oauthClient(clientID)
	if err != nil {
		return fault.Unauthenticated("%s", err).Because(OAuthCode("invalid_client"))
	}
	var id access.ID
	if t, err := c.instance.macs.ParseRefresh(token); err == nil {
		id = t.Session
	} else if t, err := c.instance.macs.ParseAccess(token, time.Time{}); err == nil {
		id = t.Session
	} else {
		return nil
	}
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.HoldEndings(ctx); err != nil {
			return err
		}
		row, err := tx.SessionByID(ctx, id)
		if err != nil {
			return orElse(err, fault.KindNotFound, nil)
		}
		if row.Client != who.id {
			return oauthError("invalid_grant", "the token is another program's")
		}
		_, err = c.endIn(ctx, tx, id, leaving{by, access.ReasonSignedOut})
		return err
	})
	if err == nil {
		c.programEnded(id)
	}
	return err
}

// bearer gives the session of an access token that was good at that time.
func (c *Control) bearer(ctx context.Context, token string, at time.Time) (session.Entry, session.AccessToken, error) {
	shown, err := c.instance.macs.ParseAccess(token, at)
	if err != nil {
		return session.Entry{}, shown, err
	}
	entry, err := c.sessions.Known(ctx, shown.Session)
	if err == nil && (entry.Session.Kind != access.SessionProgram || entry.Session.Client != shown.Client) {
		err = fault.Unauthenticated("the token is not good")
	}
	return entry, shown, err
}

// TokenActor finds out whose access token for the admin API it is. address and request go into the Actor.
func (c *Control) TokenActor(ctx context.Context, token, address, request string) (access.Actor, error) {
	entry, shown, err := c.bearer(ctx, token, c.now())
	if err != nil {
		return access.Actor{}, err
	}
	if shown.Application != "" || shown.Audience != c.adminAudience().url || shown.Client == access.ClientDevice {
		err := fault.Unauthenticated("the token is for %s, not for the admin API", shown.Audience)
		tried := attempt(access.EventKey, access.Actor{Address: address, Request: request}, "")
		tried.User, tried.UserName, tried.Session = entry.Principal.User, entry.Principal.Name, shown.Session
		tried.Client, tried.Application, tried.Reason = shown.Client, shown.Application, access.ReasonWrongAudience
		c.shown(ctx, tried, err)
		return access.Actor{}, err
	}
	who := entry.Principal
	return access.Actor{Kind: access.ActorUser, ID: who.User, Name: who.Name, Roles: who.Roles, Address: address, Request: request}, nil
}
