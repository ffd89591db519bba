package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/client"
	"postern/internal/fault"
	"postern/internal/wire"
)

func diagnoseCommand(s *settings) *cobra.Command {
	out, file := &output{}, ""
	cmd := &cobra.Command{
		Use:   "diagnose",
		Short: "Find out what keeps the client from working, and what to do",
		Long: `diagnose looks at the client that runs, the sign-in, the device's certificate, the proxy on the way, the service, this machine's
clock and each gateway, and says what it found and what to do. It needs no client that runs, and holds no secrets: send it to whoever
helps you.

--export FILE writes all there is about the client into one file (JSON) for whoever helps you: the findings, status, what you may
reach, open flows, the names that programs asked for, and the log. It holds no tokens and no keys, but names and addresses of your applications.

It ends with exit code 0 when nothing is wrong that keeps it from working.`,
		Example: "  postern-client diagnose\n  postern-client diagnose -o json > diagnosis.json\n  postern-client diagnose --export client.json",
		Args:    arguments(cobra.NoArgs),
	}
	out.add(cmd)
	cmd.Flags().StringVar(&file, "export", "", "write all there is about the client to this `file`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, err := s.diagnose(cmd.Context())
		if err != nil {
			return err
		}
		if err := out.print(s.std.out, d, func(t *table) { diagnosisTable(t, d) }); err != nil {
			return err
		}
		if file != "" {
			if err := s.export(cmd.Context(), file, d); err != nil {
				return err
			}
		}
		wrong := 0
		for _, f := range d.Findings {
			if f.Severity == wire.SeverityError {
				wrong++
			}
		}
		if wrong > 0 {
			return fmt.Errorf("%d of %d checks found something that keeps it from working", wrong, len(d.Findings))
		}
		return nil
	}
	return cmd
}

// export writes all there is about the client.
func (s *settings) export(ctx context.Context, file string, d wire.Diagnosis) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	e := client.Export{Time: time.Now().UTC(), Program: version, Diagnosis: d}
	remote, err := s.connect(ctx)
	if err == nil {
		e.Fill(ctx, remote)
		remote.Close()
	} else {
		e.Missing = append(e.Missing, err.Error())
	}
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fault.Internal(err, "encode what is exported")
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	fmt.Fprintf(s.std.err, "Written to %s: %d lines of the log, %d flows, %d names. It holds no secrets, but names of your applications.\n", file, len(e.Logs), len(e.Flows), len(e.Names))
	return nil
}

func namesCommand(s *settings) *cobra.Command {
	out := &output{}
	cmd := &cobra.Command{
		Use:   "names",
		Short: "List the private names that programs asked the interface for",
		Long: `names lists each private name that a program of this machine asked for since the start (up --tun), with the addresses by which programs reach
it, what the connectors found when they were asked last, and when that was.`,
		Example: "  postern-client names\n  postern-client names -o json",
		Args:    arguments(cobra.NoArgs),
	}
	out.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.remotely(cmd.Context(), func(ctx context.Context, remote *client.Remote) error {
			list, err := remote.Names(ctx)
			if err != nil {
				return err
			}
			return out.print(s.std.out, list, func(t *table) {
				t.row("NAME", "REACHED BY", "FOUND BY A CONNECTOR", "ASKED")
				for _, n := range list {
					t.row(n.Name, strings.Join(n.Given, ", "), strings.Join(n.Known, ", "), ago(n.Asked))
				}
			})
		})
	}
	return cmd
}

// diagnose has the machine's client look, if it is a service there, or looks itself.
func (s *settings) diagnose(ctx context.Context) (wire.Diagnosis, error) {
	machine, err := s.machine(ctx)
	if err != nil {
		return wire.Diagnosis{}, err
	}
	if machine != nil {
		defer machine.Close()
		return machine.Diagnose(ctx)
	}
	state, err := s.open()
	if err != nil {
		return wire.Diagnosis{}, err
	}
	dialer, err := s.proxy.Dialer()
	if err != nil {
		return wire.Diagnosis{}, err
	}
	return client.Diagnose(ctx, state, dialer, version, nil), nil
}

func diagnosisTable(t *table, d wire.Diagnosis) {
	for _, f := range d.Findings {
		subject := f.Subject
		if subject != "" {
			subject += ": "
		}
		t.row(string(f.Severity), f.Code, subject+f.Detail)
		if f.Cure != "" {
			t.row("", "", "→ "+f.Cure)
		}
	}
}
