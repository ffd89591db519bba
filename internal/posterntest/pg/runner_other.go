//go:build !linux

package pg

import (
	"os"
	"syscall"
)

// unprivileged changes nothing: outside Linux, tests do not run as root.
func unprivileged() *syscall.SysProcAttr { return nil }

func ownedByRunner(string) error { return nil }

// killChildren leaves them: they notice by themselves that their parent is gone.
func killChildren(*os.Process) {}
