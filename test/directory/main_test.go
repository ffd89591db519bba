//go:build linux

// Package directory proves signing in by real directories: Active Directories (Samba) with a domain
// controller each, in network namespaces. It is a part of make proof alone.
package directory

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"postern/test/size"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if !size.Full() {
		fmt.Fprintln(os.Stderr, "NOT RUN: a part of the proof: make proof PART=directory")
		return 0
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "NOT RUN: it needs root, to make network namespaces")
		return 1
	}
	for _, tool := range []string{"samba", "samba-tool", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Fprintf(os.Stderr, "NOT RUN: %s is missing; domain.sh names Debian's packages\n", tool)
			return 1
		}
	}
	return m.Run()
}
