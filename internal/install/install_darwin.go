package install

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"

	"postern/internal/disk"
	"postern/internal/fault"
)

func (h Host) plist(name string) string {
	return h.path("Library/LaunchDaemons", name+".plist")
}

// StateDir gives the directory of a service.
func (h Host) StateDir(name string) string { return h.path("var/lib", name) }

func (h Host) settingsFile(name string) string { return h.path("etc", name, "settings") }

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
	if os.Geteuid() != 0 {
		return fault.Forbidden("a service is installed by root: use sudo")
	}
	if _, err := exec.LookPath("launchctl"); err != nil {
		return fault.Unavailable("this machine has no launchctl")
	}
	return nil
}

// Install writes the service's files. What is there already is made what it is to be. It starts nothing.
func (h Host) Install(_ context.Context, s Service) error {
	if err := s.check(); err != nil {
		return err
	}
	var made bool
	program, err := h.place(s.Program, &made)
	if err != nil {
		return err
	}
	s.Program = program
	who, err := user.Lookup(s.launchdUser())
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(who.Uid)
	gid, err2 := strconv.Atoi(who.Gid)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	dir := h.StateDir(s.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(dir, 0o700), os.Chown(dir, uid, gid)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(h.settingsFile(s.Name)), 0o755); err != nil {
		return err
	}
	if err := disk.WriteFile(h.settingsFile(s.Name), []byte(settingsText(s.Settings)), 0o600); err != nil {
		return err
	}
	// Its environment may hold secrets: it is root's alone.
	return disk.WriteFile(h.plist(s.Name), []byte(plistText(s, dir)), 0o600)
}

// Start starts a service that is installed; if it runs already, it is restarted, so that new settings count.
func (h Host) Start(ctx context.Context, name string) error {
	if err := h.Stop(ctx, name); err != nil {
		return err
	}
	_, err := run(ctx, "launchctl", "bootstrap", "system", h.plist(name))
	return err
}

// Stop ends it.
func (h Host) Stop(ctx context.Context, name string) error {
	if _, err := os.Stat(h.plist(name)); err != nil {
		return fault.NotFound("no service %s is installed on this machine: %s install installs it", name, h.program())
	}
	if !h.State(ctx, name).Running {
		return nil
	}
	_, err := run(ctx, "launchctl", "bootout", "system/"+name)
	return err
}

// HandOver lets a new process of the program that is installed now take over.
func (h Host) HandOver(ctx context.Context, name string) error {
	_, err := run(ctx, "launchctl", "kill", "SIGUSR1", "system/"+name)
	return err
}

// State asks launchd for a service.
func (h Host) State(ctx context.Context, name string) State {
	if _, err := os.Stat(h.plist(name)); err != nil {
		return State{}
	}
	state := State{Installed: true, Enabled: true, Text: "not loaded"}
	if _, err := run(ctx, "launchctl", "print", "system/"+name); err == nil {
		state.Running, state.Text = true, "loaded"
	}
	return state
}

// Remove takes away what Install made, but for the program. The service must have been stopped.
func (h Host) Remove(_ context.Context, name string) (Removed, error) {
	var r Removed
	var errs []error
	for _, path := range []string{h.plist(name), h.settingsFile(name), h.StateDir(name), "/var/log/" + name + ".log"} {
		err := os.RemoveAll(path)
		if err == nil {
			r.Gone = append(r.Gone, path)
		}
		errs = append(errs, err)
	}
	if dir := filepath.Dir(h.settingsFile(name)); os.Remove(dir) != nil {
		r.Left = append(r.Left, dir+", with what somebody put there")
	}
	r.Left = append(r.Left, h.path("usr/local/bin", h.program()))
	return r, errors.Join(errs...)
}
