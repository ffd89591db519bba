package oidc

import (
	"context"
	"net/url"
	"time"

	"postern/internal/fault"
)

// LogoutURL gives the address at which the browser signs out at the provider (RP-Initiated Logout 1.0) and from
// which it comes back to an address of ours that the provider knows, with the state. It is empty if the provider
// has none. renewal is that of the user's Assertion, which spares a question there; it may be empty.
func (p *Provider) LogoutURL(ctx context.Context, renewal []byte, back, state string) (string, error) {
	m, err := p.meta(ctx)
	if err != nil || m.endSession == nil {
		return "", err
	}
	q := url.Values{"client_id": {p.cfg.ClientID}}
	if keep, err := decode(renewal); err == nil && keep.ID != "" {
		q.Set("id_token_hint", keep.ID)
	}
	if back != "" {
		q.Set("post_logout_redirect_uri", back)
		if state != "" {
			q.Set("state", state)
		}
	}
	return withQuery(m.endSession, q), nil
}

// Ended is whom a provider signed out: a subject, a session of it, or both. One token is taken once: its ID must be
// remembered until Expires.
type Ended struct {
	Subject string // empty: whoever has the session
	Session string // empty: all sessions of the subject
	ID      string
	Expires time.Time
}

const (
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	logoutAge   = 10 * time.Minute // how old a logout token may be, and how far ahead it may expire, are bounded
	logoutLife  = time.Hour
)

// BackChannel takes the logout token that a provider posted to us (Back-Channel Logout 1.0, section 2.6).
func (p *Provider) BackChannel(ctx context.Context, token string) (Ended, error) {
	payload, err := p.verify(ctx, token, "logout+jwt", "JWT", "jwt")
	if err != nil {
		return Ended{}, invalid(err)
	}
	c, err := readClaims(payload)
	if err != nil {
		return Ended{}, invalid(err)
	}
	if err := p.common(c); err != nil {
		return Ended{}, invalid(err)
	}
	now := p.cfg.Now()
	issued, ok1 := c.time("iat")
	expires, ok2 := c.time("exp")
	events, _ := c["events"].(map[string]any)
	_, event := events[logoutEvent].(map[string]any)
	e := Ended{Subject: c.text("sub"), Session: c.text("sid"), ID: c.text("jti"), Expires: expires.Add(skew)}
	bad := func(why string) (Ended, error) {
		return Ended{}, fault.Invalid("logout_token", "%s", why)
	}
	switch {
	case !event:
		return bad("is no logout token (events)")
	case c.has("nonce"):
		return bad("has a nonce, as an ID token has")
	case !ok1 || issued.After(now.Add(skew)) || issued.Before(now.Add(-logoutAge)):
		return bad("was not made just now (iat)")
	case !ok2 || !now.Before(expires.Add(skew)):
		return bad("has expired or does not say when it does (exp)")
	case expires.After(now.Add(logoutLife)):
		return bad("is good for too long (exp)")
	case e.Subject == "" && e.Session == "":
		return bad("names neither a subject nor a session")
	case c.has("sub") && e.Subject == "" || c.has("sid") && e.Session == "" || len(e.Session) > 512:
		return bad("names a subject or session that is none")
	case e.ID == "" || len(e.ID) > 512:
		return bad("has no id, or one that is too long (jti)")
	}
	return e, nil
}

// invalid turns what is wrong with a token into an error about the request that brought it.
func invalid(err error) error {
	if !fault.Is(err, fault.KindUpstream) {
		return err
	}
	return fault.Invalid("logout_token", "is not accepted").Because(err)
}

// FrontChannel takes the parameters with which a provider had the browser call us (Front-Channel Logout 1.0): they
// end the session that they name, in the browser that called.
func (p *Provider) FrontChannel(q url.Values) (session string, err error) {
	if len(q["iss"]) != 1 || len(q["sid"]) != 1 || q.Get("iss") != p.cfg.Issuer || q.Get("sid") == "" || len(q.Get("sid")) > 512 {
		return "", fault.Invalid("sid", "must be given with the iss of the provider, once each")
	}
	return q.Get("sid"), nil
}

// Abilities says what the provider offers beside signing in, for whoever sets it up.
type Abilities struct {
	Logout       bool // its own sessions can be ended from here
	BackChannel  bool // it tells us when a session ends there
	FrontChannel bool
	Refresh      bool // it can be asked again (scope offline_access)
}

// Check asks the provider for its metadata and keys and says what it offers.
func (p *Provider) Check(ctx context.Context) (Abilities, error) {
	m, err := p.meta(ctx)
	if err != nil {
		return Abilities{}, err
	}
	if _, _, err := p.keys.Value(ctx); err != nil {
		return Abilities{}, err
	}
	refresh := false
	for _, s := range m.ScopesSupported {
		refresh = refresh || s == "offline_access"
	}
	return Abilities{Logout: m.endSession != nil, BackChannel: m.BackChannel, FrontChannel: m.FrontChannel, Refresh: refresh}, nil
}
