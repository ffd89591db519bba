package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"postern/internal/disk"
)

const (
	countersKey  = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Perflib\_V2Providers\`
	countersFile = connector + ".man"
	countersTime = 2 * time.Minute // the most that Windows may take
)

// RegisterCounters makes the performance counters of the installed program known to Windows. provider is the manifest's own, a GUID in braces.
func (h Host) RegisterCounters(ctx context.Context, provider string, manifest []byte) error {
	dir, err := programDir()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, countersFile)
	before, err := os.ReadFile(path)
	if err == nil && registered(provider) {
		if bytes.Equal(before, manifest) {
			return nil
		}
		if err := unregisterCounters(ctx, path); err != nil { // what is registered cannot be changed
			return err
		}
	}
	if err := disk.WriteFile(path, manifest, 0o644); err != nil {
		return err
	}
	out, err := counterTool(ctx, "lodctr.exe", fmt.Sprintf(`/m:"%s" "%s"`, path, dir))
	if err == nil && !registered(provider) {
		err = errors.New("it is not registered afterwards")
	}
	if err != nil {
		return fmt.Errorf("lodctr %s: %w%s", path, err, out)
	}
	return nil
}

// removeCounters takes them away again. Without a manifest there are none.
func removeCounters(ctx context.Context) (there bool, err error) {
	dir, err := programDir()
	if err != nil {
		return false, err
	}
	path := filepath.Join(dir, countersFile)
	if _, err := os.Lstat(path); err != nil {
		return false, nil
	}
	return true, unregisterCounters(ctx, path)
}

func unregisterCounters(ctx context.Context, manifest string) error {
	if out, err := counterTool(ctx, "unlodctr.exe", fmt.Sprintf(`/m:"%s"`, manifest)); err != nil {
		return fmt.Errorf("unlodctr %s: %w%s", manifest, err, out)
	}
	return nil
}

// counterTool runs a tool of Windows, with its own way to write a command line, and gives what it said if it fails.
func counterTool(ctx context.Context, tool, arguments string) (said string, err error) {
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return "", fmt.Errorf("find the system's directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, countersTime)
	defer cancel()
	path := filepath.Join(system, tool)
	cmd := exec.CommandContext(ctx, path)
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `"` + path + `" ` + arguments, HideWindow: true}
	out, err := cmd.CombinedOutput()
	if text := strings.Join(strings.Fields(string(out)), " "); text != "" {
		said = ": " + text
	}
	return said, err
}

// registered tells whether Windows knows a provider of performance counters.
func registered(provider string) bool {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, countersKey+provider, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	return key.Close() == nil
}
