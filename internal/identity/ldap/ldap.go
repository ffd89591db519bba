// Package ldap asks a directory who people are: OpenLDAP, Active Directory and their like.
//
// Somebody is who they say if the directory takes their password: an account that may search finds
// the one entry of that name, and a connection of its own binds as that entry. Passwords leave this
// machine only inside TLS whose certificate was verified, unless the settings say otherwise in so
// many words; referrals are never followed; every answer has a bound in time and size.
//
// What is said to somebody who is not let in is always the same and says nothing about the account.
// Why it was (Refusal) is for the administrator's log.
package ldap

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
)

// Config holds what a Client needs. Fields are required unless they say otherwise.
type Config struct {
	Settings access.LDAPSettings
	Domains  []string                  // optional; of the upstream: what may follow the @ of its names
	Claims   []string                  // optional; attributes that the mapping looks into, read beside the usual ones
	Password string                    // of Settings.BindDN
	Own      func(netip.AddrPort) bool // optional; where this service itself listens, which is never dialled
	Timeout  time.Duration             // optional; of one question to one server, 5s if zero
	Patience time.Duration             // optional; of the whole, whatever number of servers it takes, 15s if zero
	Now      func() time.Time          // optional; time.Now if nil
}

// Client asks one directory. It may be used by many at once.
type Client struct {
	cfg     Config
	kind    kind
	servers []server
	roots   *x509.CertPool // nil for the system's
	issuer  string
	decoy   string // the DN that is bound as for names that nobody has
	nobody  string // stands for a name in group filters where there is none
	pool    *pool
}

// New checks the settings and wires. Nothing is dialled yet.
func New(cfg Config) (*Client, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 15 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	set := &cfg.Settings
	if set.GroupBase == "" {
		set.GroupBase = set.BaseDN
	}
	if set.BindDN != "" && cfg.Password == "" {
		// A server takes a name without a password as nobody (RFC 4513, section 5.1.2) and says yes.
		return nil, fault.Invalid("secret", "must hold the password of %s", set.BindDN)
	}
	c := &Client{cfg: cfg, kind: kindOf(set), issuer: "ldap:" + strings.ToLower(set.BaseDN)}
	for _, url := range set.URLs {
		s, err := newServer(url)
		if err != nil {
			return nil, fault.Invalid("ldap.urls", "must be such as ldaps://dc1.example.com: %v", err)
		}
		c.servers = append(c.servers, s)
	}
	if len(c.servers) == 0 {
		return nil, fault.Invalid("ldap.urls", "must name the directory")
	}
	if err := c.trust(set.CA); err != nil {
		return nil, err
	}
	for _, filter := range []struct{ field, text string }{
		{"ldap.userFilter", c.kind.user("x", "x")}, {"ldap.groupFilter", c.kind.member("x", "x")},
	} {
		if _, err := goldap.CompileFilter(filter.text); err != nil {
			return nil, fault.Invalid(filter.field, "must be a filter of RFC 4515: %v", err)
		}
	}
	c.nobody = random()
	c.decoy = "cn=" + random() + "," + set.BaseDN
	c.pool = newPool(len(c.servers))
	return c, nil
}

// trust adds the settings' authorities to the system's.
func (c *Client) trust(pem string) error {
	if pem == "" {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without authorities of its own
	}
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return fault.Invalid("ldap.ca", "must be certificates in PEM")
	}
	c.roots = pool
	return nil
}

func random() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// Close ends the connections that are kept.
func (c *Client) Close() { c.pool.close() }

// Authenticate gives who signs in by that name and password, or the one answer that everybody gets
// who is not let in; its cause is a Refusal. A directory that is away is KindUnavailable.
func (c *Client) Authenticate(ctx context.Context, name, password string) (identity.Assertion, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Patience)
	defer cancel()
	if password == "" || len(password) > maxPassword {
		// Binding without a password would say yes to anybody (RFC 4513, section 5.1.2).
		return identity.Assertion{}, refused(&Refusal{Reason: ReasonPassword, Detail: "it was empty or too long, so the directory was not asked"})
	}
	found, err := c.byName(ctx, name)
	if err != nil {
		if fault.Is(err, fault.KindUnauthenticated) {
			// A name that nobody has takes the same way, so that the time tells little about it.
			_ = c.prove(ctx, c.decoy, password)
		}
		return identity.Assertion{}, away(err)
	}
	return c.proven(ctx, found, password)
}

// Confirm is Authenticate for somebody who has signed in before: it is the same entry whatever it is called by now,
// and whatever name they signed in with.
func (c *Client) Confirm(ctx context.Context, subject, password string) (identity.Assertion, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Patience)
	defer cancel()
	if password == "" || len(password) > maxPassword {
		return identity.Assertion{}, refused(&Refusal{Reason: ReasonPassword, Detail: "it was empty or too long, so the directory was not asked"})
	}
	found, err := c.bySubject(ctx, subject)
	if fault.Is(err, fault.KindNotFound) {
		return identity.Assertion{}, refused(&Refusal{Reason: ReasonUnknown, Detail: "the directory has no such user any more"})
	}
	if err != nil {
		return identity.Assertion{}, away(err)
	}
	return c.proven(ctx, found, password)
}

// proven takes the password of an entry and says whose it is.
func (c *Client) proven(ctx context.Context, found *goldap.Entry, password string) (identity.Assertion, error) {
	if err := c.prove(ctx, found.DN, password); err != nil {
		return identity.Assertion{}, away(err)
	}
	if refusal := c.kind.refusal(found, c.cfg.Now()); refusal != nil {
		return identity.Assertion{}, refused(refusal)
	}
	a, err := c.assertion(ctx, found)
	if err != nil {
		return a, away(err)
	}
	a.Methods, a.Authenticated = []string{access.MethodPassword}, c.cfg.Now()
	return a, nil
}

// Again reads anew what the directory says of somebody who has signed in before. Somebody who is
// gone, or whom the settings' filter does not let in any more, is KindNotFound; somebody whose
// account is disabled or over is KindForbidden. A lock-out after wrong passwords does not count:
// anybody could bring it about.
func (c *Client) Again(ctx context.Context, subject string) (identity.Assertion, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Patience)
	defer cancel()
	found, err := c.bySubject(ctx, subject)
	if err != nil {
		return identity.Assertion{}, away(err)
	}
	return c.described(ctx, found)
}

// LookUp gives what the directory says of somebody without their password, for administrators who
// want to see it. It refuses as Again does.
func (c *Client) LookUp(ctx context.Context, name string) (identity.Assertion, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Patience)
	defer cancel()
	found, err := c.byName(ctx, name)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return identity.Assertion{}, fault.NotFound("the directory has no such user: %s", refusal.Detail).Because(refusal)
	}
	if err != nil {
		return identity.Assertion{}, away(err)
	}
	return c.described(ctx, found)
}

func (c *Client) described(ctx context.Context, found *goldap.Entry) (identity.Assertion, error) {
	if refusal := c.kind.refusal(found, c.cfg.Now()); refusal != nil && refusal.Reason != ReasonLocked {
		return identity.Assertion{}, fault.Forbidden("the directory does not let this account in any more: %s", refusal.Reason).Because(refusal)
	}
	a, err := c.assertion(ctx, found)
	return a, away(err)
}

// away turns whatever is not an answer about somebody into a sentence for whoever waits for it.
func away(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.Unavailable("the directory that knows you does not answer at this moment; please try again in a minute").After(30 * time.Second).Because(err)
}

// assertion puts together what the directory says of an entry.
func (c *Client) assertion(ctx context.Context, found *goldap.Entry) (identity.Assertion, error) {
	subject, err := c.kind.subjectOf(found)
	if err != nil {
		return identity.Assertion{}, err
	}
	groups, err := c.groups(ctx, found)
	if err != nil {
		return identity.Assertion{}, err
	}
	a := identity.Assertion{Issuer: c.issuer, Subject: subject, Claims: c.claims(found), Groups: groups}
	return a, a.Check()
}

// HopErrors lists on which hops an error came about, one for each server that was tried.
func HopErrors(err error) (hops []*HopError) {
	switch e := err.(type) {
	case nil:
	case *HopError:
		hops = append(hops, e)
	case interface{ Unwrap() []error }:
		for _, each := range e.Unwrap() {
			hops = append(hops, HopErrors(each)...)
		}
	case interface{ Unwrap() error }:
		hops = HopErrors(e.Unwrap())
	}
	return hops
}

// text shortens what a server wrote, for errors and logs.
func text(s string) string {
	s = strings.ToValidUTF8(strings.TrimRight(s, "\x00"), "�")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
