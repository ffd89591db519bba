package control

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/store"
)

// Authority says how our own CA is, and during an exchange of roots how far it has come.
type Authority struct {
	Roots   []RootState // the one in force first; during an exchange the next one second
	Issuing *x509.Certificate
	Started time.Time          // of the exchange; zero: there is none
	Waiting []WaitingConnector // that have not renewed under the next root yet, by name
	Tokens  []access.Token     // that may still be used and name the root before
	Devices int                // whose certificate is of before the exchange, and good still
	Signing []SigningKey
}

// RootState is one root.
type RootState struct {
	Fingerprint string
	NotAfter    time.Time
}

// WaitingConnector would be cut off if the exchange ended now.
type WaitingConnector struct {
	ID       access.ID
	Name     string
	Disabled bool
	LastSeen time.Time
}

// SigningKey is a key of grants, cookies or ID tokens and when it is used.
type SigningKey struct {
	Use   KeyUse
	ID    string
	From  time.Time // zero: from the beginning
	Until time.Time // zero: no end is known
}

// KeyUse says what a signing key is for.
type KeyUse string

// The uses.
const (
	KeyGrants   KeyUse = "grants"
	KeySessions KeyUse = "sessions"
	KeyIDTokens KeyUse = "id-tokens"
)

// Authority tells how our own CA and the signing keys are.
func (c *Control) Authority(ctx context.Context, by access.Actor) (out Authority, err error) {
	err = c.read(ctx, request{by: by, perm: readAuthority}, func(tx *store.Tx) error {
		a, err := c.readAuthority(ctx, tx)
		if err != nil {
			return err
		}
		if out, err = c.authorityState(ctx, tx, a); err != nil {
			return err
		}
		keys, err := c.readSigning(ctx, tx)
		if err != nil {
			return err
		}
		out.Signing = keys.list(c.now())
		return nil
	})
	return out, err
}

func (c *Control) authorityState(ctx context.Context, tx *store.Tx, a *authority) (Authority, error) {
	out := Authority{Issuing: a.issuers[0].Cert}
	for _, cert := range a.roots() {
		out.Roots = append(out.Roots, RootState{ca.Fingerprint(cert), cert.NotAfter})
	}
	if a.next == nil {
		return out, nil
	}
	out.Started = a.next.started
	var err error
	if out.Waiting, err = waiting(ctx, tx, a); err != nil {
		return out, err
	}
	if out.Tokens, err = c.oldTokens(ctx, tx, a.next.started); err != nil {
		return out, err
	}
	out.Devices, err = tx.CountOldDevices(ctx, a.next.started, c.now())
	return out, err
}

// waiting gives the connectors whose certificate another issuer signed. Who has one of the new issuer
// was told the new root with it.
func waiting(ctx context.Context, tx *store.Tx, a *authority) (list []WaitingConnector, err error) {
	connectors, err := tx.AllConnectors(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range connectors {
		row, err := tx.IssuedBySerial(ctx, k.Serial)
		if err != nil && !fault.Is(err, fault.KindNotFound) {
			return nil, err
		}
		leaf, parseErr := x509.ParseCertificate(row.DER)
		if err == nil && parseErr == nil && a.signed(leaf) {
			continue
		}
		list = append(list, WaitingConnector{k.ID, k.Name, k.Disabled, k.LastSeen})
	}
	slices.SortFunc(list, func(a, b WaitingConnector) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return list, nil
}

// oldTokens gives the tokens that were made before the exchange and may still be used.
func (c *Control) oldTokens(ctx context.Context, tx *store.Tx, started time.Time) (list []access.Token, err error) {
	for after := ""; ; {
		page, next, err := tx.Tokens(ctx, access.Page{After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			if t.Used.IsZero() && t.Created.Before(started) && !expired(t.Expires, c.now()) {
				list = append(list, t)
			}
		}
		if after = next; after == "" {
			return list, nil
		}
	}
}

// list gives the keys that are in use, the newest of each use first.
func (s *signing) list(now time.Time) (out []SigningKey) {
	for _, k := range s.grants {
		if k.good(now) {
			out = append(out, SigningKey{KeyGrants, k.id, k.From, k.Until})
		}
	}
	for _, k := range s.ids {
		if k.good(now) {
			out = append(out, SigningKey{KeyIDTokens, k.public.ID, k.From, k.Until})
		}
	}
	rings := len(out)
	for id := range s.rings.Keys {
		if t := s.rings.Terms[id]; t.good(now) {
			out = append(out, SigningKey{KeySessions, id, t.From, t.Until})
		}
	}
	slices.SortFunc(out[rings:], func(a, b SigningKey) int { return b.From.Compare(a.From) })
	return out
}

// ExchangeRoot begins to exchange the root of our own CA: a new root and an issuing certificate that
// both roots have signed. From now on everything is issued by that; connectors are told the new root
// and renew. Nothing stops working until FinishExchange.
func (c *Control) ExchangeRoot(ctx context.Context, by access.Actor) error {
	// Keys are made before anybody waits for the transaction.
	now := c.now()
	root, err := ca.CreateRoot(c.instance.trustDomain, now)
	if err != nil {
		return err
	}
	return c.act(ctx, request{by: by, perm: rotateAuthority}, func(ch *change) error {
		a, err := c.readAuthority(ctx, ch.tx)
		if err != nil {
			return err
		}
		if a.next != nil {
			return fault.Conflict("an exchange of the root is under way since %s: finish it first", a.next.started.Format(time.RFC3339))
		}
		issuer, err := ca.CreateIssuing(a.root, ch.now)
		if err != nil {
			return err
		}
		twin, err := ca.CrossIssuing(root, issuer, ch.now)
		if err != nil {
			return err
		}
		next := &exchange{root, twin, ch.now}
		if err := ch.putAuthority(append([]ca.Issuer{issuer}, a.issuers...), next); err != nil {
			return err
		}
		ch.audit(rotateAuthority, object{name: root.Cert.Subject.CommonName}, nil, map[string]string{"Fingerprint": ca.Fingerprint(root.Cert)})
		return nil
	})
}

func (ch *change) putAuthority(issuers []ca.Issuer, next *exchange) error {
	list, err := marshalIssuers(issuers)
	if err != nil {
		return err
	}
	if err := ch.tx.PutSecret(ch.ctx, secretIssuing, list); err != nil {
		return err
	}
	if next == nil {
		return ch.tx.DeleteSecret(ch.ctx, secretNext)
	}
	data, err := next.marshal()
	if err != nil {
		return err
	}
	return ch.tx.PutSecret(ch.ctx, secretNext, data)
}

// FinishExchange retires the root before. Unless forced, it refuses while that would cut anybody off.
func (c *Control) FinishExchange(ctx context.Context, by access.Actor, force bool) error {
	return c.act(ctx, request{by: by, perm: finishAuthority}, func(ch *change) error {
		a, err := c.readAuthority(ctx, ch.tx)
		if err != nil {
			return err
		}
		if a.next == nil {
			return fault.Conflict("no exchange of the root is under way")
		}
		state, err := c.authorityState(ctx, ch.tx, a)
		if err != nil {
			return err
		}
		if err := state.cutOff(); err != nil && !force {
			return err
		}
		// Who has a tunnel open would go on until it ends, and nobody would know why it does not come back.
		for _, k := range state.Waiting {
			if err := ch.revokeConnector(k.ID, "cut off"); err != nil {
				return err
			}
		}
		root, err := a.next.root.Marshal()
		if err != nil {
			return err
		}
		if err := ch.tx.PutSecret(ctx, secretRoot, root); err != nil {
			return err
		}
		if err := ch.putAuthority([]ca.Issuer{a.next.issuer}, nil); err != nil {
			return err
		}
		ch.audit(finishAuthority, object{name: a.root.Cert.Subject.CommonName}, nil,
			map[string]any{"Retired": ca.Fingerprint(a.root.Cert), "Forced": force, "CutOff": len(state.Waiting)})
		return nil
	})
}

// cutOff says who would be cut off now.
func (a Authority) cutOff() error {
	var parts, late, disabled []string
	for _, k := range a.Waiting {
		if k.Disabled {
			disabled = append(disabled, k.Name)
		} else {
			late = append(late, k.Name)
		}
	}
	if len(late) > 0 {
		parts = append(parts, fmt.Sprintf("%s (%s): they follow by themselves when they are there", count(late, "connector that has not renewed under the new root", "connectors that have not renewed under the new root"), first(late)))
	}
	// Nobody waits for these: they can never follow by themselves.
	if len(disabled) > 0 {
		parts = append(parts, fmt.Sprintf("%s (%s): enable them until they have followed, or delete them", count(disabled, "disabled connector, which cannot renew", "disabled connectors, which cannot renew"), first(disabled)))
	}
	if n := len(a.Tokens); n > 0 {
		parts = append(parts, fmt.Sprintf("%d enrolment tokens made before it, which would be worthless", n))
	}
	if n := a.Devices; n > 0 {
		parts = append(parts, fmt.Sprintf("%d devices with a certificate of before, which renew by themselves within half of its life when they are used, or when their user signs in on them again", n))
	}
	if len(parts) == 0 {
		return nil
	}
	return fault.Conflict("finishing now would cut off %s. A connector that is cut off must be enrolled again with a new token: wait for them, or force it", strings.Join(parts, "; "))
}

// count says how many there are, and what of them.
func count(names []string, one, many string) string {
	if len(names) == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", len(names), many)
}

// first names the first of many.
func first(names []string) string {
	if len(names) > 5 {
		names = append(slices.Clone(names[:5]), "…")
	}
	return strings.Join(names, ", ")
}

// RotateIssuing makes a new issuing certificate under the same root. What those before have signed
// stays good until it ends.
func (c *Control) RotateIssuing(ctx context.Context, by access.Actor) error {
	return c.act(ctx, request{by: by, perm: rotateAuthority}, func(ch *change) error {
		a, err := c.readAuthority(ctx, ch.tx)
		if err != nil {
			return err
		}
		if a.next != nil {
			return fault.Conflict("an exchange of the root is under way and has made a new issuing certificate already")
		}
		next, err := ca.CreateIssuing(a.root, ch.now)
		if err != nil {
			return err
		}
		if err := ch.putAuthority(append([]ca.Issuer{next}, a.issuers...), nil); err != nil {
			return err
		}
		ch.audit(rotateAuthority, object{name: next.Cert.Subject.CommonName}, nil, nil)
		return nil
	})
}

// RotateKey adds the next key that signs grants or cookies, and gives it. It signs as soon as everybody
// knows it; the one before stays good until the last thing that it signed is over.
func (c *Control) RotateKey(ctx context.Context, by access.Actor, use KeyUse) (out SigningKey, err error) {
	rotate, known := map[KeyUse]func(*change) (string, term, error){
		KeyGrants:   func(ch *change) (string, term, error) { return ch.rotateKeys(grantKeys) },
		KeyIDTokens: func(ch *change) (string, term, error) { return ch.rotateKeys(idKeys) },
		KeySessions: (*change).rotateRing,
	}[use]
	if !known {
		return out, fault.Invalid("use", "must be %s, %s or %s", KeyGrants, KeySessions, KeyIDTokens)
	}
	err = c.act(ctx, request{by: by, perm: rotateKey}, func(ch *change) error {
		id, t, err := rotate(ch)
		if err != nil {
			return err
		}
		out = SigningKey{use, id, t.From, t.Until}
		ch.audit(rotateKey, object{name: string(use)}, nil, map[string]string{"Key": id})
		return nil
	})
	return out, err
}

// retireKeys announces that a grant key is over: connectors forget it.
func (c *Control) retireKeys(ctx context.Context) {
	snap, now := c.current(), c.now()
	good := c.signing.Load().publics(now)
	for id, key := range snap.GrantKeys {
		if bytes.Equal(good[id], key) {
			continue
		}
		system := access.Actor{Kind: access.ActorSystem}
		err := c.act(ctx, request{by: system, perm: retireKey}, func(ch *change) error {
			ch.audit(retireKey, object{name: string(KeyGrants)}, nil, map[string]string{"Key": id})
			return nil
		})
		if err != nil {
			c.log.Error("retire a signing key", "key", id, "error", cause(err))
		}
		return
	}
}
