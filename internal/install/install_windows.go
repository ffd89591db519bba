package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"

	"postern/internal/daemon"
	"postern/internal/disk"
	"postern/internal/fault"
)

// StateDir gives the directory of a service; none, where nothing can be made, if the system does not say.
func (h Host) StateDir(name string) string {
	dir, err := daemon.SystemStateDir(name)
	if err != nil {
		return ""
	}
	return dir
}

// programDir is where only administrators change a program.
func programDir() (string, error) {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return "", fmt.Errorf("find the directory of programs: %w", err)
	}
	return filepath.Join(dir, "Postern"), nil
}

const settingsName = "settings"

func (h Host) settingsFile(name string) string { return filepath.Join(h.StateDir(name), settingsName) }

// Settings gives the settings of a service; none if it has none, or if they are not for this user.
func (h Host) Settings(name string) []Setting {
	text, err := os.ReadFile(h.settingsFile(name))
	if err != nil {
		return nil
	}
	return parseSettings(string(text))
}

// Check tells whether a service can be installed here.
func (h Host) Check(bool) error {
	if !windows.GetCurrentProcessToken().IsElevated() {
		return fault.Forbidden("a service is installed by an administrator: open the command prompt as one")
	}
	return nil
}

// Install makes the service's directory, which is closed to others, and tells the service control manager and the event log.
// What is there already is made what it is to be. It starts nothing.
func (h Host) Install(_ context.Context, s Service) error {
	if err := s.check(); err != nil {
		return err
	}
	program, err := h.place(s.Program, s.Beside)
	if err != nil {
		return err
	}
	dir, err := takeDirectory(h.StateDir(s.Name), s.Network)
	if err != nil {
		return err
	}
	defer dir.release()
	if err := dir.write(settingsName, []byte(settingsText(s.Settings))); err != nil {
		return err
	}
	if err := register(s, program); err != nil || h.program() != connector {
		return err
	}
	return registerLogs()
}

// Missing tells which of the files that a program needs beside it lie neither there nor where an installation has put them before.
func (h Host) Missing(program string, beside []string) (missing []string) {
	for _, name := range beside {
		_, err := os.Stat(filepath.Join(filepath.Dir(program), name))
		if err == nil {
			continue
		}
		dir, err := programDir()
		if err == nil {
			_, err = os.Stat(filepath.Join(dir, name))
		}
		if err != nil {
			missing = append(missing, name)
		}
	}
	return missing
}

// place copies the program, and what it needs beside it, to where only administrators change it.
func (h Host) place(program string, beside []string) (string, error) {
	dir, err := programDir()
	if err != nil {
		return "", err
	}
	target := filepath.Join(dir, h.program()+".exe")
	if strings.EqualFold(program, target) {
		return target, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range beside {
		err := replace(filepath.Join(filepath.Dir(program), name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return target, replace(program, target)
}

// replace puts a copy of a program in a place. One that runs can be moved aside, not written over.
func replace(program, target string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("copy %s: %w", program, err)
	}
	old := fmt.Sprintf("%s.%d.old", target, time.Now().UnixNano())
	if err := os.Rename(target, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := disk.WriteFile(target, data, 0o755); err != nil {
		return errors.Join(err, os.Rename(old, target))
	}
	_ = os.Remove(old) // if it runs still, the next installation removes it
	left, _ := filepath.Glob(target + ".*.old")
	for _, path := range left {
		_ = os.Remove(path) // as above
	}
	return nil
}

// Put writes a file into a service's directory, for the service alone.
func (h Host) Put(name, file string, data []byte) error {
	return disk.WriteFile(filepath.Join(h.StateDir(name), file), data, 0o600) // what is in the directory is closed as it is
}

// Remove takes away what Install made. The service must have been stopped.
func (h Host) Remove(ctx context.Context, name string) (Removed, error) {
	var r Removed
	gone := func(what string, err error) error {
		if err == nil {
			r.Gone = append(r.Gone, what)
		}
		return err
	}
	dir, err := programDir()
	if err != nil {
		return r, err
	}
	err = h.on(name, func(s *mgr.Service) error { return gone("the service "+name, s.Delete()) })
	if err != nil {
		return r, err
	}
	err = gone(h.StateDir(name), removeAll(h.StateDir(name)))
	others, listErr := services(name)
	if h.program() == connector && listErr == nil && !slices.ContainsFunc(others, isConnector) {
		err = errors.Join(err, gone("the event log's sources "+SourceAdmin+" and "+SourceSession, removeLogs()))
		there, counters := removeCounters(ctx)
		switch {
		case counters != nil:
			r.Left = append(r.Left, "the performance counters: "+counters.Error())
		case there:
			r.Gone = append(r.Gone, "the performance counters")
		}
	}
	switch {
	case listErr != nil || len(others) > 0:
		r.Left = append(r.Left, dir+", which another service may need")
	case removeAll(dir) != nil:
		r.Left = append(r.Left, dir+", in which this program runs: remove it when it has ended")
	default:
		r.Gone = append(r.Gone, dir)
	}
	return r, err
}

// removeAll removes a directory with what is in it, also on a system that does not know of the newer ways to remove a file.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, windows.ERROR_INVALID_FUNCTION) {
		return err
	}
	var all []string
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error { // it follows no links
		all = append(all, path)
		return err
	})
	for _, path := range slices.Backward(all) {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// services lists those of our services that are not the one of that name.
func services(but string) (others []string, err error) {
	m, err := mgr.Connect()
	if err != nil {
		return nil, err
	}
	defer m.Disconnect() // nothing depends on it
	all, err := m.ListServices()
	for _, name := range all {
		if name != but && strings.HasPrefix(name, "postern-") {
			others = append(others, name)
		}
	}
	return others, err
}

func isConnector(service string) bool { return strings.HasPrefix(service, connector) }
