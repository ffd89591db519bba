package cli

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

// retention shows and changes how long logs are kept.
func retention() *cobra.Command {
	c := &cobra.Command{Use: "retention", Short: "How long the audit log, the sign-in log and the traffic log are kept",
		Long: "How long the audit log, the sign-in log and the traffic log are kept.\n\n" +
			"A flag that a service was started with, such as --audit-retention, wins there over what is set here."}
	show := &cobra.Command{Use: "show", Short: "Show how long logs are kept, and what says so", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		r, err := client.Retention(c.Context())
		if err != nil {
			return err
		}
		return printRetention(c, how, r)
	}}
	change := &cobra.Command{Use: "update [flags]", Aliases: []string{"set"}, Short: "Change how long logs are kept; what no flag names stays, and 0 is what is usual", Args: cobra.NoArgs,
		Example: "  postern retention update --audit-days 730\n  postern retention update --traffic-days 7 --traffic-size 500MiB\n  postern retention update --sign-in-days 0", RunE: updateRetention}
	change.Flags().Int64("audit-days", 0, "`days` that the audit log is kept, at least 30")
	change.Flags().Int64("sign-in-days", 0, "`days` that the sign-in log is kept")
	change.Flags().Int64("traffic-days", 0, "`days` that each gateway keeps its traffic log")
	change.Flags().String("traffic-size", "", "how large each gateway's traffic log may become, such as 500MiB or 20GiB")
	connectFlags(c)
	outputFlag(c)
	c.AddCommand(show, change)
	c.AddCommand(only[api.Retention]{
		single: "retention", use: "retention",
		now: func(ctx context.Context, client *api.Client) (int64, error) {
			r, err := client.Retention(ctx)
			return r.Version, err
		},
		history: (*api.Client).RetentionHistory, undo: (*api.Client).UndoRetention, print: printRetention,
	}.past()...)
	return c
}

func updateRetention(c *cobra.Command, _ []string) error {
	how, client, err := begin(c)
	if err != nil {
		return err
	}
	patch := api.Patch{}
	for flag, member := range map[string]string{"audit-days": "auditDays", "sign-in-days": "signInDays", "traffic-days": "trafficDays"} {
		if c.Flags().Changed(flag) {
			patch[member], _ = c.Flags().GetInt64(flag) // it is defined
		}
	}
	if c.Flags().Changed("traffic-size") {
		text, _ := c.Flags().GetString("traffic-size") // it is defined
		size, ok := parseSize(text)
		if !ok {
			return usage("--traffic-size must be a size such as 500MiB or 20GiB, or 0 for what is usual; %q is none", text)
		}
		patch["trafficBytes"] = size
	}
	if len(patch) == 0 {
		return usage("nothing to change: name what with a flag; see %s --help", c.CommandPath())
	}
	now, err := client.Retention(c.Context())
	if err != nil {
		return err
	}
	r, err := client.UpdateRetention(c.Context(), now.Version, patch)
	if err != nil {
		return renamed(err, func(name string) string {
			return "--" + map[string]string{"auditDays": "audit-days", "signInDays": "sign-in-days", "trafficDays": "traffic-days", "trafficBytes": "traffic-size"}[name]
		})
	}
	return printRetention(c, how, r)
}

var sizes = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

func parseSize(text string) (int64, bool) {
	for _, unit := range sizes {
		number, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		return n * unit.bytes, err == nil && n >= 0 && n <= math.MaxInt64/unit.bytes
	}
	return 0, false
}

func sizeOf(n int64) string {
	for _, unit := range sizes {
		if n > 0 && n%unit.bytes == 0 {
			return fmt.Sprintf("%d %s", n/unit.bytes, nameOr(unit.name, "bytes"))
		}
	}
	return "0 bytes"
}

func printRetention(c *cobra.Command, how string, r api.Retention) error {
	if how == "json" || how == "yaml" {
		return encode(c.OutOrStdout(), how, r)
	}
	row := func(log string, k api.Kept) []string {
		kept, why := span(time.Duration(k.Seconds)*time.Second), map[string]string{"flag": "set at start by --" + k.Flag, "setting": "set here", "usual": "usual"}[k.By]
		switch {
		case k.Off:
			kept = "there is none"
		case k.Bytes > 0:
			kept = "up to " + sizeOf(k.Bytes)
		}
		return []string{log, kept, why}
	}
	f := r.InForce
	rows := [][]string{row("audit", f.Audit), row("sign-ins", f.SignIns), row("traffic", f.Traffic), row("traffic, of each gateway", f.TrafficSize)}
	return table(c.OutOrStdout(), []string{"LOG", "IS KEPT", "WHY"}, rows)
}

// only is a setting that there is one of, and what can be done with its versions.
type only[T any] struct {
	single, use string
	now         func(context.Context, *api.Client) (version int64, err error)
	history     func(*api.Client, context.Context) ([]api.HistoryEntry, error)
	undo        func(*api.Client, context.Context, int64, int64) (T, error)
	print       func(*cobra.Command, string, T) error
}

// past gives the commands history and undo.
func (o only[T]) past() []*cobra.Command {
	history := &cobra.Command{Use: "history", Short: "Show who changed what of the " + o.single + ", and when", Args: cobra.NoArgs,
		Example: "  postern " + o.use + " history\n  postern " + o.use + " history -o yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			versions, err := o.history(client, c.Context())
			if err != nil {
				return err
			}
			return printHistory(c, how, client, versions)
		}}
	undo := &cobra.Command{Use: "undo [flags]", Short: "Take the last change of the " + o.single + " back, or those after a version", Args: cobra.NoArgs,
		Long:    "Bring an earlier version of the " + o.single + " back. That is a new change, which can be undone as well.",
		Example: "  postern " + o.use + " undo\n  postern " + o.use + " undo --to 3 --yes"}
	to := undo.Flags().Int64("to", 0, "the version that is to come back; the one before if left out")
	undo.Flags().Bool("yes", false, "do not ask")
	undo.RunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("to") && *to < 1 {
			return usage("--to must be a version, from 1 on; postern %s history shows them", o.use)
		}
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		version, err := o.now(c.Context(), client)
		if err != nil {
			return err
		}
		until := *to
		if until == 0 {
			until = version - 1
		}
		if err := confirm(c, fmt.Sprintf("Bring version %d of the %s back instead of version %d?", until, o.single, version)); err != nil {
			return err
		}
		changed, err := o.undo(client, c.Context(), version, *to)
		if err != nil {
			return renamed(err, func(name string) string { return "--" + name })
		}
		return o.print(c, how, changed)
	}
	return []*cobra.Command{history, undo}
}
