package cli

import (
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"postern/internal/api"
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
