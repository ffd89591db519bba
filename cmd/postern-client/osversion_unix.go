//go:build unix

package main

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// osVersion gives the version of the operating system, such as "12 (bookworm)"; nothing where it is not known.
func osVersion() string {
	if runtime.GOOS == "darwin" {
		out, err := exec.Command("/usr/bin/sw_vers", "-productVersion").Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VERSION="); ok {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}
