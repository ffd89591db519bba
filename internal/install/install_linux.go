package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"postern/internal/disk"
	"postern/internal/fault"
)

func (h Host) unit(name string) string         { return h.path("etc/systemd/system", name+".service") }
func (h Host) settingsFile(name string) string { return h.path("etc", name, "settings") }

// Settings gives the settings of a service; none if it has none, or if they are not for this user.
func (h Host) Settings(name string) []Setting {
	text, err := os.ReadFile(h.settingsFile(name))
	if err != nil {
		return nil
	}
	return parseSettings(string(text))
}

// StateDir gives the directory of a service.
func (h Host) StateDir(name string) string { return h.path("var/lib", name) }

// Check tells whether a service can be installed here. An image that is being made needs no running systemd.
func (h Host) Check(start bool) error {
	if os.Geteuid() != 0 {
		return fault.Forbidden("a service is installed by root: use sudo")
	}
	if _, err := exec.LookPath("systemctl"); err != nil {
		return fault.Unavailable("this machine has no systemd: have your own init system run %s, which ends with SIGTERM", h.running())
	}
	if _, err := os.Stat(h.path("run/systemd/system")); err != nil && start {
		return fault.Unavailable("systemd does not run here, so nothing can be started: for an image, add --no-start")
	}
	return nil
}

// Install writes the service's files, makes its user and tells systemd. What is there already is made what it is to be. It
// starts nothing.
func (h Host) Install(ctx context.Context, s Service) error {
	if err := s.check(); err != nil {
		return err
	}
	before, _ := os.ReadFile(h.unit(s.Name)) // if there is none, nothing was made before
	u := unit{
		Service: s, By: h.program(), User: s.Name, State: h.StateDir(s.Name), Settings: h.settingsFile(s.Name),
		MadeUser: bytes.Contains(before, []byte(markUser)), MadeProgram: bytes.Contains(before, []byte(markProgram)),
	}
	var err error
	if u.Program, err = h.place(s.Program, s.Network, &u.MadeProgram); err != nil {
		return err
	}
	uid, gid := 0, 0
	if !s.Network {
		if uid, gid, err = h.ensureUser(ctx, &u); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(u.State, 0o700); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(u.State, 0o700), os.Chown(u.State, uid, gid)); err != nil {
		return err
	}
	for _, file := range []struct {
		path, text string
		mode       fs.FileMode
	}{
		{u.Settings, settingsText(s.Settings), 0o600},
		{h.unit(s.Name), u.text(), 0o644},
	} {
		if err := os.MkdirAll(filepath.Dir(file.path), 0o755); err != nil {
			return err
		}
		if err := disk.WriteFile(file.path, []byte(file.text), file.mode); err != nil {
			return err
		}
	}
	if _, err := os.Stat(h.path("run/systemd/system")); err == nil {
		if _, err := run(ctx, "systemctl", "daemon-reload"); err != nil {
			return err
		}
	}
	if s.Enable {
		_, err = run(ctx, "systemctl", "enable", "--quiet", s.Name+".service")
	}
	return err
}

// copied is where a copy of the program is put.
func (h Host) copied(bool) string { return h.path("usr/local/bin", h.program()) }

// ensureUser makes the service's user, if there is none.
func (h Host) ensureUser(ctx context.Context, u *unit) (uid, gid int, err error) {
	found, err := user.Lookup(u.User)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		u.MadeUser = true
		_, err = run(ctx, "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", u.State,
			"--shell", "/usr/sbin/nologin", "--comment", u.Title, u.User)
		if err == nil {
			found, err = user.Lookup(u.User)
		}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("make the user %s: %w", u.User, err)
	}
	uid, err = strconv.Atoi(found.Uid)
	gid, err2 := strconv.Atoi(found.Gid)
	return uid, gid, errors.Join(err, err2)
}

// Start starts a service that is installed; if it runs already, it is restarted, so that new settings count.
func (h Host) Start(ctx context.Context, name string) error { return h.control(ctx, "restart", name) }

// Stop ends it.
func (h Host) Stop(ctx context.Context, name string) error { return h.control(ctx, "stop", name) }

// HandOver lets a new process of the program that is installed now take over.
func (h Host) HandOver(ctx context.Context, name string) error { return h.control(ctx, "reload", name) }

func (h Host) control(ctx context.Context, verb, name string) error {
	if _, err := os.Stat(h.unit(name)); err != nil {
		return fault.NotFound("no service %s is installed on this machine: %s install installs it", name, h.program())
	}
	if _, err := run(ctx, "systemctl", verb, name+".service"); err != nil {
		return fmt.Errorf("%w; journalctl -u %s says more", err, name)
	}
	return nil
}

// Installed tells, also somebody who may ask the system nothing more, whether there is such a service.
func (h Host) Installed(name string) bool {
	_, err := os.Stat(h.unit(name))
	return err == nil
}

// State asks systemd for a service.
func (h Host) State(ctx context.Context, name string) State {
	if _, err := os.Stat(h.unit(name)); err != nil {
		return State{}
	}
	// Both give their word and a code other than zero where it is not "active" or "enabled".
	active, _ := run(ctx, "systemctl", "is-active", name+".service")
	enabled, _ := run(ctx, "systemctl", "is-enabled", name+".service")
	return State{Installed: true, Running: active == "active", Enabled: enabled == "enabled", Text: active + ", " + enabled}
}

// Remove takes away what Install made: the unit, the settings, the directory, and the user and the program if they were not
// there before. The service must have been stopped.
func (h Host) Remove(ctx context.Context, name string) (Removed, error) {
	var r Removed
	text, err := os.ReadFile(h.unit(name))
	if err != nil {
		return r, fault.NotFound("no service %s is installed on this machine", name)
	}
	var errs []error
	gone := func(what string, err error) {
		if err == nil {
			r.Gone = append(r.Gone, what)
		}
		errs = append(errs, err)
	}
	_, err = run(ctx, "systemctl", "disable", "--quiet", name+".service")
	errs = append(errs, err)
	gone(h.unit(name), disk.Remove(h.unit(name)))
	if _, err := os.Stat(h.path("run/systemd/system")); err == nil {
		_, err = run(ctx, "systemctl", "daemon-reload")
		errs = append(errs, err)
	}
	gone(h.settingsFile(name), disk.Remove(h.settingsFile(name)))
	if dir := filepath.Dir(h.settingsFile(name)); os.Remove(dir) != nil {
		r.Left = append(r.Left, dir+", with what somebody put there")
	}
	gone(h.StateDir(name), os.RemoveAll(h.StateDir(name)))
	if bytes.Contains(text, []byte(markUser)) {
		_, err := run(ctx, "userdel", name)
		gone("the user "+name, err)
	}
	if program := programOf(string(text)); bytes.Contains(text, []byte(markProgram)) && program != "" {
		if h.used(program) {
			r.Left = append(r.Left, program+", which another service needs")
		} else {
			gone(program, disk.Remove(program))
		}
	}
	return r, errors.Join(errs...)
}

// programOf gives the program that a unit starts.
func programOf(text string) string {
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart="); ok {
			word, _, _ := strings.Cut(command, " ")
			return word
		}
	}
	return ""
}

// used tells whether another unit starts the program.
func (h Host) used(program string) bool {
	units, _ := filepath.Glob(h.path("etc/systemd/system/*.service")) // the pattern is right
	for _, path := range units {
		text, err := os.ReadFile(path)
		if err == nil && programOf(string(text)) == program {
			return true
		}
	}
	return false
}
