package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/connector"
	"postern/internal/credential"
	"postern/internal/daemon"
	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/supervise"
	"postern/internal/uplink"
)

// workerCommand is run below a supervisor: see serviceCommand.
func workerCommand(s *settings) *cobra.Command {
	flags := &runFlags{settings: s}
	cmd := &cobra.Command{
		Use:    "worker",
		Short:  "Do the work of the service, as a process that it starts",
		Hidden: true,
		Args:   noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags.tie = supervise.Attach(cmd.InOrStdin(), cmd.OutOrStdout())
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			var ended sync.WaitGroup
			defer ended.Wait()
			defer cancel()
			ended.Go(func() {
				select {
				case <-flags.tie.Drain:
					cancel()
				case <-ctx.Done():
				}
			})
			return flags.run(ctx, nil, cmd.ErrOrStderr())
		},
	}
	flags.add(cmd.Flags())
	return cmd
}

const lookForToken = 2 * time.Second // how often, while there is no credential

// awaitEnrolment waits until this machine is enrolled: by a token that is put where the service looks for it, or by
// postern-connector enrol. So a service can be installed, started and enrolled in any order, on an image for instance.
func (r *runFlags) awaitEnrolment(ctx context.Context, dialer *uplink.Dialer, log *slog.Logger) error {
	dir, err := credential.Open(r.state)
	if err != nil {
		return err
	}
	beating, stop := context.WithCancel(ctx)
	var beat sync.WaitGroup
	defer beat.Wait()
	defer stop()
	said := ""
	say := func(text string) {
		if text != said {
			log.Warn(text)
			r.tie.State(text)
		}
		said = text
	}
	tried := map[string]os.FileInfo{}
	for {
		_, err := dir.Load()
		if !fault.Is(err, fault.KindNotFound) {
			return err // enrolled, or nothing that waiting cures
		}
		if said == "" { // the first time round
			r.tie.Started()
			beat.Go(func() { _ = r.tie.Beat(beating, func(context.Context) error { return nil }) }) // nil: it ends by ctx
		}
		if path, info := r.token(tried); path != "" {
			tried[path] = info
			if err := r.enrolBy(ctx, path, dialer, log); err != nil {
				say("cannot enrol with the token in " + path + ": " + err.Error())
			}
			if ctx.Err() != nil {
				return nil
			}
			continue
		}
		if said == "" {
			say("not enrolled yet: waiting for a token in " + r.ownToken() + " or postern-connector enrol")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookForToken):
		}
	}
}

// ownToken is where a token is looked for in the state directory. It is removed once it was used.
func (r *runFlags) ownToken() string { return filepath.Join(r.state, "token") }

// token gives a file with a token that was not tried yet, or is another one since then.
func (r *runFlags) token(tried map[string]os.FileInfo) (string, os.FileInfo) {
	candidates := []string{r.tokenFile, r.ownToken()}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" { // systemd.exec(5)
		candidates = append(candidates, filepath.Join(dir, "token"))
	}
	for _, path := range candidates {
		info, err := os.Stat(path)
		if path == "" || err != nil {
			continue
		}
		before := tried[path]
		if before == nil || !os.SameFile(before, info) || !before.ModTime().Equal(info.ModTime()) || before.Size() != info.Size() {
			return path, info
		}
	}
	return "", nil
}

func (r *runFlags) enrolBy(ctx context.Context, path string, dialer *uplink.Dialer, log *slog.Logger) error {
	token, err := readToken(path, nil, log)
	if err != nil {
		return err
	}
	if err := r.enrolPatiently(ctx, token, dialer, log); err != nil || ctx.Err() != nil {
		return err
	}
	if path == r.ownToken() {
		if err := disk.Remove(path); err != nil {
			log.Warn("the token is used up, but its file cannot be removed", "error", err)
		}
	}
	return nil
}

// tasks are what a worker does besides its work, until ctx ends. life ends when the connector has drained: until then it
// must beat.
func (r *runFlags) tasks(life context.Context, c *connector.Connector, reload chan<- os.Signal) []func(context.Context) error {
	if r.tie == nil {
		return []func(context.Context) error{func(ctx context.Context) error {
			return daemon.Watchdog(ctx, c.Alive)
		}}
	}
	return []func(context.Context) error{
		func(context.Context) error { return r.tie.Beat(life, c.Alive) },
		func(ctx context.Context) error {
			if c.Serving(ctx) == nil {
				r.tie.Ready()
				r.tie.State("serving")
			}
			return nil
		},
		func(ctx context.Context) error {
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-r.tie.Reload:
					select {
					case reload <- syscall.SIGHUP:
					default: // it is asked already
					}
				}
			}
		},
	}
}
