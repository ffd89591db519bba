package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
)

func trafficEntries() noun[api.Traffic] {
	return noun[api.Traffic]{
		use: "traffic", single: "traffic record",
		name: func(t api.Traffic) string { return t.ID },
		columns: []column[api.Traffic]{
			{"WHEN", func(v *view, t api.Traffic) string { return v.ago(t.Time) }},
			{"WHO", func(_ *view, t api.Traffic) string { return whoAsked(t) }},
			{"FROM", func(_ *view, t api.Traffic) string { return t.Client }},
			{"REQUEST", func(_ *view, t api.Traffic) string { return asked(t) }},
			{"STATUS", func(_ *view, t api.Traffic) string { return statusText(t) }},
			{"OUTCOME", func(_ *view, t api.Traffic) string { return outcomeText(t) }},
			{"CONNECTOR", func(_ *view, t api.Traffic) string { return nameOr(t.ConnectorName, t.Connector) }},
			{"TOOK", func(_ *view, t api.Traffic) string { return took(t) }},
			{"REFERENCE", func(_ *view, t api.Traffic) string { return t.Request }},
		},
	}
}

// trafficFlags are what the traffic log can be narrowed down by.
type trafficFlags struct {
	o                                                        api.TrafficOptions
	user, application, connector, policy, device, since, end string
	limit                                                    int
	follow                                                   bool
}

func traffic() *cobra.Command {
	c := &cobra.Command{Use: "traffic", Short: "Requests to applications: who, from where, what became of them"}
	connectFlags(c)
	outputFlag(c)
	c.AddCommand(trafficList(), trafficShow(), trafficExport())
	return c
}

func (f *trafficFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.user, "user", "", "only those of this user")
	flags.StringVar(&f.application, "application", "", "only those to this application")
	flags.StringVar(&f.connector, "connector", "", "only those that this connector carried")
	flags.StringVar(&f.device, "device", "", "only those from this device")
	flags.StringVar(&f.o.Gateway, "gateway", "", "only the log of this gateway, by its id or address")
	flags.StringVar(&f.o.Client, "client", "", "only those from this network address or network, as in 203.0.113.0/24")
	flags.StringVar(&f.o.Host, "host", "", "only those to this host")
	flags.StringVar(&f.o.Path, "path", "", "only those whose path begins with this")
	flags.StringVar(&f.o.Method, "method", "", "only those with this method")
	flags.StringVar(&f.o.Status, "status", "", "only those with this status: 404, or 4xx for all of its class")
	flags.StringVar(&f.o.Outcome, "outcome", "", "only those of this outcome: "+strings.Join(trafficOutcomes, ", "))
	flags.StringVar(&f.o.Action, "action", "", "only what was allowed, or denied: allow, deny")
	flags.StringVar(&f.o.Reason, "reason", "", "only those with this reason, such as not-assigned")
	flags.StringVar(&f.o.Hop, "hop", "", "only those that failed at this hop: you, service, gateway, connector, backend")
	flags.StringVar(&f.o.Request, "request", "", "only the request with this reference, as an error page shows it")
	flags.StringVar(&f.policy, "policy", "", "only those that did not meet this policy, enforced or not")
	flags.DurationVar(&f.o.MinDuration, "min-duration", 0, "only those that took at least so long, such as 2s")
	flags.StringVar(&f.since, "since", "", "only requests that came since: a time, a day, or a duration back as in 24h or 7d")
	flags.StringVar(&f.end, "until", "", "only requests that came until then")
	completeFlag(c, "user", refUser.completion())
	completeFlag(c, "application", refApplication.completion())
	completeFlag(c, "policy", anew(policies().complete))
	completeFlag(c, "device", refDevice.completion())
	completeFlag(c, "outcome", fixed(trafficOutcomes...))
	completeFlag(c, "action", fixed("allow", "deny"))
	completeFlag(c, "hop", fixed("you", "service", "gateway", "connector", "backend"))
}

var trafficOutcomes = []string{"forwarded", "refused", "failed", "served", "unrecorded"}

// read resolves names. An id is taken as it is: of a user who is no more there is nothing else.
func (f *trafficFlags) read(ctx context.Context, client *api.Client) (err error) {
	for _, r := range []struct {
		flag, prefix, given string
		into                *string
		find                func() (string, error)
	}{
		{"--user", access.PrefixUser, f.user, &f.o.User, func() (string, error) { return idOf(ctx, client, users(), f.user) }},
		{"--application", access.PrefixApplication, f.application, &f.o.Application, func() (string, error) { return idOf(ctx, client, applications(), f.application) }},
		{"--connector", access.PrefixConnector, f.connector, &f.o.Connector, func() (string, error) { return idOf(ctx, client, connectors(), f.connector) }},
		{"--device", access.PrefixDevice, f.device, &f.o.Device, func() (string, error) { return idOf(ctx, client, devices(), f.device) }},
		{"--policy", access.PrefixPolicy, f.policy, &f.o.Policy, func() (string, error) { return idOf(ctx, client, policies(), f.policy) }},
	} {
		if r.given == "" || access.ID(r.given).Valid(r.prefix) {
			*r.into = r.given
			continue
		}
		if *r.into, err = r.find(); fault.Is(err, fault.KindForbidden) {
			return usage("%s: you may not look up names; give an id as %s list -o json shows it", r.flag, "postern traffic")
		} else if err != nil {
			return fmt.Errorf("%s: %w", r.flag, err)
		}
	}
	if f.o.From, err = sinceWhen("--since", f.since); err != nil {
		return err
	}
	f.o.To, err = sinceWhen("--until", f.end)
	return err
}

// trafficFlag gives the flag of a parameter.
func trafficFlag(name string) string {
	switch name {
	case "from":
		return "--since"
	case "to":
		return "--until"
	case "minDuration":
		return "--min-duration"
	}
	return "--" + name
}

func trafficList() *cobra.Command {
	c := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List requests, newest first, of all gateways", Args: cobra.NoArgs,
		Example: "  postern traffic list --application Wiki --since 1h\n  postern traffic list --status 5xx --min-duration 2s -o yaml\n  postern traffic list --user ada --follow"}
	var f trafficFlags
	f.add(c)
	c.Flags().IntVar(&f.limit, "limit", defaultEntries, "at most this many; 0 lists all")
	c.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on with what happens from now on, until interrupted")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.list(c) }
	return c
}

func (f *trafficFlags) list(c *cobra.Command) error {
	if f.limit < 0 {
		return usage("--limit must not be negative")
	}
	if f.follow && f.end != "" {
		return usage("--until cannot be combined with --follow, which has no end")
	}
	how, client, err := begin(c)
	if err != nil {
		return err
	}
	if err := f.read(c.Context(), client); err != nil {
		return err
	}
	if f.follow {
		return f.goOn(c, how, client)
	}
	found := []api.Traffic{}
	f.o.Limit = api.MaxPage
	if f.limit > 0 {
		f.o.Limit = min(f.limit, api.MaxPage)
	}
	var incomplete []api.TrafficIncomplete
	for page, err := range client.Traffic.Pages(c.Context(), f.o) {
		if err != nil {
			return renamed(err, trafficFlag)
		}
		found = append(found, page.Items...)
		incomplete = page.Incomplete
		if f.limit > 0 && len(found) >= f.limit {
			found = found[:f.limit]
			break
		}
	}
	warnIncomplete(c.ErrOrStderr(), incomplete)
	n := trafficEntries()
	if how == "table" && len(found) == 0 {
		_, err := fmt.Fprintln(c.ErrOrStderr(), "No requests.")
		return err
	}
	if err := n.printList(c, how, newView(c, client), found); err != nil {
		return err
	}
	if how == "table" && !c.Flags().Changed("limit") && len(found) == defaultEntries {
		fmt.Fprintf(c.ErrOrStderr(), "These are the newest %d; --limit shows more.\n", defaultEntries)
	}
	return nil
}

// warnIncomplete says whose records are missing.
func warnIncomplete(w io.Writer, list []api.TrafficIncomplete) {
	for _, i := range list {
		fmt.Fprintf(w, "Incomplete: gateway %s at %s. %s\n", cell(i.Gateway), cell(i.Address), clean(i.Why))
	}
}

func trafficShow() *cobra.Command {
	return &cobra.Command{Use: "show REFERENCE", Aliases: []string{"get"}, Short: "Show the request with this reference, as an error page shows it", Args: cobra.ExactArgs(1),
		Example: "  postern traffic show 4wz7c2qk5n3m6a2t",
		RunE: func(c *cobra.Command, args []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			for page, err := range client.Traffic.Pages(c.Context(), api.TrafficOptions{Request: args[0], Limit: 1}) {
				if err != nil {
					return renamed(err, func(string) string { return "REFERENCE" })
				}
				if len(page.Items) > 0 {
					n := trafficEntries()
					return n.print(c, how, client, page.Items[0])
				}
				if page.Next == "" {
					warnIncomplete(c.ErrOrStderr(), page.Incomplete)
				}
			}
			return fault.NotFound("no request with the reference %q is in the traffic log", args[0])
		}}
}

// goOn prints the newest, the oldest first, and then what comes.
func (f *trafficFlags) goOn(c *cobra.Command, how string, client *api.Client) error {
	to := &trafficFeed{how: how, w: c.OutOrStdout(), seen: map[string]time.Time{}}
	if how == "table" {
		if _, err := fmt.Fprintln(to.w, strings.Join([]string{"TIME", "WHO", "FROM", "REQUEST", "STATUS", "OUTCOME", "TOOK"}, "   ")); err != nil {
			return err
		}
	}
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	f.o.Limit = api.MaxPage
	if f.limit > 0 {
		f.o.Limit = min(f.limit, api.MaxPage)
	}
	for first := true; ; first = false {
		fresh, err := f.fresh(c, client, to, first)
		if err != nil {
			if c.Context().Err() != nil {
				return nil
			}
			return renamed(err, trafficFlag)
		}
		for _, t := range slices.Backward(fresh) {
			if err := to.print(t); err != nil {
				return err
			}
		}
		to.forget()
		f.o.Limit = api.MaxPage
		select {
		case <-c.Context().Done():
			return nil
		case <-ticker.C:
		}
	}
}

// fresh gives what was not printed yet, the newest first: at first one page, then all that ended as far back as a gateway may be late.
func (f *trafficFlags) fresh(c *cobra.Command, client *api.Client, to *trafficFeed, first bool) (list []api.Traffic, err error) {
	for page, err := range client.Traffic.Pages(c.Context(), f.o) {
		if err != nil {
			return nil, err
		}
		past := false
		for _, t := range page.Items {
			if past = ended(t).Before(to.floor); past {
				break
			}
			if _, printed := to.seen[t.ID]; !printed {
				list = append(list, t)
			}
		}
		if first && (len(list) > 0 || page.Next == "") {
			warnIncomplete(c.ErrOrStderr(), page.Incomplete)
			to.floor = time.Now().Add(-followBack)
			if len(list) > 0 {
				to.floor = ended(list[len(list)-1])
			}
			return list, nil
		}
		if past {
			break
		}
	}
	return list, nil
}

func ended(t api.Traffic) time.Time {
	return t.Time.Add(time.Duration(t.Duration * float64(time.Millisecond)))
}

// trafficFeed prints records as they come.
type trafficFeed struct {
	how   string
	w     io.Writer
	seen  map[string]time.Time // what was printed, and when it ended
	floor time.Time            // what ended before is not looked at any more
}

// forget moves the floor up, and forgets what is below it.
func (to *trafficFeed) forget() {
	now := time.Now()
	for _, at := range to.seen {
		if at.After(now) {
			at = now // a gateway's clock may be ahead
		}
		if back := at.Add(-followBack); back.After(to.floor) {
			to.floor = back
		}
	}
	maps.DeleteFunc(to.seen, func(_ string, at time.Time) bool { return at.Before(to.floor) })
}

func (to *trafficFeed) print(t api.Traffic) error {
	to.seen[t.ID] = ended(t)
	switch to.how {
	case "json":
		line, err := json.Marshal(t)
		if err == nil {
			_, err = fmt.Fprintf(to.w, "%s\n", line)
		}
		return err
	case "yaml":
		if _, err := fmt.Fprintln(to.w, "---"); err != nil {
			return err
		}
		return encode(to.w, "yaml", t)
	case "name":
		_, err := fmt.Fprintln(to.w, t.ID)
		return err
	}
	cells := []string{t.Time.Local().Format("2006-01-02 15:04:05"), nameOr(t.UserName, t.User), t.Client, asked(t), statusText(t), outcomeText(t), took(t)}
	for i := range cells {
		cells[i] = cell(cells[i])
	}
	_, err := fmt.Fprintln(to.w, strings.Join(cells, "   "))
	return err
}

// trafficColumns are those of the CSV, by the names of the API.
var trafficColumns = []struct {
	name  string
	value func(api.Traffic) string
}{
	{"time", func(t api.Traffic) string { return t.Time.UTC().Format(time.RFC3339Nano) }},
	{"duration", func(t api.Traffic) string { return strconv.FormatFloat(t.Duration, 'f', -1, 64) }},
	{"request", func(t api.Traffic) string { return t.Request }},
	{"count", func(t api.Traffic) string { return strconv.Itoa(t.Count) }},
	{"outcome", func(t api.Traffic) string { return t.Outcome }},
	{"action", func(t api.Traffic) string { return t.Action }},
	{"reason", func(t api.Traffic) string { return t.Reason }},
	{"hop", func(t api.Traffic) string { return t.Hop }},
	{"user", func(t api.Traffic) string { return t.User }},
	{"userName", func(t api.Traffic) string { return t.UserName }},
	{"application", func(t api.Traffic) string { return t.Application }},
	{"applicationName", func(t api.Traffic) string { return t.ApplicationName }},
	{"destination", func(t api.Traffic) string { return t.Destination }},
	{"connector", func(t api.Traffic) string { return t.Connector }},
	{"connectorName", func(t api.Traffic) string { return t.ConnectorName }},
	{"gateway", func(t api.Traffic) string { return t.Gateway }},
	{"device", func(t api.Traffic) string { return t.Device }},
	{"deviceName", func(t api.Traffic) string { return t.DeviceName }},
	{"process", func(t api.Traffic) string { return t.Process }},
	{"segment", func(t api.Traffic) string { return t.Segment }},
	{"client", func(t api.Traffic) string { return t.Client }},
	{"userAgent", func(t api.Traffic) string { return t.UserAgent }},
	{"protocol", func(t api.Traffic) string { return t.Protocol }},
	{"method", func(t api.Traffic) string { return t.Method }},
	{"host", func(t api.Traffic) string { return t.Host }},
	{"path", func(t api.Traffic) string { return t.Path }},
	{"status", func(t api.Traffic) string { return statusText(t) }},
	{"received", func(t api.Traffic) string { return strconv.FormatInt(t.Received, 10) }},
	{"sent", func(t api.Traffic) string { return strconv.FormatInt(t.Sent, 10) }},
	{"firstByte", func(t api.Traffic) string { return strconv.FormatFloat(t.FirstByte, 'f', -1, 64) }},
	{"complete", func(t api.Traffic) string { return strconv.FormatBool(t.Complete) }},
}

func trafficExport() *cobra.Command {
	c := &cobra.Command{Use: "export", Short: "Print requests as JSON lines or CSV, newest first, as they are found", Args: cobra.NoArgs,
		Long:    "Print requests as JSON lines or CSV, newest first, as they are found: any number takes no memory.\n\nThe exit code is 3 if records of a gateway are missing. What keeps logs for longer is an export: postern exports create.",
		Example: "  postern traffic export --since 7d > traffic.jsonl\n  postern traffic export --format csv --application Wiki --since 24h > wiki.csv"}
	var f trafficFlags
	f.add(c)
	format := c.Flags().String("format", "json", "json (a line for each) or csv")
	completeFlag(c, "format", fixed("json", "csv"))
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *format != "json" && *format != "csv" {
			return usage("--format must be json or csv")
		}
		_, client, err := begin(c)
		if err != nil {
			return err
		}
		if err := f.read(c.Context(), client); err != nil {
			return err
		}
		return f.export(c, client, *format)
	}
	return c
}

func (f *trafficFlags) export(c *cobra.Command, client *api.Client, format string) error {
	out := bufio.NewWriter(c.OutOrStdout())
	lines, table := json.NewEncoder(out), csv.NewWriter(out)
	if format == "csv" {
		var names []string
		for _, column := range trafficColumns {
			names = append(names, column.name)
		}
		if err := table.Write(names); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	f.o.Limit = api.MaxPage
	var incomplete []api.TrafficIncomplete
	for page, err := range client.Traffic.Pages(c.Context(), f.o) {
		if err != nil {
			return errors.Join(renamed(err, trafficFlag), out.Flush())
		}
		incomplete = page.Incomplete
		for _, t := range page.Items {
			if format == "csv" {
				err = table.Write(trafficRow(t))
			} else {
				err = lines.Encode(t)
			}
			if err != nil {
				return fmt.Errorf("print: %w", err)
			}
		}
	}
	table.Flush()
	warnIncomplete(c.ErrOrStderr(), incomplete)
	if err := errors.Join(table.Error(), out.Flush()); err != nil || len(incomplete) == 0 {
		return err
	}
	return ErrFound
}

// trafficRow gives the cells of a record. What a spreadsheet would take for a formula, and others have chosen, is made a text.
func trafficRow(t api.Traffic) []string {
	row := make([]string, len(trafficColumns))
	for i, column := range trafficColumns {
		row[i] = column.value(t)
		if row[i] != "" && strings.ContainsRune("=+-@\t\r", rune(row[i][0])) {
			row[i] = "'" + row[i]
		}
	}
	return row
}
