package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"postern/internal/disk"
	"postern/internal/fault"
)

const stopTime = 14 * time.Minute // longer than ExitTimeOut

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
	program, err := h.place(s.Program, s.Network, &made)
	if err != nil {
		return err
	}
	if err := disk.CheckPrivate(program); s.Network && err != nil {
		return fault.Forbidden("root would run a program that others can change: %v", err)
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

// copied is where a copy of the program is put. /usr/local/bin belongs to a user on many machines (Homebrew), and what root runs must be root's.
func (h Host) copied(network bool) string {
	if network {
		return h.path("Library/PrivilegedHelperTools", h.program())
	}
	return h.path("usr/local/bin", h.program())
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
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && (exit.ExitCode() == int(syscall.EINPROGRESS) || exit.ExitCode() == int(syscall.ESRCH)) {
		err = nil // it ends, or has ended
	}
	if err != nil {
		return err
	}
	// launchctl waits for nothing, and takes no job of a name that is still there.
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	for h.State(ctx, name).Running {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the service %s to end: %w", name, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
	return ctx.Err() // then launchctl was not asked any more
}

// HandOver lets a new process of the program that is installed now take over.
func (h Host) HandOver(ctx context.Context, name string) error {
	_, err := run(ctx, "launchctl", "kill", "SIGUSR1", "system/"+name)
	return err
}

// Installed tells, also somebody who may ask the system nothing more, whether there is such a service.
func (h Host) Installed(name string) bool {
	_, err := os.Stat(h.plist(name))
	return err == nil
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
	if own := h.copied(true); os.Remove(own) == nil {
		r.Gone = append(r.Gone, own)
	} else {
		r.Left = append(r.Left, h.copied(false))
	}
	return r, errors.Join(errs...)
}
