//go:build unix

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links a path may lead through, as in the kernel.
const maxLinks = 40

const (
	othersWrite fs.FileMode = 0o022
	othersRead  fs.FileMode = 0o044
)

// CheckPrivate returns nil only if nobody but root and the user of this process can change what path names:
// a regular file they own, that neither group nor others can write, in directories of which the same is true
// (a directory like /tmp, where only owners may rename, is good enough).
func CheckPrivate(path string) error { return check(path, othersWrite) }

// CheckSecret is CheckPrivate for files that group and others must not even read.
func CheckSecret(path string) error { return check(path, othersWrite|othersRead) }

func check(path string, forbidden fs.FileMode) error {
	info, err := followTrusted(path)
	if err != nil {
		return fmt.Errorf("check who can change %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if excess := info.Mode().Perm() & forbidden; excess != 0 {
		return fmt.Errorf("%s is open to other users (mode %04o): take away mode %04o", path, info.Mode().Perm(), excess)
	}
	return nil
}

// createTemp makes the draft of a file, for this user alone at first.
func createTemp(path string, _ fs.FileMode) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), draftOf(path, "*"))
}

// OpenLog opens a file of this user to append to, which may get another name meanwhile.
func OpenLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

func openLock(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }

func replace(from, to string) error { return os.Rename(from, to) }

// MakeDirectory makes a directory, and those before it, that only this user enters, if it is not there.
func MakeDirectory(path string) error { return os.MkdirAll(path, 0o700) }

// followTrusted goes the way of path name by name, as the kernel does, and checks every directory and link it meets.
// It returns what the path leads to. Cleaning the path first would take another way where a link precedes a "..".
func followTrusted(path string) (fs.FileInfo, error) {
	if !filepath.IsAbs(path) {
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		path = dir + "/" + path
	}
	at, links := "/", 0
	info, err := lstatTrusted(at)
	for names := strings.Split(path, "/"); err == nil && len(names) > 0; {
		next := filepath.Join(at, names[0]) // at has no links, so "." and ".." are what they seem
		names = names[1:]
		if info, err = lstatTrusted(next); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return nil, errors.New("too many symbolic links")
		}
		target, err := os.Readlink(next)
		if err != nil {
			return nil, err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		names = append(strings.Split(target, "/"), names...)
	}
	return info, err
}

func lstatTrusted(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	return info, trusted(path, info)
}

func trusted(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("the owner of %s is not known", path)
	}
	if stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, not to root or user %d who runs this", path, stat.Uid, os.Geteuid())
	}
	if info.IsDir() && info.Mode().Perm()&othersWrite != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("directory %s can be written by other users (mode %04o)", path, info.Mode().Perm())
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func lock(file *os.File) error {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

func space(path string) (free, total uint64, err error) {
	var at unix.Statfs_t
	if err := unix.Statfs(path, &at); err != nil {
		return 0, 0, fmt.Errorf("look at the disk of %s: %w", path, err)
	}
	size := uint64(at.Bsize)
	return uint64(at.Bavail) * size, uint64(at.Blocks) * size, nil // their types differ between systems
}
