// Package disk writes and checks the few files whose loss or exchange would hurt: credentials, keys, settings.
//
// A write is there entirely or not at all, also after a power cut. A check holds for the file itself and for
// every directory and link on the way to it, because who can replace one of those can replace the file.
// A lock is held between processes and is gone with the process that holds it.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// WriteFile replaces the file at path with data and gives it exactly mode, whatever the umask.
// Readers see the old content or the new, never a part; when it returns nil the new one is on the disk.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	temp, err := createTemp(path, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fill(temp, data, mode); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(temp.Name()))
	}
	if err := replace(temp.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(temp.Name()))
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: sync its directory: %w", path, err)
	}
	return nil
}

// draftOf gives the name of a file's draft, with what tells it from others.
func draftOf(path, distinct string) string {
	return "." + filepath.Base(path) + "." + distinct + ".tmp"
}

// fill writes data to a new file, makes it durable, and closes it in any case.
func fill(file *os.File, data []byte, mode fs.FileMode) error {
	_, err := file.Write(data)
	if err == nil {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// Remove removes the file at path for good: it is not there again after a power cut. A missing file is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("remove: %w", err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("remove %s: sync its directory: %w", path, err)
	}
	return nil
}

// ReadPrivate reads a file of at most limit bytes that passes CheckPrivate.
func ReadPrivate(path string, limit int64) ([]byte, error) {
	if err := CheckPrivate(path); err != nil {
		return nil, err
	}
	return read(path, limit)
}

// ReadSecret reads a file of at most limit bytes that passes CheckSecret.
func ReadSecret(path string, limit int64) ([]byte, error) {
	if err := CheckSecret(path); err != nil {
		return nil, err
	}
	return read(path, limit)
}

// read needs no second check of what it opens: the checks of every directory on the way have shown that
// nobody else can have exchanged the file since.
func read(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: the file is larger than %d bytes", path, limit)
	}
	return data, nil
}

// ErrLocked is returned by TryLock when another process, or another part of this one, holds the lock.
var ErrLocked = errors.New("locked by another process")

// lockPoll is how often Lock asks again: the systems' own waiting cannot be cancelled.
const lockPoll = 50 * time.Millisecond

// A FileLock is held from TryLock or Lock until Unlock or the end of the process.
type FileLock struct {
	file *os.File
}

// TryLock takes the exclusive lock of the file at path, which it creates if need be, mode 0600.
// It returns ErrLocked at once when the lock is held. The file stays when the lock goes:
// removing it would let two processes hold locks on two files of one name.
func TryLock(path string) (*FileLock, error) {
	file, err := openLock(path)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := lock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return &FileLock{file}, nil
}

// Lock is TryLock that waits until the lock is free or ctx ends.
func Lock(ctx context.Context, path string) (*FileLock, error) {
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		l, err := TryLock(path)
		if err == nil || !errors.Is(err, ErrLocked) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Unlock gives the lock back.
func (l *FileLock) Unlock() error {
	if err := l.file.Close(); err != nil { // closing the only descriptor is what frees it on every system
		return fmt.Errorf("unlock: %w", err)
	}
	return nil
}
