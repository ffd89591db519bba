package system

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// postern runs a command of the service's program beside the running service and gives what it printed.
func (s *site) postern(args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), filepath.Join(programs, "postern"), args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("postern %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// storage gives the flags that say where the service's database is.
func (s *site) storage() []string {
	out := []string{"--data", filepath.Join(s.Dir, "service")}
	if at := slices.Index(s.service.args, "--database"); at >= 0 {
		out = append(out, s.service.args[at:at+2]...)
	}
	return out
}

// checkDatabase looks through the database, the chain of its audit log included, and restores a backup of
// it elsewhere, all while the service runs.
func (s *site) checkDatabase() {
	s.t.Helper()
	s.postern(append([]string{"db", "check"}, s.storage()...)...)
	dir := s.t.TempDir()
	file := filepath.Join(dir, "backup")
	s.postern(append([]string{"db", "backup", file}, s.storage()...)...)
	key, err := os.ReadFile(filepath.Join(s.Dir, "service", "master.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "master.key"), key, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.postern("db", "restore", file, "--data", dir)
	if out := s.postern("db", "check", "--data", dir); !strings.Contains(out, "No problems found") {
		s.t.Errorf("the restored database:\n%s", out)
	}
}
