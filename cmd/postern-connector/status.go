package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/connector"
	"postern/internal/fault"
)

func statusCommand(s *settings) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how the connector that runs on this machine is",
		Long: `status asks the running connector. It ends with exit code 0 when all is well, 1 when no connector is running and 2
when it is running but something is wrong, which the output names.`,
		Example: `  postern-connector status
  postern-connector status -o json`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return fault.Invalid("--output", "must be table or json")
			}
			status, err := connector.ReadStatus(cmd.Context(), s.state)
			if errors.Is(err, connector.ErrNotRunning) {
				return fmt.Errorf("%w (state directory %s)", err, s.state)
			}
			if err != nil {
				return err
			}
			if err := print(cmd.OutOrStdout(), status, output); err != nil {
				return err
			}
			if status.State == connector.StateDegraded {
				return &exit{code: exitDegraded}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func print(out io.Writer, s connector.Status, output string) error {
	if output == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(s)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("State", "%s", s.State)
	for _, why := range s.Why {
		row("", "%s", why)
	}
	row("Connector", "%s  %s", s.Connector, s.Name)
	row("Group", "%s", s.Group)
	row("Service", "%s", s.Service)
	row("Program", "%s, started %s", s.Program, ago(s.Started))
	row("Certificate", "%s", s.Certificate.State)
	row("", "serial %s, SHA-256 %s", s.Certificate.Serial, s.Certificate.SHA256)
	row("", "issued by %s on %s; renewed after %s, expires %s", s.Certificate.Issuer, day(s.Certificate.NotBefore), day(s.Certificate.RenewAfter), day(s.Certificate.NotAfter))
	row("", "in %s", s.Certificate.File)
	row("Configuration", "%s", configuration(s.Configuration))
	if s.Rules.File != "" {
		row("Local rules", "%d in %s", s.Rules.Rules, s.Rules.File)
	}
	row("Streams", "%d", s.Streams)
	if left, ok := s.Load.HeadRoom(); ok {
		narrowest, _ := s.Load.Narrowest()
		row("Head-room", "%.0f %% of %s, the narrowest, over the last %s", left*100, narrowest.Name, s.Load.Window.Round(time.Second))
	}
	for _, t := range s.Tunnels {
		state := ""
		if t.Draining {
			state = ", draining"
		}
		row("Tunnel", "%s at %s, up %s, round trip %s%s", t.Gateway, t.Address, ago(t.Since), t.RoundTrip.Round(10*time.Microsecond), state)
	}
	for _, t := range s.Targets {
		row("Target", "%s  %s%s", t.Name, t.Address, transport(t))
	}
	if s.LastError != nil {
		row("Last error", "%s: %s: %s", ago(s.LastError.Time), s.LastError.While, s.LastError.Text)
	}
	return w.Flush()
}

func configuration(c connector.ConfigurationStatus) string {
	if c.Confirmed.IsZero() {
		return "none yet"
	}
	return fmt.Sprintf("version %d, in force %s, confirmed %s", c.Version, ago(c.Applied), ago(c.Confirmed))
}

func transport(t connector.TargetStatus) string {
	switch {
	case t.TLS && t.SkipVerify:
		return " (TLS, certificate not verified)"
	case t.TLS:
		return " (TLS)"
	}
	return ""
}

func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() + " ago" }

func day(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }
