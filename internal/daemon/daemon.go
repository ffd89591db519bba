// Package daemon is what every long-running program of Postern shares with its operating system.
//
// It turns signals into a context, runs tasks as a group of which none is left behind, writes
// logs that hide secrets, and speaks to systemd: readiness, watchdog and inherited listeners.
// Away from systemd those calls do nothing, so that callers need no case of their own.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"syscall"
)

// Main runs a program until run returns and gives the exit code for os.Exit: 0 or 1.
// The context of run ends with the first SIGINT or SIGTERM, and run is expected to wind up and return;
// a second signal ends the process at once. An error is written to standard error as one line,
// but not one that merely reports that the context ended. The program keeps within the memory that its control groups give it.
func Main(run func(ctx context.Context) error) int {
	boundMemory()
	ctx, stop := Signals(context.Background())
	defer stop()
	err := run(ctx)
	if err == nil || (ctx.Err() != nil && echoes(ctx, err)) {
		return 0
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
	return 1
}

// Signals returns a context that ends with the first SIGINT or SIGTERM; its cause names the signal.
// From then on the signals act as if nobody had asked for them, so a second one ends the process.
// Call stop when the work is done.
func Signals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Run runs all tasks at once and waits until every one of them has returned.
// The first that returns an error ends the context of the others; one that returns nil ends only itself.
// The result joins the errors of all tasks, without those that merely report that the context ended.
func Run(ctx context.Context, tasks ...func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make(chan error)
	for _, task := range tasks {
		go func() { results <- task(ctx) }()
	}
	var errs []error
	for range tasks {
		err := <-results
		if err == nil || (ctx.Err() != nil && echoes(ctx, err)) {
			continue
		}
		cancel(err)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// echoes reports whether err, wherever it branches, says no more than that ctx has ended.
// errors.Is would also be content with one such part beside a real failure.
func echoes(ctx context.Context, err error) bool {
	if same(err, context.Canceled) || same(err, ctx.Err()) || same(err, context.Cause(ctx)) {
		return true
	}
	var parts []error
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		parts = []error{wrapper.Unwrap()}
	case interface{ Unwrap() []error }:
		parts = wrapper.Unwrap()
	}
	for _, part := range parts {
		if part == nil || !echoes(ctx, part) {
			return false
		}
	}
	return len(parts) > 0
}

// same compares two errors; those of a type that cannot be compared are never the same.
func same(err, other error) bool {
	return reflect.TypeOf(err).Comparable() && err == other
}
