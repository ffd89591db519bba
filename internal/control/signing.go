package control

import (
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

// The keys that sign grants and those of cookies are rotated with overlap: a new key is known
// everywhere before the first thing is signed with it, and an old one until the last thing that it
// signed is over. Both times stand with the key, so that every replica turns by itself.

// term is when a key signs: from a moment on, and until another it is good for checking.
type term struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"` // zero: no end is known
}

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

// storedGrantKey is how it is sealed.
type storedGrantKey struct {
	term
	Seed []byte `json:"seed"`
}

// storedGrantKeys are all, the newest first. Programs of the version before know only "grant-key".
type storedGrantKeys struct {
	Keys []storedGrantKey `json:"keys"`
}

// secretGrants is the name of the grant keys and their times; "grant-key" is the newest.
const secretGrants = "grant-keys"

func newGrantKey(stored storedGrantKey) (grantKey, error) {
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
	rings  storedRing
}

// grant gives the key that signs now.
func (s *signing) grant(now time.Time) grantKey {
	for _, k := range s.grants {
		if !k.From.After(now) && k.good(now) {
			return k
		}
	}
	return s.grants[0] // a clock that is far behind
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
	stored, err := readGrantKeys(ctx, tx)
	if err != nil {
		return nil, err
	}
	s := &signing{}
	for _, one := range stored.Keys {
		key, err := newGrantKey(one)
		if err != nil {
			return nil, err
		}
		s.grants = append(s.grants, key)
	}
	s.rings, err = readRing(ctx, tx)
	if err != nil {
		return nil, err
	}
	return s, s.rings.at(c.now()).Check()
}

func readGrantKeys(ctx context.Context, tx *store.Tx) (out storedGrantKeys, err error) {
	data, err := tx.Secret(ctx, secretGrants)
	if fault.Is(err, fault.KindNotFound) {
		seed, err := tx.Secret(ctx, secretGrant)
		return storedGrantKeys{[]storedGrantKey{{Seed: seed}}}, err
	}
	if err != nil {
		return out, err
	}
	if json.Unmarshal(data, &out) != nil || len(out.Keys) == 0 { // whose error might show a part of a key
		return out, fault.Internal(nil, "the grant signing keys are damaged")
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

// rotateGrants adds the next grant key.
func (ch *change) rotateGrants() (string, term, error) {
	stored, err := readGrantKeys(ch.ctx, ch.tx)
	if err != nil {
		return "", term{}, err
	}
	next := storedGrantKey{term{From: ch.now.Add(keysAhead)}, make([]byte, ed25519.SeedSize)}
	rand.Read(next.Seed)
	list := []storedGrantKey{next}
	for _, old := range stored.Keys {
		if old.Until.IsZero() { // its last grant, the connectors' clocks and ours
			old.Until = next.From.Add(maxGrant + 2*keysAhead)
		}
		if old.good(ch.now) {
			list = append(list, old)
		}
	}
	if len(list) > maxSigningKeys {
		return "", term{}, tooManyKeys(list[len(list)-1].term)
	}
	key, err := newGrantKey(next)
	if err != nil {
		return "", term{}, err
	}
	data, err := json.Marshal(storedGrantKeys{list})
	if err != nil {
		return "", term{}, err
	}
	if err := ch.tx.PutSecret(ch.ctx, secretGrants, data); err != nil {
		return "", term{}, err
	}
	return key.id, next.term, ch.tx.PutSecret(ch.ctx, secretGrant, next.Seed)
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
