package daemon

import (
	"fmt"
	"os"
	"path/filepath"
)

// StateDir gives the directory where a program of that name keeps its state when nobody says
// otherwise: what systemd passes in STATE_DIRECTORY, /var/lib/NAME for root (ProgramData on
// Windows), else below the user's own directories (XDG Base Directory Specification, state).
func StateDir(name string) (string, error) {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return filepath.SplitList(dir)[0], nil
	}
	if dir, err := systemState(name); dir != "" || err != nil {
		return dir, err
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, name), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a directory for the state: %w", err)
	}
	return filepath.Join(home, ".local", "state", name), nil
}
