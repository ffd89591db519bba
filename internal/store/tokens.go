package store

import (
	"context"
	"encoding/hex"
	"time"

	"postern/internal/access"
)

var tokens = table[access.Token]{
	name:    "tokens",
	what:    "enrolment token",
	columns: []string{"name", "name_key", "group_id", "expires", "used", "used_by", "hash", "key_hash", "hold"},
	filters: map[string]condition{
		"connectorGroup": equal("group_id"),
		"unused":         func(at string) (string, any) { return "used = 0 AND expires > %s", whole(at) },
		"expired":        func(at string) (string, any) { return "used = 0 AND expires <= %s", whole(at) },
		"used":           func(string) (string, any) { return "used > %s", int64(0) },
	},
	search: "name_key",
	sorted: "name_key",
	meta:   func(k *access.Token) *access.Meta { return &k.Meta },
	values: func(k *access.Token) []any {
		return []any{
			k.Name, folded(k.Name), string(k.GroupID), micros(k.Expires), micros(k.Used), string(k.UsedBy),
			hex.EncodeToString(k.Hash), hex.EncodeToString(k.KeyHash), flag(k.Hold),
		}
	},
	into: func(k *access.Token) ([]any, func() error) {
		var unused, hash, keyHash string
		var expires, used int64
		return []any{&k.Name, &unused, &k.GroupID, &expires, &used, &k.UsedBy, &hash, &keyHash, &k.Hold}, func() (err error) {
			k.Expires, k.Used = moment(expires), moment(used)
			if k.Hash, err = unhex(hash); err != nil {
				return err
			}
			k.KeyHash, err = unhex(keyHash)
			return err
		}
	},
}

// Token gives an enrolment token.
func (t *Tx) Token(ctx context.Context, id access.ID) (access.Token, error) {
	return tokens.one(ctx, t, "id", string(id))
}

// Tokens gives a page of the enrolment tokens and the cursor of the next one.
func (t *Tx) Tokens(ctx context.Context, p access.Page) ([]access.Token, string, error) {
	return tokens.page(ctx, t, p)
}

// InsertToken stores a new enrolment token.
func (t *Tx) InsertToken(ctx context.Context, k *access.Token) error {
	return tokens.insert(ctx, t, k)
}

// DeleteToken removes an enrolment token.
func (t *Tx) DeleteToken(ctx context.Context, id access.ID, version int64) error {
	return tokens.remove(ctx, t, id, version)
}

// Spending is the use of an enrolment token.
type Spending struct {
	Token     access.ID
	Connector access.ID
	KeyHash   []byte // of the connector's public key
	Time      time.Time
}

// SpendToken marks a token as used, in one statement that succeeds only while it is unused and
// has not expired. ok is false when somebody else was first or it was too late.
func (t *Tx) SpendToken(ctx context.Context, s Spending) (ok bool, err error) {
	n, err := t.exec(ctx, `UPDATE tokens SET used = $1, used_by = $2, key_hash = $3, version = version + 1, updated = $1
		WHERE id = $4 AND used = 0 AND expires > $1`,
		micros(s.Time), string(s.Connector), hex.EncodeToString(s.KeyHash), string(s.Token))
	return n == 1, err
}

// DeleteOldTokens removes tokens that expired or were used before a time, at most limit.
func (t *Tx) DeleteOldTokens(ctx context.Context, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, `DELETE FROM tokens WHERE id IN (SELECT id FROM tokens WHERE expires < $1 ORDER BY expires LIMIT $2)`,
		micros(before), limit)
}

var keys = table[access.Key]{
	name:    "api_keys",
	what:    "API key",
	columns: []string{"name", "name_key", "roles", "expires", "last_used", "hash", "scopes"},
	filters: map[string]condition{"role": listed("roles"), "over": over("expires"), "good": good("expires")},
	search:  "name_key",
	sorted:  "name_key",
	meta:    func(k *access.Key) *access.Meta { return &k.Meta },
	values: func(k *access.Key) []any {
		return []any{k.Name, folded(k.Name), jsonList(k.Roles), micros(k.Expires), micros(k.LastUsed), hex.EncodeToString(k.Hash), jsonList(k.Scopes)}
	},
	into: func(k *access.Key) ([]any, func() error) {
		var unused, roles, hash, scopes string
		var expires, lastUsed int64
		return []any{&k.Name, &unused, &roles, &expires, &lastUsed, &hash, &scopes}, func() (err error) {
			k.Expires, k.LastUsed = moment(expires), moment(lastUsed)
			if k.Hash, err = unhex(hash); err != nil {
				return err
			}
			if err := readList(scopes, &k.Scopes); err != nil {
				return err
			}
			return readList(roles, &k.Roles)
		}
	},
}

// Key gives an API key.
func (t *Tx) Key(ctx context.Context, id access.ID) (access.Key, error) {
	return keys.one(ctx, t, "id", string(id))
}

// KeyByHash gives the API key whose secret has the hash.
func (t *Tx) KeyByHash(ctx context.Context, hash []byte) (access.Key, error) {
	return keys.one(ctx, t, "hash", hex.EncodeToString(hash))
}

// Keys gives a page of the API keys and the cursor of the next one.
func (t *Tx) Keys(ctx context.Context, p access.Page) ([]access.Key, string, error) {
	return keys.page(ctx, t, p)
}

// InsertKey stores a new API key.
func (t *Tx) InsertKey(ctx context.Context, k *access.Key) error { return keys.insert(ctx, t, k) }

// DeleteKey removes an API key.
func (t *Tx) DeleteKey(ctx context.Context, id access.ID, version int64) error {
	return keys.remove(ctx, t, id, version)
}

// TouchKeys writes when API keys were last used, without a new version.
func (t *Tx) TouchKeys(ctx context.Context, used map[access.ID]time.Time) error {
	list := make([]Used, 0, len(used))
	for id, at := range used {
		list = append(list, Used{id, at})
	}
	return t.touch(ctx, "api_keys", list)
}
