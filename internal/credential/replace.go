package credential

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"postern/internal/disk"
	"postern/internal/fault"
)

// nextDir is where a credential is kept that is to take the place of this one, as another connector.
const nextDir = "next"

// Next gives the directory of the credential that is to take this one's place: enrolling goes there first, so that the one that
// is in force stays until there is another. What an attempt of the same name left is still there, so that it can go on; that
// of another one is forgotten. The directory is locked.
func (d *Directory) Next(attempt string) (*Directory, error) {
	next, err := d.next()
	if err != nil {
		return nil, err
	}
	name, err := next.read(fileAttempt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if string(name) == attempt {
		return next, nil
	}
	if err := d.Abandon(); err != nil {
		return nil, err
	}
	if next, err = d.next(); err != nil {
		return nil, err
	}
	return next, disk.WriteFile(next.file(fileAttempt), []byte(attempt), 0o600)
}

func (d *Directory) next() (*Directory, error) {
	next, err := open(filepath.Join(d.path, nextDir), d.role)
	if err != nil {
		return nil, err
	}
	next.reached = d.reached
	return next, nil
}

// Switch puts the next credential in the place of this one. Until it has begun, this one is whole; from then on the next one
// is, and Resume ends what a crash left. The directory is locked.
func (d *Directory) Switch() error {
	next, err := d.next()
	if err != nil {
		return err
	}
	if _, err := next.Load(); err != nil {
		return err
	}
	connection, err := next.read(fileConnection)
	if err != nil {
		return err
	}
	generation, err := next.read(fileCredential)
	if err != nil {
		return err
	}
	for _, name := range []string{fileCredential, filePending} { // without the first, this one is no more
		if err := disk.Remove(d.file(name)); err != nil {
			return err
		}
		d.reached("old " + name + " removed")
	}
	if err := disk.WriteFile(d.file(fileConnection), connection, 0o600); err != nil {
		return err
	}
	d.reached("next connection written")
	if err := disk.WriteFile(d.file(fileCredential), generation, 0o600); err != nil {
		return err
	}
	d.reached("next credential written")
	return d.Abandon()
}

// Resume ends a Switch that was interrupted. The directory is locked.
func (d *Directory) Resume() error {
	if _, err := os.Lstat(filepath.Join(d.file(nextDir), fileCredential)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := os.Lstat(d.file(fileCredential))
	if errors.Is(err, fs.ErrNotExist) {
		return d.Switch()
	}
	return err
}

// Abandon forgets the next credential.
func (d *Directory) Abandon() error {
	if _, err := os.Lstat(d.file(nextDir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	next, err := d.next()
	if err != nil {
		return err
	}
	if err := errors.Join(next.Remove(), disk.Remove(next.file(fileAttempt)), disk.Remove(next.file(fileLock))); err != nil {
		return err
	}
	if err := os.Remove(next.path); err != nil {
		return fault.Internal(err, "remove %s", next.path)
	}
	return nil
}
