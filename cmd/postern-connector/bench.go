package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/connector"
	"postern/internal/fault"
)

// benchFlags are the flags of bench.
type benchFlags struct {
	*settings
	output  string
	each    time.Duration
	streams []int
	sure    bool
}

func benchCommand(s *settings) *cobra.Command {
	flags := &benchFlags{settings: s}
	standard := connector.Standard()
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what this machine can carry, through a real gateway",
		Long: `bench has a gateway open streams over the tunnels of the connector that runs here, each of which carries one transaction after
the other to a backend in the connector's own process, and prints how many there were a second: transactions of 1 KiB and of 100 KiB,
with more and more streams at once.

It loads the gateway and this machine as far as they go, for less than half a minute. An administrator must have allowed it:
postern connectors update NAME --bench 15m. Say --yes when nobody is disturbed by it.`,
		Example: `  postern-connector bench --yes
  postern-connector bench --yes --each 5s --streams 64 --streams 256 -o json`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	f := cmd.Flags()
	f.BoolVar(&flags.sure, "yes", false, "load the gateway now")
	f.DurationVar(&flags.each, "each", standard.Time, "`time` of each measurement, at most 10s")
	f.IntSliceVar(&flags.streams, "streams", standard.Streams, "how many streams at once; may be given several times")
	f.StringVarP(&flags.output, "output", "o", "table", "table, json or yaml")
	return cmd
}

func (b *benchFlags) run(cmd *cobra.Command) error {
	if err := b.stateRequired(); err != nil {
		return err
	}
	var p fault.Problems
	if b.output != "table" && b.output != "json" && b.output != "yaml" {
		p.Add("--output", "must be table, json or yaml")
	}
	if b.each < 100*time.Millisecond || b.each > 10*time.Second {
		p.Add("--each", "must be from 100ms to 10s")
	}
	if len(b.streams) == 0 || len(b.streams) > 4 {
		p.Add("--streams", "must be one to four numbers")
	}
	for _, n := range b.streams {
		if n < 1 || n > 512 {
			p.Add("--streams", "must be from 1 to 512")
		}
	}
	if !b.sure {
		p.Add("--yes", "is required: the gateway and this machine are loaded as far as they go, which people notice who use them now")
	}
	if err := p.Err(); err != nil {
		return err
	}
	plan := connector.Standard()
	plan.Time, plan.Streams = b.each, b.streams
	found, err := connector.ReadCapacity(cmd.Context(), b.state, plan)
	if errors.Is(err, connector.ErrNotRunning) {
		return fmt.Errorf("%w (state directory %s): it is its tunnel that is measured", err, b.state)
	}
	if err != nil {
		return err
	}
	if b.output != "table" {
		return encode(cmd.OutOrStdout(), found, b.output)
	}
	return printCapacity(cmd.OutOrStdout(), found)
}

func printCapacity(out io.Writer, c connector.Capacity) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d cores, %s, %s/%s, through gateway %s\n\n", c.Cores, memory(c.Memory), c.OS, c.Arch, c.Gateway)
	fmt.Fprintln(w, "REPLY\tSTREAMS\tTRANSACTIONS/S\tP50\tP99\tCORES USED\tFAILED")
	for _, r := range c.Rows {
		fmt.Fprintf(w, "%d KiB\t%d\t%.0f\t%s\t%s\t%.2f\t%d\n", r.Size>>10, r.Streams, r.Rate, rounded(r.P50), rounded(r.P99), r.CPU, r.Failed)
	}
	fmt.Fprintln(w, "\nMACHINE\tREPLY\tCORES\tMEMORY\tP99\tMAX TRANSACTIONS/S")
	for _, m := range c.Most {
		fmt.Fprintf(w, "this one\t%d KiB\t%d\t%s\t%s\t%.0f\n", m.Size>>10, c.Cores, memory(c.Memory), rounded(m.P99), m.Rate)
	}
	for _, known := range reference() {
		fmt.Fprintf(w, "Entra connector\tnot stated\t%d\t%d GiB\t%s\t%d\n", known.cores, known.memory, known.p99, known.rate)
	}
	fmt.Fprintln(w, "\nWhat the gateway, the network and this machine carry together. Where they share a machine, as in a trial, the connector alone carries more.")
	return w.Flush()
}

// known is a row of the table that Microsoft publishes for the connector of Entra application proxy.
type known struct {
	cores, memory int
	p99           time.Duration
	rate          int
}

func reference() []known {
	return []known{{2, 8, 325 * time.Millisecond, 586}, {4, 16, 320 * time.Millisecond, 1150}, {8, 32, 270 * time.Millisecond, 1190}, {16, 64, 245 * time.Millisecond, 1200}}
}

func memory(bytes uint64) string {
	if bytes == 0 {
		return "memory unknown"
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
}

func rounded(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
