package credential

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"

	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/wire"
)

// The files of a Directory.
const (
	fileCredential = "credential.pem"  // key and leaf in force: the one file that makes an agent enrolled
	filePending    = "pending.pem"     // key of an enrolment or renewal under way
	fileConnection = "connection.json" // Connection
	fileAttempt    = "attempt"         // in the directory of a credential that is to take another's place: by which token
	fileLock       = "lock"
)

// maxFile bounds what is read of each.
const maxFile = 1 << 20

// Directory is where an agent keeps its credential: a directory of mode 0700 with files of mode
// 0600, owned by the user who runs the agent. Changes to it are made under Lock.
//
// The order of writes is what makes a crash harmless: the new key is on disk before anybody hears
// of it; the connection settings, which fit both generations, come next; the rename of the
// credential file is the switch; only then the pending key goes. Until the switch the old credential
// is in force and the same key asks again, to which the service answers the same.
type Directory struct {
	path string
	role wire.Role // of whoever is enrolled
	// reached is called after each step that is on the disk; tests crash there.
	reached func(step string)
}

// Open gives the directory at path, which it creates if need be. It refuses one that other users
// can enter or that belongs to somebody else.
func Open(path string) (*Directory, error) { return open(path, wire.RoleConnector) }

// OpenDevice is Open for the credential of a device with the client. A device is known by its key, so it renews with the same one.
func OpenDevice(path string) (*Directory, error) { return open(path, wire.RoleClient) }

func open(path string, role wire.Role) (*Directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the credential directory: %w", err)
	}
	if err := disk.MakeDirectory(path); err != nil {
		return nil, fmt.Errorf("create the credential directory: %w", err)
	}
	if err := checkMode(path, "700"); err != nil {
		return nil, err
	}
	return &Directory{path: path, role: role, reached: func(string) {}}, nil
}

// checkMode refuses what other users can open, and says what to do. Who owns it, and who can change
// the way to it, disk.ReadSecret checks. On Windows modes say nothing and disk alone decides.
func checkMode(path, mode string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if mode == "700" && !info.IsDir() {
		return fault.Forbidden("%s is not a directory", path)
	}
	if excess := info.Mode().Perm() & 0o077; excess != 0 {
		return fault.Forbidden("%s is open to other users (mode %04o): run chmod %s %s", path, info.Mode().Perm(), mode, path)
	}
	return nil
}

// Lock waits until no other process changes the directory. Hold it from Pending to Accept.
func (d *Directory) Lock(ctx context.Context) (*disk.FileLock, error) {
	return disk.Lock(ctx, d.file(fileLock))
}

func (d *Directory) file(name string) string { return filepath.Join(d.path, name) }

// read reads one of the files; a missing one is fs.ErrNotExist.
func (d *Directory) read(name string) ([]byte, error) {
	path := d.file(name)
	if err := checkMode(path, "600"); err != nil {
		return nil, err
	}
	data, err := disk.ReadSecret(path, maxFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Forbidden("%s", err.Error()).Because(err)
	}
	return data, err
}

// Load reads the credential. The error is fault.KindNotFound when this machine was not enrolled.
func (d *Directory) Load() (*Credential, error) {
	data, err := d.read(fileCredential)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.NotFound("this machine is not enrolled: there is no %s", d.file(fileCredential)).Because(err)
	}
	if err != nil {
		return nil, err
	}
	key, leaf, ok := decodeGeneration(data)
	if !ok {
		return nil, d.damaged(fileCredential)
	}
	id, err := leafIdentity(leaf)
	if err != nil {
		return nil, err
	}
	connection, err := d.connection()
	if err != nil {
		return nil, err
	}
	if connection.TrustDomain != id.TrustDomain || connection.Connector != id.ID || id.Role != d.role {
		return nil, d.damaged(fileConnection)
	}
	c := &Credential{Identity: id, Serial: serialText(leaf), Leaf: leaf, Key: key, Connection: connection, RenewAfter: halfLife(leaf)}
	if connection.Serial == c.Serial && !connection.RenewAfter.IsZero() {
		c.RenewAfter = connection.RenewAfter
	}
	if pending, err := d.pending(); err != nil || pending != nil && !pending.Equal(key) {
		c.RenewAfter = leaf.NotBefore // the service may have replaced this certificate already
	}
	return c, nil
}

func (d *Directory) damaged(name string) error {
	return fault.New(fault.KindInvalid, "%s is damaged or does not fit its neighbours: remove the directory and enrol this machine again", d.file(name))
}

func (d *Directory) connection() (Connection, error) {
	data, err := d.read(fileConnection)
	if errors.Is(err, fs.ErrNotExist) {
		return Connection{}, d.damaged(fileConnection)
	}
	if err != nil {
		return Connection{}, err
	}
	var c Connection
	if json.Unmarshal(data, &c) != nil || c.check() != nil {
		return Connection{}, d.damaged(fileConnection)
	}
	return c, nil
}

// pending gives the key of an attempt under way, nil if there is none or if it is damaged: then
// nobody can have heard of it.
func (d *Directory) pending() (*ecdsa.PrivateKey, error) {
	data, err := d.read(filePending)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, rest, ok := decodeKey(data)
	if !ok || len(rest) > 0 {
		return nil, nil
	}
	return key, nil
}

// Pending gives the key to enrol or renew with: a new one, or the one of an attempt that was
// interrupted, so that the service can answer the same again. It is on disk before it is returned.
func (d *Directory) Pending() (*ecdsa.PrivateKey, error) {
	if err := d.sweep(); err != nil {
		return nil, err
	}
	key, err := d.pending()
	if err != nil {
		return nil, err
	}
	current, err := d.Load()
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return nil, err
	}
	if key != nil && (current == nil || !key.Equal(current.Key)) {
		return key, nil
	}
	if key, err = d.fresh(current); err != nil {
		return nil, err
	}
	data, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	if err := disk.WriteFile(d.file(filePending), data, 0o600); err != nil {
		return nil, err
	}
	d.reached("pending")
	return key, nil
}

// fresh gives the key of a new attempt: a new one, or that of a device.
func (d *Directory) fresh(current *Credential) (*ecdsa.PrivateKey, error) {
	if d.role == wire.RoleClient && current != nil {
		return current.Key, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fault.Internal(err, "make a private key")
	}
	return key, nil
}

// sweep removes what writes left that a crash cut: it may hold keys.
func (d *Directory) sweep() error {
	left, err := filepath.Glob(d.file(".*.tmp"))
	for _, path := range left {
		err = errors.Join(err, disk.Remove(path))
	}
	return err
}

// Accept checks the service's answer against the pending key and puts it in force. The credential
// that was in force before stays usable until the very end. A certificate that has expired already
// is accepted: the service answers an old request the same as then, and the next renewal follows.
func (d *Directory) Accept(answer wire.Credential) (*Credential, error) {
	leaf, key, err := d.match(answer)
	if err != nil {
		return nil, err
	}
	connection := Connection{
		Connector: answer.Connector, TrustDomain: answer.TrustDomain, ServiceURL: answer.ServiceURL, Roots: answer.Roots,
		Gateways: answer.Gateways, Serial: serialText(leaf), RenewAfter: answer.RenewAfter,
	}
	if err := connection.check(); err != nil {
		return nil, fmt.Errorf("the service's answer cannot be used: %w", err)
	}
	generation, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	generation = append(generation, pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: leaf.Raw})...)
	if err := d.writeConnection(connection); err != nil {
		return nil, err
	}
	d.reached("connection")
	if err := disk.WriteFile(d.file(fileCredential), generation, 0o600); err != nil {
		return nil, err
	}
	d.reached("credential")
	if err := disk.Remove(d.file(filePending)); err != nil {
		return nil, err
	}
	d.reached("removed")
	return d.Load()
}

// match gives the answer's certificate if it is for the pending key and for this connector.
func (d *Directory) match(answer wire.Credential) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	bad := func(why string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
		return nil, nil, fault.New(fault.KindUpstream, "the service's answer cannot be used: %s", why)
	}
	key, err := d.pending()
	if err != nil {
		return nil, nil, err
	}
	if key == nil {
		return bad("nothing was asked for")
	}
	leaf, err := x509.ParseCertificate(answer.Certificate)
	if err != nil {
		return bad("its certificate cannot be read")
	}
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return bad("its certificate is for another key")
	}
	id, err := leafIdentity(leaf)
	if err != nil || id != (wire.Identity{TrustDomain: answer.TrustDomain, Role: d.role, ID: answer.Connector}) {
		return bad(fmt.Sprintf("its certificate is not this %s's", d.role))
	}
	current, err := d.Load()
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return nil, nil, err
	}
	if current != nil && current.Identity != id {
		return bad(fmt.Sprintf("this machine is enrolled as %s, the answer is for %s", current.Identity, id))
	}
	return leaf, key, nil
}

func (d *Directory) writeConnection(c Connection) error {
	data, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		return fault.Internal(err, "encode the connection settings")
	}
	return disk.WriteFile(d.file(fileConnection), append(data, '\n'), 0o600)
}

// SaveConnection remembers what the service pushed: its URL, roots and gateways. The rest of c
// counts only as a check that it is the same connector's.
func (d *Directory) SaveConnection(c Connection) error {
	old, err := d.connection()
	if err != nil {
		return err
	}
	if c.Connector != old.Connector || c.TrustDomain != old.TrustDomain {
		return fault.Conflict("the connection settings are another %s's", d.role)
	}
	c.Serial, c.RenewAfter = old.Serial, old.RenewAfter
	if err := c.check(); err != nil {
		return err
	}
	if reflect.DeepEqual(c, old) {
		return nil
	}
	return d.writeConnection(c)
}

// Remove removes everything that Accept and Pending wrote.
func (d *Directory) Remove() error {
	err := d.sweep()
	for _, name := range []string{fileCredential, filePending, fileConnection} {
		err = errors.Join(err, disk.Remove(d.file(name)))
	}
	return err
}
