package local

import (
	"fmt"
	"os"
	"path/filepath"
)

// maxSocketPath is what fits into a socket address (unix(7)).
const maxSocketPath = 107

// socketPath gives a path to a socket in dir that is short enough to use until release is called.
func socketPath(dir, name string) (path string, release func(), err error) {
	path = filepath.Join(dir, name)
	if len(path) <= maxSocketPath {
		_, err := os.Stat(dir)
		return path, func() {}, err
	}
	file, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", file.Fd(), name), func() { _ = file.Close() }, nil
}
