// Package portal serves the pages where people sign in and find their applications.
//
// Its pages are server-rendered and work without script. Signing in makes a portal session; an
// application's host sends a browser here with a signed request and gets it back with a one-time
// code (see Authorize of package control). Nothing is stored for somebody who has not signed in.
package portal

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
)

// Cookie is the name of the portal session's cookie. The prefix makes browsers refuse it from
// any other host, from plain HTTP and with a Domain (RFC 6265bis, section 4.1.3.2).
const Cookie = "__Host-postern-portal"

// maxForm bounds the body of a form, in bytes: signed requests and steps, and what a passkey says.
const maxForm = 64 << 10

// Control is the part of the control plane that the portal uses.
type Control interface {
	// SignIn checks a password and makes a portal session, or says what to ask next.
	SignIn(ctx context.Context, by access.Actor, in control.Credentials) (control.Progress, error)
	// ContinueSignIn takes the answer to what was asked.
	ContinueSignIn(ctx context.Context, by access.Actor, a control.Answer) (control.Progress, error)
	// OfferPasskey gives what to ask a browser that may hold a passkey; who is nil before a sign-in.
	OfferPasskey(binding string, who *access.Principal) (control.Challenge, error)
	// PortalSession gives the principal of a portal cookie, fault.Unauthenticated if there is none.
	PortalSession(ctx context.Context, cookie string) (access.Principal, error)
	// SignOut ends a session and its children.
	SignOut(ctx context.Context, by access.Actor, session access.ID) error
	// SignInTarget reads a signed request without acting on it.
	SignInTarget(request string) (access.SignInRequest, error)
	// Authorize makes the one-time code for a signed request and gives the URL to send the browser to.
	Authorize(ctx context.Context, by access.Actor, who access.Principal, request string) (redirect string, err error)
	// Snapshot gives the newest configuration when after is 0.
	Snapshot(ctx context.Context, after uint64) (*access.Snapshot, error)
}

// Accounts is the part of the control plane with which people look after their own account.
type Accounts interface {
	Account(ctx context.Context, who access.Principal) (control.Account, error)
	IsConfirmed(own control.Own) error
	OfferFactor(ctx context.Context, own control.Own) (control.Challenge, error)
	AddFactor(ctx context.Context, by access.Actor, own control.Own, a control.Answer) (codes []string, err error)
	RemoveFactor(ctx context.Context, by access.Actor, own control.Own, id access.ID) error
	RenewRecoveryCodes(ctx context.Context, by access.Actor, own control.Own) ([]string, error)
	ChangePassword(ctx context.Context, by access.Actor, own control.Own, password string) error
	// Link says whose a link to set a password is; FollowLink spends it.
	Link(ctx context.Context, code string) (access.Link, access.User, error)
	FollowLink(ctx context.Context, by access.Actor, code, password string) error
}

// Config holds what a Portal needs. Fields are required unless they say otherwise.
type Config struct {
	Control   Control
	Accounts  Accounts
	Upstreams Upstreams // optional; nobody signs in elsewhere if nil
	Programs  Programs
	Keys      Keys
	Devices   Devices
	StepUps   StepUps
	Requests  Requests
	AdminURL  string // optional: of the admin center, to lead people with a role there
	Log       *slog.Logger
	Now       func() time.Time // optional; time.Now if nil
}

type portal struct {
	Config
}

// New makes the portal's handler. It expects to be reached under the portal's host only.
func New(cfg Config) http.Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &portal{cfg}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.page(p.home))
	mux.HandleFunc("GET /sign-in", p.page(p.signInForm))
	mux.HandleFunc("POST /sign-in", p.page(p.signIn))
	mux.HandleFunc("POST /sign-in/continue", p.page(p.continueSignIn))
	mux.HandleFunc("GET /passkeys.js", script)
	p.account(mux)
	p.stepUps(mux)
	p.requests(mux)
	p.oauth(mux)
	p.accessKeys(mux)
	p.devices(mux)
	mux.HandleFunc("GET /authorize", p.page(p.authorize))
	mux.HandleFunc("GET /sign-out", p.page(p.signOutForm))
	mux.HandleFunc("POST /sign-out", p.page(p.signOut))
	mux.HandleFunc("GET /robots.txt", robots)
	mux.HandleFunc("/", p.page(func(w http.ResponseWriter, r *http.Request) error {
		return fault.NotFound("There is no page at this address.")
	}))
	protection := http.NewCrossOriginProtection()
	if p.Upstreams != nil {
		p.upstreams(mux, protection)
	}
	return web.Secure(p.branded(protection.Handler(mux)))
}

func robots(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("User-agent: *\nDisallow: /\n"))
}

// page makes a handler of one that returns errors, which it shows as a page.
func (p *portal) page(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return p.pageOf(maxForm, serve)
}

// pageOf is page for forms of another size.
func (p *portal) pageOf(limit int64, serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		gone, err := p.goesByUpstream(w, r)
		if err == nil && !gone {
			err = serve(w, r)
		}
		if err != nil {
			p.showError(w, r, err)
		}
	}
}

var titles = map[fault.Kind]string{
	fault.KindNotFound:        "Not found",
	fault.KindForbidden:       "You may not do this",
	fault.KindUnauthenticated: "Please sign in",
	fault.KindInvalid:         "This link does not work",
	fault.KindGone:            "This link is no longer good",
	fault.KindLimited:         "Too many attempts",
	fault.KindUnavailable:     "Not available at the moment",
	fault.KindTooLarge:        "Too large",
}

func (p *portal) showError(w http.ResponseWriter, r *http.Request, err error) {
	kind := fault.KindOf(err)
	doc := web.Describe(r.Context(), err)
	title, ok := titles[kind]
	if !ok {
		title = "Something went wrong"
	}
	if kind == fault.KindInternal {
		p.Log.Error("portal page failed", "error", err, "request", doc.Reference, "path", r.URL.Path)
	}
	web.RetryAfter(w.Header(), err)
	web.ErrorPage{Status: doc.Status, Title: title, Message: sentence(doc), Link: "/", LinkText: "To your applications"}.Write(w, r)
}

// sentence gives what a person may read of an error, as a sentence. A field's name means nothing
// on a page.
func sentence(doc web.Document) string {
	if len(doc.Fields) > 0 {
		return "The address that led here is damaged or too old. Open the application again."
	}
	first, size := utf8.DecodeRuneInString(doc.Detail)
	text := string(unicode.ToUpper(first)) + doc.Detail[size:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// session gives who is signed in, or nil. An error means that it cannot be told now.
func (p *portal) session(r *http.Request) (*access.Principal, error) {
	who, err := p.known(r)
	if err != nil || who == nil || ended(who, p.Now()) {
		return nil, err
	}
	return who, nil
}

// known is session also for who has to prove first that they are still let in.
func (p *portal) known(r *http.Request) (*access.Principal, error) {
	cookie, ok := web.Cookie(r, Cookie)
	if !ok {
		return nil, nil
	}
	who, err := p.Control.PortalSession(r.Context(), cookie)
	if fault.Is(err, fault.KindUnauthenticated) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	who.Address = addressOf(r)
	return &who, nil
}

// addressOf gives the client's address; the zero one where that cannot be told.
func addressOf(r *http.Request) netip.Addr {
	text := web.ClientAddress(r)
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	address, _ := netip.ParseAddr(text)
	return address
}

func anyone(r *http.Request) access.Actor {
	return access.Actor{Kind: access.ActorAnyone, Address: web.ClientAddress(r), Request: web.RequestID(r.Context())}
}

func actor(r *http.Request, who *access.Principal) access.Actor {
	a := anyone(r)
	a.Kind, a.ID, a.Name, a.Roles = access.ActorUser, who.User, who.Name, who.Roles
	return a
}

// setCookie stores the session in the browser until it closes; an empty value removes it.
func setCookie(w http.ResponseWriter, value string) {
	c := http.Cookie{Name: Cookie, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, &c)
}

// after gives where to go once signed in: on with the request, or home.
func after(request string) string {
	if request == "" {
		return "/"
	}
	return "/authorize?" + url.Values{"request": {request}}.Encode()
}
