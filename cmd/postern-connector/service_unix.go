//go:build unix

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"postern/internal/install"
	"postern/internal/supervise"
)

// asService runs the supervisor by signals: SIGTERM stops, SIGHUP reads the local rules again, SIGUSR1 hands over. systemd knows which
// code means that starting again does not help; launchd starts again whatever ends with a code.
func (r *runFlags) asService(ctx context.Context, log *slog.Logger) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(signals)
	err := r.supervise(ctx, log, func(ctx context.Context, sup *supervise.Supervisor) {
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-signals:
				if s == syscall.SIGUSR1 {
					sup.Replace()
				} else {
					sup.Reload()
				}
			}
		}
	})
	if runtime.GOOS == "darwin" && endedForGood(err) {
		log.Error("the service ends, and is not started again until postern-connector enrol --again and start")
		return nil
	}
	return err
}

// performance names no counters: they are a thing of Windows.
func (r *runFlags) performance() string { return "" }

func registerCounters(context.Context, install.Host) error { return nil }
