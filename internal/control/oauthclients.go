package control

import (
	"net/netip"
	"net/url"
	"strings"

	"postern/internal/access"
	"postern/internal/fault"
)

// An OAuthCode is the cause of a refusal that OAuth has a word for, such as "invalid_grant" (RFC 6749).
type OAuthCode string

// Error gives the word.
func (c OAuthCode) Error() string { return string(c) }

func oauthError(code OAuthCode, format string, args ...any) error {
	return fault.New(fault.KindInvalid, format, args...).Because(code)
}

// callbackPath is where a program on somebody's machine waits for its code. The port is free, the
// path is not (RFC 8252, section 7.3).
const callbackPath = "/callback"

// oauthClient is a program that may ask for tokens. All are public ones: they keep no secret, so what
// they send proves nothing, and a person is asked before they get anything.
type oauthClient struct {
	id     string
	title  string    // "Command line"
	admin  bool      // may have tokens for the admin API
	device bool      // may have tokens for the service itself, with which a device enrols and says who uses it
	only   access.ID // the one application it may have tokens for; empty: any
}

// oauthClient gives a program by its OAuth client id: a built-in one, or the id of an application for
// programs that want that application only.
func (c *Control) oauthClient(id string) (oauthClient, error) {
	switch id {
	case "":
		return oauthClient{}, fault.Invalid("client_id", "must be given")
	case access.ClientCLI:
		return oauthClient{id: id, title: "Command line", admin: true}, nil
	case access.ClientDevice:
		return oauthClient{id: id, title: "Postern client", device: true}, nil
	}
	if app, ok := c.current().Application(access.ID(id)); ok && !app.Private() {
		return oauthClient{id: id, title: "Program for " + app.Name, only: app.ID}, nil
	}
	return oauthClient{}, fault.Invalid("client_id", "must be %s, %s or the id of an application", access.ClientCLI, access.ClientDevice)
}

// audience is what a token is good for: the admin API, the service itself or one application.
type audience struct {
	url   string
	app   access.ID // of an application
	admin bool
	name  string
}

func (c *Control) adminAudience() audience {
	e, _ := access.ParseEndpoint(c.cfg.Names.AdminURL) // checked by New
	return audience{url: e.Origin(), admin: true, name: "Administration"}
}

// serviceAudience is of the tokens of devices: what they reach is decided for each connection.
func (c *Control) serviceAudience() audience {
	return audience{url: c.Issuer(), name: "your private applications"}
}

// audience finds what a resource indicator (RFC 8707) means to a client. Without one it is the admin
// API for who may use that, the service itself for devices, and else the client's one application.
func (c *Control) audience(who oauthClient, resource string) (audience, error) {
	bad := func(format string, args ...any) (audience, error) {
		return audience{}, oauthError("invalid_target", format, args...)
	}
	switch {
	case resource == "" && who.admin:
		return c.adminAudience(), nil
	case resource == "" && who.device:
		return c.serviceAudience(), nil
	case resource == "" && who.only != "":
		return c.applicationAudience(who.only)
	case resource == "":
		return bad("say with resource for which application the token is to be: its external URL")
	}
	e, err := access.ParseEndpoint(resource)
	if err != nil {
		return bad("the resource %s", err)
	}
	if service := c.serviceAudience(); who.device && e.Origin()+e.Path == service.url+"/" {
		return service, nil
	}
	if admin := c.adminAudience(); e.Origin() == admin.url {
		if !who.admin {
			return bad("this client gets no tokens for the admin API")
		}
		return admin, nil
	}
	app, ok := c.current().Route(e.Host, e.Path)
	if !ok || e.Scheme != "https" || app.External().Port != e.Port {
		return bad("no application is published at %s", e.Origin()+e.Path)
	}
	if who.only != "" && who.only != app.ID {
		return bad("this client gets tokens for another application only")
	}
	return c.applicationAudience(app.ID)
}

func (c *Control) applicationAudience(id access.ID) (audience, error) {
	app, ok := c.current().Application(id)
	if !ok {
		return audience{}, oauthError("invalid_target", "there is no such application any more")
	}
	e := app.External()
	return audience{url: e.Origin() + e.Path, app: id, name: app.Name}, nil
}

// checkRedirect accepts the addresses at which a program on somebody's own machine listens: a
// loopback address, any port, one path. A name such as localhost may lead elsewhere.
func checkRedirect(redirect string) error {
	bad := fault.Invalid("redirect_uri", "must be http://127.0.0.1:PORT%s or http://[::1]:PORT%s", callbackPath, callbackPath)
	u, err := url.Parse(redirect)
	if err != nil || len(redirect) > 128 || u.Scheme != "http" || u.User != nil || u.Path != callbackPath || u.RawPath != "" || u.Opaque != "" ||
		strings.ContainsAny(redirect, "?#\\%") {
		return bad
	}
	address, err := netip.ParseAddrPort(u.Host)
	if err != nil || address.Port() == 0 || u.Host != address.String() {
		return bad
	}
	if address.Addr() != netip.AddrFrom4([4]byte{127, 0, 0, 1}) && address.Addr() != netip.IPv6Loopback() {
		return bad
	}
	return nil
}

// grantedScope gives those of the scopes asked for that mean something here (RFC 6749, section 3.3).
func grantedScope(asked string) string {
	var granted []string
	for _, word := range []string{"openid", "offline_access"} {
		for given := range strings.FieldsSeq(asked) {
			if given == word {
				granted = append(granted, word)
				break
			}
		}
	}
	return strings.Join(granted, " ")
}
