package cli

import (
	"context"
	"iter"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

func alerts() *cobra.Command {
	n := noun[api.Alert]{
		use: "alerts", single: "alert",
		name: func(a api.Alert) string { return a.ID },
		columns: []column[api.Alert]{
			{"STATE", func(_ *view, a api.Alert) string { return a.State }},
			{"SEVERITY", func(_ *view, a api.Alert) string { return a.Severity }},
			{"SINCE", func(v *view, a api.Alert) string { return v.ago(a.Opened) }},
			{"CODE", func(_ *view, a api.Alert) string { return a.Code }},
			{"WHAT", func(_ *view, a api.Alert) string { return a.Sentence }},
			{"DO", func(_ *view, a api.Alert) string { return a.Cure }},
		},
		filters: []filter{{"state", "state", "only those that are so still (open), or all others (resolved)", text}},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Alert, error] {
			return c.Alerts.All
		},
	}
	c := &cobra.Command{Use: "alerts", Aliases: []string{"alert"}, Short: "What is or was wrong, and what happened that somebody should know",
		Long: "What is or was wrong, and what happened that somebody should know: a group that is down to one connector or none, a certificate that was not\n" +
			"renewed, clocks that differ, an application that a connector does not reach, a cloned credential and so on.\n\n" +
			"To be told by a webhook, syslog or OTLP, make an export of the stream alerts: postern exports create Pager --kind webhook --url https://… --stream alerts\n" +
			"(postern exports test Pager sends a test message)."}
	connectFlags(c)
	outputFlag(c)
	c.AddCommand(n.listCommand())
	return c
}
