package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/agent/proxyflags"
	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/fault"
	"postern/internal/wire"
)

const askWithin = 30 * time.Second

// remotely runs one question to the client that runs.
func (s *settings) remotely(ctx context.Context, ask func(context.Context, *client.Remote) error) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	remote, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer remote.Close()
	return ask(ctx, remote)
}

func statusCommand(s *settings) *cobra.Command {
	out := &output{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how the client that runs is",
		Long: `status asks the client that runs. It ends with exit code 0 when it is connected (or paused, or turned off by an
administrator), 3 when nobody is signed in, and 5 when it does not run or reaches no gateway.`,
		Example: "  postern-client status\n  postern-client status -o json",
		Args:    arguments(cobra.NoArgs),
	}
	out.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.remotely(cmd.Context(), func(ctx context.Context, remote *client.Remote) error {
			status, err := remote.Status(ctx)
			if err != nil {
				return err
			}
			if err := out.print(s.std.out, status, func(t *table) { statusTable(t, status) }); err != nil {
				return err
			}
			switch status.State {
			case client.StateSignedOut:
				return client.ErrSignedOut
			case client.StateDisconnected, client.StateConnecting:
				return fault.Unavailable("no gateway is reached")
			}
			return nil
		})
	}
	return cmd
}

func statusTable(t *table, s client.Status) {
	t.row("State", s.State)
	for _, why := range s.Why {
		t.row("", why)
	}
	if len(s.Locked) > 0 {
		t.row("Locked", fmt.Sprintf("by your organisation: %s", strings.Trim(fmt.Sprint(s.Locked), "[]")))
	}
	t.row("User", s.User)
	t.row("Device", s.Device)
	t.row("Service", s.Service)
	t.row("Program", fmt.Sprintf("%s, started %s", s.Program, ago(s.Started)))
	if !s.Certificate.NotAfter.IsZero() {
		t.row("Certificate", fmt.Sprintf("%s, serial %s, renewed after %s, expires %s", s.Certificate.State, s.Certificate.Serial, day(s.Certificate.RenewAfter), day(s.Certificate.NotAfter)))
	}
	t.row("Sign-in", "kept by "+s.SignInSealed)
	rules := "none yet"
	if s.Rules.Version != 0 {
		rules = fmt.Sprintf("%d applications, version %d, told %s", s.Rules.Applications, s.Rules.Version, ago(s.Rules.Told))
	}
	if s.Rules.Kept {
		rules += ", before the start"
	}
	t.row("Rules", rules)
	t.row("Flows", fmt.Sprintf("%d open; since the start %d through gateways, %d direct, %d refused", s.Flows.Open, s.Flows.Opened, s.Flows.Direct, s.Flows.Refused))
	for _, l := range s.Listeners {
		t.row("Proxy", l.Kind+" on "+l.Address)
	}
	for _, tunnel := range s.Tunnels {
		state := ""
		if tunnel.Draining {
			state = ", draining"
		}
		if tunnel.Way != "" {
			state += ", " + tunnel.Way
		}
		t.row("Tunnel", fmt.Sprintf("%s at %s, up %s, round trip %s%s", tunnel.Gateway, tunnel.Address, ago(tunnel.Since), tunnel.RoundTrip.Round(10*time.Microsecond), state))
	}
	if s.LastError != nil {
		t.row("Last error", fmt.Sprintf("%s: %s: %s", ago(s.LastError.Time), s.LastError.While, s.LastError.Text))
	}
}

func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() + " ago" }

func day(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

func appsCommand(s *settings) *cobra.Command {
	out := &output{}
	cmd := &cobra.Command{
		Use:     "apps",
		Short:   "List the private applications that you may use",
		Long:    "apps lists what you may reach: each application with its destinations. Quick Access comes after all others.",
		Example: "  postern-client apps\n  postern-client apps -o yaml",
		Args:    arguments(cobra.NoArgs),
	}
	out.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.remotely(cmd.Context(), func(ctx context.Context, remote *client.Remote) error {
			told, err := remote.Rules(ctx)
			if err != nil {
				return err
			}
			return out.print(s.std.out, told.Applications, func(t *table) { appsTable(t, told) })
		})
	}
	return cmd
}

func appsTable(t *table, told wire.Rules) {
	t.row("APPLICATION", "ID", "DESTINATION", "PORTS", "PROTOCOL", "WITHOUT A GATEWAY")
	for _, a := range told.Applications {
		without := "blocked"
		if a.Direct {
			without = "direct"
		}
		for i, g := range a.Segments {
			if i == 0 {
				t.row(a.Name, a.Application, g.Destination, g.Ports, g.Protocol, without)
				continue
			}
			t.row("", "", g.Destination, g.Ports, g.Protocol, "")
		}
	}
}

func flowsCommand(s *settings) *cobra.Command {
	out := &output{}
	cmd := &cobra.Command{
		Use:   "flows",
		Short: "List what is open through gateways just now",
		Long: `flows lists each connection, and exchange of datagrams, that goes through a gateway just now: since when, for which program, where to, by which
application, what the connector dialled, bytes each way, and the reference under which the service logs it.`,
		Example: "  postern-client flows\n  postern-client flows -o json",
		Args:    arguments(cobra.NoArgs),
	}
	out.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.remotely(cmd.Context(), func(ctx context.Context, remote *client.Remote) error {
			list, err := remote.Flows(ctx)
			if err != nil {
				return err
			}
			return out.print(s.std.out, list, func(t *table) {
				t.row("SINCE", "PROGRAM", "DESTINATION", "APPLICATION", "DIALLED", "IN", "OUT", "REFERENCE")
				for _, f := range list {
					t.row(time.Since(f.Since).Round(time.Second).String(), cmp.Or(f.Process, "-"), f.Destination+"/"+f.Network, cmp.Or(f.Name, f.Application), f.Address,
						fmt.Sprint(f.In), fmt.Sprint(f.Out), f.Request)
				}
			})
		})
	}
	return cmd
}

// explainFlags are the flags of explain.
type explainFlags struct {
	udp bool
	app string
}

func explainCommand(s *settings) *cobra.Command {
	out, flags := &output{}, &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain HOST PORT | HOST:PORT",
		Short: "Say where a connection would go, and why",
		Long: `explain says whether a destination goes through a gateway, directly, or nowhere, by which application and segment, and why.
Nothing is connected; a name of one label is looked for below the DNS suffixes of your applications. The service decides each flow
anew: an application's policy may still refuse it.

It ends with exit code 4 where the destination is blocked.`,
		Example: "  postern-client explain db.corp.example 5432\n  postern-client explain fileserver:22\n  postern-client explain 10.0.0.53 53 --udp",
		Args:    arguments(cobra.RangeArgs(1, 2)),
	}
	out.add(cmd)
	cmd.Flags().BoolVar(&flags.udp, "udp", false, "for datagrams, not TCP")
	cmd.Flags().StringVar(&flags.app, "app", "", "`application` (name or id) to go by")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			host, port, err := net.SplitHostPort(args[0])
			if err != nil {
				return fault.Invalid("HOST:PORT", "is %q, not a host, a colon and a port", fault.Readable(args[0]))
			}
			args = []string{host, port}
		}
		port, err := parsePort(args[1])
		if err != nil {
			return err
		}
		network := flow.TCP
		if flags.udp {
			network = flow.UDP
		}
		to, err := flow.Parse(network, args[0], port)
		if err != nil {
			return fault.Invalid("HOST", "%s", err)
		}
		return s.remotely(cmd.Context(), func(ctx context.Context, remote *client.Remote) error {
			return s.explain(ctx, remote, explaining{to, flags.app, out})
		})
	}
	return cmd
}

type explaining struct {
	to  flow.To
	app string
	out *output
}

func (s *settings) explain(ctx context.Context, remote *client.Remote, e explaining) error {
	if e.app != "" {
		told, err := remote.Rules(ctx)
		if err != nil {
			return err
		}
		if e.to.Application, err = client.FindApplication(told, e.app); err != nil {
			return err
		}
	}
	d, err := remote.Explain(ctx, e.to)
	if err != nil {
		return err
	}
	err = e.out.print(s.std.out, d, func(t *table) {
		t.row("Destination", e.to.String())
		if d.FoundHow != "" {
			t.row("Name", strings.TrimSpace(d.Found+"  "+d.FoundHow))
		}
		t.row("Goes", d.Way)
		t.row("Why", d.Why)
		if d.Segment != "" {
			t.row("Segment", d.Segment)
		}
		if d.Application != "" {
			t.row("Application", d.Application+"  "+d.Name)
		}
	})
	if err == nil && d.Way == client.WayBlocked {
		return fault.Forbidden("%s is blocked", e.to)
	}
	return err
}

func pauseCommand(s *settings) *cobra.Command {
	var d time.Duration
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Have nothing go through gateways for a while",
		Long: `pause has the client that runs dial everything directly for a while, as if there were no client. What is open stays.
postern-client resume ends it.`,
		Example: "  postern-client pause\n  postern-client pause --for 1h",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d <= 0 || d > 24*time.Hour {
				return fault.Invalid("--for", "must be longer than nothing and at most 24h")
			}
			return s.remotely(cmd.Context(), func(ctx context.Context, remote *client.Remote) error {
				until, err := remote.Pause(ctx, d)
				if err == nil {
					fmt.Fprintf(s.std.err, "Paused until %s.\n", until.Local().Format("15:04:05"))
				}
				return err
			})
		},
	}
	cmd.Flags().DurationVar(&d, "for", 10*time.Minute, "how long")
	return cmd
}

func resumeCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use: "resume", Short: "End a pause", Example: "  postern-client resume", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.remotely(cmd.Context(), func(ctx context.Context, remote *client.Remote) error {
				_, err := remote.Pause(ctx, 0)
				return err
			})
		},
	}
}

func sshConfigCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "ssh-config",
		Short: "Print what has ssh go through the client",
		Long: `ssh-config prints Host blocks for ssh_config(5): whatever you may reach on port 22 then goes through postern-client connect.
Keep it in a file of its own and include that; print it again when your applications have changed.`,
		Example: `  postern-client ssh-config > ~/.ssh/postern
  echo 'Include ~/.ssh/postern' | cat - ~/.ssh/config > ~/.ssh/new && mv ~/.ssh/new ~/.ssh/config`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, _, end, err := s.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer end()
			told, err := w.Rules(cmd.Context())
			if err != nil {
				return err
			}
			command := quoted(proxyflags.Self())
			if cmd.Flags().Changed("state") {
				command += " --state " + quoted(s.state)
			}
			text, err := client.SSHConfig(told, command)
			if err == nil {
				_, err = fmt.Fprint(s.std.out, text)
			}
			return err
		},
	}
}

// quoted writes a word for ssh's ProxyCommand, which a shell reads and in which "%" stands for what ssh puts in.
func quoted(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if strings.ContainsAny(word, " \t\"'\\$`&;|<>()*?[]#~!") {
		return strconv.Quote(word)
	}
	return word
}
