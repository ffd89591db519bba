//go:build !linux

package slapd

import "syscall"

func endsWithUs() *syscall.SysProcAttr { return nil }
