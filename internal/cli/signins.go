package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

func signInEntries() noun[api.SignIn] {
	return noun[api.SignIn]{
		use: "sign-ins", single: "sign-in",
		name: func(s api.SignIn) string { return s.ID },
		columns: []column[api.SignIn]{
			{"WHEN", func(v *view, s api.SignIn) string { return v.ago(s.Time) }},
			{"WHO", func(_ *view, s api.SignIn) string { return whoSigned(s) }},
			{"EVENT", func(_ *view, s api.SignIn) string { return s.Event }},
			{"APPLICATION", func(_ *view, s api.SignIn) string { return nameOr(s.ApplicationName, s.Application) }},
			{"RESULT", func(_ *view, s api.SignIn) string { return s.Result }},
			{"REASON", func(_ *view, s api.SignIn) string { return nameOr(s.Reason, s.Policy) }},
			{"METHODS", func(_ *view, s api.SignIn) string { return comma(s.Methods) }},
			{"FROM", func(_ *view, s api.SignIn) string { return s.Address }},
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.SignIn, error] {
			return c.SignIns.All
		},
	}
}

// whoSigned names the user, or the API key that nobody stands behind.
func whoSigned(s api.SignIn) string {
	if s.User == "" && s.Client != "" {
		return nameOr(s.Message, s.Client)
	}
	return nameOr(s.UserName, s.User)
}

// signInFlags are what the list of sign-ins can be narrowed down by.
type signInFlags struct {
	o                             api.SignInOptions
	user, application, since, end string
	limit                         int
	follow                        bool
}

func signIns() *cobra.Command {
	c := &cobra.Command{Use: "sign-ins", Aliases: []string{"signins"}, Short: "Who signed in or was turned away, where and why"}
	connectFlags(c)
	outputFlag(c)
	sub := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List sign-ins, hand-overs and denials, newest first", Args: cobra.NoArgs,
		Example: "  postern sign-ins list --user ada --since 24h\n  postern sign-ins list --result denied --application Wiki -o yaml\n  postern sign-ins list --follow -o json"}
	var f signInFlags
	flags := sub.Flags()
	flags.StringVar(&f.user, "user", "", "only what this user did")
	flags.StringVar(&f.application, "application", "", "only what concerns this application")
	flags.StringVar(&f.o.Event, "event", "", "only this event: "+strings.Join(words(access.SignInEvents()), ", "))
	flags.StringVar(&f.o.Result, "result", "", "only this result: "+strings.Join(words(access.SignInResults()), ", "))
	flags.StringVar(&f.o.Reason, "reason", "", "only this reason, such as wrong-password")
	flags.StringVar(&f.o.Address, "address", "", "only what came from this network address")
	flags.StringVar(&f.o.Request, "request", "", "only the request with this reference, as an error page shows it")
	flags.StringVar(&f.o.Search, "search", "", "only those whose user's name contains this, whatever its case")
	flags.StringVar(&f.since, "since", "", "only what happened since: a time, a day, or a duration back as in 24h or 7d")
	flags.StringVar(&f.end, "until", "", "only what happened until then")
	flags.IntVar(&f.limit, "limit", defaultEntries, "at most this many; 0 lists all")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what happens from now on, until interrupted")
	_ = sub.RegisterFlagCompletionFunc("user", refUser.completion()) // the flags exist
	_ = sub.RegisterFlagCompletionFunc("application", refApplication.completion())
	_ = sub.RegisterFlagCompletionFunc("event", fixed(words(access.SignInEvents())...))
	_ = sub.RegisterFlagCompletionFunc("result", fixed(words(access.SignInResults())...))
	sub.RunE = func(c *cobra.Command, _ []string) error { return f.list(c) }
	c.AddCommand(sub)
	return c
}

func (f *signInFlags) list(c *cobra.Command) error {
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
	n := signInEntries()
	f.o.Limit = api.MaxPage
	if f.limit > 0 {
		f.o.Limit = min(f.limit, api.MaxPage)
	}
	found, err := collect(n.all(client)(c.Context(), f.o.Options()), f.limit)
	if err != nil {
		return renamed(err, signInFlag)
	}
	if f.follow {
		return f.goOn(c, &feed{how: how, client: client, view: newView(c, client)}, found)
	}
	if how == "table" && len(found) == 0 {
		_, err := fmt.Fprintln(c.ErrOrStderr(), "No sign-ins.")
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

// signInFlag gives the flag of a parameter.
func signInFlag(name string) string {
	switch name {
	case "from":
		return "--since"
	case "to":
		return "--until"
	}
	return "--" + name
}

func (f *signInFlags) read(ctx context.Context, client *api.Client) (err error) {
	if f.user != "" {
		if f.o.User, err = reference(ctx, client, refUser, flagged{"--user", f.user}); err != nil {
			return err
		}
	}
	if f.application != "" {
		if f.o.Application, err = reference(ctx, client, refApplication, flagged{"--application", f.application}); err != nil {
			return err
		}
	}
	if f.o.From, err = sinceWhen("--since", f.since); err != nil {
		return err
	}
	f.o.To, err = sinceWhen("--until", f.end)
	return err
}

// How a log is followed. Entries are written in batches, so one may come after a younger one.
const (
	followEvery = time.Second
	followBack  = time.Minute
)

// feed prints entries as they come.
type feed struct {
	how    string
	client *api.Client
	view   *view
	seen   map[string]time.Time // what was printed, as far back as is asked again
	newest time.Time
}

// goOn prints what is there, the oldest first, and then what comes.
func (f *signInFlags) goOn(c *cobra.Command, to *feed, found []api.SignIn) error {
	to.seen, to.newest = map[string]time.Time{}, time.Now().Add(-followBack)
	if to.how == "table" {
		if _, err := fmt.Fprintln(c.OutOrStdout(), strings.Join([]string{"TIME", "WHO", "EVENT", "APPLICATION", "RESULT", "REASON", "FROM"}, "   ")); err != nil {
			return err
		}
	}
	slices.Reverse(found)
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		for _, s := range found {
			if err := to.print(c.OutOrStdout(), s); err != nil {
				return err
			}
		}
		select {
		case <-c.Context().Done():
			return nil
		case <-ticker.C:
		}
		o := f.o
		o.Oldest, o.Limit, o.From = true, api.MaxPage, to.newest.Add(-followBack)
		if o.From.Before(f.o.From) {
			o.From = f.o.From
		}
		var err error
		if found, err = collect(to.client.SignIns.All(c.Context(), o.Options()), 0); err != nil {
			if c.Context().Err() != nil {
				return nil
			}
			return err
		}
	}
}

func (to *feed) print(w io.Writer, s api.SignIn) error {
	if _, printed := to.seen[s.ID]; printed {
		return nil
	}
	to.seen[s.ID] = s.Time
	if s.Time.After(to.newest) {
		to.newest = s.Time
	}
	for id, at := range to.seen {
		if at.Before(to.newest.Add(-2 * followBack)) {
			delete(to.seen, id)
		}
	}
	switch to.how {
	case "json":
		line, err := json.Marshal(s)
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", line)
		}
		return err
	case "yaml":
		if _, err := fmt.Fprintln(w, "---"); err != nil {
			return err
		}
		return encode(w, "yaml", s)
	case "name":
		_, err := fmt.Fprintln(w, s.ID)
		return err
	}
	cells := []string{s.Time.Local().Format("2006-01-02 15:04:05"), whoSigned(s), s.Event, nameOr(s.ApplicationName, s.Application), s.Result,
		nameOr(s.Reason, s.Policy), s.Address}
	for i := range cells {
		cells[i] = cell(cells[i])
	}
	_, err := fmt.Fprintln(w, strings.Join(cells, "   "))
	return err
}
