// Command postern-client is a user's way to private applications: it signs the user in, keeps tunnels to a Postern service, and lets
// programs of this machine reach what the user may.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"postern/internal/agent/proxyflags"
	"postern/internal/client"
	"postern/internal/daemon"
	"postern/internal/fault"
	"postern/internal/wire"
)

// version is set by the linker.
var version = "dev"

// The exit codes.
const (
	exitOK       = 0
	exitError    = 1
	exitUsage    = 2 // the command line is wrong
	exitSignedIn = 3 // nobody is signed in, or no more
	exitRefused  = 4 // the user may not, or no application has the destination
	exitAway     = 5 // no gateway, service or running client is reached
	exitCut      = 6 // of connect: the connection was cut
)

func main() {
	ctx, stop := daemon.Signals(context.Background())
	defer stop()
	code := execute(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// stdio is where a command reads and writes.
type stdio struct {
	in  io.ReadCloser
	out io.WriteCloser
	err io.Writer
}

// usageError is of a command line that is wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// cutError ends a command whose connection was cut.
type cutError struct{ error }

func (e cutError) Unwrap() error { return e.error }

// execute runs one command line and gives its exit code.
func execute(ctx context.Context, args []string, std stdio) int {
	root := rootCommand(std)
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(std.err, "postern-client: %v\n", err)
	return codeOf(err)
}

func codeOf(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[cutError](err); ok {
		return exitCut
	}
	if refusal, ok := errors.AsType[*wire.Refusal](err); ok {
		switch refusal.Phase {
		case wire.PhaseDecide, wire.PhaseGrant, wire.PhaseTarget, wire.PhaseLocal:
			return exitRefused
		}
		return exitError
	}
	switch fault.KindOf(err) {
	case fault.KindInvalid:
		return exitUsage
	case fault.KindUnauthenticated:
		return exitSignedIn
	case fault.KindForbidden, fault.KindNotFound:
		return exitRefused
	case fault.KindUnavailable, fault.KindTimeout:
		return exitAway
	}
	return exitError
}

// settings are the flags that every command has.
type settings struct {
	proxy     proxyflags.Flags
	std       stdio
	state     string
	own       bool   // the state directory was named: it is that client which is meant
	service   string // directory of the socket of a client that is a service
	logLevel  string
	logFormat string
}

func rootCommand(std stdio) *cobra.Command {
	s := &settings{std: std}
	root := &cobra.Command{
		Use:   "postern-client",
		Short: "Reach private applications through a Postern service, from your own device",
		Long: `postern-client signs you in at your organisation's Postern service and lets programs of this machine reach the
private applications that you may use: any TCP and UDP, each application by itself, without a VPN. It needs no
rights beyond yours.

Sign in once, keep postern-client up running, and point programs at its proxies; or forward a single port; or have ssh
go through it:

    postern-client login https://access.example.com
    postern-client up --socks 1080
    curl --proxy socks5h://127.0.0.1:1080 http://wiki.corp.example/

Every flag can be given by an environment variable too: --log-level is POSTERN_CLIENT_LOG_LEVEL.

Exit codes: 1 an error; 2 a wrong command line; 3 nobody is signed in; 4 you may not, or no application has the
destination; 5 no gateway, service or running client is reached; 6 the connection was cut.`,
		Example: `  postern-client login https://access.example.com
  postern-client up --socks 1080 --http 8080
  postern-client status`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q: see postern-client --help", args[0])}
			}
			return nil
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return s.fill(cmd) },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())}
	})
	f := root.PersistentFlags()
	f.StringVar(&s.state, "state", defaultState(), "`directory` of the device's key and the sign-in; named, it is the client of that directory that is meant, not the machine's service")
	f.StringVar(&s.service, "service-directory", serviceDirectory(), "`directory` of the socket of a client that is a service")
	_ = f.MarkHidden("service-directory") // it is there; for tests
	s.proxy.Add(f, "POSTERN_CLIENT_PROXY")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
	root.AddCommand(loginCommand(s), logoutCommand(s), upCommand(s), downCommand(s), statusCommand(s), appsCommand(s), explainCommand(s), flowsCommand(s), namesCommand(s), diagnoseCommand(s),
		forwardCommand(s), connectCommand(s), sshConfigCommand(s), pauseCommand(s), resumeCommand(s), logsCommand(s), installCommand(s), uninstallCommand(s), serviceCommand(s), versionCommand(), proxyflags.Command(arguments(cobra.NoArgs)))
	return root
}

// fill completes the flags from the environment and checks them.
func (s *settings) fill(cmd *cobra.Command) error {
	if cmd.Name() == "service" {
		useServiceSettings()
	}
	if err := s.proxy.Check(); err != nil {
		return err
	}
	if err := daemon.FlagsFromEnvironment(cmd.Flags(), "POSTERN_CLIENT"); err != nil {
		return usageError{err}
	}
	s.own = cmd.Flags().Changed("state")
	if s.state == "" {
		return fault.Invalid("--state", "is required: this user has no home directory")
	}
	if info, err := os.Stat(s.state); err == nil && !info.IsDir() {
		return fault.Invalid("--state", "must be a directory, and %s is none", s.state)
	}
	return nil
}

func (s *settings) log(out io.Writer, journal *client.Journal) (*slog.Logger, error) {
	log, err := daemon.NewLog(daemon.LogConfig{Format: s.logFormat, Level: s.logLevel, Output: out})
	if err != nil {
		return nil, usageError{err}
	}
	return slog.New(journal.Handler(log.Handler(), daemon.Redact)), nil
}

// connect connects to the client that runs: the machine's, if it is a service there, or else this user's own.
func (s *settings) connect(ctx context.Context) (*client.Remote, error) {
	if !s.own {
		if remote, err := client.ConnectService(ctx, s.service); !errors.Is(err, client.ErrNotRunning) {
			return remote, err
		}
	}
	return client.Connect(ctx, s.state)
}

// machine connects to the client that is a service of the machine; nil: there is none, or another one is meant.
func (s *settings) machine(ctx context.Context) (*client.Remote, error) {
	if s.own {
		return nil, nil
	}
	remote, err := client.ConnectService(ctx, s.service)
	if !errors.Is(err, client.ErrNotRunning) {
		return remote, err
	}
	if s.service == serviceDirectory() && thisMachine().Installed(serviceName) { // another sign-in than it is used to would come as a surprise
		return nil, fault.Unavailable("the client of this machine is a service, which does not run just now: %s says why. With --state DIRECTORY you run one of your own", serviceLog())
	}
	return nil, nil
}

// open gives the state directory.
func (s *settings) open() (*client.State, error) {
	state, err := client.OpenState(s.state)
	if err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	return state, nil
}

// defaultState gives the directory of this user for what the program keeps.
func defaultState() string {
	const name = "postern-client"
	switch runtime.GOOS {
	case "windows", "darwin": // AppData\Local, Library/Application Support
		find := os.UserConfigDir
		if runtime.GOOS == "windows" {
			find = os.UserCacheDir // it does not roam: a device's key stays on the device
		}
		dir, err := find()
		if err != nil {
			return "" // the directory must be named then
		}
		return filepath.Join(dir, name)
	}
	dir, err := daemon.StateDir(name)
	if err != nil {
		return "" // as above
	}
	return dir
}

func host() wire.Host {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return wire.Host{MachineName: name, OS: runtime.GOOS, Arch: runtime.GOARCH, Program: version}
}

// arguments is cobra.ExactArgs and others with the sentence of ours.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w: postern-client %s; see --help", err, cmd.Use)}
		}
		return nil
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  postern-client version", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "postern-client %s %s/%s %s\n", version, runtime.GOOS, runtime.GOARCH, runtime.Version())
			return err
		},
	}
}
