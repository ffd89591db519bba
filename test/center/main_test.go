// Package center measures the admin center in a real browser, on a service that has a lot: 1,000 connectors, 1,000
// applications, 10,000 users and 100,000 entries of logs. It is a part of make proof alone: nothing is timed in make test.
package center

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"postern/test/size"
)

// programs is the directory of the built programs.
var programs string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if !size.Full() {
		fmt.Fprintln(os.Stderr, "NOT RUN: a part of the proof: make proof PART=center")
		return 0
	}
	for _, tool := range []string{"node", "chromium", "certutil"} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Fprintf(os.Stderr, "NOT RUN: %s is missing\n", tool)
			return 1
		}
	}
	if _, err := os.Stat("../../internal/admin/center/app/index.html"); err != nil {
		fmt.Fprintln(os.Stderr, "NOT RUN: the admin center is not built: make build")
		return 1
	}
	dir, err := os.MkdirTemp("", "postern-center-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "postern"), "postern/cmd/postern")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	programs = dir
	return m.Run()
}
