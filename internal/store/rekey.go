package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/disk"
	"postern/internal/fault"
)

// The master key is changed in this order: the next key is on the disk beside the one in force, then
// one transaction seals everything anew, then the next file takes the other's name. Who finds the
// database changed and the file not takes the last step itself, be it after a crash or as another
// service that runs.

// nextKey is the suffix of the file with the key that a change is about to bring into force.
const nextKey = ".next"

// txSealer is the sealer of one transaction.
type txSealer struct {
	*sealer
	used    bool // something was sealed
	strange bool // something was found that another key has sealed
}

func (s *txSealer) seal(place string, plain []byte) string {
	s.used = true
	return s.sealer.seal(place, plain)
}

func (s *txSealer) open(place, sealed string) ([]byte, error) {
	if id, _, ok := strings.Cut(sealed, ":"); ok && id != s.id {
		s.strange = true
	}
	return s.sealer.open(place, sealed)
}

// strangeKeyError is an error of a transaction that worked with a key that is not the database's.
type strangeKeyError struct {
	error
	key *sealer
}

func (e *strangeKeyError) Unwrap() error { return e.error }

// sameKey holds the database's key until the end of a transaction that has sealed something with it,
// so that nothing is ever left sealed under a key that was changed meanwhile.
func (t *Tx) sameKey(ctx context.Context) error {
	if !t.sealer.used || t.sealer.sealer == nil {
		return nil
	}
	check, err := t.lockKey(ctx)
	if err != nil {
		return err
	}
	if id, _, _ := strings.Cut(check, ":"); id != t.sealer.id {
		return &strangeKeyError{fault.Internal(nil, "the master key was changed"), t.sealer.sealer}
	}
	return nil
}

func (t *Tx) lockKey(ctx context.Context) (check string, err error) {
	err = t.row(ctx, "there is no instance", "UPDATE instance SET key_check = key_check WHERE id = $1 RETURNING key_check", []any{instanceRow}, &check)
	return check, err
}

// otherKey takes up the key that the database has now. Without it, secrets cannot be had: the error
// says what to do.
func (s *Store) otherKey(ctx context.Context, e *strangeKeyError) error {
	var check string
	if err := s.reader.QueryRowContext(ctx, "SELECT key_check FROM instance WHERE id = $1", instanceRow).Scan(&check); err != nil {
		return s.engine.explain(inTime(ctx, err))
	}
	id, _, _ := strings.Cut(check, ":")
	switch now := s.sealer.Load(); {
	case now != nil && id == now.id && now != e.key:
		return nil // somebody else has taken it up
	case now != nil && id == now.id:
		return e.error // the key is right: the value is wrong
	}
	if err := s.useKey(s.key, check); err != nil {
		s.keyless.Store(true)
		return fault.Unavailable("the master key was changed and this service has not got the new one (%s): put it at %s", id, s.key).
			After(retryAfter).Because(err)
	}
	s.keyless.Store(false)
	s.log.Info("master key taken up", "key", id)
	return nil
}

// KeyMissing reports whether the master key was changed and this service has not got the new one.
func (s *Store) KeyMissing() bool { return s.keyless.Load() }

// useKey takes up the key of the database by its check: from the key file, or from the one beside it
// that a change has brought into force.
func (s *Store) useKey(path, check string) error {
	found, err := sealerFor(path, check)
	if err != nil {
		next, nextErr := sealerFor(path+nextKey, check)
		if nextErr != nil {
			return err
		}
		found = next
		if err := adoptKey(path); err != nil {
			s.log.Warn("the new master key is in force, and its file could not take the place of the old one: do it by hand",
				"from", path+nextKey, "to", path, "error", err)
		}
	}
	s.key = path
	s.sealer.Store(found)
	return nil
}

// adoptKey gives the next key's file its name. The one before stays under its id: older backups open
// with it only.
func adoptKey(path string) error {
	old, err := sealerOf(path)
	if err == nil {
		err = os.Link(path, path+"."+old.id)
		if errors.Is(err, fs.ErrExist) {
			err = nil // kept already, when this was interrupted
		}
	} else if _, missing := os.Lstat(path); errors.Is(missing, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	return disk.Rename(path+nextKey, path)
}

// Rekeyed says what ChangeKey did.
type Rekeyed struct {
	Old, New string // ids
	Sealed   int64  // secrets that were sealed anew
	Kept     string // file with the old key
	Pending  string // file that must take the key file's place by hand; empty: it has
}

// PrepareKey makes the key that ChangeKey will bring into force, unless it is there, and gives its
// file. Services on other machines need a copy of it beside their own key file.
func PrepareKey(cfg Config) (path string, err error) {
	path = cfg.KeyFile + nextKey
	_, err = readMaster(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = createMaster(path)
	}
	return path, err
}

// ChangeKey seals every secret under a new master key, in one transaction, while services run. They
// take up the new key when they next need it, if its file is beside theirs.
func ChangeKey(ctx context.Context, cfg Config) (out Rekeyed, err error) {
	s, err := Open(ctx, cfg)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	path, err := PrepareKey(cfg)
	if err != nil {
		return out, err
	}
	next, err := sealerOf(path)
	if err != nil {
		return out, err
	}
	old := s.sealer.Load()
	out.Old, out.New = old.id, next.id
	if old.id == next.id {
		return out, fault.Conflict("%s holds the key that is in force: remove it, so that a new one is made", path)
	}
	if out.Sealed, err = s.sealAnew(ctx, next); err != nil {
		return out, err
	}
	out.Kept = cfg.KeyFile + "." + old.id
	if err := adoptKey(cfg.KeyFile); err != nil {
		out.Kept, out.Pending = "", path
	}
	return out, nil
}

// sealAnew takes as long as it needs. Whoever wants to seal something or change the configuration
// waits for it; reading goes on.
func (s *Store) sealAnew(ctx context.Context, next *sealer) (sealed int64, err error) {
	old := s.sealer.Load()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return 0, s.engine.explain(err)
	}
	defer tx.Rollback() // nothing to do after a commit
	if err := s.engine.unhurried(ctx, tx); err != nil {
		return 0, s.engine.explain(err)
	}
	t := &Tx{tx: tx, engine: s.engine, sealer: &txSealer{sealer: old}, chain: s.chain, ends: time.Now().Add(time.Hour)}
	check, err := t.lockKey(ctx)
	if err != nil {
		return 0, err
	}
	if id, _, _ := strings.Cut(check, ":"); id != old.id {
		return 0, fault.Conflict("somebody else changes the master key at this moment")
	}
	list, err := catalogue(ctx, min(s.schema.Version, s.schema.Newest))
	if err != nil {
		return 0, err
	}
	for _, column := range sealedColumns(list) {
		bad, err := column.each(ctx, tx, func(place, value string) (string, error) {
			plain, err := old.open(place, value)
			if err != nil {
				return "", err
			}
			sealed++
			return next.seal(place, plain), nil
		})
		if err != nil {
			return 0, s.engine.explain(inTime(ctx, err))
		}
		if len(bad) > 0 {
			return 0, fmt.Errorf("%d secrets cannot be sealed anew, so nothing was changed; postern db check names them: %w", len(bad), bad[0])
		}
	}
	if err := errors.Join(t.noteKey(ctx, next.id), t.chainAppended(ctx)); err != nil {
		return 0, err
	}
	if err := tx.Commit(); err != nil {
		return 0, s.engine.explain(&commitError{err})
	}
	return sealed, nil
}

// noteKey leaves the change in the audit log. Who has the key file and the database needs no role.
func (t *Tx) noteKey(ctx context.Context, id string) error {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return t.AppendAudit(ctx, &access.AuditEntry{
		ID: access.NewID(access.PrefixAudit, now), Time: now, Actor: access.Actor{Kind: access.ActorSystem, Name: "command line"},
		Action: "instance.change-master-key", Name: id, Outcome: "done", Detail: "{}",
	})
}
