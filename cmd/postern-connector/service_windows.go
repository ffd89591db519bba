package main

import (
	"context"
	"errors"
	"log/slog"

	"postern/internal/connector"
	"postern/internal/connector/journal"
	"postern/internal/daemon"
	"postern/internal/disk"
	"postern/internal/install"
	"postern/internal/supervise"
)

// asService runs the supervisor below the service control manager, or in a console where there is none.
func (r *runFlags) asService(ctx context.Context, log *slog.Logger) error {
	err := daemon.WindowsService(ctx, r.underManager)
	if errors.Is(err, daemon.ErrNoService) { // in a console
		return r.supervise(ctx, log, func(ctx context.Context, _ *supervise.Supervisor) { <-ctx.Done() })
	}
	return err
}

// underManager is what the service control manager runs.
func (r *runFlags) underManager(ctx context.Context, orders <-chan daemon.Order) error {
	out := disk.NewRollingLog(journal.FilePath(r.state, "program"), journal.FileSize) // Windows has no place for the standard error of a service
	defer out.Close()                                                                 // what was written is written
	log, err := r.log(out)
	if err != nil {
		return err
	}
	r.output = out
	err = r.supervise(ctx, log, func(ctx context.Context, sup *supervise.Supervisor) {
		for {
			select {
			case <-ctx.Done():
				return
			case order := <-orders:
				if order == daemon.OrderHandOver {
					sup.Replace()
				} else {
					sup.Reload()
				}
			}
		}
	})
	if endedForGood(err) {
		log.Error("the service ends, and is not started again until postern-connector enrol --again and start")
		return nil // Windows starts again whatever ends with a code
	}
	if err != nil {
		log.Error("the service ended", "error", err) // nobody reads what main prints
	}
	return err
}

// performance gives what the performance counters of this connector are listed as. Only an installed service has them: install
// registers them.
func (r *runFlags) performance() string {
	if r.tie == nil {
		return ""
	}
	return r.serviceName()
}

// registerCounters makes the performance counters known to Windows. Their texts are in the installed program.
func registerCounters(ctx context.Context, host install.Host) error {
	set := connector.Performance()
	manifest, err := set.Manifest("postern-connector.exe")
	if err != nil {
		return err
	}
	return host.RegisterCounters(ctx, set.Provider, manifest)
}
