//go:build unix

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"postern/internal/install"
	"postern/internal/supervise"
)

// asService runs the supervisor by signals: SIGTERM stops, SIGHUP reads the local rules again, SIGUSR1 hands over.
func (r *runFlags) asService(ctx context.Context, log *slog.Logger) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(signals)
	return r.supervise(ctx, log, func(ctx context.Context, sup *supervise.Supervisor) {
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
}

// performance names no counters: they are a thing of Windows.
func (r *runFlags) performance() string { return "" }

func registerCounters(context.Context, install.Host) error { return nil }
