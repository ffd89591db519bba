package client

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/oauth"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// oauthClient is what this program is called by the service.
const oauthClient = "postern-client"

// renewAhead is how long before its end an access token is no more used for what takes a while.
const renewAhead = 30 * time.Second

// SignIn holds what Login needs. State, Dialer and one of Browser and Device are required.
type SignIn struct {
	State     *State
	URL       string // of the service; may be empty to sign in again
	CA        []byte // optional; PEM of authorities to trust for its certificate beside the system's
	Dialer    *uplink.Dialer
	Host      wire.Host
	OSVersion string
	Name      string               // optional; of the device, for people
	NewDevice bool                 // make a new key, and so be another device
	Browser   func(address string) // is given the address to open
	Device    func(oauth.Code)     // is given the code to show; instead of Browser
}

// SignedIn is what came of it.
type SignedIn struct {
	Service string
	Device  string    // its id
	Expires time.Time // of the certificate
	Fresh   bool      // the device is new: it has a new key
}

// Login signs a user in and has the service make the device's certificate.
func Login(ctx context.Context, in SignIn) (SignedIn, error) {
	var done SignedIn
	kept, err := in.target()
	if err != nil {
		return done, err
	}
	program, err := kept.program(ctx, in.Dialer)
	if err != nil {
		return done, err
	}
	ask := oauth.Ask{Name: deviceName(in.Name, in.Host.MachineName)}
	var got oauth.Tokens
	if in.Device != nil {
		got, err = program.Device(ctx, ask, in.Device)
	} else {
		got, err = program.Browser(ctx, ask, in.Browser)
	}
	if err != nil {
		return done, err
	}
	if kept, err = kept.with(got.Refresh, got.Access, got.Expires); err != nil {
		return done, err
	}
	device := &device{state: in.State, dialer: in.Dialer, host: in.Host, osVersion: in.OSVersion, name: in.Name}
	cred, fresh, err := device.enrol(ctx, kept, in.NewDevice)
	if err != nil {
		_ = program.Revoke(context.WithoutCancel(ctx), got.Refresh) // a sign-in that is of no use
		return done, err
	}
	if err := in.State.replaceSignIn(ctx, kept); err != nil {
		return done, err
	}
	return SignedIn{Service: kept.Service, Device: cred.Identity.ID, Expires: cred.Leaf.NotAfter, Fresh: fresh}, nil
}

// target gives where to sign in: at what was named, or again where somebody is or was.
func (in SignIn) target() (signIn, error) {
	old, err := in.State.signIn()
	if err != nil && in.URL == "" {
		return signIn{}, fault.Invalid("URL", "is required: the address of your organisation's Postern, such as https://access.example.com")
	}
	kept := signIn{Service: in.URL, CA: in.CA}
	if kept.Service == "" {
		kept.Service = old.Service
	}
	if !strings.Contains(kept.Service, "://") {
		kept.Service = "https://" + kept.Service
	}
	u, err := url.Parse(kept.Service)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return kept, fault.Invalid("URL", "must be that of the service and nothing more, such as https://access.example.com, not %q", fault.Readable(in.URL))
	}
	kept.Service = "https://" + strings.ToLower(u.Host)
	if len(kept.CA) == 0 && old.Service == kept.Service {
		kept.CA = old.CA
	}
	if old.Service != "" && old.Service != kept.Service { // it would end the sign-in there
		if err := in.State.mayLogout(); err != nil {
			return kept, err
		}
	}
	_, err = kept.roots()
	return kept, err
}

// deviceName gives what the device is called to whoever allows the sign-in.
func deviceName(name, machine string) string {
	const longest = 64
	if name == "" {
		name = machine
	}
	if len(name) > longest {
		return ""
	}
	return name
}

// roots gives whom to trust for the service's certificate; nil: the system's authorities.
func (s signIn) roots() (*x509.CertPool, error) {
	if len(s.CA) == 0 {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // this system has none to tell
	}
	if block, _ := pem.Decode(s.CA); block == nil || !roots.AppendCertsFromPEM(s.CA) {
		return nil, fault.Invalid("--ca-file", "must be a file of certificates (PEM)")
	}
	return roots, nil
}

// http gives the way to ask the service's pages.
func (s signIn) http(dialer *uplink.Dialer) (*http.Client, error) {
	roots, err := s.roots()
	if err != nil {
		return nil, err
	}
	return oauth.HTTPBy(func(ctx context.Context, _, address string) (net.Conn, error) { return dialer.Dial(ctx, address) }, roots), nil
}

func (s signIn) program(ctx context.Context, dialer *uplink.Dialer) (*oauth.Client, error) {
	client, err := s.http(dialer)
	if err != nil {
		return nil, err
	}
	return oauth.Discover(ctx, client, s.Service, oauthClient)
}

// replaceSignIn keeps a new sign-in, and ends one that it takes the place of no more than by forgetting it: that may be the same session.
func (s *State) replaceSignIn(ctx context.Context, kept signIn) error {
	lock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Unlock() // the lock ends with the process at the latest
	return s.saveSignIn(kept)
}

// Logout ends the sign-in here and at the service; with forget the device's key and certificate go, too. ErrSignedOut: there was none.
// An error of fault.KindForbidden says that an administrator locked it; any other that the service was not told: here the sign-in is over then.
func Logout(ctx context.Context, state *State, dialer *uplink.Dialer, forget bool) (service string, err error) {
	if err := state.mayLogout(); err != nil {
		return "", err
	}
	return logout(ctx, state, dialer, forget)
}

func logout(ctx context.Context, state *State, dialer *uplink.Dialer, forget bool) (service string, err error) {
	lock, err := state.lock(ctx)
	if err != nil {
		return "", err
	}
	defer lock.Unlock() // as above
	kept, err := state.signIn()
	told := err
	if err == nil {
		told = kept.revoke(ctx, dialer)
	}
	for _, name := range []string{fileSignIn, fileRules, fileOwner} {
		if err := disk.Remove(state.file(name)); err != nil {
			return kept.Service, err
		}
	}
	if forget {
		if err := state.dir.Remove(); err != nil {
			return kept.Service, err
		}
	}
	return kept.Service, told
}

func (s signIn) revoke(ctx context.Context, dialer *uplink.Dialer) error {
	refresh, _, err := s.tokens()
	if err != nil {
		return err
	}
	program, err := s.program(ctx, dialer)
	if err != nil {
		return err
	}
	return program.Revoke(ctx, refresh)
}

// token gives an access token that is good for a while, of a sign-in that is kept. Of programs that need a new one at once, one asks.
// A crash between the service's answer and the disk loses the answer only: the service takes the token before once more.
func (s *State) token(ctx context.Context, dialer *uplink.Dialer, newerThan string) (text string, kept signIn, err error) {
	lock, err := s.lock(ctx)
	if err != nil {
		return "", kept, err
	}
	defer lock.Unlock() // as above
	if kept, err = s.signIn(); err != nil {
		return "", kept, err
	}
	refresh, access, err := kept.tokens()
	if err != nil {
		return "", kept, err
	}
	if access != "" && access != newerThan && time.Now().Before(kept.Expires.Add(-renewAhead)) {
		return access, kept, nil
	}
	program, err := kept.program(ctx, dialer)
	if err != nil {
		return "", kept, err
	}
	got, err := program.Refresh(ctx, refresh, "")
	if word, ok := errors.AsType[oauth.Error](err); ok && word == "invalid_grant" {
		return "", kept, fault.Unauthenticated("your sign-in at %s is over: it was ended, or not used for too long; sign in again: postern-client login", kept.Service).Because(err)
	}
	if err != nil {
		return "", kept, fmt.Errorf("renew the sign-in: %w", err)
	}
	if got.Refresh == "" {
		got.Refresh = refresh
	}
	if kept, err = kept.with(got.Refresh, got.Access, got.Expires); err != nil {
		return "", kept, err
	}
	return got.Access, kept, s.saveSignIn(kept)
}
