package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/client"
	"postern/internal/wire"
)

func diagnoseCommand(s *settings) *cobra.Command {
	out := &output{}
	cmd := &cobra.Command{
		Use:   "diagnose",
		Short: "Find out what keeps the client from working, and what to do",
		Long: `diagnose looks at the client that runs, the sign-in, the device's certificate, the proxy on the way, the service, this machine's
clock and each gateway, and says what it found and what to do. It needs no client that runs, and holds no secrets: send it to whoever
helps you.

It ends with exit code 0 when nothing is wrong that keeps it from working.`,
		Example: "  postern-client diagnose\n  postern-client diagnose -o json > diagnosis.json",
		Args:    arguments(cobra.NoArgs),
	}
	out.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d, err := s.diagnose(cmd.Context())
		if err != nil {
			return err
		}
		if err := out.print(s.std.out, d, func(t *table) { diagnosisTable(t, d) }); err != nil {
			return err
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
	dialer, err := s.dialer()
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
