package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"postern/internal/connector/journal"
	"postern/internal/disk"
)

// programLog keeps what the processes of a service say, since Windows has no place for the standard error of one: the
// file logs\program.log of the state directory, and the one before it.
type programLog struct {
	path string

	mu   sync.Mutex // guards what follows
	file *os.File
	size int64
}

func newProgramLog(state string) *programLog {
	return &programLog{path: journal.FilePath(state, "program")}
}

// Write appends to the file.
func (p *programLog) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil && p.size+int64(len(text)) > journal.FileSize {
		_ = p.file.Close() // nothing of it is lost
		p.file = nil
		_ = os.Rename(p.path, p.path+".1") // else the file grows beyond its size, until it can be moved
	}
	if p.file == nil {
		if err := p.open(); err != nil {
			return 0, err
		}
	}
	n, err := p.file.Write(text)
	p.size += int64(n)
	return n, err
}

func (p *programLog) open() error {
	if err := os.Mkdir(filepath.Dir(p.path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	file, err := disk.OpenLog(p.path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	p.file, p.size = file, info.Size()
	return nil
}

// Close closes the file.
func (p *programLog) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	file := p.file
	p.file = nil
	return file.Close()
}
