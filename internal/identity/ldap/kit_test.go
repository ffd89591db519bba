package ldap

import (
	"context"
	"errors"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/posterntest/slapd"
)

// soon is a time-out for what must not answer; anything that must is given longer.
const soon = 300 * time.Millisecond

// settings are those of a directory of the tests.
func settings(s *slapd.Server) access.LDAPSettings {
	return access.LDAPSettings{URLs: []string{s.URL}, CA: s.CA, BaseDN: slapd.Base, BindDN: slapd.BindDN, AllowLoopback: true}
}

// client makes a client that is closed with the test. Machines are slow at times: it has patience.
func client(t testing.TB, cfg Config) *Client {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout, cfg.Patience = 30*time.Second, 90*time.Second
	}
	if cfg.Settings.BindDN != "" && cfg.Password == "" {
		cfg.Password = slapd.Password
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// reason gives why somebody was refused, and fails the test if what they are told says anything of it.
func reason(t testing.TB, err error) string {
	t.Helper()
	if !fault.Is(err, fault.KindUnauthenticated) || err.Error() != "the user name or the password is not right" {
		t.Fatalf("got %v (%v), want the one answer to whoever is not let in", err, errors.Unwrap(err))
	}
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		t.Fatalf("%v does not say why", err)
	}
	return refusal.Reason
}

// signIn signs in or ends the test.
func signIn(t testing.TB, c *Client, name, password string) identity.Assertion {
	t.Helper()
	a, err := c.Authenticate(t.Context(), name, password)
	if err != nil {
		t.Fatalf("%s: %v: %v", name, err, errors.Unwrap(err))
	}
	return a
}

// refusedWith tries to sign in and gives why it was refused.
func refusedWith(t testing.TB, c *Client, name, password string) string {
	t.Helper()
	a, err := c.Authenticate(t.Context(), name, password)
	if err == nil {
		t.Fatalf("%q with %q is let in as %s", name, password, a.Subject)
	}
	return reason(t, err)
}

// hop gives on which hop something failed.
func hop(t testing.TB, err error) *HopError {
	t.Helper()
	hops := HopErrors(err)
	if len(hops) == 0 {
		t.Fatalf("%v (%v) names no hop", err, errors.Unwrap(err))
	}
	return hops[0]
}

// within fails the test if something takes longer than a minute: it would not have ended.
func within(t testing.TB, do func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	do(ctx)
	if ctx.Err() != nil {
		t.Error("it did not end by itself")
	}
}
