package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/client"
	"postern/internal/client/tun"
	"postern/internal/daemon"
	"postern/internal/fault"
	"postern/internal/install"
	"postern/internal/local"
)

const serviceName = "postern-client"

// thisMachine is where the service is installed.
func thisMachine() install.Host { return install.Host{Program: serviceName} }

// serviceDirectory is where all users of the machine find the service's socket. On Windows it is the beginning of the name of a pipe, which
// only administrators may make there.
func serviceDirectory() string {
	switch runtime.GOOS {
	case "windows":
		return `\\.\pipe\ProtectedPrefix\Administrators\postern-client`
	case "darwin":
		return "/var/run/postern-client"
	}
	return "/run/postern-client" // systemd makes it
}

// serviceCommand is what an installed service runs.
func serviceCommand(s *settings) *cobra.Command {
	flags := &upFlags{settings: s, asService: true}
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Run the client as an operating system's service does",
		Long: `service is what an installed service runs; for a terminal there is up. It runs also while nobody is signed in, and
serves all users of the machine: whoever signs in on it owns it until they log out.`,
		Example: "  postern-client service",
		Hidden:  true,
		Args:    arguments(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return flags.serve(cmd.Context()) },
	}
	flags.add(cmd.Flags(), true)
	flags.addOwner(cmd.Flags())
	return cmd
}

func (u *upFlags) addOwner(f *pflag.FlagSet) {
	f.StringVar(&u.only, "owner", "", "the only `user` of this machine who may sign in (default whoever comes first, until they log out)")
}

func installCommand(s *settings) *cobra.Command {
	flags := &upFlags{settings: s, asService: true}
	var idle bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Make the client a service of this machine (as root, or an administrator)",
		Long: `install makes the client a service that starts with the machine, with the interface for all programs (--tun=false: without): of systemd, Windows or
launchd. It must be called by root or an administrator. Calling it again changes the settings, or installs another version of the program.

The service runs also while nobody is signed in. The users of the machine sign in on it with postern-client login, without being root;
status, explain, pause and the other commands reach it by themselves. One user at a time is signed in: it is theirs until they log
out, and nobody else but root may ask it anything. The interface serves every program of the machine, whoever runs it: on a machine on which
several people work at once, use the proxies with --local-user-file instead.`,
		Example: `  sudo postern-client install
  sudo postern-client install --owner ada
  sudo postern-client install --tun=false --socks 1080 --local-user-file /etc/postern-client/local-user`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.install(cmd, !idle) },
	}
	flags.add(cmd.Flags(), true)
	flags.addOwner(cmd.Flags())
	cmd.Flags().BoolVar(&idle, "no-start", false, "do not start it now: for images")
	return cmd
}

func (u *upFlags) install(cmd *cobra.Command, start bool) error {
	host, f := thisMachine(), cmd.Flags()
	if err := u.check(); err != nil {
		return err
	}
	if u.own {
		return fault.Invalid("--state", "is the service's own directory")
	}
	if u.only != "" {
		id, err := local.UserID(u.only)
		if err != nil {
			return fault.Invalid("--owner", "%s is not known on this machine: %v", u.only, err)
		}
		if err := f.Set("owner", id); err != nil {
			return err
		}
	}
	if u.localUser != "" && !filepath.IsAbs(u.localUser) {
		return fault.Invalid("--local-user-file", "must be an absolute path: the service has another working directory")
	}
	if err := host.Check(start); err != nil {
		return err
	}
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	for _, name := range host.Missing(program, u.beside()) {
		return fault.Invalid("--tun", "needs %s (https://www.wintun.net) beside %s, which is installed with it; or install with --tun=false --socks 1080", name, program)
	}
	err = host.Install(cmd.Context(), install.Service{
		Name: serviceName, Title: "Postern client", About: "Carries what programs of this machine send to private applications of a Postern service.",
		Program: program, Beside: u.beside(), Arguments: serviceArguments(host), Settings: serviceSettings(f), Enable: true, Network: true,
	})
	if err != nil {
		return fmt.Errorf("install the service %s: %w", serviceName, err)
	}
	fmt.Fprintf(u.std.err, "Installed the service %s; its directory is %s.\n", serviceName, host.StateDir(serviceName))
	if !start {
		fmt.Fprintln(u.std.err, "It starts with the machine. Users sign in on it with: postern-client login URL")
		return nil
	}
	if !u.tun && !host.State(cmd.Context(), serviceName).Running {
		if err := tun.Restore(host.StateDir(serviceName)); err != nil { // of one that was killed: nobody else would
			fmt.Fprintf(u.std.err, "Warning: what an interface of before left cannot be put back: %v\n", err)
		}
	}
	if err := host.Start(cmd.Context(), serviceName); err != nil {
		return fmt.Errorf("the service %s is installed, but does not start: %w", serviceName, err)
	}
	if err := u.awaitService(cmd.Context()); err != nil {
		return err
	}
	fmt.Fprintln(u.std.err, "Started it. Sign in on it, as the user who is to own it: postern-client login URL")
	return nil
}

const answersWithin = 30 * time.Second

// awaitService waits until the service that was started answers. systemd has waited for that itself.
func (u *upFlags) awaitService(ctx context.Context) error {
	if runtime.GOOS == "linux" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	for {
		remote, err := client.ConnectService(ctx, u.service)
		if err == nil {
			remote.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.Unavailable("the service %s was started, but does not answer within %v: %s says why", serviceName, answersWithin, serviceLog())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// serviceLog names where the log of the service is.
func serviceLog() string {
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(thisMachine().StateDir(serviceName), "logs", "program.log")
	case "darwin":
		return "/var/log/" + serviceName + ".log"
	}
	return "journalctl -u " + serviceName
}

// beside names what the interface needs beside the program.
func (u *upFlags) beside() []string {
	if !u.tun {
		return nil
	}
	return tun.Beside()
}

// serviceArguments gives the command line of the service. Its directory is named where the system does not name it to its services.
func serviceArguments(host install.Host) []string {
	if runtime.GOOS == "linux" {
		return []string{"service"}
	}
	return []string{"service", "--state", host.StateDir(serviceName)}
}

// serviceSettings gives the flags that were set, by argument or environment, as settings of the service.
func serviceSettings(f *pflag.FlagSet) (all []install.Setting) {
	f.VisitAll(func(flag *pflag.Flag) {
		switch flag.Name {
		case "no-start", "help", "service-directory":
			return
		}
		if flag.Changed {
			all = append(all, install.Setting{Name: "POSTERN_CLIENT_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")), Value: flag.Value.String()})
		}
	})
	return all
}

func uninstallCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "uninstall",
		Short: "Sign out of the service of this machine, end it, and remove what install made",
		Long: `uninstall signs whoever is signed in on the machine's client out, ends the service, which puts routes and name servers back, and removes its
files, the device's key among them. The service keeps the device in its list until somebody revokes it there.`,
		Example: "  sudo postern-client uninstall",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.uninstall(cmd.Context()) },
	}
}

func (s *settings) uninstall(ctx context.Context) error {
	host := thisMachine()
	if err := host.Check(false); err != nil {
		return err
	}
	if !host.State(ctx, serviceName).Installed {
		return fault.NotFound("no service %s is installed on this machine", serviceName)
	}
	if machine, err := s.machine(ctx); err == nil && machine != nil {
		service, err := machine.Logout(ctx, true)
		switch {
		case err == nil:
			fmt.Fprintf(s.std.err, "Signed out of %s.\n", service)
		case service != "":
			fmt.Fprintf(s.std.err, "Signed out here, but %s was not told: %v\n", service, err)
		}
		machine.Close()
	}
	if err := host.Stop(ctx, serviceName); err != nil {
		return fmt.Errorf("end the service: %w", err)
	}
	if err := tun.Restore(host.StateDir(serviceName)); err != nil { // of one that was killed before
		fmt.Fprintf(s.std.err, "Warning: what the interface changed cannot be put back: %v\n", err)
	}
	removed, err := host.Remove(ctx, serviceName)
	for _, gone := range removed.Gone {
		fmt.Fprintf(s.std.err, "Removed %s.\n", gone)
	}
	for _, left := range removed.Left {
		fmt.Fprintf(s.std.err, "Left %s.\n", left)
	}
	return err
}

// ready tells systemd, if it started this program, that it serves.
func (u *upFlags) ready(ctx context.Context) error {
	if u.asService {
		if err := daemon.Ready(); err != nil {
			return fmt.Errorf("tell systemd: %w", err)
		}
	}
	<-ctx.Done()
	return nil
}
