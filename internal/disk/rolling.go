package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// RollingLog is a file that is appended to, and the one before it, which has ".1" behind its name: together no longer than twice
// what one may be. Its directory is made when something is written. It may be written to by several at once.
type RollingLog struct {
	path string
	most int64 // bytes

	mu   sync.Mutex // guards what follows
	file *os.File
	size int64
}

// NewRollingLog gives the log at path, of at most so many bytes. Nothing is made yet.
func NewRollingLog(path string, most int64) *RollingLog { return &RollingLog{path: path, most: most} }

// Write appends to the file.
func (p *RollingLog) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		if err := p.open(); err != nil {
			return 0, err
		}
	}
	if p.size > 0 && p.size+int64(len(text)) > p.most {
		_ = p.file.Close() // nothing of it is lost
		p.file = nil
		_ = os.Rename(p.path, p.path+".1") // else the file grows beyond its size, until it can be moved
		if err := p.open(); err != nil {
			return 0, err
		}
	}
	n, err := p.file.Write(text)
	p.size += int64(n)
	return n, err
}

func (p *RollingLog) open() error {
	if err := os.Mkdir(filepath.Dir(p.path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	file, err := OpenLog(p.path)
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
func (p *RollingLog) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	file := p.file
	p.file = nil
	return file.Close()
}
