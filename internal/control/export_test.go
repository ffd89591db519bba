package control

import (
	"encoding/json"
	"errors"
	"time"

	"context"

	"github.com/go-jose/go-jose/v4"

	"postern/internal/access"
	"postern/internal/session"
	"postern/internal/store"
)

// PortalActor makes the actor of a signed-in user.
func PortalActor(who access.Principal, address, request string) access.Actor {
	return access.Actor{Kind: access.ActorUser, ID: who.User, Name: who.Name, Roles: who.Roles, Address: address, Request: request}
}

// CleanUp does at once what is done from time to time.
func (c *Control) CleanUp(ctx context.Context) { c.clean(ctx) }

// WriteDiscovered writes at once what was discovered.
func (c *Control) WriteDiscovered(ctx context.Context) { c.writeDiscovered(ctx) }

// WriteBatches writes at once what is written from time to time.
func (c *Control) WriteBatches(ctx context.Context) { c.writeBatches(ctx) }

// Miss counts at once a step of absence. used: somebody used the service in it.
func (c *Control) Miss(ctx context.Context, step time.Duration, used bool) { c.miss(ctx, step, used) }

// Alert looks at once at what is wrong, and inspects before.
func (c *Control) Alert(ctx context.Context) {
	c.inspect(ctx)
	c.alert(ctx)
}

// Measure writes at once what was measured.
func (c *Control) Measure(ctx context.Context) { c.measure(ctx) }

// Reread asks upstreams at once what they are asked from time to time.
func (c *Control) Reread(ctx context.Context) { c.reread(ctx) }

// Leads reports whether this replica does the regular jobs.
func (c *Control) Leads() bool { _, ok := c.leads(); return ok }

// WriteAsLeader gives how a job writes that began now.
func (c *Control) WriteAsLeader() func(context.Context, func(context.Context, *store.Tx) error) error {
	var began context.Context
	c.singly(func(ctx context.Context) { began = ctx })(context.Background())
	return func(ctx context.Context, do func(context.Context, *store.Tx) error) error {
		return c.writeSingly(context.WithValue(ctx, leaseKey{}, began.Value(leaseKey{})), do)
	}
}

// RetireKeys does at once what is done from time to time.
func (c *Control) RetireKeys(ctx context.Context) { c.retireKeys(ctx) }

// Cookie makes a cookie with the key of this moment.
func (c *Control) Cookie(scope session.Scope) string {
	return c.instance.macs.Cookie(scope, access.NewID(access.PrefixSession, c.now()), session.Secret())
}

// Knows reports whether a cookie was made here.
func (c *Control) Knows(scope session.Scope, cookie string) bool {
	_, _, err := c.instance.macs.Parse(scope, cookie)
	return err == nil
}

// Inspect looks at once through what is looked through from time to time.
func (c *Control) Inspect(ctx context.Context) { c.inspect(ctx) }

// Refresh reads at once what is new in the store.
func (c *Control) Refresh(ctx context.Context) error { return c.refresh(ctx) }

// Has reports whether a host has a certificate of our own CA.
func (k *Certificates) Has(host string) bool {
	k.mu.Lock()
	h, ok := k.hosts[host]
	k.mu.Unlock()
	return ok && h.done() && h.err == nil
}

// DiskFinding gives the code of what is said of a disk, empty for nothing.
func DiskFinding(free, total uint64) string {
	f := &findings{}
	(&Control{}).findDisk(f, free, total)
	if len(f.list) == 0 {
		return ""
	}
	return f.list[0].Code
}

// IDTokenKey gives the id of the key that signs an ID token of this moment, and whether a program that knows the keys accepts it.
func (c *Control) IDTokenKey() (id string, ok bool, err error) {
	text, err := c.idToken(session.Entry{}, oauthClient{}, "")
	if err != nil {
		return "", false, err
	}
	token, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return "", false, err
	}
	id = token.Signatures[0].Header.KeyID
	for _, k := range c.OAuthKeys() {
		data, err := json.Marshal(k)
		var key jose.JSONWebKey
		if err = errors.Join(err, key.UnmarshalJSON(data)); err != nil {
			return "", false, err
		}
		if key.KeyID == id {
			_, err = token.Verify(&key)
			return id, err == nil, nil
		}
	}
	return id, false, nil
}
