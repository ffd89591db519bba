package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/connector"
	"postern/internal/credential"
	"postern/internal/daemon"
	"postern/internal/supervise"
)

// serviceCommand is what an installed service runs: the supervisor, which keeps a worker running.
func serviceCommand(s *settings) *cobra.Command {
	flags := &runFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Run the connector as an operating system's service does: a worker and a supervisor that looks after it",
		Long: `service is what an installed service runs; for a terminal there is run. A worker process does the work. It is replaced
when it crashes or is stuck. SIGHUP has it read the local rules again. SIGUSR1, or postern-connector restart, starts a new worker
of the program that is installed now and lets the old one finish what is open: nothing is lost.

A machine that is not enrolled yet waits until it is: by the file token in the state directory, a systemd credential of
that name, or postern-connector enrol.`,
		Hidden: true,
		Args:   noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := s.log(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return flags.asService(cmd.Context(), log)
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().DurationVar(&flags.patience, "patience", 0, "how long a worker may be stuck until it is ended (default 45s)")
	_ = cmd.Flags().MarkHidden("patience") // it is there; for tests
	return cmd
}

// supervise runs the supervisor until ctx ends. control may ask it for things while it runs.
func (r *runFlags) supervise(ctx context.Context, log *slog.Logger, control func(context.Context, *supervise.Supervisor)) error {
	if err := r.stateRequired(); err != nil {
		return err
	}
	if _, err := credential.Open(r.state); err != nil { // it makes the directory
		return fmt.Errorf("--state: %w", err)
	}
	lock, err := connector.LockRun(r.state)
	if err != nil {
		return err
	}
	defer lock.Unlock()             // it ends with the process at the latest
	program, err := os.Executable() // asked once: another program may lie there when the next worker starts
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if r.output == nil {
		r.output = os.Stderr
	}
	arguments := append([]string{"worker"}, ownArguments(os.Args[1:])...)
	sup, err := supervise.New(supervise.Config{
		Log: log, Silence: r.patience, Final: func(code int) bool { return code == exitEnded },
		Worker: func() *exec.Cmd {
			cmd := exec.Command(program, arguments...)
			cmd.Env, cmd.Stderr = workerEnvironment(os.Environ()), r.output
			return cmd
		},
		Started: func() {
			if err := daemon.Ready(); err != nil {
				log.Warn("systemd was not told", "error", err)
			}
			leaner()
		},
		State:   func(text string) { _ = daemon.Say(text) }, // an ornament
		Healthy: daemon.Alive,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = daemon.Run(ctx,
		func(ctx context.Context) error { defer stop(); return sup.Run(ctx) },
		func(ctx context.Context) error { control(ctx, sup); return nil },
	)
	if ended, ok := errors.AsType[*supervise.ExitError](err); ok {
		return &exit{code: ended.Code} // the worker has said why
	}
	return err
}

// endedForGood tells whether a supervisor ended because the service knows this connector no more: to start it again does not help
// until it is enrolled again. A manager of services that goes by codes alone is told of an end in order then.
func endedForGood(err error) bool {
	over, ok := errors.AsType[*exit](err)
	return ok && over.code == exitEnded
}

// ownArguments gives the command line's flags for the worker: without the name of the command and what is not for it.
func ownArguments(args []string) []string {
	at := slices.Index(args, "service")
	rest := slices.Delete(slices.Clone(args), at, at+1)
	return slices.DeleteFunc(rest, func(arg string) bool { return strings.HasPrefix(arg, "--patience=") })
}

// workerEnvironment leaves out how systemd is told: one process of a service does that, the supervisor.
func workerEnvironment(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}, name)
	})
}

// leaner gives back the memory that starting took: from here on the supervisor hardly does anything.
func leaner() {
	debug.SetGCPercent(20)
	debug.FreeOSMemory()
	daemon.ForgetText()
}
