package control

import (
	"context"
	"strings"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
)

// keyPrefix makes an API key known as one to people and to scanners for leaked secrets.
const keyPrefix = "postern-key-1."

// Keys lists API keys and gives the cursor of the next page, empty at the end.
func (c *Control) Keys(ctx context.Context, by access.Actor, page access.Page) (list []access.Key, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readKey}, func(tx *store.Tx) error {
		list, next, err = tx.Keys(ctx, c.timed(page))
		return err
	})
	return list, next, err
}

// Key gives one API key.
func (c *Control) Key(ctx context.Context, by access.Actor, id access.ID) (k access.Key, err error) {
	err = c.read(ctx, request{by: by, perm: readKey, object: id}, func(tx *store.Tx) error {
		k, err = tx.Key(ctx, id)
		return err
	})
	return k, err
}

// CreateKey adds an API key and gives its secret, which is shown once and kept nowhere. A key is
// never stronger, nor longer good, than the key that made it.
func (c *Control) CreateKey(ctx context.Context, by access.Actor, k access.Key) (access.Key, string, error) {
	var secret string
	err := c.act(ctx, request{by: by, perm: createKey, name: k.Name}, func(ch *change) error {
		if err := covers(ch.by, &k); err != nil {
			return err
		}
		if ch.by.Kind == access.ActorKey {
			maker, err := ch.tx.Key(ctx, ch.by.ID)
			if err != nil {
				return err
			}
			if !maker.Expires.IsZero() && (k.Expires.IsZero() || k.Expires.After(maker.Expires)) {
				return fault.Forbidden("an API key cannot make a key that expires later than itself")
			}
		}
		var err error
		secret, err = ch.insertKey(&k)
		return err
	})
	if err != nil {
		return access.Key{}, "", err
	}
	return k, secret, nil
}

func (ch *change) insertKey(k *access.Key) (secret string, err error) {
	secret = keyPrefix + session.Secret()
	k.Meta = ch.fresh(access.PrefixKey)
	k.LastUsed = time.Time{}
	k.Expires = k.Expires.UTC().Truncate(time.Microsecond)
	k.Hash = session.Hash(secret)
	if err := k.Validate(ch.now); err != nil {
		return "", err
	}
	if err := checkScopes(k.Scopes); err != nil {
		return "", err
	}
	if err := ch.tx.InsertKey(ch.ctx, k); err != nil {
		return "", err
	}
	ch.audit(createKey, object{k.Meta, k.Name}, nil, *k)
	return secret, nil
}

// DeleteKey deletes an API key; it is refused from then on.
func (c *Control) DeleteKey(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteKey, object: id}, func(ch *change) error {
		old, err := ch.tx.Key(ctx, id)
		if err != nil {
			return err
		}
		if err := covers(ch.by, &old); err != nil {
			return err
		}
		if err := ch.tx.DeleteKey(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteKey, object{old.Meta, old.Name}, old, nil)
		return nil
	})
}

// KeyActor finds out whose API key it is. address and request go into the Actor.
func (c *Control) KeyActor(ctx context.Context, secret, address, request string) (access.Actor, error) {
	bad := fault.Unauthenticated("the API key is not good: unknown, deleted or expired")
	tried := attempt(access.EventKey, access.Actor{Address: address, Request: request}, "")
	tried.Reason = access.ReasonWrongKey
	if !strings.HasPrefix(secret, keyPrefix) || len(secret) != len(keyPrefix)+43 {
		c.shown(ctx, tried, bad)
		return access.Actor{}, bad
	}
	hash := session.Hash(secret)
	var k access.Key
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		k, err = tx.KeyByHash(ctx, hash)
		return err
	})
	if err != nil {
		err = orElse(err, fault.KindNotFound, bad)
		c.shown(ctx, tried, err)
		return access.Actor{}, err
	}
	now := c.now()
	tried.Client, tried.Message = string(k.ID), "the API key "+k.Name
	if !session.SameHash(k.Hash, hash) || expired(k.Expires, now) {
		tried.Reason = access.ReasonKeyExpired
		c.shown(ctx, tried, bad)
		return access.Actor{}, bad
	}
	c.keysUsed.note(k.ID, now)
	c.shown(ctx, tried, nil)
	return access.Actor{Kind: access.ActorKey, ID: k.ID, Name: k.Name, Roles: k.Roles, Scopes: k.Scopes, Address: address, Request: request}, nil
}

// keysUsed remembers when keys were used until that is written.
type keysUsed struct {
	mu sync.Mutex // guards at
	at map[access.ID]time.Time
}

func (k *keysUsed) note(id access.ID, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at == nil {
		k.at = map[access.ID]time.Time{}
	}
	k.at[id] = at
}

func (k *keysUsed) take() map[access.ID]time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.at
	k.at = nil
	return at
}
