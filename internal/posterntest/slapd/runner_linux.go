package slapd

import "syscall"

// endsWithUs makes a command end when the test's process is killed.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
