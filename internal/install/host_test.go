//go:build linux

package install

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/fault"
)

// path puts programs of the system before the real ones: each a script.
func path(t *testing.T, programs map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// TestSystemdRefuses holds that the words of systemctl come back to whoever asked for something.
func TestSystemdRefuses(t *testing.T) {
	host := Host{Root: t.TempDir()}
	ctx := context.Background()
	if err := host.Start(ctx, "postern-connector"); !fault.Is(err, fault.KindNotFound) {
		t.Errorf("not installed: %v", err)
	}
	if _, err := host.Remove(ctx, "postern-connector"); !fault.Is(err, fault.KindNotFound) {
		t.Errorf("not installed: %v", err)
	}
	if state := host.State(ctx, "postern-connector"); state.Installed {
		t.Errorf("not installed: %+v", state)
	}
	unit := host.unit("postern-connector")
	if err := os.MkdirAll(filepath.Dir(unit), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unit, []byte(example().text()), 0o600); err != nil {
		t.Fatal(err)
	}
	path(t, map[string]string{"systemctl": `case $1 in is-active) echo failed; exit 3;; is-enabled) echo enabled;; *) echo "Job failed."; exit 1;; esac`})
	if err := host.Start(ctx, "postern-connector"); err == nil || !strings.Contains(err.Error(), "Job failed.") || !strings.Contains(err.Error(), "journalctl -u postern-connector") {
		t.Errorf("start: %v", err)
	}
	if state := host.State(ctx, "postern-connector"); state != (State{Installed: true, Enabled: true, Text: "failed, enabled"}) {
		t.Errorf("state: %+v", state)
	}
}

func TestCheck(t *testing.T) {
	if os.Geteuid() != 0 {
		if err := (Host{}).Check(true); !fault.Is(err, fault.KindForbidden) || !strings.Contains(err.Error(), "sudo") {
			t.Errorf("without root: %v", err)
		}
		return
	}
	host := Host{Root: t.TempDir()}
	path(t, map[string]string{"systemctl": ""})
	if err := host.Check(true); err == nil || !strings.Contains(err.Error(), "--no-start") {
		t.Errorf("systemd does not run: %v", err)
	}
	if err := host.Check(false); err != nil {
		t.Errorf("for an image: %v", err)
	}
	path(t, nil)
	if err := host.Check(false); err == nil || !strings.Contains(err.Error(), "postern-connector run") {
		t.Errorf("without systemd: %v", err)
	}
}

// TestPut holds that a link which the service left in its directory does not lead root elsewhere.
func TestPut(t *testing.T) {
	host := Host{Root: t.TempDir()}
	dir := host.StateDir("postern-connector")
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "token")); err != nil {
		t.Fatal(err)
	}
	if err := host.Put("postern-connector", "token", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(elsewhere); err == nil {
		t.Error("it was written through the link")
	}
	if text, err := os.ReadFile(filepath.Join(dir, "token")); err != nil || string(text) != "secret" {
		t.Errorf("%q, %v", text, err)
	}
}
