package control

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
)

const (
	programCodeLife = time.Minute      // of the code that a browser carries to a program
	accessLife      = 10 * time.Minute // of an access token
	ticketCode      = "program-code"
	ticketDevice    = "device-code"
)

// ProgramRequest is what a program on somebody's machine asks through their browser (RFC 6749,
// section 4.1.1; RFC 7636; RFC 8707).
type ProgramRequest struct {
	Client    string
	Redirect  string
	Type      string
	Challenge string
	Method    string
	Resource  string
	Scope     string
	Nonce     string
	State     string
	Name      string // what the program calls its machine
}

// ProgramAsk is what to ask the person whose browser it is.
type ProgramAsk struct {
	Title    string // of the program
	Name     string // what it calls its machine; empty if it does not say
	Uses     string // the one thing it may use; empty for all
	Admin    bool   // it may administer
	Address  string // from where it asked; of a program without a browser
	Strange  bool   // that is another network than the person's
	Code     string // the short code as a person reads it; of a program without a browser
	Redirect string
}

// CheckProgram says whether a program may be asked about. An error with an OAuthCode may be told to the program at
// its redirect address; any other means that this address is not to be trusted.
func (c *Control) CheckProgram(in ProgramRequest) (ProgramAsk, error) {
	who, err := c.oauthClient(in.Client)
	if err != nil {
		return ProgramAsk{}, err
	}
	if err := checkRedirect(in.Redirect); err != nil {
		return ProgramAsk{}, err
	}
	switch {
	case in.Type != "code":
		return ProgramAsk{}, oauthError("unsupported_response_type", "response_type must be code")
	case in.Method != "S256":
		return ProgramAsk{}, oauthError("invalid_request", "code_challenge_method must be S256")
	case len(in.Challenge) != 43 || strings.Trim(in.Challenge, base64url) != "":
		return ProgramAsk{}, oauthError("invalid_request", "code_challenge must be the SHA-256 of the verifier, base64url without padding")
	case len(in.State) > 512 || len(in.Nonce) > 256 || len(in.Scope) > 256:
		return ProgramAsk{}, oauthError("invalid_request", "state, nonce or scope is too long")
	}
	ask, err := c.askProgram(who, in.Resource, in.Name)
	ask.Redirect = in.Redirect
	return ask, err
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func (c *Control) askProgram(who oauthClient, resource, name string) (ProgramAsk, error) {
	if err := access.CheckDeviceName(name); err != nil {
		return ProgramAsk{}, oauthError("invalid_request", "device_name %s", err)
	}
	ask := ProgramAsk{Title: who.title, Name: name, Admin: who.admin}
	if resource == "" && who.only == "" {
		return ask, nil
	}
	target, err := c.audience(who, resource)
	if err != nil {
		return ProgramAsk{}, err
	}
	ask.Admin, ask.Uses = target.admin, target.name
	return ask, nil
}

// AllowProgram gives the address to send the browser to, with the code for the program: its user has
// been asked and said yes.
func (c *Control) AllowProgram(ctx context.Context, by access.Actor, who access.Principal, in ProgramRequest) (redirect string, err error) {
	tried := askedAbout(by, who)
	defer func() { c.turnedAway(ctx, tried, err) }()
	if _, err := c.CheckProgram(in); err != nil {
		return "", err
	}
	code := c.instance.macs.Ticket(ticketCode)
	row := access.ProgramCode{
		Hash: session.Hash(code), Parent: who.Session, Client: in.Client, Name: in.Name, Redirect: in.Redirect, Challenge: in.Challenge,
		Resource: in.Resource, Scope: grantedScope(in.Scope), Nonce: in.Nonce, Expires: c.now().Add(programCodeLife),
	}
	if err := c.store.Write(ctx, func(tx *store.Tx) error { return tx.InsertProgramCode(ctx, &row) }); err != nil {
		return "", err
	}
	return c.ProgramAnswer(in, url.Values{"code": {code}}), nil
}

// RefuseProgram gives the address to send the browser to: its user has been asked and said no.
func (c *Control) RefuseProgram(ctx context.Context, by access.Actor, who access.Principal, in ProgramRequest) (redirect string, err error) {
	client, err := c.oauthClient(in.Client)
	if err != nil {
		return "", err
	}
	c.refusedProgram(ctx, askedAbout(by, who), client)
	return c.ProgramAnswer(in, url.Values{"error": {"access_denied"}}), nil
}

// askedAbout begins the entry of somebody who is asked whether a program may sign in as them.
func askedAbout(by access.Actor, who access.Principal) access.SignInEntry {
	e := attempt(access.EventSignIn, by, "")
	e.User, e.UserName, e.Session, e.Methods = who.User, who.Name, who.Session, who.Methods
	return e
}

// refusedProgram notes that somebody said no to a program.
func (c *Control) refusedProgram(ctx context.Context, e access.SignInEntry, client oauthClient) {
	e.Result, e.Reason, e.Client, e.Application = access.ResultDenied, access.ReasonRefused, client.id, client.only
	c.turnedAway(ctx, e, fault.Forbidden("%s was refused", client.title))
}

// ProgramAnswer gives the redirect address of a checked request with an answer. It says who answers
// (RFC 9207), so that a program with several services does not mix them up.
func (c *Control) ProgramAnswer(in ProgramRequest, answer url.Values) string {
	answer.Set("iss", c.Issuer())
	if in.State != "" {
		answer.Set("state", in.State)
	}
	return in.Redirect + "?" + answer.Encode()
}

// Issuer gives the name of this service as an OAuth authorization server: its portal's URL.
func (c *Control) Issuer() string {
	e, _ := access.ParseEndpoint(c.cfg.Names.PortalURL) // checked by New
	return e.Origin()
}

// SignInHere gives the signed request with which somebody who signs in comes to a page of the portal
// afterwards. Nothing is stored for it.
func (c *Control) SignInHere(path string) (string, error) {
	if err := checkReturn(path); err != nil {
		return "", err
	}
	return c.instance.macs.SignRequest(access.SignInRequest{Continue: path}, c.now())
}

// program is a program's session about to be made.
type program struct {
	id       access.ID
	client   oauthClient
	name     string
	resource string
	parent   access.ID // the portal session of who allowed it
	agent    string    // what the program calls itself in HTTP
}

// insertProgram makes a program's session, which lives on its own: its user proved who they are at the
// portal then, and by the methods of then.
func (c *Control) insertProgram(ctx context.Context, tx *store.Tx, by access.Actor, p program) (refresh string, err error) {
	parent, err := tx.SessionByID(ctx, p.parent)
	if err != nil {
		return "", orElse(err, fault.KindNotFound, oauthError("invalid_grant", "who allowed this has signed out since"))
	}
	if err := tx.HoldUser(ctx, parent.User); err != nil {
		return "", err
	}
	if parent, err = tx.SessionByID(ctx, p.parent); err != nil { // it may have ended while we waited
		return "", orElse(err, fault.KindNotFound, oauthError("invalid_grant", "who allowed this has signed out since"))
	}
	user, err := tx.User(ctx, parent.User)
	if err != nil {
		return "", err
	}
	if user.Disabled {
		return "", oauthError("invalid_grant", "who allowed this is disabled")
	}
	now := c.now()
	row := parent // as it was proven there, whatever a session knows of that
	row.ID, row.Kind, row.Parent, row.Hash = p.id, access.SessionProgram, "", session.Hash(session.Secret())
	row.Address, row.UserAgent = by.Address, short(strings.ToValidUTF8(p.agent, ""), 256)
	row.Created, row.LastUsed, row.Expires = now, now, now.Add(c.cfg.Settings.ProgramLife)
	row.Client, row.Name = p.client.id, p.client.title
	if p.name != "" {
		row.Name += " on " + p.name
	}
	if err := c.insertVouched(ctx, tx, &row, &user, &parent); err != nil {
		return "", err
	}
	secret := session.Secret()
	if err := tx.InsertRefresh(ctx, &access.Refresh{Session: p.id, Resource: p.resource, Generation: 1, Hash: session.Hash(secret), Rotated: now}); err != nil {
		return "", err
	}
	if err := c.noteProgram(ctx, tx, by, signedIn{user: user, row: row}, p); err != nil {
		return "", err
	}
	by.Kind, by.ID, by.Name = access.ActorUser, user.ID, user.Name
	detail, _ := json.Marshal(map[string]any{"client": row.Client, "name": row.Name, "methods": row.Methods}) // words
	err = tx.AppendAudit(ctx, &access.AuditEntry{
		ID: access.NewID(access.PrefixAudit, now), Time: now, Actor: by, Action: string(allowProgram),
		Object: row.ID, Name: user.Name, Outcome: "done", Detail: string(detail),
	})
	if err != nil {
		return "", err
	}
	return c.instance.macs.RefreshText(session.RefreshToken{Session: p.id, Generation: 1, Secret: secret})
}

// noteProgram stores the entry of a program that signed in, with its session.
func (c *Control) noteProgram(ctx context.Context, tx *store.Tx, by access.Actor, s signedIn, p program) (err error) {
	e := of(attempt(access.EventSignIn, by, s.row.UserAgent), &s.user)
	e.Result, e.Session, e.Methods, e.Client, e.Application = access.ResultSuccess, s.row.ID, s.row.Methods, p.client.id, p.client.only
	e.Message = s.row.Name + ", allowed at the portal in session " + string(p.parent)
	if p.resource != "" {
		if target, err := c.audience(p.client, p.resource); err == nil {
			e.Application = target.app
		}
	}
	if app, ok := c.current().Application(e.Application); ok {
		e.ApplicationName = app.Name
	}
	if e.Upstream, e.UpstreamName, err = tx.UpstreamOf(ctx, p.parent); err != nil {
		return err
	}
	c.signIns.complete(&e)
	return tx.InsertSignIns(ctx, []access.SignInEntry{e})
}
