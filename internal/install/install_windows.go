package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"postern/internal/daemon"
	"postern/internal/disk"
	"postern/internal/fault"
)

// access lets the system, the administrators and the account of the service at a directory, and nobody else of this machine.
const access = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;NS)"

const (
	account   = `NT AUTHORITY\NetworkService`
	startTime = 30 * time.Second
	stopTime  = 13 * time.Minute // longer than the longest drain
)

// StateDir gives the directory of a service.
func (h Host) StateDir(name string) string { return filepath.Join(os.Getenv("ProgramData"), name) }

func programDir() string { return filepath.Join(os.Getenv("ProgramFiles"), "Postern") }

func (h Host) settingsFile(name string) string { return filepath.Join(h.StateDir(name), "settings") }

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
	program, err := place(s.Program)
	if err != nil {
		return err
	}
	dir := h.StateDir(s.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := protect(dir); err != nil {
		return fmt.Errorf("close %s to others: %w", dir, err)
	}
	if err := disk.WriteFile(h.settingsFile(s.Name), []byte(settingsText(s.Settings)), 0o600); err != nil {
		return err
	}
	if err := register(s, program); err != nil {
		return err
	}
	err = eventlog.InstallAsEventCreate(s.Name, eventlog.Error|eventlog.Warning|eventlog.Info)
	if err != nil && !strings.Contains(err.Error(), "already exists") { // the package has no better sign
		return fmt.Errorf("make a source of the event log: %w", err)
	}
	return nil
}

// place copies the program to where only administrators change it. One that runs can be moved aside, not written over.
func place(program string) (string, error) {
	target := filepath.Join(programDir(), programName+".exe")
	if strings.EqualFold(program, target) {
		return target, nil
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return "", fmt.Errorf("copy this program: %w", err)
	}
	if err := os.MkdirAll(programDir(), 0o755); err != nil {
		return "", err
	}
	old := fmt.Sprintf("%s.%d.old", target, time.Now().UnixNano())
	if err := os.Rename(target, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := disk.WriteFile(target, data, 0o755); err != nil {
		return "", errors.Join(err, os.Rename(old, target))
	}
	_ = os.Remove(old) // if it runs still, the next installation removes it
	left, _ := filepath.Glob(target + ".*.old")
	for _, path := range left {
		_ = os.Remove(path) // as above
	}
	return target, nil
}

func protect(dir string) error {
	sd, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
}

// register makes the service, or makes the one that is there what it is to be.
func register(s Service, program string) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("speak to the service control manager: %w", err)
	}
	defer m.Disconnect() // nothing depends on it
	cfg := mgr.Config{
		DisplayName: s.Title, Description: "Connects this network to a Postern service, by outbound connections only.",
		StartType: mgr.StartAutomatic, DelayedAutoStart: true, ErrorControl: mgr.ErrorNormal, ServiceStartName: account,
	}
	service, err := m.OpenService(s.Name)
	if err != nil {
		service, err = m.CreateService(s.Name, program, cfg, s.Arguments...)
	} else {
		cfg.ServiceType = windows.SERVICE_WIN32_OWN_PROCESS
		cfg.BinaryPathName = commandLine(program, s.Arguments)
		err = service.UpdateConfig(cfg)
	}
	if err != nil {
		return fmt.Errorf("make the service %s: %w", s.Name, err)
	}
	defer service.Close() // nothing depends on it
	restart := func(after time.Duration) mgr.RecoveryAction {
		return mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: after}
	}
	day := uint32((24 * time.Hour).Seconds())
	err = service.SetRecoveryActions([]mgr.RecoveryAction{restart(2 * time.Second), restart(10 * time.Second), restart(time.Minute)}, day)
	if err == nil {
		err = service.SetRecoveryActionsOnNonCrashFailures(true)
	}
	if err != nil {
		return fmt.Errorf("have the service %s restarted after a crash: %w", s.Name, err)
	}
	return nil
}

func commandLine(program string, args []string) string {
	words := []string{syscall.EscapeArg(program)}
	for _, arg := range args {
		words = append(words, syscall.EscapeArg(arg))
	}
	return strings.Join(words, " ")
}

// Put writes a file into a service's directory, for the service alone.
func (h Host) Put(name, file string, data []byte) error {
	return disk.WriteFile(filepath.Join(h.StateDir(name), file), data, 0o600) // what is in the directory is closed as it is
}

// on does something with a service that is installed.
func (h Host) on(name string, do func(*mgr.Service) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("speak to the service control manager: %w", err)
	}
	defer m.Disconnect() // nothing depends on it
	service, err := m.OpenService(name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return fault.NotFound("no service %s is installed on this machine: postern-connector install installs it", name)
	}
	if err != nil {
		return fmt.Errorf("open the service %s: %w", name, err)
	}
	defer service.Close() // nothing depends on it
	return do(service)
}

// Start starts a service that is installed; if it runs already, it is restarted, so that new settings count.
func (h Host) Start(ctx context.Context, name string) error {
	if err := h.Stop(ctx, name); err != nil {
		return err
	}
	return h.on(name, func(s *mgr.Service) error {
		if err := s.Start(); err != nil {
			return fmt.Errorf("start the service %s: %w; the event log says more", name, err)
		}
		return await(ctx, s, svc.Running, startTime)
	})
}

// Stop ends it.
func (h Host) Stop(ctx context.Context, name string) error {
	return h.on(name, func(s *mgr.Service) error {
		_, err := s.Control(svc.Stop)
		if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("stop the service %s: %w", name, err)
		}
		return await(ctx, s, svc.Stopped, stopTime)
	})
}

// await waits until a service is in a state.
func await(ctx context.Context, s *mgr.Service, want svc.State, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		status, err := s.Query()
		if err != nil {
			return fmt.Errorf("ask for the service %s: %w", s.Name, err)
		}
		if status.State == want {
			return nil
		}
		if want == svc.Running && status.State == svc.Stopped {
			return fault.Unavailable("the service %s ended with code %d; the event log says more", s.Name, status.Win32ExitCode)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the service %s: %w", s.Name, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// HandOver lets a new process of the program that is installed now take over.
func (h Host) HandOver(_ context.Context, name string) error {
	return h.on(name, func(s *mgr.Service) error {
		if _, err := s.Control(daemon.ControlHandOver); err != nil {
			return fmt.Errorf("ask the service %s for a hand-over: %w", name, err)
		}
		return nil
	})
}

// State asks the service control manager for a service.
func (h Host) State(_ context.Context, name string) State {
	var state State
	_ = h.on(name, func(s *mgr.Service) error { // what cannot be asked is not there
		state = State{Installed: true, Text: "unknown"}
		if status, err := s.Query(); err == nil {
			state.Running = status.State == svc.Running
			state.Text = [...]string{"unknown", "stopped", "starting", "stopping", "running", "continuing", "pausing", "paused"}[status.State&7]
		}
		if cfg, err := s.Config(); err == nil {
			state.Enabled = cfg.StartType == mgr.StartAutomatic
		}
		return nil
	})
	return state
}

// Remove takes away what Install made. The service must have been stopped.
func (h Host) Remove(_ context.Context, name string) (Removed, error) {
	var r Removed
	gone := func(what string, err error) error {
		if err == nil {
			r.Gone = append(r.Gone, what)
		}
		return err
	}
	err := h.on(name, func(s *mgr.Service) error { return gone("the service "+name, s.Delete()) })
	if err != nil {
		return r, err
	}
	err = errors.Join(
		gone("the event log's source "+name, eventlog.Remove(name)),
		gone(h.StateDir(name), os.RemoveAll(h.StateDir(name))),
	)
	others, listErr := services(name)
	switch {
	case listErr != nil || len(others) > 0:
		r.Left = append(r.Left, programDir()+", which another service may need")
	case os.RemoveAll(programDir()) != nil:
		r.Left = append(r.Left, programDir()+", in which this program runs: remove it when it has ended")
	default:
		r.Gone = append(r.Gone, programDir())
	}
	return r, err
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
		if name != but && strings.HasPrefix(name, programName) {
			others = append(others, name)
		}
	}
	return others, err
}
