//go:build unix

package daemon

import (
	"os"
	"path/filepath"
)

// systemState gives the directory of root; none for others.
func systemState(name string) (string, error) {
	if os.Geteuid() != 0 {
		return "", nil
	}
	return filepath.Join("/var/lib", name), nil
}
