//go:build unix

package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var errDisk = errors.New("disk full")

type sliceError []string // cannot be compared with ==

func (e sliceError) Error() string { return strings.Join(e, ",") }

func TestRun(t *testing.T) {
	fail := func(err error) func(context.Context) error {
		return func(context.Context) error { return err }
	}
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	waitWrapped := func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("serve: %w", context.Cause(ctx)) }
	waitThen := func(err error) func(context.Context) error {
		return func(ctx context.Context) error { <-ctx.Done(); return err }
	}
	tests := []struct {
		name  string
		tasks []func(context.Context) error
		want  string
	}{
		{"none", nil, ""},
		{"all end well", []func(context.Context) error{fail(nil), fail(nil)}, ""},
		{"first error ends the rest", []func(context.Context) error{wait, fail(errDisk), waitWrapped}, "disk full"},
		{"reasons are kept", []func(context.Context) error{fail(errDisk), waitThen(errors.New("flush: lost 3"))}, "disk full\nflush: lost 3"},
		{"a reason beside a cancellation", []func(context.Context) error{fail(errDisk), waitThen(errors.Join(context.Canceled, errors.New("lost 3")))},
			"disk full\ncontext canceled\nlost 3"},
		{"errors that cannot be compared", []func(context.Context) error{fail(sliceError{"a"}), waitThen(sliceError{"b"})}, "a\nb"},
		{"cancelled without anybody cancelling", []func(context.Context) error{fail(context.Canceled), wait}, "context canceled"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a task that is left behind, or a rest that is not ended, fails it
				got := ""
				if err := Run(t.Context(), test.tasks...); err != nil {
					got = err.Error()
				}
				if got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestRunWaitsForAllWhenTheParentEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("enough"))
		defer cancel()
		start := time.Now()
		err := Run(ctx,
			func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
			func(ctx context.Context) error {
				<-ctx.Done()
				<-time.After(time.Hour) // winds up slowly
				return fmt.Errorf("serve: %w", ctx.Err())
			},
			func(context.Context) error { return nil }, // ends nobody else
		)
		if took := time.Since(start); err != nil || took != time.Hour+time.Minute {
			t.Errorf("Run returned %v after %v", err, took)
		}
	})
}

// The signals are tested on a process of its own: this test binary, in the role that TestMain gives it.
const roleEnv = "DAEMON_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "obedient":
		os.Exit(Main(func(ctx context.Context) error {
			fmt.Println("ready")
			<-ctx.Done()
			fmt.Println(context.Cause(ctx))
			return fmt.Errorf("serve: %w", ctx.Err())
		}))
	case "stubborn":
		os.Exit(Main(func(ctx context.Context) error {
			fmt.Println("ready")
			<-ctx.Done()
			fmt.Println("winding up")
			_, err := io.Copy(io.Discard, os.Stdin) // the test holds it open
			return err
		}))
	case "failing":
		os.Exit(Main(func(context.Context) error { return errDisk }))
	case "inheriting":
		os.Exit(Main(serveInherited))
	default:
		os.Exit(m.Run())
	}
}

// program starts this binary in a role. It is killed when the test ends.
func program(t *testing.T, role string) (cmd *exec.Cmd, lines *bufio.Scanner, stderr *strings.Builder) {
	t.Helper()
	cmd, stderr = exec.Command(os.Args[0]), &strings.Builder{}
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out), stderr
}

func expectLine(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	if !lines.Scan() || !strings.Contains(lines.Text(), want) {
		t.Fatalf("line %q, want %q (%v)", lines.Text(), want, lines.Err())
	}
}

func TestSignalEndsTheContext(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd, lines, stderr := program(t, "obedient")
		expectLine(t, lines, "ready")
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		expectLine(t, lines, signal.String())
		if err := cmd.Wait(); err != nil || stderr.String() != "" {
			t.Errorf("%v: exit %v, stderr %q", signal, err, stderr)
		}
	}
}

func TestSecondSignalEndsTheProcess(t *testing.T) {
	cmd, lines, _ := program(t, "stubborn")
	expectLine(t, lines, "ready")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expectLine(t, lines, "winding up")
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond) // the default action is back a moment after the context ended
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = cmd.Process.Signal(syscall.SIGTERM)
		case <-ended:
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !status.Signaled() || status.Signal() != syscall.SIGTERM {
				t.Errorf("ended by %v, want the second SIGTERM", cmd.ProcessState)
			}
			return
		}
	}
}

func TestMainReportsAnError(t *testing.T) {
	cmd, _, stderr := program(t, "failing")
	err := cmd.Wait()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("exit %v, want 1", err)
	}
	if !strings.HasSuffix(stderr.String(), ": disk full\n") || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("stderr %q", stderr)
	}
}
