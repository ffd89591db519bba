package store

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"postern/internal/disk"
	"postern/internal/fault"
)

// masterSize is the size of the master key in bytes.
const masterSize = chacha20poly1305.KeySize

// sealer seals secrets under the master key: XChaCha20-Poly1305 with a random nonce
// (draft-irtf-cfrg-xchacha), and the place of the secret as associated data, so that a sealed
// value moved to another row does not open.
type sealer struct {
	id   string // of the master key
	aead cipher.AEAD
	mac  []byte // key that proves who made a backup
}

func newSealer(master []byte) (*sealer, error) {
	aead, err := chacha20poly1305.NewX(master)
	if err != nil {
		return nil, fault.Invalid("key-file", "must hold %d bytes", masterSize)
	}
	sum := sha256.Sum256(append([]byte("postern master key\n"), master...))
	mac := sha256.Sum256(append([]byte("postern backup mac\n"), master...))
	return &sealer{id: hex.EncodeToString(sum[:4]), aead: aead, mac: mac[:]}, nil
}

// seal gives "key id:hexadecimal of nonce and ciphertext".
func (s *sealer) seal(place string, plain []byte) string {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	rand.Read(nonce)
	return s.id + ":" + hex.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(place)))
}

func (s *sealer) open(place, sealed string) ([]byte, error) {
	id, text, ok := strings.Cut(sealed, ":")
	data, err := hex.DecodeString(text)
	if !ok || err != nil || len(data) < s.aead.NonceSize() {
		return nil, fault.Internal(err, "a sealed value in the database is damaged (%s)", place)
	}
	if id != s.id {
		return nil, fault.Internal(nil, "a secret in the database is sealed under another master key (%s)", place)
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, data[:n], data[n:], []byte(place))
	if err != nil {
		return nil, fault.Internal(err, "a sealed value in the database does not open (%s)", place)
	}
	return plain, nil
}

const (
	instanceRow = "instance"
	checkPlace  = "instance/key_check"
	checkText   = "the master key is the right one"
)

// openKey reads the master key and proves that it is the database's. On an empty database it
// makes the instance, and the key file too if there is none.
func (s *Store) openKey(ctx context.Context, path string) error {
	var check string
	for range 2 { // the second time of two replicas that start at once, for the one that came late
		err := s.writer.QueryRowContext(ctx, "SELECT key_check FROM instance WHERE id = $1", instanceRow).Scan(&check)
		if err == nil {
			break
		}
		if !isNoRows(err) {
			return s.engine.explain(inTime(ctx, err))
		}
		if err := s.createInstance(ctx, path); err != nil {
			return err
		}
	}
	return s.useKey(path, check)
}

// attachKey reads the master key of a database that is there.
func (s *Store) attachKey(ctx context.Context, path string) error {
	empty := fault.NotFound("the database is empty: there is nothing of Postern in it yet")
	if s.schema.Version == 0 {
		return empty
	}
	var check string
	err := s.writer.QueryRowContext(ctx, "SELECT key_check FROM instance WHERE id = $1", instanceRow).Scan(&check)
	if isNoRows(err) {
		return empty
	}
	if err != nil {
		return s.engine.explain(inTime(ctx, err))
	}
	return s.useKey(path, check)
}

// sealerOf reads the key file.
func sealerOf(path string) (*sealer, error) {
	master, err := readMaster(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Invalid("key-file",
			"%s is missing, and without it the secrets in this database cannot be opened: bring back the key file that belongs to it", path)
	}
	if err != nil {
		return nil, err
	}
	return newSealer(master)
}

// sealerFor reads the key file and proves that it is the key of a database by its check.
func sealerFor(path, check string) (*sealer, error) {
	sealer, err := sealerOf(path)
	if err != nil {
		return nil, err
	}
	if plain, err := sealer.open(checkPlace, check); err != nil || string(plain) != checkText {
		wanted, _, _ := strings.Cut(check, ":")
		return nil, fault.Invalid("key-file", "%s is not the master key of this database; the right one is needed on every replica (its id is %s, this one's %s)",
			path, wanted, sealer.id)
	}
	return sealer, nil
}

// createInstance makes the instance's row, unless another replica is first. The key file is there
// before the row is committed: the other way round, a crash would leave a database without a key.
func (s *Store) createInstance(ctx context.Context, path string) error {
	domain := "postern-" + strings.ToLower(rand.Text())[:16]
	return s.Write(ctx, func(tx *Tx) error {
		n, err := tx.exec(ctx, `INSERT INTO instance (id, trust_domain, version, ending, key_check) VALUES ($1, $2, 0, 0, '')
			ON CONFLICT (id) DO NOTHING`, instanceRow, domain)
		if err != nil || n == 0 {
			return err
		}
		master, err := readMaster(path)
		if errors.Is(err, fs.ErrNotExist) {
			master, err = createMaster(path)
		}
		if err != nil {
			return err
		}
		sealer, err := newSealer(master)
		if err != nil {
			return err
		}
		_, err = tx.exec(ctx, "UPDATE instance SET key_check = $1 WHERE id = $2", sealer.seal(checkPlace, []byte(checkText)), instanceRow)
		return err
	})
}

func readMaster(path string) ([]byte, error) {
	master, err := disk.ReadSecret(path, 1<<16)
	if err != nil {
		return nil, fmt.Errorf("read the master key (--key-file): %w", err)
	}
	if len(master) != masterSize {
		return nil, fault.Invalid("key-file", "%s must hold exactly %d bytes and holds %d", path, masterSize, len(master))
	}
	return master, nil
}

// createMaster makes the key file and gives the key. It never replaces one that is there.
func createMaster(path string) ([]byte, error) {
	master := make([]byte, masterSize)
	rand.Read(master) // never fails: crypto/rand ends the program instead
	draft := path + "." + strings.ToLower(rand.Text()) + ".tmp"
	if err := disk.WriteFile(draft, master, 0o600); err != nil {
		return nil, fmt.Errorf("make the master key (--key-file): %w", err)
	}
	err := os.Link(draft, path)                                  // unlike a rename, fails if there is one
	if err := errors.Join(err, disk.Remove(draft)); err != nil { // and makes the new name durable
		return nil, fmt.Errorf("make the master key (--key-file): %w", err)
	}
	return master, nil
}

// PutSecret stores a secret of the service under a name, replacing what was there.
func (t *Tx) PutSecret(ctx context.Context, name string, plain []byte) error {
	_, err := t.exec(ctx, `INSERT INTO secrets (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, t.sealer.seal("secrets/"+name, plain))
	return err
}

// InsertSecretOnce stores a secret unless there is one of that name, and gives the one that is
// there afterwards: of several replicas that start at once, all get the same.
func (t *Tx) InsertSecretOnce(ctx context.Context, name string, plain []byte) ([]byte, error) {
	_, err := t.exec(ctx, "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
		name, t.sealer.seal("secrets/"+name, plain))
	if err != nil {
		return nil, err
	}
	return t.Secret(ctx, name)
}

// Secret gives a secret of the service.
func (t *Tx) Secret(ctx context.Context, name string) ([]byte, error) {
	var sealed string
	if err := t.row(ctx, "there is no such secret", "SELECT value FROM secrets WHERE name = $1", []any{name}, &sealed); err != nil {
		return nil, err
	}
	return t.sealer.open("secrets/"+name, sealed)
}

// DeleteSecret removes a secret; a missing one is no error.
func (t *Tx) DeleteSecret(ctx context.Context, name string) error {
	_, err := t.exec(ctx, "DELETE FROM secrets WHERE name = $1", name)
	return err
}

// Instance gives the instance's trust domain.
func (t *Tx) Instance(ctx context.Context) (trustDomain string, err error) {
	err = t.row(ctx, "there is no instance", "SELECT trust_domain FROM instance WHERE id = $1", []any{instanceRow}, &trustDomain)
	return trustDomain, err
}

// NextVersion counts the configuration's version up and gives it. It is an act's first statement:
// whoever runs it second waits for the first to end, so acts are serial on both engines.
func (t *Tx) NextVersion(ctx context.Context) (version uint64, err error) {
	err = t.row(ctx, "there is no instance", "UPDATE instance SET version = version + 1 WHERE id = $1 RETURNING version",
		[]any{instanceRow}, &version)
	if err != nil {
		return 0, err
	}
	return version, t.Announce(ctx)
}

// Version gives the configuration's version.
func (t *Tx) Version(ctx context.Context) (version uint64, err error) {
	err = t.row(ctx, "there is no instance", "SELECT version FROM instance WHERE id = $1", []any{instanceRow}, &version)
	return version, err
}

// micros gives a time as the database keeps it; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment gives a time of the database.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
