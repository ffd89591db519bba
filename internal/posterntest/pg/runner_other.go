//go:build !linux

package pg

import (
	"os"
	"syscall"
)

// unprivileged changes nothing: outside Linux, tests do not run as root.
func unprivileged() *syscall.SysProcAttr { return nil }

func ownedByRunner(string) error { return nil }

// ours knows of no file: each cluster is made anew.
func ours(string) bool { return false }

// killChildren leaves them: they notice by themselves that their parent is gone.
func killChildren(*os.Process) {}
