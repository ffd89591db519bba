package journal

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"postern/internal/disk"
	"postern/internal/wire"
)

// The bounds of a log's files.
const (
	FileSize  = 10 << 20 // bytes of one, beyond which the next one is begun
	FileCount = 5        // of one log, the one that is written included
)

// File is an Output that writes lines of JSON, in files of bounded number and size. Several processes may write to it: during
// a hand-over two do.
type File struct {
	path string
	size int64
	file *os.File
}

// NewFile gives an Output to a file, which only this user can read. Older ones are called path.1, path.2 and so on.
func NewFile(path string) *File { return &File{path: path} }

// Write appends a line.
func (f *File) Write(e wire.LogEntry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := f.open(int64(len(line) + 1)); err != nil {
		return err
	}
	n, err := f.file.Write(append(line, '\n'))
	f.size += int64(n)
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}

// open sees to it that the file is open, still the one of that name, and has room.
func (f *File) open(more int64) error {
	if f.file != nil {
		ours, err := f.file.Stat()
		named, nameErr := os.Stat(f.path)
		if err != nil || nameErr != nil || !os.SameFile(ours, named) { // another process has begun the next one
			_ = f.Close() // nothing of it is lost
		} else {
			f.size = ours.Size()
		}
	}
	if f.file != nil && f.size > 0 && f.size+more > FileSize {
		if err := f.turn(); err != nil {
			return err
		}
	}
	if f.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	file, err := disk.OpenLog(f.path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	f.file, f.size = file, info.Size()
	return nil
}

// turn makes room for the next file; the oldest one goes.
func (f *File) turn() error {
	_ = f.Close() // before its name changes, as Windows wants it
	for i := FileCount - 1; i > 0; i-- {
		from := f.path
		if i > 1 {
			from = fmt.Sprintf("%s.%d", f.path, i-1)
		}
		if err := os.Rename(from, fmt.Sprintf("%s.%d", f.path, i)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// Close closes the file; a later Write opens it again.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	file := f.file
	f.file = nil
	return file.Close()
}
