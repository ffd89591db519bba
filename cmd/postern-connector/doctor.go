package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"postern/internal/connector"
	"postern/internal/connector/doctor"
	"postern/internal/fault"
	"postern/internal/install"
	"postern/internal/wire"
)

// The exit codes of doctor, which are those that monitoring programs know.
const (
	exitWarnings = 1
	exitErrors   = 2
	exitUnknown  = 3 // nothing could be looked at
)

// doctorFlags are the flags of doctor.
type doctorFlags struct {
	*settings
	rules, service, tokenFile, output string
	stopped                           string // what the system says of the service that does not run
	requirements                      bool
}

func doctorCommand(s *settings) *cobra.Command {
	flags := &doctorFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong with the connector, its machine and its network, and what to do",
		Long: `doctor looks at the credential, the local rules, limits, DNS, the proxy, the way to the service and its gateways, the
clock and, where the connector runs, at its tunnels and at every application, and says what it found: the worst first, each with
its cause and what to do. The connector that runs examines itself, as the user it runs as; otherwise doctor goes the same ways, as
root in the shoes of the user whom the state directory belongs to. It changes nothing.

On a machine that is not enrolled yet, --token-file or --service names the service; the token is not used up.

It ends with exit code 0 when all is well, 1 with warnings, 2 with errors and 3 when nothing could be looked at.`,
		Example: `  postern-connector doctor
  postern-connector doctor -o json
  postern-connector doctor --requirements
  postern-connector doctor --service https://access.example.com --proxy http://proxy:3128`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := flags.run(cmd)
			if _, special := errors.AsType[*exit](err); err != nil && !special {
				return &exit{exitUnknown, err}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.rules, "rules", "", "`file` of the local rules; a connector that runs knows its own")
	f.StringVar(&flags.service, "service", "", "`URL` of the service, on a machine that is not enrolled yet")
	tokenFlag(f, &flags.tokenFile)
	f.StringVarP(&flags.output, "output", "o", "table", "table, json or yaml")
	f.StringVar(&flags.stopped, "stopped", "", "what the system says of the service")
	_ = f.MarkHidden("stopped") // it exists; root says it to itself in the other user's shoes
	f.BoolVar(&flags.requirements, "requirements", false, "print who must be let through to whom, as a firewall request needs it, and examine nothing")
	return cmd
}

func (d *doctorFlags) run(cmd *cobra.Command) error {
	if err := d.stateRequired(); err != nil {
		return err
	}
	switch d.output {
	case "table", "json", "yaml":
	default:
		return fault.Invalid("--output", "must be table, json or yaml")
	}
	cfg, err := d.config(cmd)
	if err != nil {
		return err
	}
	if d.requirements {
		return d.printRequirements(cmd, cfg)
	}
	found, err := connector.ReadDiagnosis(cmd.Context(), d.state)
	if err != nil {
		if !errors.Is(err, connector.ErrNotRunning) {
			fmt.Fprintf(cmd.ErrOrStderr(), "postern-connector: the connector that runs was not asked (%v); this program looks itself\n", err)
		} else if cfg.Stopped = d.serviceState(cmd); d.foreignState() {
			return d.asService(cmd, cfg)
		}
		found = doctor.Examine(cmd.Context(), cfg)
	}
	if err := printDiagnosis(cmd.OutOrStdout(), found, d.output); err != nil {
		return err
	}
	switch found.Worst() {
	case wire.SeverityOK, wire.SeverityNote:
		return nil
	case wire.SeverityWarning:
		return &exit{code: exitWarnings}
	}
	return &exit{code: exitErrors}
}

// serviceState says in words that the service does not run although it is installed; empty: there is none, or another directory is looked at.
func (d *doctorFlags) serviceState(cmd *cobra.Command) string {
	if d.stopped != "" || cmd.Flags().Changed("state") {
		return d.stopped
	}
	switch state := (install.Host{}).State(cmd.Context(), d.serviceName()); {
	case state.Running:
		return fmt.Sprintf("the system says that the service %s runs (%s), and nobody answers on the sockets in %s: it starts, or it hangs", d.serviceName(), state.Text, d.state)
	case state.Installed:
		return fmt.Sprintf("the service %s is installed and stopped (%s)", d.serviceName(), state.Text)
	}
	return ""
}

func (d *doctorFlags) foreignState() bool {
	_, yes := d.foreign()
	return yes
}

// asService looks as the user whom the state directory belongs to: root is not whom the service is, and would leave files that the
// service cannot use.
func (d *doctorFlags) asService(cmd *cobra.Command, cfg doctor.Config) error {
	who, _ := d.foreign()
	args := []string{"doctor", "--output", d.output, "--stopped", cfg.Stopped, "--service", d.service}
	if d.rules != "" {
		rules, err := filepath.Abs(d.rules)
		if err != nil {
			return fmt.Errorf("--rules: %w", err)
		}
		args = append(args, "--rules", rules)
	}
	var in io.Reader
	if cfg.Token != nil {
		args, in = append(args, "--token-file", "-"), strings.NewReader(cfg.Token.String())
	}
	return d.asOwner(cmd, who, in, args...)
}

// config says what to look at where no connector runs.
func (d *doctorFlags) config(cmd *cobra.Command) (doctor.Config, error) {
	dialer, err := d.proxy.Dialer()
	if err != nil {
		return doctor.Config{}, err
	}
	cfg := doctor.Config{State: d.state, Rules: d.rules, Dialer: dialer, Host: host(), Service: d.service}
	if d.service != "" && !strings.HasPrefix(d.service, "https://") {
		return cfg, fault.Invalid("--service", "must start with https://")
	}
	if d.tokenFile == "" {
		return cfg, nil
	}
	log, err := d.log(cmd.ErrOrStderr())
	if err != nil {
		return cfg, err
	}
	token, err := readToken(d.tokenFile, cmd.InOrStdin(), log)
	cfg.Token = &token
	return cfg, err
}

func (d *doctorFlags) printRequirements(cmd *cobra.Command, cfg doctor.Config) error {
	all, err := connector.ReadRequirements(cmd.Context(), d.state)
	if err != nil { // it does not run: its applications are not known
		all = doctor.Requirements(cmd.Context(), cfg)
	}
	if all == nil {
		all = []doctor.Requirement{}
	}
	if d.output != "table" {
		return encode(cmd.OutOrStdout(), all, d.output)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DIRECTION\tHOST\tADDRESSES\tPORT\tPROTOCOL\tPROCESS\tUSER\tWHY")
	for _, q := range all {
		why := q.Why
		if q.Optional {
			why += " (optional)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", q.Direction, q.Host, strings.Join(q.Addresses, ", "), q.Port, q.Protocol, q.Process, q.User, why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	text := "\nInbound: nothing. No port of this machine needs to be open.\n"
	if err != nil {
		text += "The connector does not run here: the applications that it must reach are not in this list.\n"
	}
	_, err = io.WriteString(cmd.OutOrStdout(), text)
	return err
}

func printDiagnosis(out io.Writer, d wire.Diagnosis, output string) error {
	if output != "table" {
		return encode(out, d, output)
	}
	sign := map[wire.Severity]string{wire.SeverityOK: "ok", wire.SeverityNote: "note", wire.SeverityWarning: "WARNING", wire.SeverityError: "ERROR"}
	count := map[wire.Severity]int{}
	for _, f := range d.Findings {
		count[f.Severity]++
		subject := ""
		if f.Subject != "" {
			subject = " " + f.Subject
		}
		fmt.Fprintf(out, "%-8s %s%s: %s\n", sign[f.Severity], f.Code, subject, f.Detail)
		if f.Reason != "" {
			fmt.Fprintf(out, "         reason: %s\n", f.Reason)
		}
		if f.Cure != "" {
			fmt.Fprintf(out, "         → %s\n", f.Cure)
		}
	}
	_, err := fmt.Fprintf(out, "\n%s, %s; %s looked at in %s.\n", counted(count[wire.SeverityError], "error"), counted(count[wire.SeverityWarning], "warning"),
		counted(len(d.Findings), "thing"), d.Took.Round(time.Millisecond))
	return err
}

// counted gives a number of things in words.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// encode writes a value as JSON or YAML, with the same names in both.
func encode(out io.Writer, value any, output string) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if output == "yaml" {
		var plain any
		if err := yaml.Unmarshal(data, &plain); err != nil { // JSON is YAML
			return err
		}
		if data, err = yaml.Marshal(plain); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(out, strings.TrimRight(string(data), "\n"))
	return err
}
