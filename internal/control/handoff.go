package control

import (
	"context"
	"crypto/subtle"
	"net/url"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/policy"
	"postern/internal/session"
	"postern/internal/store"
)

// codeLife is how long the browser has to carry a one-time code from the portal to the application.
const codeLife = 30 * time.Second

// externalHost gives the application and its external authority if host is its host, with or
// without the port.
func (c *Control) externalHost(app access.ID, host string) (*access.Application, string, error) {
	a, ok := c.current().Application(app)
	if !ok {
		return nil, "", fault.NotFound("there is no such application any more")
	}
	e := a.External()
	if host = strings.ToLower(host); host != e.Host && host != e.Authority() && host != e.Address() {
		return nil, "", fault.Invalid("host", "is not the application's")
	}
	return a, e.Authority(), nil
}

// scopeAt gives the scope of application sessions on a host. A host that is not the application's
// has none.
func (c *Control) scopeAt(app access.ID, host string) (session.Scope, error) {
	_, authority, err := c.externalHost(app, host)
	if err != nil {
		return session.Scope{}, fault.Unauthenticated("you are not signed in")
	}
	return session.Scope{Kind: access.SessionApplication, Host: authority}, nil
}

// Session gives who is signed in on the host of an application with the cookie.
func (c *Control) Session(ctx context.Context, app access.ID, host, cookie string) (access.Principal, error) {
	scope, err := c.scopeAt(app, host)
	if err != nil {
		return access.Principal{}, err
	}
	entry, err := c.sessions.Find(ctx, scope, cookie)
	return entry.Principal, err
}

// Begin gives the portal URL to send a browser to that is not signed in. Nothing is stored for it.
func (c *Control) Begin(req access.SignInRequest) (string, error) {
	a, authority, err := c.externalHost(req.Application, req.Host)
	if err != nil {
		return "", err
	}
	req.Host, req.Continue = authority, ""
	if checkReturn(req.Return) != nil || len(req.Return) > session.MaxReturn {
		req.Return = a.External().Path
	}
	if req.Binding == "" || len(req.Binding) > 64 {
		return "", fault.Invalid("binding", "must be the hash of the browser's binding cookie")
	}
	signed, err := c.instance.macs.SignRequest(req, c.now())
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(c.cfg.Names.PortalURL, "/") + "/authorize?request=" + url.QueryEscape(signed), nil
}

// checkReturn refuses what a browser could read as an address on another host: only a path with its
// query, on the host that it came from.
func checkReturn(path string) error {
	bad := fault.Invalid("return", "must be a path on the application's host")
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.HasPrefix(path, `/\`) {
		return bad
	}
	for _, r := range path {
		if r < ' ' || r == 0x7f || r == '\\' {
			return bad
		}
	}
	return nil
}

// SignInTarget reads a signed request without acting on it.
func (c *Control) SignInTarget(request string) (access.SignInRequest, error) {
	return c.instance.macs.ParseRequest(request, c.now())
}

// Authorize answers an application host's signed SignInRequest with the URL to send the browser to:
// that host, with a one-time code. Only somebody who may use the application gets one.
func (c *Control) Authorize(ctx context.Context, by access.Actor, who access.Principal, signed string) (redirect string, err error) {
	tried := attempt(access.EventHandOver, by, "")
	tried.User, tried.UserName, tried.Session, tried.Methods = who.User, who.Name, who.Session, who.Methods
	defer func() { c.turnedAway(ctx, tried, err) }()
	req, err := c.SignInTarget(signed)
	if err != nil {
		return "", err
	}
	if req.Center {
		tried.Client = access.ClientCenter
		return c.authorizeCenter(ctx, who, req)
	}
	tried.Application = req.Application
	a, authority, err := c.externalHost(req.Application, req.Host)
	if err != nil {
		return "", err
	}
	d := policy.Decide(c.current(), a, policy.Request{Who: &who, Address: who.Address, Now: c.now()})
	if !d.Allow {
		tried.Reason, tried.ReportOnly = d.Reason, reportOnly(d)
		if d.Finding != nil {
			tried.Policy = string(d.Finding.Policy)
		}
		return "", denied(d)
	}
	if err := c.breakGlass(ctx, breach{&who, a, d.Exempt}); err != nil {
		return "", err
	}
	code := session.Secret()
	row := access.Code{
		Hash: session.Hash(code), Parent: who.Session, Application: a.ID, Host: authority,
		Return: req.Return, Binding: req.Binding, Expires: c.now().Add(codeLife),
	}
	if err := c.store.Write(ctx, func(tx *store.Tx) error { return tx.InsertCode(ctx, &row) }); err != nil {
		return "", err
	}
	// The code alone does not tell a gateway which of several applications at one host it is for.
	return a.External().Origin() + access.CallbackPath + "?code=" + url.QueryEscape(code) + "&application=" + url.QueryEscape(string(a.ID)), nil
}

// reportOnly names the policies that only report and would have denied.
func reportOnly(d policy.Decision) (names []string) {
	for _, f := range d.Reports {
		names = append(names, string(f.Policy))
	}
	return names
}

// Swap gives an application session for a one-time code. Whatever comes of it, the code is spent:
// shown at another host, application or browser than it was made for, it is worth nothing to
// anybody. Where only the browser's binding is another one, returnTo still tells beside the error which page was asked
// for: tabs that were opened at once in a new browser overwrite each other's binding.
func (c *Control) Swap(ctx context.Context, in access.CodeShown) (cookie, returnTo string, err error) {
	app := in.Application
	tried := attempt(access.EventHandOver, access.Actor{Address: in.Address, Request: in.Request}, in.UserAgent)
	tried.Application = app
	defer func() { c.turnedAway(ctx, tried, err) }()
	_, authority, err := c.externalHost(app, in.Host)
	if err != nil {
		return "", "", err
	}
	secret, now := session.Secret(), c.now()
	child := access.Session{
		ID: access.NewID(access.PrefixSession, now), Kind: access.SessionApplication, Application: app, Host: authority,
		Hash: session.Hash(secret), Created: now, LastUsed: now,
	}
	var refusal error
	done := tried
	err = c.store.Write(ctx, func(tx *store.Tx) error {
		refusal, returnTo = nil, ""
		spent, err := tx.SpendCode(ctx, session.Hash(short(in.Code, 128)), now)
		if err != nil {
			return orElse(err, fault.KindNotFound, errCode)
		}
		tried.Session = spent.Parent // whose it was
		if spent.Application != app || spent.Host != authority || subtle.ConstantTimeCompare([]byte(spent.Binding), []byte(in.Binding)) != 1 {
			refusal = errCode // and the code stays spent
			if spent.Application == app && spent.Host == authority {
				returnTo = spent.Return
			}
			return nil
		}
		returnTo = spent.Return
		done.Upstream, done.UpstreamName, err = descend(ctx, tx, &child, spent.Parent)
		return orElse(err, fault.KindNotFound, errCode)
	})
	if err == nil && refusal != nil {
		return "", returnTo, refusal
	}
	if err != nil {
		return "", "", err
	}
	c.signIns.note(handedOver(done, &child))
	return c.instance.macs.Cookie(session.Of(&child), child.ID, secret), returnTo, nil
}

// descend stores a session as a child of a portal session, which proves for it who it is and ends it, and gives the upstream that vouched.
func descend(ctx context.Context, tx *store.Tx, child *access.Session, of access.ID) (upstream access.ID, name string, err error) {
	parent, err := tx.SessionByID(ctx, of)
	if err != nil {
		return "", "", err
	}
	child.Parent, child.User = parent.ID, parent.User
	child.Authenticated, child.Methods, child.Expires = parent.Authenticated, parent.Methods, parent.Expires
	child.Address, child.UserAgent = parent.Address, parent.UserAgent
	if upstream, name, err = tx.UpstreamOf(ctx, parent.ID); err != nil {
		return "", "", err
	}
	return upstream, name, tx.InsertSession(ctx, child)
}

// handedOver completes the entry of a new session on an application's host.
func handedOver(e access.SignInEntry, s *access.Session) access.SignInEntry {
	e.Result, e.User, e.Session, e.Methods = access.ResultSuccess, s.User, s.ID, s.Methods
	if e.Address == "" {
		e.Address = attempt(e.Event, access.Actor{Address: s.Address}, "").Address
	}
	if e.UserAgent == "" {
		e.UserAgent = s.UserAgent
	}
	return e
}

var errCode = fault.New(fault.KindGone, "this sign-in was completed already, took too long or began in another browser; please open the application again")

// EndSession ends the portal session behind an application's cookie, with all its children: signing
// out of one application signs out of all, since the next click would sign in again otherwise.
func (c *Control) EndSession(ctx context.Context, shown access.Credential) error {
	scope, err := c.scopeAt(shown.Application, shown.Host)
	if err != nil {
		return err
	}
	entry, err := c.sessions.Find(ctx, scope, shown.Secret)
	if err != nil {
		return orElse(err, fault.KindUnauthenticated, nil) // signed out already
	}
	by := access.Actor{Kind: access.ActorUser, ID: entry.Session.User, Address: shown.Address, Request: shown.Request}
	return c.endSession(ctx, by, entry.Session.ID)
}
