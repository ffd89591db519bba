package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

// connectorDoctor has a connector look what is wrong with it.
func connectorDoctor() *cobra.Command {
	c := &cobra.Command{Use: "doctor NAME", Short: "Have a connector find out what is wrong with it, its machine and its network", Args: cobra.ExactArgs(1),
		Long: "Have a connector find out what is wrong with it, its machine and its network.\n\nThe connector itself looks, as postern-connector doctor does on its machine: credential, rules, limits, DNS, proxy, clock, tunnels\n" +
			"and every application. It needs a tunnel to be asked; --last gives what it found when it last had none for a minute.\nThe exit code is 0 if all is well, and 1 with a warning or an error.",
		Example: "  postern connectors doctor hq-1\n  postern connectors doctor hq-1 --last\n  postern connectors doctor hq-1 -o json"}
	last := c.Flags().Bool("last", false, "do not ask: give what it found when it last examined itself of its own accord")
	c.RunE = func(c *cobra.Command, args []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		k, err := connectors().find(c.Context(), client, args[0])
		if err != nil {
			return err
		}
		look := client.Connectors.Diagnose
		if *last {
			look = client.Connectors.LastDiagnosis
		}
		d, err := diagnosed(c.Context(), look, k)
		if err != nil {
			return err
		}
		if err := printDiagnosis(c, how, k, d); err != nil {
			return err
		}
		if d.Worst == "error" || d.Worst == "warning" {
			return errDenied
		}
		return nil
	}
	return c
}

func diagnosed(ctx context.Context, look func(context.Context, string) (api.Diagnosis, error), k api.Connector) (api.Diagnosis, error) {
	d, err := look(ctx, k.ID)
	if err != nil {
		return d, fmt.Errorf("doctor %s: %w", k.Name, err)
	}
	return d, nil
}

func printDiagnosis(c *cobra.Command, how string, k api.Connector, d api.Diagnosis) error {
	w := c.OutOrStdout()
	switch how {
	case "json", "yaml":
		return encode(w, how, d)
	case "name":
		_, err := fmt.Fprintln(w, d.Worst)
		return err
	}
	for _, f := range d.Findings {
		sign := strings.ToUpper(f.Severity)
		if f.Severity == "ok" || f.Severity == "note" {
			sign = f.Severity
		}
		line := strings.TrimSpace(cell(f.Code) + " " + cell(f.Subject))
		fmt.Fprintf(w, "%-8s %s: %s\n", sign, line, cell(f.Detail))
		if f.Reason != "" {
			fmt.Fprintf(w, "         reason: %s\n", cell(f.Reason))
		}
		if f.Cure != "" {
			fmt.Fprintf(w, "         → %s\n", cell(f.Cure))
		}
	}
	_, err := fmt.Fprintf(w, "\n%s looked at %d things in %.1f s. The worst: %s.\n", cell(k.Name), len(d.Findings), d.Took, d.Worst)
	return err
}
