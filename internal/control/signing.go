package control

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
)

// The keys that sign grants, cookies and ID tokens are rotated with overlap: a new key is known
// everywhere before the first thing is signed with it, and an old one until the last thing that it
// signed is over. Both times stand with the key, so that every replica turns by itself.

// term is when a key signs: from a moment on, and until another it is good for checking.
type term struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"` // zero: no end is known
}

// signs reports whether the time of the key is.
func (t term) signs(now time.Time) bool { return !t.From.After(now) && t.good(now) }

// good reports whether what the key has signed is still to be accepted.
func (t term) good(now time.Time) bool { return t.Until.IsZero() || now.Before(t.Until) }

// keysAhead is how long before its first use a key is known: replicas and connectors learn of it
// within seconds; who is away for longer finds it when it is back.
const keysAhead = 2 * time.Minute

// grantKey signs grants.
type grantKey struct {
	term
	id  string
	key ed25519.PrivateKey
}

// storedKey is how a key that signs is sealed.
type storedKey struct {
	term
	Seed []byte `json:"seed"` // what it is made from
}

// storedKeys are all keys of a use, the newest first.
type storedKeys struct {
	Keys []storedKey `json:"keys"`
}

// sealedKeys says of the keys of a use how they are kept and followed by others.
type sealedKeys struct {
	list, newest string        // the secrets' names: all with their times; the newest alone, which is all that programs of before know
	overlap      time.Duration // how long what one signed is good at the most, with the clocks' difference
	fresh        func() ([]byte, error)
	id           func(storedKey) (string, error)
}

var grantKeys = sealedKeys{
	list: "grant-keys", newest: secretGrant, overlap: maxGrant + 2*keysAhead,
	fresh: func() ([]byte, error) {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		return seed, nil
	},
	id: func(k storedKey) (string, error) {
		key, err := newGrantKey(k)
		return key.id, err
	},
}

func newGrantKey(stored storedKey) (grantKey, error) {
	if len(stored.Seed) != ed25519.SeedSize {
		return grantKey{}, fault.Internal(nil, "the grant signing key is damaged")
	}
	key := ed25519.NewKeyFromSeed(stored.Seed)
	sum := sha256.Sum256(key.Public().(ed25519.PublicKey))
	return grantKey{stored.term, hex.EncodeToString(sum[:8]), key}, nil
}

// signing is what a process signs and checks with, by its terms.
type signing struct {
	grants []grantKey // the newest first
	ids    []idKey    // the newest first
	rings  storedRing
}

// current gives the key that signs now, of a list with the newest first.
func current[K interface{ signs(time.Time) bool }](list []K, now time.Time) K {
	for _, k := range list {
		if k.signs(now) {
			return k
		}
	}
	return list[0] // a clock that is far behind
}

// publics gives the keys that a connector is to accept.
func (s *signing) publics(now time.Time) map[string]ed25519.PublicKey {
	out := map[string]ed25519.PublicKey{}
	for _, k := range s.grants {
		if k.good(now) {
			out[k.id] = k.key.Public().(ed25519.PublicKey)
		}
	}
	return out
}

// storedRing is how the keys of cookies are sealed: a session.Keyring, with the terms beside it, which
// programs of the version before overlook.
type storedRing struct {
	Active string            `json:"active"`
	Keys   map[string][]byte `json:"keys"`
	Terms  map[string]term   `json:"terms,omitempty"` // a key without one was the first
}

// at gives the keyring of a moment.
func (r storedRing) at(now time.Time) session.Keyring {
	out := session.Keyring{Active: r.Active, Keys: map[string][]byte{}}
	for id, key := range r.Keys {
		if r.Terms[id].good(now) {
			out.Keys[id] = key
		}
		if from := r.Terms[id].From; !from.After(now) && from.After(r.Terms[out.Active].From) {
			out.Active = id
		}
	}
	return out
}

// readSigning reads the keys.
func (c *Control) readSigning(ctx context.Context, tx *store.Tx) (*signing, error) {
	var s signing
	var err1, err2, err3 error
	s.grants, err1 = readKeys(ctx, tx, grantKeys, newGrantKey)
	s.ids, err2 = readKeys(ctx, tx, idKeys, newIDKey)
	s.rings, err3 = readRing(ctx, tx)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return nil, err
	}
	return &s, s.rings.at(c.now()).Check()
}

func readKeys[K any](ctx context.Context, tx *store.Tx, of sealedKeys, open func(storedKey) (K, error)) (list []K, err error) {
	stored, err := of.read(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, one := range stored.Keys {
		key, err := open(one)
		if err != nil {
			return nil, err
		}
		list = append(list, key)
	}
	return list, nil
}

func (of sealedKeys) read(ctx context.Context, tx *store.Tx) (out storedKeys, err error) {
	data, err := tx.Secret(ctx, of.list)
	if fault.Is(err, fault.KindNotFound) {
		seed, err := tx.Secret(ctx, of.newest)
		return storedKeys{[]storedKey{{Seed: seed}}}, err
	}
	if err != nil {
		return out, err
	}
	if json.Unmarshal(data, &out) != nil || len(out.Keys) == 0 { // whose error might show a part of a key
		return out, fault.Internal(nil, "the keys %s are damaged", of.list)
	}
	return out, nil
}

func readRing(ctx context.Context, tx *store.Tx) (out storedRing, err error) {
	data, err := tx.Secret(ctx, secretMACs)
	if err == nil && json.Unmarshal(data, &out) != nil {
		err = fault.Internal(nil, "the session keys are damaged")
	}
	return out, err
}

// turnKeys has the keyring of this moment used.
func (c *Control) turnKeys() {
	ring := c.signing.Load().rings.at(c.now())
	c.instance.macs.Replace(ring)
}

// maxSigningKeys bounds how many keys of a kind are there at once: whoever rotates more often waits
// until the oldest is over.
const maxSigningKeys = 8

// rotateKeys adds the next key of a use.
func (ch *change) rotateKeys(of sealedKeys) (string, term, error) {
	stored, err := of.read(ch.ctx, ch.tx)
	if err != nil {
		return "", term{}, err
	}
	next := storedKey{term: term{From: ch.now.Add(keysAhead)}}
	if next.Seed, err = of.fresh(); err != nil {
		return "", term{}, err
	}
	list := []storedKey{next}
	for _, old := range stored.Keys {
		if old.Until.IsZero() {
			old.Until = next.From.Add(of.overlap)
		}
		if old.good(ch.now) {
			list = append(list, old)
		}
	}
	if len(list) > maxSigningKeys {
		return "", term{}, tooManyKeys(list[len(list)-1].term)
	}
	id, err := of.id(next)
	if err != nil {
		return "", term{}, err
	}
	data, err := json.Marshal(storedKeys{list})
	if err != nil {
		return "", term{}, err
	}
	if err := ch.tx.PutSecret(ch.ctx, of.list, data); err != nil {
		return "", term{}, err
	}
	return id, next.term, ch.tx.PutSecret(ch.ctx, of.newest, next.Seed)
}

func tooManyKeys(oldest term) error {
	return fault.Conflict("%d keys are in use already; the oldest is over at %s", maxSigningKeys, oldest.Until.Format(time.RFC3339))
}

// rotateRing adds the next key of cookies.
func (ch *change) rotateRing() (string, term, error) {
	ring, err := readRing(ch.ctx, ch.tx)
	if err != nil {
		return "", term{}, err
	}
	ring.Active = ring.at(ch.now).Active
	if ring.Terms == nil {
		ring.Terms = map[string]term{}
	}
	fresh := session.NewKeyring()
	next := term{From: ch.now.Add(keysAhead)}
	settings := ch.c.cfg.Settings
	for id := range ring.Keys {
		old := ring.Terms[id]
		if old.Until.IsZero() { // nobody is signed out: its sessions end first
			old.Until = next.From.Add(max(settings.SessionLife, settings.ProgramLife) + time.Hour)
		}
		ring.Terms[id] = old
		if !old.good(ch.now) {
			delete(ring.Keys, id)
			delete(ring.Terms, id)
		}
	}
	if len(ring.Keys) >= maxSigningKeys {
		oldest := term{}
		for _, t := range ring.Terms {
			if oldest.Until.IsZero() || t.Until.Before(oldest.Until) {
				oldest = t
			}
		}
		return "", term{}, tooManyKeys(oldest)
	}
	ring.Keys[fresh.Active], ring.Terms[fresh.Active] = fresh.Keys[fresh.Active], next
	data, err := json.Marshal(ring)
	if err != nil {
		return "", term{}, err
	}
	return fresh.Active, next, ch.tx.PutSecret(ch.ctx, secretMACs, data)
}
