package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

// seriesLook reads the series of what an argument names, or of the whole service.
type seriesLook func(ctx context.Context, client *api.Client, args []string, q api.SeriesQuestion) (api.Series, error)

// seriesOf says whose series a command shows.
type seriesOf struct {
	short, example string
	named          bool // an argument names what
	own            bool // it is of connectors, which measure themselves
	look           seriesLook
}

// command makes the command that shows what was measured over time.
func (o seriesOf) command() *cobra.Command {
	use, short, args := "series", o.short, cobra.NoArgs
	if o.named {
		use, args = "series NAME", cobra.ExactArgs(1)
	}
	c := &cobra.Command{Use: use, Short: short, Args: args, Example: o.example,
		Long: short + ".\n\nA line is a step of time. Requests, errors and times are what the gateways counted; the rest is what connectors measured of themselves. " +
			"Of a time of which nobody knows there is no line. The last day is kept by the minute, the last week by ten minutes."}
	since := c.Flags().String("since", "1h", "since when: a time, a day, or a duration back as in 24h or 7d")
	until := c.Flags().String("until", "", "until when; default: now")
	step := c.Flags().Duration("step", 0, "how long a step is, a multiple of 1m, or of 10m for what is older than a day; default: what makes at most 180 steps")
	c.RunE = func(c *cobra.Command, args []string) error {
		q := api.SeriesQuestion{Step: *step}
		var err error
		if q.From, err = sinceWhen("--since", *since); err != nil {
			return err
		}
		if q.To, err = sinceWhen("--until", *until); err != nil {
			return err
		}
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		s, err := o.look(c.Context(), client, args, q)
		if err != nil {
			return renamed(err, seriesFlag)
		}
		if how == "json" || how == "yaml" {
			return encode(c.OutOrStdout(), how, s)
		}
		return printSeries(c, s, o.own)
	}
	return c
}

// seriesFlag gives the flag of a parameter.
func seriesFlag(name string) string {
	switch name {
	case "from":
		return "--since"
	case "to":
		return "--until"
	}
	return "--" + name
}

// ofNoun finds what the argument names and reads its series.
func ofNoun[T any](find func(context.Context, *api.Client, string) (T, error), id func(T) string,
	read func(*api.Client) func(context.Context, string, api.SeriesQuestion) (api.Series, error)) seriesLook {
	return func(ctx context.Context, client *api.Client, args []string, q api.SeriesQuestion) (api.Series, error) {
		found, err := find(ctx, client, args[0])
		if err != nil {
			return api.Series{}, err
		}
		return read(client)(ctx, id(found), q)
	}
}

func connectorSeries() *cobra.Command {
	return seriesOf{short: "Show what was measured of a connector over time", named: true, own: true,
		example: "  postern connectors series hq-1\n  postern connectors series hq-1 --since 7d\n  postern connectors series hq-1 --since 24h --step 10m -o json",
		look: ofNoun(func(ctx context.Context, c *api.Client, name string) (api.Connector, error) {
			return connectors().find(ctx, c, name)
		},
			func(k api.Connector) string { return k.ID },
			func(c *api.Client) func(context.Context, string, api.SeriesQuestion) (api.Series, error) {
				return c.Connectors.Series
			})}.command()
}

func groupSeries() *cobra.Command {
	return seriesOf{short: "Show what was measured over time of all connectors that are in a group now", named: true, own: true,
		example: "  postern connector-groups series Headquarters --since 24h",
		look: ofNoun(func(ctx context.Context, c *api.Client, name string) (api.ConnectorGroup, error) {
			return connectorGroups().find(ctx, c, name)
		},
			func(g api.ConnectorGroup) string { return g.ID },
			func(c *api.Client) func(context.Context, string, api.SeriesQuestion) (api.Series, error) {
				return c.ConnectorGroups.Series
			})}.command()
}

func applicationSeries() *cobra.Command {
	return seriesOf{short: "Show what was counted of an application over time", named: true, own: false,
		example: "  postern applications series Wiki --since 24h",
		look: ofNoun(func(ctx context.Context, c *api.Client, name string) (api.Application, error) {
			return applications().find(ctx, c, name)
		},
			func(a api.Application) string { return a.ID },
			func(c *api.Client) func(context.Context, string, api.SeriesQuestion) (api.Series, error) {
				return c.Applications.Series
			})}.command()
}

func serviceSeries() *cobra.Command {
	c := seriesOf{short: "Show what was counted of the whole service over time: requests, errors, times, active users",
		example: "  postern series\n  postern series --since 7d -o json",
		look: func(ctx context.Context, client *api.Client, _ []string, q api.SeriesQuestion) (api.Series, error) {
			return client.Series(ctx, q)
		}}.command()
	connectFlags(c)
	outputFlag(c)
	return c
}

// printSeries prints a line for each step. own: of connectors, which measure themselves.
func printSeries(c *cobra.Command, s api.Series, own bool) error {
	if len(s.Points) == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "Nothing is known of this time.")
		return nil
	}
	header := []string{"FROM", "REQUESTS", "ERRORS", "P50", "P95", "RECEIVED", "SENT", "UNDER WAY"}
	if own {
		header = append(header, "STREAMS", "TUNNELS", "CPU", "MEMORY", "HEAD-ROOM")
	} else if s.Points[0].Requests != nil && s.Points[0].Requests.Users != nil {
		header = append(header, "USERS")
	}
	var rows [][]string
	layout, next := time.TimeOnly[:5], time.Time{}
	if s.To.Sub(s.From) > 20*time.Hour {
		layout = "2006-01-02 15:04"
	}
	for _, p := range s.Points {
		if !next.IsZero() && p.Time.After(next) {
			rows = append(rows, slices.Repeat([]string{"…"}, len(header))) // a gap
		}
		next = p.Time.Add(time.Duration(s.Step) * time.Second)
		row := append([]string{p.Time.Local().Format(layout)}, requestCells(p.Requests)...)
		if own {
			row = append(row, measuredCells(p.Connector)...)
		} else if p.Requests != nil && p.Requests.Users != nil {
			row = append(row, fmt.Sprint(*p.Requests.Users))
		}
		rows = append(rows, row)
	}
	if err := table(c.OutOrStdout(), header, rows); err != nil {
		return err
	}
	return printCurve(c.OutOrStdout(), s)
}

func requestCells(r *api.SeriesRequests) []string {
	if r == nil {
		return []string{"-", "-", "-", "-", "-", "-", "-"}
	}
	p50, p95 := "-", "-"
	if r.FirstByte != nil {
		p50, p95 = timeText(r.FirstByte.P50), timeText(r.FirstByte.P95)
	}
	return []string{fmt.Sprint(r.Count), fmt.Sprint(r.Errors), p50, p95, bytesText(r.Received), bytesText(r.Sent), fmt.Sprint(r.UnderWay)}
}

func measuredCells(k *api.SeriesConnector) []string {
	if k == nil {
		return []string{"-", "-", "-", "-", "-"}
	}
	room := "-"
	if k.HeadRoom != nil {
		room = headRoomText(&api.HeadRoom{Left: *k.HeadRoom, Narrowest: cell(k.Narrowest)})
	}
	return []string{fmt.Sprint(k.Streams), fmt.Sprint(k.Tunnels), fmt.Sprintf("%.2f", k.CPU), bytesText(k.Memory), room}
}

// timeText prints milliseconds, no finer than they are known.
func timeText(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%.1f s", ms/1000)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// bytesText prints bytes in the unit that fits.
func bytesText(n uint64) string {
	size, unit := float64(n), "B"
	for _, larger := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if size < 1024 {
			break
		}
		size, unit = size/1024, larger
	}
	if unit == "B" || size >= 100 {
		return fmt.Sprintf("%.0f %s", size, unit)
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}

// printCurve draws the requests of each step as a bar; what is not known is a space.
func printCurve(w io.Writer, s api.Series) error {
	const bars = "▁▂▃▄▅▆▇█"
	most, requests, errors := uint64(0), uint64(0), uint64(0)
	for _, p := range s.Points {
		if p.Requests != nil {
			most, requests, errors = max(most, p.Requests.Count), requests+p.Requests.Count, errors+p.Requests.Errors
		}
	}
	var curve strings.Builder
	at := s.From
	for _, p := range s.Points {
		for at.Before(p.Time) && curve.Len() < 8<<10 {
			curve.WriteByte(' ')
			at = at.Add(time.Duration(max(1, s.Step)) * time.Second)
		}
		bar := []rune(bars)[0]
		if p.Requests == nil {
			bar = ' '
		} else if most > 0 {
			bar = []rune(bars)[int(p.Requests.Count*7/most)]
		}
		curve.WriteRune(bar)
		at = at.Add(time.Duration(s.Step) * time.Second)
	}
	_, err := fmt.Fprintf(w, "\n%s\n%d requests, %d errors; at most %d in a step of %s.\n", strings.TrimRight(curve.String(), " "), requests, errors, most,
		shortSpan(time.Duration(s.Step)*time.Second))
	return err
}

// shortSpan prints a duration as it is written in flags: 10m and not 10m0s.
func shortSpan(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
