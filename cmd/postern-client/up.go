package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/agent/proxyflags"
	"postern/internal/client"
	"postern/internal/client/process"
	"postern/internal/client/proxy"
	"postern/internal/client/tun"
	"postern/internal/daemon"
	"postern/internal/dial"
	"postern/internal/fault"
)

// upFlags are the flags of up.
type upFlags struct {
	*settings
	socks, http string
	anywhere    bool
	localUser   string
	direct      bool
	tun         bool
	tunName     string
	limit       int
	gateways    int
	only        string // of a service: the user who may sign in
	asService   bool
}

func upCommand(s *settings) *cobra.Command {
	flags := &upFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the client: keep the tunnels, and carry what programs of this machine send to private applications",
		Long: `up keeps tunnels to two gateways and serves until SIGTERM or SIGINT, or postern-client down. Programs reach private
applications through its proxies, names included: SOCKS5 (TCP and UDP) and HTTP. forward, connect and ssh
use the same tunnels.

With --tun every program reaches them, without a word to it: an interface takes what goes to their addresses, and their
names are answered here. Everything else stays as it is, and what was changed on the machine is put back at the end, also after a crash. It needs
root or an administrator, and on Windows wintun.dll beside the program.

Of the proxies, what belongs to no application that you may use is refused; with --direct it is dialled as if there were no proxy, so
that a program can use the proxy for everything. Without a gateway an application is blocked, or dialled directly
where its administrator wants that.

The proxies take connections of this machine only. With --listen-anywhere they may listen elsewhere, and then want a user and
a password (--local-user-file).`,
		Example: `  postern-client up --socks 1080
  postern-client up --socks 127.0.0.1:1080 --http 127.0.0.1:8080 --direct
  ALL_PROXY=socks5h://127.0.0.1:1080 curl http://wiki.corp.example/`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd.Context()) },
	}
	flags.add(cmd.Flags(), false)
	return cmd
}

// add adds the flags, which those of a service have in common.
func (u *upFlags) add(f *pflag.FlagSet, byInterface bool) {
	f.BoolVar(&u.tun, "tun", byInterface, "carry the connections of all programs, by a network interface (needs root, or an administrator)")
	f.StringVar(&u.tunName, "tun-name", tun.DefaultName, "`name` of that interface")
	f.StringVar(&u.socks, "socks", "", "`address` or port for a SOCKS5 proxy, such as 127.0.0.1:1080 (default none)")
	f.StringVar(&u.http, "http", "", "`address` or port for an HTTP proxy, such as 127.0.0.1:8080 (default none)")
	f.BoolVar(&u.anywhere, "listen-anywhere", false, "let the proxies listen on other addresses than loopback; needs --local-user-file")
	f.StringVar(&u.localUser, "local-user-file", "", "`file` with the user:password that programs must show to the proxies")
	f.BoolVar(&u.direct, "direct", false, "dial what belongs to no application, instead of refusing it")
	f.IntVar(&u.limit, "max-connections", 4096, "how many connections of programs, and flows of datagrams, there may be at once")
	f.IntVar(&u.gateways, "gateways", 2, "how many gateways to keep a tunnel to")
}

// serving is what up listens on.
type serving struct {
	listeners []client.Listener
	names     atomic.Pointer[func() []tun.Name] // of the interface, when it is up
	tasks     []func(context.Context) error
	programs  *process.Finder
}

// check refuses what would not work.
func (u *upFlags) check() error {
	if u.limit < 1 || u.limit > 1<<20 {
		return fault.Invalid("--max-connections", "must be from 1 to %d", 1<<20)
	}
	if u.gateways < 1 || u.gateways > 16 {
		return fault.Invalid("--gateways", "must be from 1 to 16")
	}
	return nil
}

func (u *upFlags) run(ctx context.Context) error {
	if err := u.check(); err != nil {
		return err
	}
	state, err := u.open()
	if err != nil {
		return err
	}
	lock, err := client.LockRun(state)
	if err != nil {
		return err
	}
	defer lock.Unlock() // the lock ends with the process at the latest
	journal := client.NewJournal(0)
	log, err := u.log(u.std.err, journal)
	if err != nil {
		return err
	}
	dialer, err := u.proxy.Dialer()
	if err != nil {
		return err
	}
	var mark dial.Control
	if u.tun {
		mark = tun.Mark
	}
	c, err := client.New(client.Config{
		Control: mark, State: state, Dialer: dialer, Host: host(), OSVersion: osVersion(), Log: log, Journal: journal, Gateways: u.gateways, Direct: u.direct || u.tun, Unsigned: u.asService,
	})
	if err != nil {
		return notSignedIn(err)
	}
	s, err := u.listen(c, log)
	if err != nil {
		return err
	}
	if u.tun {
		s.tasks = append(s.tasks, func(ctx context.Context) error {
			return tun.Run(ctx, tun.Config{Name: u.tunName, State: u.state, Opener: c, Lookup: c.Lookup, Search: c.Search, Private: c.Private, Own: c.OwnHosts, Control: mark, Programs: s.programs, Log: log,
				Names: func(list func() []tun.Name) { s.names.Store(&list) }})
		})
		s.listeners = append(s.listeners, client.Listener{Kind: "interface", Address: u.tunName})
	}
	control, err := u.control(c, s)
	if err != nil {
		return fmt.Errorf("listen for other commands: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return daemon.Run(ctx, append(s.tasks, control.Run, u.ready, func(ctx context.Context) error {
		defer stop() // postern-client down
		return c.Run(ctx)
	})...)
}

// control makes the socket for other commands: this user's, or one for all users of the machine.
func (u *upFlags) control(c *client.Client, s *serving) (*client.Control, error) {
	listeners := func() []client.Listener { return s.listeners }
	listen := func() (*client.Control, error) { return c.Listen(listeners) }
	if u.asService {
		listen = func() (*client.Control, error) { return c.Share(u.service, u.only, listeners) }
	}
	control, err := listen()
	if err == nil {
		control.Names = s.asked
	}
	return control, err
}

// asked gives the names that programs asked the interface for.
func (s *serving) asked() (all []client.NameStatus) {
	list := s.names.Load()
	if list == nil {
		return nil
	}
	for _, n := range (*list)() {
		all = append(all, client.NameStatus{Name: n.Name, Given: texts(n.Given), Known: texts(n.Known), Asked: n.Asked})
	}
	return all
}

func texts(addrs []netip.Addr) (all []string) {
	for _, a := range addrs {
		all = append(all, a.String())
	}
	return all
}

// listen makes the proxies.
func (u *upFlags) listen(c *client.Client, log *slog.Logger) (*serving, error) {
	programs := process.New()
	cfg := proxy.Config{Opener: c, Log: log, Limit: proxy.NewLimit(u.limit), Programs: programs}
	if u.localUser != "" {
		name, password, err := proxyflags.ReadUser("--local-user-file", u.localUser)
		if err != nil {
			return nil, err
		}
		cfg.User = &proxy.User{Name: name, Password: password}
	}
	if u.anywhere && cfg.User == nil {
		return nil, fault.Invalid("--listen-anywhere", "needs --local-user-file: other machines could use your applications in your name")
	}
	s := &serving{listeners: []client.Listener{}, programs: programs}
	for _, p := range []struct {
		flag, address, kind string
		serve               func(context.Context, net.Listener, proxy.Config) error
	}{{"--socks", u.socks, "SOCKS5", proxy.ServeSOCKS}, {"--http", u.http, "HTTP", proxy.ServeHTTP}} {
		if p.address == "" {
			continue
		}
		address, err := client.ParseLocal(p.address, u.anywhere)
		if err != nil {
			return nil, fault.Invalid(p.flag, "%s", err)
		}
		l, err := listenTCP(p.flag, address)
		if err != nil {
			return nil, err
		}
		s.listeners = append(s.listeners, client.Listener{Kind: p.kind, Address: l.Addr().String()})
		s.tasks = append(s.tasks, func(ctx context.Context) error { return p.serve(ctx, l, cfg) })
		log.Info("proxy listening", "kind", p.kind, "address", l.Addr())
	}
	return s, nil
}

func listenTCP(flag, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, plainly(err))
	}
	return l, nil
}

// plainly takes off what package net says twice.
func plainly(err error) error {
	if text, ok := strings.CutPrefix(err.Error(), "listen "); ok {
		return fmt.Errorf("cannot listen on %s", strings.TrimPrefix(strings.TrimPrefix(text, "tcp "), "udp "))
	}
	return err
}

func downCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "End the client that runs, and what is open through it", Example: "  postern-client down", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 30*time.Second)
			defer cancel()
			remote, err := s.connect(ctx)
			if err != nil {
				return err
			}
			defer remote.Close()
			if err := remote.Stop(ctx); err != nil {
				return fmt.Errorf("end the client that runs: %w", err)
			}
			fmt.Fprintln(s.std.err, "Stopped.")
			return nil
		},
	}
}
