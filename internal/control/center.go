package control

import (
	"context"
	"crypto/subtle"
	"net/url"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
)

// The admin center stands at a host of its own and gets its session from the portal as applications do: a signed request, a
// one-time code bound to the browser, a child session that is good at that host only.

const ticketCenter = "center-code"

// BeginCenter gives the portal URL to send a browser to that is not signed in at the admin center. Nothing is stored for it.
func (c *Control) BeginCenter(back, binding string) (string, error) {
	if checkReturn(back) != nil || len(back) > session.MaxReturn {
		back = "/"
	}
	if binding == "" || len(binding) > 64 {
		return "", fault.Invalid("binding", "must be the hash of the browser's binding cookie")
	}
	signed, err := c.instance.macs.SignRequest(access.SignInRequest{Center: true, Host: c.centerScope().Host, Return: back, Binding: binding}, c.now())
	if err != nil {
		return "", err
	}
	return c.Issuer() + "/authorize?request=" + url.QueryEscape(signed), nil
}

// centerScope is where the sessions of the admin center are good.
func (c *Control) centerScope() session.Scope {
	e, _ := access.ParseEndpoint(c.cfg.Names.AdminURL) // checked by New
	return session.Scope{Kind: access.SessionCenter, Host: e.Authority()}
}

// authorizeCenter makes the one-time code for the admin center. Whoever has no role would see nothing there.
func (c *Control) authorizeCenter(ctx context.Context, who access.Principal, req access.SignInRequest) (redirect string, err error) {
	if len(who.Roles) == 0 {
		return "", fault.Forbidden("the admin center is for people with a role, and you have none; an Owner gives roles")
	}
	code := c.instance.macs.Ticket(ticketCenter)
	row := access.ProgramCode{
		Hash: session.Hash(code), Parent: who.Session, Client: access.ClientCenter, Redirect: req.Return, Challenge: req.Binding, Expires: c.now().Add(codeLife),
	}
	if err := c.store.Write(ctx, func(tx *store.Tx) error { return tx.InsertProgramCode(ctx, &row) }); err != nil {
		return "", err
	}
	return c.adminAudience().url + access.CallbackPath + "?code=" + url.QueryEscape(code), nil
}

// SwapCenter gives a session of the admin center for a one-time code, which is spent by it whatever comes of it. Host and
// Application of shown mean nothing here.
func (c *Control) SwapCenter(ctx context.Context, in access.CodeShown) (cookie, returnTo string, err error) {
	tried := attempt(access.EventHandOver, access.Actor{Address: in.Address, Request: in.Request}, in.UserAgent)
	tried.Client = access.ClientCenter
	defer func() { c.turnedAway(ctx, tried, err) }()
	if !c.instance.macs.CheckTicket(ticketCenter, in.Code) {
		return "", "", errCenterCode
	}
	scope, secret, now := c.centerScope(), session.Secret(), c.now()
	child := access.Session{
		ID: access.NewID(access.PrefixSession, now), Kind: scope.Kind, Host: scope.Host, Hash: session.Hash(secret), Created: now, LastUsed: now,
	}
	var refusal error
	done := tried
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		refusal, returnTo = nil, ""
		spent, err := tx.SpendProgramCode(ctx, session.Hash(in.Code), child.ID)
		if err != nil {
			return orElse(err, fault.KindNotFound, errCenterCode)
		}
		tried.Session, returnTo = spent.Parent, spent.Redirect // whose it was
		if spent.Session != child.ID || spent.Client != access.ClientCenter || expired(spent.Expires, now) ||
			subtle.ConstantTimeCompare([]byte(spent.Challenge), []byte(in.Binding)) != 1 {
			refusal = errCenterCode // and the code stays spent
			return nil
		}
		done.Upstream, done.UpstreamName, err = descend(ctx, tx, &child, spent.Parent)
		return orElse(err, fault.KindNotFound, errCenterCode)
	})
	if err = orNil(err, refusal); err != nil {
		return "", returnTo, err
	}
	c.signIns.note(handedOver(done, &child))
	return c.instance.macs.Cookie(scope, child.ID, secret), returnTo, nil
}

var errCenterCode = fault.New(fault.KindGone, "this sign-in was completed already, took too long or began in another browser; please open the admin center again")

// CenterActor finds out who is signed in at the admin center with the cookie. address and request go into the Actor.
func (c *Control) CenterActor(ctx context.Context, cookie, address, request string) (access.Actor, error) {
	entry, err := c.sessions.Find(ctx, c.centerScope(), cookie)
	if err != nil {
		return access.Actor{}, err
	}
	who := entry.Principal
	if expired(who.Ends, c.now()) {
		return access.Actor{}, fault.Unauthenticated("your identity provider has to vouch for you once more; please sign in again")
	}
	return access.Actor{Kind: access.ActorUser, ID: who.User, Name: who.Name, Roles: who.Roles, Address: address, Request: request}, nil
}

// EndCenter ends the portal session behind a cookie of the admin center, with all its children. One that is over is no error.
func (c *Control) EndCenter(ctx context.Context, shown access.Credential) error {
	entry, err := c.sessions.Find(ctx, c.centerScope(), shown.Secret)
	if err != nil {
		return orElse(err, fault.KindUnauthenticated, nil)
	}
	by := access.Actor{Kind: access.ActorUser, ID: entry.Session.User, Address: shown.Address, Request: shown.Request}
	return c.endSession(ctx, by, entry.Session.ID)
}
