package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Draft is a file that is being written and not there yet: it takes its place with Commit, whole,
// or leaves nothing with Discard. It is for what is too large for WriteFile.
type Draft struct {
	*os.File
	path string
	mode fs.FileMode
	done bool
}

// Create begins a draft of the file at path, which nobody but its writer can read meanwhile. Drafts of
// the same file whose writers were killed are removed first: they are large, and nobody else would.
func Create(path string, mode fs.FileMode) (*Draft, error) {
	temp, err := create(path)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &Draft{File: temp, path: path, mode: mode}, nil
}

// draftSuffix ends the names of drafts. A writer holds the lock of its draft; the lock ends with it.
const draftSuffix = ".draft.tmp"

// create makes the file of a draft and locks it.
func create(path string) (*os.File, error) {
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)+"."
	if err := sweep(dir, prefix); err != nil {
		return nil, err
	}
	for {
		temp, err := os.CreateTemp(dir, prefix+"*"+draftSuffix) // its mode is 0600
		if err != nil {
			return nil, err
		}
		if err = lock(temp); err == nil && named(temp) {
			return temp, nil
		}
		if err != nil && !errors.Is(err, ErrLocked) {
			return nil, errors.Join(err, temp.Close(), os.Remove(temp.Name()))
		}
		// Another writer's sweep came between the two and removes it.
		if err := temp.Close(); err != nil {
			return nil, err
		}
	}
}

// named reports whether an open file still has its name.
func named(file *os.File) bool {
	have, err1 := file.Stat()
	there, err2 := os.Lstat(file.Name())
	return err1 == nil && err2 == nil && os.SameFile(have, there)
}

// sweep removes the drafts whose lock nobody holds.
func sweep(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), prefix) || !strings.HasSuffix(e.Name(), draftSuffix) {
			continue
		}
		left, err := os.OpenFile(filepath.Join(dir, e.Name()), os.O_RDWR, 0)
		if err != nil {
			continue // it is gone, or not ours
		}
		err = lock(left)
		removed := err == nil && os.Remove(left.Name()) == nil
		_ = left.Close() // nothing was written
		if err == nil && !removed {
			_ = os.Remove(left.Name()) // Windows removes no open file, a writer's neither; else it stays until the next sweep
		}
	}
	return nil
}

// Commit puts the file in its place, on the disk for good.
func (d *Draft) Commit() error {
	d.done = true
	err := d.Chmod(d.mode)
	if err == nil {
		err = d.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", d.path, err), d.Close(), d.remove())
	}
	// It takes its name while it is locked, so that no sweep comes between. Windows renames no open file.
	early := os.Rename(d.Name(), d.path)
	if err := d.Close(); err != nil {
		return fmt.Errorf("write %s: %w", d.path, err)
	}
	if early == nil {
		return synced(d.path)
	}
	if err := Rename(d.Name(), d.path); err != nil {
		return errors.Join(err, d.remove())
	}
	return nil
}

// Discard removes the draft, unless it was committed.
func (d *Draft) Discard() error {
	if d.done {
		return nil
	}
	d.done = true
	return errors.Join(d.Close(), d.remove())
}

// remove removes the closed draft, unless another writer's sweep was faster.
func (d *Draft) remove() error {
	if err := os.Remove(d.Name()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Rename gives a file another name in the same directory, replacing what was there, for good.
func Rename(from, to string) error {
	if err := replace(from, to); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return synced(to)
}

// synced makes a file's name durable.
func synced(path string) error {
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: sync its directory: %w", path, err)
	}
	return nil
}
