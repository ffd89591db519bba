package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/fault"
	"postern/internal/install"
	"postern/internal/wire"
)

const serviceTitle = "Postern connector"

// serviceName is what the service of this instance, its user and its directories are called.
func (s *settings) serviceName() string {
	if s.instance == "" {
		return "postern-connector"
	}
	return "postern-connector-" + s.instance
}

// instances are the names that still make a user's name with the service's before them.
var instances = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,12}[a-z0-9])?)?$`)

// useServiceSettings has the commands beside an installed service use what it uses, such as its proxy, unless they are told
// otherwise. Only root can read them.
func (s *settings) useServiceSettings(f *pflag.FlagSet) {
	for _, setting := range (install.Host{}).Settings(s.serviceName()) {
		// Whose service a person signs in at is not for a file to say that the service itself may be able to write.
		if !strings.HasPrefix(setting.Name, "POSTERN_CONNECTOR_") || slices.Contains(signInSettings, setting.Name) {
			continue
		}
		if _, there := os.LookupEnv(setting.Name); !there && !f.Changed("state") {
			_ = os.Setenv(setting.Name, setting.Value) // it names a variable: it was read from a file of them
		}
	}
}

// signInSettings decide to whom a person's sign-in goes.
var signInSettings = []string{"POSTERN_CONNECTOR_ADMIN_URL", "POSTERN_CONNECTOR_CA_FILE", "POSTERN_CONNECTOR_CA_FINGERPRINT"}

func installCommand(s *settings) *cobra.Command {
	flags := &runFlags{settings: s}
	var idle bool
	var by signIn
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the connector as a service of this machine, enrol it and start it",
		Long: `install makes the connector a service that starts with the machine and runs with as few rights as the system can express:
a hardened systemd unit with a user of its own, a Windows service under Network Service, or a launchd job. It must be called by
root or an administrator. Calling it again changes the settings, or installs another version of the program.

The flags become settings of the service. With --token-file it enrols at once. With --no-start the service is prepared for an
image: it starts with the machine and enrols then, by the token given here, by a systemd credential named token, or
by postern-connector enrol.

--instance NAME installs one of several connectors on this machine, with a service, a user and a directory of its own; the other
commands take it, too.`,
		Example: `  postern-connector install --token-file token.txt
  postern-connector install --token-file - --rules /etc/postern-connector/rules < token.txt
  postern-connector install --admin-url https://admin.access.example.com
  postern-connector install --instance lab --token-file lab.txt
  postern-connector install --no-start`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.install(cmd, &by, !idle) },
	}
	flags.add(cmd.Flags())
	by.add(cmd.Flags())
	cmd.Flags().BoolVar(&idle, "no-start", false, "do not enrol and start now: for images")
	return cmd
}

func (r *runFlags) install(cmd *cobra.Command, by *signIn, start bool) error {
	host := install.Host{}
	if err := errors.Join(host.Check(start), r.checkInstall(cmd.Flags())); err != nil {
		return err
	}
	var token *wire.EnrolmentToken
	if r.tokenFile != "" || by.adminURL != "" { // before anything is changed
		t, err := r.oneToken(cmd, r.tokenFile, by, r.name)
		if err != nil {
			return err
		}
		token = &t
	}
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	name := r.serviceName()
	r.state = host.StateDir(name)
	err = host.Install(cmd.Context(), install.Service{
		Name: name, Title: strings.TrimSpace(serviceTitle + " " + r.instance), About: "Connects this network to a Postern service, by outbound connections only.", Program: program,
		Arguments: r.serviceArguments(), Settings: serviceSettings(cmd.Flags()), Enable: true,
	})
	if err != nil {
		return fmt.Errorf("install the service %s: %w", name, err)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "Installed the service %s; its directory is %s.\n", name, r.state)
	if err := registerCounters(cmd.Context(), host); err != nil { // it works without
		fmt.Fprintf(cmd.ErrOrStderr(), "Warning: Windows does not know the performance counters: %v\n", err)
	}
	if !start {
		return r.prepare(host, token, out)
	}
	return r.enrolAndStart(cmd, host, token)
}

// serviceArguments are constant: what can change is a setting. The system tells the service its directory.
func (r *runFlags) serviceArguments() []string {
	if r.instance == "" {
		return []string{"service"}
	}
	return []string{"service", "--instance", r.instance}
}

// checkInstall refuses settings with which the service could not start.
func (r *runFlags) checkInstall(f *pflag.FlagSet) error {
	if f.Changed("state") && os.Getenv("POSTERN_CONNECTOR_STATE") == "" {
		return fault.Invalid("--state", "is the service's own directory: for another connector on this machine use --instance NAME")
	}
	if r.gateways < 1 || r.gateways > 16 {
		return fault.Invalid("--gateways", "must be from 1 to 16")
	}
	if r.rules == "" {
		return nil
	}
	if !filepath.IsAbs(r.rules) {
		return fault.Invalid("--rules", "must be an absolute path: the service has another working directory")
	}
	if _, err := os.Stat(r.rules); err != nil {
		return fault.Invalid("--rules", "cannot be read: %v", err)
	}
	return nil
}

// prepare leaves the token for the first start.
func (r *runFlags) prepare(host install.Host, token *wire.EnrolmentToken, out io.Writer) error {
	if token == nil {
		_, err := fmt.Fprintln(out, "It starts with the machine and waits for postern-connector enrol.")
		return err
	}
	if err := host.Put(r.serviceName(), "token", []byte(token.String()+"\n")); err != nil {
		return fmt.Errorf("leave the token for the first start: %w", err)
	}
	_, err := fmt.Fprintln(out, "It starts with the machine and enrols then. The token is good for one machine.")
	return err
}

func (r *runFlags) enrolAndStart(cmd *cobra.Command, host install.Host, token *wire.EnrolmentToken) error {
	name := r.serviceName()
	switch {
	case token == nil:
	case r.enrolled():
		fmt.Fprintln(cmd.OutOrStdout(), "This machine is enrolled already: the token was not used.")
	default:
		if err := r.enrolBeside(cmd, *token, enrolment{name: r.name}); err != nil {
			return fmt.Errorf("the service %s is installed, but not enrolled; postern-connector enrol repeats that: %w", name, err)
		}
	}
	if err := host.Start(cmd.Context(), name); err != nil {
		return fmt.Errorf("the service %s is installed, but does not start: %w", name, err)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, "Started it. postern-connector status says how it is.")
	if !r.enrolled() {
		fmt.Fprintln(out, "This machine is not enrolled yet: postern-connector enrol --token-file FILE does that.")
	}
	return nil
}

// serviceSettings gives the flags that were set, by argument or environment, as settings of the service.
func serviceSettings(f *pflag.FlagSet) (all []install.Setting) {
	f.VisitAll(func(flag *pflag.Flag) {
		own := append((&signIn{}).ownFlags(), "state", "token-file", "instance", "no-start", "help", "again")
		if flag.Changed && !slices.Contains(own, flag.Name) {
			name := "POSTERN_CONNECTOR_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			all = append(all, install.Setting{Name: name, Value: flag.Value.String()})
		}
	})
	return all
}

// control is a command for the installed service.
type control struct {
	use, short, long string
	do               func(host install.Host, ctx context.Context, name string) error
}

func controlCommands(s *settings) (all []*cobra.Command) {
	for _, c := range []control{
		{"start", "Start the installed service, or restart it with new settings",
			"start starts the service; one that runs is stopped first, so that changed settings count.", install.Host.Start},
		{"stop", "Stop the installed service, after it has finished what is open",
			"stop has the service finish what is open, which may take up to ten minutes while something moves.", install.Host.Stop},
		{"restart", "Let a new process take over without a gap",
			`restart starts a new worker of the program that is installed now; when it works, the old one finishes what is open and ends. No
request is lost. Settings of the service count from its next start: postern-connector start.`, install.Host.HandOver},
	} {
		all = append(all, &cobra.Command{
			Use: c.use, Short: c.short, Long: c.long, Example: "  postern-connector " + c.use, Args: noToken,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return c.do(install.Host{}, cmd.Context(), s.serviceName())
			},
		})
	}
	return all
}

// enrolled tells whether the state directory holds a credential, whoever may read it.
func (s *settings) enrolled() bool {
	_, err := os.Lstat(filepath.Join(s.state, "credential.pem"))
	return err == nil
}
