package install

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"postern/internal/daemon"
	"postern/internal/fault"
)

const (
	startTime = 30 * time.Second
	stopTime  = 13 * time.Minute // longer than the longest drain
)

// account is whom a service runs as.
func (s Service) account() string {
	if s.Network {
		return "LocalSystem"
	}
	return `NT AUTHORITY\NetworkService`
}

// register makes the service, or makes the one that is there what it is to be.
func register(s Service, program string) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("speak to the service control manager: %w", err)
	}
	defer m.Disconnect() // nothing depends on it
	service, err := m.OpenService(s.Name)
	if err != nil {
		service, err = m.CreateService(s.Name, program, mgr.Config{
			DisplayName: s.Title, Description: s.About, StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal, ServiceStartName: s.account(),
		}, s.Arguments...)
	} else {
		err = change(service, commandLine(program, s.Arguments), s.account(), s.Title)
	}
	if err != nil {
		return fmt.Errorf("make the service %s: %w", s.Name, err)
	}
	defer service.Close() // nothing depends on it
	if !s.Network {       // others need what it is for
		if err := delay(service); err != nil {
			return fmt.Errorf("have the service %s start a little after the machine: %w", s.Name, err)
		}
	}
	restart := func(after time.Duration) mgr.RecoveryAction {
		return mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: after}
	}
	day := uint32((24 * time.Hour).Seconds())
	err = service.SetRecoveryActions([]mgr.RecoveryAction{restart(2 * time.Second), restart(10 * time.Second), restart(time.Minute)}, day)
	if err == nil {
		err = known(service.SetRecoveryActionsOnNonCrashFailures(true))
	}
	if err != nil {
		return fmt.Errorf("have the service %s restarted after a crash: %w", s.Name, err)
	}
	return nil
}

// known passes over what a system does not know of a service: it is the finish, not the work.
func known(err error) error {
	if errors.Is(err, windows.ERROR_INVALID_LEVEL) {
		return nil
	}
	return err
}

// change makes a service that is there what register would make.
func change(service *mgr.Service, command, account, title string) error {
	words := make([]*uint16, 3)
	for i, text := range []string{command, account, title} {
		var err error
		if words[i], err = windows.UTF16PtrFromString(text); err != nil {
			return err
		}
	}
	return windows.ChangeServiceConfig(service.Handle, windows.SERVICE_WIN32_OWN_PROCESS, mgr.StartAutomatic, mgr.ErrorNormal,
		words[0], nil, nil, nil, words[1], nil, words[2])
}

// delay lets a service start a little after those that the machine itself needs.
func delay(service *mgr.Service) error {
	info := windows.SERVICE_DELAYED_AUTO_START_INFO{IsDelayedAutoStartUp: 1}
	return known(windows.ChangeServiceConfig2(service.Handle, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, (*byte)(unsafe.Pointer(&info))))
}

func commandLine(program string, args []string) string {
	words := []string{syscall.EscapeArg(program)}
	for _, arg := range args {
		words = append(words, syscall.EscapeArg(arg))
	}
	return strings.Join(words, " ")
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
		return fault.NotFound("no service %s is installed on this machine: %s install installs it", name, h.program())
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

// Installed tells, also somebody who may ask the service control manager nothing, whether there is such a service.
func (h Host) Installed(name string) bool {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\`+name, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	_ = key.Close() // nothing was changed
	return true
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
		state.Enabled = startType(s) == mgr.StartAutomatic
		return nil
	})
	return state
}

// startType says how a service is started, 0 if that cannot be read. mgr.Service.Config reads more than every system has.
func startType(service *mgr.Service) uint32 {
	buffer := make([]byte, 8<<10) // the most that there is
	cfg := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buffer[0]))
	var need uint32
	if err := windows.QueryServiceConfig(service.Handle, cfg, uint32(len(buffer)), &need); err != nil {
		return 0
	}
	return cfg.StartType
}
