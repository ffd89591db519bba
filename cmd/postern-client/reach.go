package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/client/process"
	"postern/internal/client/proxy"
	"postern/internal/fault"
	"postern/internal/wire"
)

// way is a client to go by: the one that runs, or one of this process.
type way interface {
	flow.Opener
	Rules(ctx context.Context) (wire.Rules, error)
}

// begin gives the client that runs for this user, or starts one of this process. The caller calls end; gone is closed when it is of no use any
// more.
func (s *settings) begin(ctx context.Context) (w way, gone <-chan struct{}, end func(), err error) {
	remote, err := s.connect(ctx)
	if err == nil {
		return remote, remote.Gone(), remote.Close, nil
	}
	if !errors.Is(err, client.ErrNotRunning) {
		return nil, nil, nil, err
	}
	state, err := s.open()
	if err != nil {
		return nil, nil, nil, err
	}
	dialer, err := s.proxy.Dialer()
	if err != nil {
		return nil, nil, nil, err
	}
	journal := client.NewJournal(0)
	if s.logLevel == "info" {
		s.logLevel = "error" // what goes wrong is said by the command
	}
	log, err := s.log(s.std.err, journal)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := client.New(client.Config{State: state, Dialer: dialer, Host: host(), OSVersion: osVersion(), Log: log, Journal: journal, Gateways: 1})
	if err != nil {
		return nil, nil, nil, notSignedIn(err)
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { _ = c.Run(running) }) // it returns nil
	return c, running.Done(), func() { cancel(); done.Wait() }, nil
}

// connectFlags are the flags of connect.
type connectFlags struct {
	*settings
	app string
}

func connectCommand(s *settings) *cobra.Command {
	flags := &connectFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "connect HOST PORT",
		Short: "Connect standard input and output to a destination, such as for ssh",
		Long: `connect carries standard input to a destination and what comes back to standard output, as nc does: an end of the one is an
end for the other, and the other direction goes on. It goes by the client that runs (postern-client up), or else makes a tunnel
of its own for as long as it lasts.

It ends with exit code 0 when both directions have ended, 6 when the connection was cut, and as the other commands when it
was not made.`,
		Example: `  postern-client connect db.corp.example 5432
  ssh -o ProxyCommand='postern-client connect %h %p' git.corp.example`,
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error { return flags.run(cmd.Context(), args[0], args[1]) },
	}
	cmd.Flags().StringVar(&flags.app, "app", "", "`application` (name or id) to go by, where several have the destination")
	return cmd
}

// parsePort reads a port of the command line.
func parsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fault.Invalid("PORT", "is %q, not one from 1 to 65535", fault.Readable(text))
	}
	return uint16(port), nil
}

func (c *connectFlags) run(ctx context.Context, host, port string) error {
	number, err := parsePort(port)
	if err != nil {
		return err
	}
	to, err := flow.Parse(flow.TCP, host, number)
	if err != nil {
		return fault.Invalid("HOST", "%s", err)
	}
	to.Process = process.OfPID(os.Getppid()) // such as ssh, whose ProxyCommand it is
	w, _, end, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if c.app != "" {
		told, err := w.Rules(ctx)
		if err != nil {
			return err
		}
		if to.Application, err = client.FindApplication(told, c.app); err != nil {
			return err
		}
	}
	f, err := w.Open(ctx, to)
	if err != nil {
		return fmt.Errorf("%s: %w", to.Address(), err)
	}
	defer context.AfterFunc(ctx, f.Close)() // SIGTERM
	if err := joinFiles(f, c.std); err != nil {
		return cutError{fmt.Errorf("%s: the connection was cut: %w", to.Address(), err)}
	}
	return nil
}

// joinFiles carries standard input and output. Once nothing more can come or go it does not wait for an input that nobody ends.
func joinFiles(f *flow.Flow, std stdio) error {
	done := make(chan error, 1)
	go func() { done <- flow.Join(flow.FilesEnd(std.in, std.out), f.End()) }() // ends with the process at the latest
	if f.Stream == nil {
		return <-done
	}
	select {
	case err := <-done:
		return err
	case <-f.Stream.Context().Done():
	}
	// What came is still being written; an input that waits to be read is of no more use.
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	_ = std.in.Close() // it may not be possible to end a read that way
	select {
	case err := <-done:
		if errors.Is(context.Cause(f.Stream.Context()), net.ErrClosed) {
			return nil // both directions had ended
		}
		return err
	case <-late.C:
		return errors.New("standard output takes nothing")
	}
}

// forwardFlags are the flags of forward.
type forwardFlags struct {
	*settings
	anywhere bool
}

func forwardCommand(s *settings) *cobra.Command {
	flags := &forwardFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "forward APP[:HOST][:PORT][/udp] LOCAL",
		Short: "Make a private application's port a port of this machine",
		Long: `forward listens on LOCAL, an address of loopback and a port or only a port, and carries each connection, or with /udp each
sender's datagrams, to the application. The application is said by its name or id; its host and port only where it has
several. HOST:PORT alone goes to whichever application has that destination. Two sites with the same addresses are told apart by
the application.

It runs until it is told to stop, and goes by the client that runs (postern-client up), or else keeps a tunnel of its own.`,
		Example: `  postern-client forward "Payroll database" 5432
  postern-client forward lab:10.0.0.7:22 127.0.0.1:2222
  postern-client forward lab:10.0.0.53:53/udp 5353`,
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error { return flags.run(cmd.Context(), args[0], args[1]) },
	}
	cmd.Flags().BoolVar(&flags.anywhere, "listen-anywhere", false, "let LOCAL be another address than loopback: programs of other machines then use the application in your name")
	return cmd
}

func (f *forwardFlags) run(ctx context.Context, text, local string) error {
	address, err := client.ParseLocal(local, f.anywhere)
	if err != nil {
		return fault.Invalid("LOCAL", "%s", err)
	}
	w, gone, end, err := f.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	told, err := w.Rules(ctx)
	if err != nil {
		return err
	}
	to, err := client.ParseTarget(told, text)
	if err != nil {
		return err
	}
	log, err := f.log(f.std.err, client.NewJournal(1))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // ends with ctx
		select {
		case <-gone:
			cancel(fault.Unavailable("the client that ran has ended; start it with postern-client up"))
		case <-ctx.Done():
		}
	}()
	err = forward(ctx, forwarding{to, address, proxy.Config{Opener: w, Log: log, Programs: process.New()}, f.std})
	if why := context.Cause(ctx); err == nil && fault.Is(why, fault.KindUnavailable) {
		return why
	}
	return err
}

// forwarding is what forward does.
type forwarding struct {
	to    flow.To
	local string
	cfg   proxy.Config
	std   stdio
}

func forward(ctx context.Context, f forwarding) error {
	say := func(at net.Addr) { fmt.Fprintf(f.std.err, "%s goes to %s\n", at, f.to) }
	if f.to.Network == flow.UDP {
		at, err := net.ResolveUDPAddr("udp", f.local)
		if err != nil {
			return fault.Invalid("LOCAL", "%s", err)
		}
		socket, err := net.ListenUDP("udp", at)
		if err != nil {
			return fmt.Errorf("LOCAL: %w", plainly(err))
		}
		say(socket.LocalAddr())
		return proxy.ServeForwardDatagrams(ctx, socket, f.to, f.cfg)
	}
	l, err := listenTCP("LOCAL", f.local)
	if err != nil {
		return err
	}
	say(l.Addr())
	return proxy.ServeForward(ctx, l, f.to, f.cfg)
}
