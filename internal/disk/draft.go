package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Draft is a file that is being written and not there yet: it takes its place with Commit, whole,
// or leaves nothing with Discard. It is for what is too large for WriteFile.
type Draft struct {
	*os.File
	path string
	mode fs.FileMode
	done bool
}

// Create begins a draft of the file at path, which nobody but its writer can read meanwhile.
func Create(path string, mode fs.FileMode) (*Draft, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp") // its mode is 0600
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &Draft{File: temp, path: path, mode: mode}, nil
}

// Commit puts the file in its place, on the disk for good.
func (d *Draft) Commit() error {
	d.done = true
	if err := fill(d.File, nil, d.mode); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", d.path, err), os.Remove(d.Name()))
	}
	if err := Rename(d.Name(), d.path); err != nil {
		return errors.Join(err, os.Remove(d.Name()))
	}
	return nil
}

// Discard removes the draft, unless it was committed.
func (d *Draft) Discard() error {
	if d.done {
		return nil
	}
	d.done = true
	return errors.Join(d.Close(), os.Remove(d.Name()))
}

// Rename gives a file another name in the same directory, replacing what was there, for good.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	if err := syncDir(filepath.Dir(to)); err != nil {
		return fmt.Errorf("write %s: sync its directory: %w", to, err)
	}
	return nil
}
