package main

import (
	"context"
	"errors"
	"log/slog"

	"postern/internal/daemon"
	"postern/internal/supervise"
)

// asService runs the supervisor below the service control manager, or in a console where there is none.
func (r *runFlags) asService(ctx context.Context, log *slog.Logger) error {
	err := daemon.WindowsService(ctx, func(ctx context.Context, orders <-chan daemon.Order) error {
		return r.supervise(ctx, log, func(ctx context.Context, sup *supervise.Supervisor) {
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
	})
	if errors.Is(err, daemon.ErrNoService) { // in a console
		return r.supervise(ctx, log, func(ctx context.Context, _ *supervise.Supervisor) { <-ctx.Done() })
	}
	return err
}
