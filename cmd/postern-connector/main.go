// Command postern-connector is the outbound-only agent in a private network: it dials out to a Postern service and
// opens connections to the applications that are published through it.
package main

//go:generate go run resources.go

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/agent/proxyflags"
	"postern/internal/daemon"
	"postern/internal/fault"
	"postern/internal/wire"
)

// version is set by the linker.
var version = "dev"

// The exit codes.
const (
	exitOK       = 0
	exitError    = 1 // of status: no connector is running
	exitDegraded = 2 // of status
	exitEnded    = 3 // of run: the service ended this connector for good; starting it again does not help
)

// exit carries an exit code other than 1. A text of its own is printed only where err is not nil.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func main() {
	ctx, stop := daemon.Signals(context.Background())
	defer stop()
	code := execute(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// execute runs one command line and gives its exit code.
func execute(ctx context.Context, args []string, std stdio) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code := exitError
	special, ok := errors.AsType[*exit](err)
	if ok {
		code = special.code
	}
	if !ok || special.err != nil {
		fmt.Fprintf(std.err, "postern-connector: %v\n", err)
		if errors.Is(err, fs.ErrPermission) {
			fmt.Fprintln(std.err, notAllowed)
		}
	}
	return code
}

const notAllowed = "This user may not do that: run it as root or as an administrator, or as the user whom the connector runs as."

// settings are the flags that every command has.
type settings struct {
	backendFlags
	proxy     proxyflags.Flags
	state     string
	instance  string
	logLevel  string
	logFormat string
}

func rootCommand() *cobra.Command {
	s := &settings{}
	root := &cobra.Command{
		Use:   "postern-connector",
		Short: "Connect a private network to a Postern service, by outbound connections only",
		Long: `postern-connector runs inside a private network and dials out to a Postern service. People reach the
applications that are published through it; the network needs no open inbound port.

Every flag can be given by an environment variable too: --log-level is POSTERN_CONNECTOR_LOG_LEVEL.`,
		Example: `  postern-connector enrol --token-file token.txt
  postern-connector run
  postern-connector status`,
		Args:              noToken,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return s.fill(cmd) },
	}
	f := root.PersistentFlags()
	f.StringVar(&s.state, "state", defaultState(), "`directory` of the credential and the connection settings")
	f.StringVar(&s.instance, "instance", "", "`name` of one of several connectors on this machine, each with a service and a directory of its own")
	s.proxy.Add(f, "POSTERN_CONNECTOR_PROXY")
	s.backendFlags.add(f)
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
	root.AddCommand(controlCommands(s)...)
	root.AddCommand(installCommand(s), runCommand(s), enrolCommand(s), statusCommand(s), doctorCommand(s), logsCommand(s), benchCommand(s), uninstallCommand(s), versionCommand(),
		serviceCommand(s), workerCommand(s), enrolHereCommand(s), deregisterCommand(s), proxyflags.Command(noToken))
	return root
}

// fill completes the flags from the environment and checks them.
func (s *settings) fill(cmd *cobra.Command) error {
	if err := errors.Join(s.proxy.Check(), s.check()); err != nil {
		return err
	}
	s.useServiceSettings(cmd.Flags())
	if err := daemon.FlagsFromEnvironment(cmd.Flags(), "POSTERN_CONNECTOR"); err != nil {
		return err
	}
	if !instances.MatchString(s.instance) {
		return fault.Invalid("--instance", "must be at most 14 lower-case letters, digits and hyphens")
	}
	if s.instance == "" || cmd.Flags().Changed("state") {
		if info, err := os.Stat(s.state); err == nil && !info.IsDir() && cmd.Flags().Changed("state") { // install says more of its own
			return fault.Invalid("--state", "must be a directory, and %s is none", s.state)
		}
		return nil
	}
	var err error
	s.state, err = daemon.StateDir(s.serviceName())
	return err
}

func (s *settings) log(out io.Writer) (*slog.Logger, error) {
	return daemon.NewLog(daemon.LogConfig{Format: s.logFormat, Level: s.logLevel, Output: out})
}

// noToken refuses every argument, and tells somebody who gave the token as one why that is wrong without repeating it.
func noToken(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if wire.IsEnrolmentToken(arg) {
			return fault.Invalid("token", "must not be an argument, where every user of this machine can read it: "+
				"put it into a file and say --token-file FILE, or --token-file - for standard input")
		}
	}
	if len(args) > 0 && !cmd.HasParent() {
		return fmt.Errorf("there is no command %q: see postern-connector --help", args[0])
	}
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument %q: see --help", cmd.CommandPath(), args[0])
	}
	return nil
}

const maxToken = 64 << 10 // bytes of a token file

// readToken reads a token from a file or, if that is "-", from in.
func readToken(path string, in io.Reader, log *slog.Logger) (wire.EnrolmentToken, error) {
	var none wire.EnrolmentToken
	if wire.IsEnrolmentToken(path) {
		return none, fault.Invalid("--token-file", "must name a file, not be the token: arguments can be read by every user of this machine")
	}
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return none, fault.Invalid("--token-file", "cannot be read: %v", err)
		}
		defer file.Close() // only read from
		warnIfOpen(file, log)
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxToken))
	if err != nil {
		return none, fault.Invalid("--token-file", "cannot be read: %v", err)
	}
	token, err := wire.ParseEnrolmentToken(string(data))
	if err != nil {
		return none, fmt.Errorf("--token-file: %w", err)
	}
	return token, nil
}

func warnIfOpen(file *os.File, log *slog.Logger) {
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() && runtime.GOOS != "windows" && info.Mode().Perm()&0o044 != 0 {
		log.Warn("the token file can be read by other users of this machine", "file", file.Name())
	}
}

func host() wire.Host {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return wire.Host{MachineName: name, OS: runtime.GOOS, Arch: runtime.GOARCH, Program: version}
}

// defaultState gives the directory of this system or user for what the program keeps.
func defaultState() string {
	dir, err := daemon.StateDir("postern-connector")
	if err != nil {
		return "" // the directory must be named then
	}
	return dir
}

// tokenFlag adds the flag that names where the token is.
func tokenFlag(f *pflag.FlagSet, path *string) {
	f.StringVar(path, "token-file", "", "`file` with an enrolment token, or - for standard input")
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  postern-connector version",
		Args:    noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "postern-connector %s %s/%s %s\n", version, runtime.GOOS, runtime.GOARCH, runtime.Version())
			return err
		},
	}
}

// stateRequired says that no directory is known.
func (s *settings) stateRequired() error {
	if s.state == "" {
		return fault.Invalid("--state", "is required: this user has no home directory")
	}
	return nil
}

// notEnrolled turns the error of a machine without credential into what to do.
func notEnrolled(err error) error {
	if !fault.Is(err, fault.KindNotFound) {
		return err
	}
	return fmt.Errorf("%w: create an enrolment token at the service (postern tokens create NAME --out FILE) and run postern-connector enrol --token-file FILE", err)
}
