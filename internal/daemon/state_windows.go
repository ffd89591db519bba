package daemon

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// SystemStateDir gives the directory of a service of that name.
func SystemStateDir(name string) (string, error) { return systemState(name) }

// systemState gives the directory below ProgramData. The system is asked where that is: a user's environment may name another
// one, and a service's none.
func systemState(name string) (string, error) {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return "", fmt.Errorf("find the directory of programs' data: %w", err)
	}
	return filepath.Join(dir, name), nil
}
