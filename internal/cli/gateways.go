package cli

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/fault"
)

func gateways() *cobra.Command {
	n := noun[api.Gateway]{
		use: "gateways", single: "gateway",
		name: func(g api.Gateway) string { return g.ID },
		columns: []column[api.Gateway]{
			{"ID", func(_ *view, g api.Gateway) string {
				if g.Answers {
					return g.ID + " *"
				}
				return g.ID
			}},
			{"ADDRESS", func(_ *view, g api.Gateway) string { return g.Address }},
			{"REGION", func(_ *view, g api.Gateway) string { return g.Region }},
			{"STATUS", func(_ *view, g api.Gateway) string {
				if g.Why == "" {
					return g.Label
				}
				return g.Label + ": " + g.Why
			}},
			{"SINCE", func(v *view, g api.Gateway) string { return v.ago(g.Since) }},
			{"VERSION", func(_ *view, g api.Gateway) string { return g.Version }},
			{"TUNNELS", func(_ *view, g api.Gateway) string { return fmt.Sprint(g.Tunnels) }},
			{"REQUESTS", func(_ *view, g api.Gateway) string { return fmt.Sprint(g.Exchanges) }},
			{"CHANGE", func(_ *view, g api.Gateway) string { return fmt.Sprint(g.Change) }},
			{"PEERS", func(_ *view, g api.Gateway) string {
				if len(g.Unreached) > 0 {
					return fmt.Sprintf("%d of %d", len(g.Peers), len(g.Peers)+len(g.Unreached))
				}
				return fmt.Sprint(len(g.Peers))
			}},
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Gateway, error] {
			return c.Gateways.All
		},
	}
	c := &cobra.Command{Use: "gateways", Aliases: []string{"gateway"}, Short: "The services that share a database, as gateways",
		Long: "The services that share a database, as gateways: where they are dialled, what they hold, and whether\n" +
			"they reach each other. The one that answers is marked *. A gateway that stops leaves the list; one that\n" +
			"was lost leaves it after 15 seconds."}
	connectFlags(c)
	outputFlag(c)
	c.AddCommand(n.listCommand())
	return c
}

func rollout() *cobra.Command {
	c := &cobra.Command{Use: "rollout [CHANGE]", Short: "Say which gateways and connectors run a change already; exit code 1 while some do not", Args: cobra.MaximumNArgs(1),
		Long: "Says which gateways and connectors run a change of the configuration already, the last one if none is named.\n" +
			"The audit log names the change that each entry made. Exit code 1 while some do not run it.",
		Example: "  postern rollout\n  postern rollout 214 -o json"}
	connectFlags(c)
	outputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		var change uint64
		if len(args) > 0 {
			var err error
			if change, err = strconv.ParseUint(args[0], 10, 63); err != nil || change == 0 {
				return usage("CHANGE must be the number of a change, such as 214; %q is not", args[0])
			}
		}
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		found, err := client.Rollout(c.Context(), change)
		if err != nil {
			return err
		}
		if err := printRollout(c, how, found); err != nil {
			return err
		}
		if len(found.Gateways.Late)+len(found.Connectors.Late) > 0 {
			return fault.Unavailable("not everybody runs it yet")
		}
		return nil
	}
	return c
}

func printRollout(c *cobra.Command, how string, found api.Rollout) error {
	if how == "json" || how == "yaml" {
		return encode(c.OutOrStdout(), how, found)
	}
	var rows [][]string
	for _, p := range []struct {
		what string
		api.RolloutParties
	}{{"gateways", found.Gateways}, {"connectors", found.Connectors}} {
		names := make([]string, len(p.Late))
		for i, l := range p.Late {
			names[i] = cell(l.Name)
		}
		rows = append(rows, []string{p.what, fmt.Sprintf("%d of %d", p.All-len(p.Late)-p.More, p.All), comma(names)})
	}
	if how == "name" {
		return table(c.OutOrStdout(), nil, [][]string{rows[0][:1], rows[1][:1]})
	}
	if found.Unknown > 0 {
		rows = append(rows, []string{"connectors that did not say", fmt.Sprint(found.Unknown), "not known"})
	}
	return table(c.OutOrStdout(), []string{"WHAT", "RUN IT", "NOT YET"}, rows)
}
