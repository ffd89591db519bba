package pg

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// nobody is the user that PostgreSQL runs as when the tests run as root, which it refuses.
const nobody = 65534

// unprivileged makes a command run as nobody under root, and end when the test's process is killed.
func unprivileged() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return attr
}

func ownedByRunner(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}

// ours reports whether a file is there that only this user may have written.
func ours(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// killChildren stops a process and kills those that it has started, which nobody else can have.
func killChildren(parent *os.Process) {
	if parent.Signal(syscall.SIGSTOP) != nil {
		return // it has ended
	}
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", parent.Pid)) // proc(5)
	if err != nil {
		return // a kernel without that list: they notice by themselves
	}
	for _, text := range strings.Fields(string(list)) {
		if pid, err := strconv.Atoi(text); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	}
}
