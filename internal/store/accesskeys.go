package store

import (
	"context"
	"encoding/hex"
	"time"

	"postern/internal/access"
)

var accessKeys = table[access.AccessKey]{
	name:    "access_keys",
	what:    "access key",
	columns: []string{"user_id", "application_id", "name", "name_key", "methods", "expires", "last_used", "hash"},
	filters: map[string]condition{"user": equal("user_id"), "application": equal("application_id"), "over": over("expires"), "good": good("expires")},
	search:  "name_key",
	sorted:  "name_key",
	meta:    func(k *access.AccessKey) *access.Meta { return &k.Meta },
	values: func(k *access.AccessKey) []any {
		return []any{
			string(k.User), string(k.Application), k.Name, folded(k.Name), jsonList(k.Methods), micros(k.Expires), micros(k.LastUsed),
			hex.EncodeToString(k.Hash),
		}
	},
	into: func(k *access.AccessKey) ([]any, func() error) {
		var unused, methods, hash string
		var expires, lastUsed int64
		return []any{&k.User, &k.Application, &k.Name, &unused, &methods, &expires, &lastUsed, &hash}, func() (err error) {
			k.Expires, k.LastUsed = moment(expires), moment(lastUsed)
			if k.Hash, err = unhex(hash); err != nil {
				return err
			}
			return readList(methods, &k.Methods)
		}
	},
}

// AccessKey gives an access key.
func (t *Tx) AccessKey(ctx context.Context, id access.ID) (access.AccessKey, error) {
	return accessKeys.one(ctx, t, "id", string(id))
}

// AccessKeyByHash gives the access key whose secret has the hash.
func (t *Tx) AccessKeyByHash(ctx context.Context, hash []byte) (access.AccessKey, error) {
	return accessKeys.one(ctx, t, "hash", hex.EncodeToString(hash))
}

// AccessKeys gives a page of the access keys and the cursor of the next one.
func (t *Tx) AccessKeys(ctx context.Context, p access.Page) ([]access.AccessKey, string, error) {
	return accessKeys.page(ctx, t, p)
}

// InsertAccessKey stores a new access key.
func (t *Tx) InsertAccessKey(ctx context.Context, k *access.AccessKey) error {
	return accessKeys.insert(ctx, t, k)
}

// DeleteAccessKey removes an access key.
func (t *Tx) DeleteAccessKey(ctx context.Context, id access.ID, version int64) error {
	return accessKeys.remove(ctx, t, id, version)
}

// TouchAccessKeys writes when access keys were last used, without a new version.
func (t *Tx) TouchAccessKeys(ctx context.Context, used map[access.ID]time.Time) error {
	list := make([]Used, 0, len(used))
	for id, at := range used {
		list = append(list, Used{id, at})
	}
	return t.touch(ctx, "access_keys", list)
}

// DeleteOldAccessKeys removes access keys that expired before a time, at most limit.
func (t *Tx) DeleteOldAccessKeys(ctx context.Context, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM access_keys WHERE id IN (SELECT id FROM access_keys WHERE expires < $1 LIMIT $2)", micros(before), limit)
}
