package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/client"
	"postern/internal/fault"
)

const maxLines = 10000

// logsFlags are the flags of logs.
type logsFlags struct {
	*settings
	follow bool
	lines  int
	output output
}

func logsCommand(s *settings) *cobra.Command {
	flags := &logsFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Print what the client that runs has logged",
		Long: `logs prints the newest lines of the log that the client keeps in memory, a thousand at most, with every flow that was refused and
why. With --log-level debug at postern-client up every flow is in it.`,
		Example: "  postern-client logs\n  postern-client logs -f -n 0",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return flags.run(cmd.Context()) },
	}
	cmd.Flags().BoolVarP(&flags.follow, "follow", "f", false, "go on with what is logged from now on")
	cmd.Flags().IntVarP(&flags.lines, "lines", "n", 50, "how many of the newest `lines`")
	flags.output.add(cmd)
	return cmd
}

func (l *logsFlags) run(ctx context.Context) error {
	if l.lines < 0 || l.lines > maxLines {
		return fault.Invalid("--lines", "must be from 0 to %d", maxLines)
	}
	if l.output.how == "yaml" && l.follow {
		return fault.Invalid("--output", "must be table or json to follow")
	}
	remote, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer remote.Close()
	records, err := remote.Logs(ctx, 0, max(l.lines, 1), 0) // the newest says where to go on
	if err != nil {
		return err
	}
	last := uint64(0)
	if len(records) > 0 {
		last = records[len(records)-1].Number
	}
	records = records[:min(len(records), l.lines)]
	if !l.follow {
		return l.output.print(l.std.out, records, func(*table) { printRecords(l.std.out, records) })
	}
	for {
		for _, r := range records {
			if err := l.one(r); err != nil {
				return err
			}
			last = max(last, r.Number)
		}
		if records, err = remote.Logs(ctx, last, maxLines, time.Minute); err != nil {
			if ctx.Err() != nil {
				return nil // told to stop
			}
			return err
		}
	}
}

func (l *logsFlags) one(r client.Record) error {
	if l.output.how == "json" {
		return json.NewEncoder(l.std.out).Encode(r)
	}
	printRecords(l.std.out, []client.Record{r})
	return nil
}

func printRecords(w io.Writer, records []client.Record) {
	for _, r := range records {
		line := fmt.Sprintf("%s %-5s %s", r.Time.Local().Format("2006-01-02 15:04:05.000"), r.Level, r.Message)
		for _, f := range r.Fields {
			line += fmt.Sprintf(" %s=%q", f.Name, f.Value)
		}
		fmt.Fprintln(w, strings.Map(printable, line)) // a terminal that is gone ends the command by itself
	}
}
