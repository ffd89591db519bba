package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

// discovery shows what Quick Access carried, and makes applications of it.
func discovery() *cobra.Command {
	c := &cobra.Command{Use: "discovery", Short: "Destinations that Quick Access carried in the last 30 days, and applications made of them",
		Long: "Destinations that Quick Access carried in the last 30 days: how many users and devices used them, how much, and when.\n\n" +
			"What belongs together becomes a private application with assignments and policies of its own. Quick Access does not carry it any more then."}
	connectFlags(c)
	outputFlag(c)
	c.AddCommand(discoveryList(), discoveryAdd())
	return c
}

func discovered() noun[api.Discovered] {
	return noun[api.Discovered]{
		use: "discovery", single: "destination",
		name: func(d api.Discovered) string { return d.Destination },
		columns: []column[api.Discovered]{
			{"DESTINATION", func(_ *view, d api.Discovered) string { return d.Destination }},
			{"USERS", func(_ *view, d api.Discovered) string { return strconv.Itoa(d.Users) }},
			{"DEVICES", func(_ *view, d api.Discovered) string { return strconv.Itoa(d.Devices) }},
			{"FLOWS", func(_ *view, d api.Discovered) string { return strconv.FormatInt(d.Flows, 10) }},
			{"RECEIVED", func(_ *view, d api.Discovered) string { return strconv.FormatInt(d.Received, 10) }},
			{"SENT", func(_ *view, d api.Discovered) string { return strconv.FormatInt(d.Sent, 10) }},
			{"FIRST", func(v *view, d api.Discovered) string { return v.ago(d.First) }},
			{"LAST", func(v *view, d api.Discovered) string { return v.ago(d.Last) }},
			{"BELONGS TO", func(_ *view, d api.Discovered) string {
				return nameOr(nameOr(d.ApplicationName, d.Application), "nobody")
			}},
		},
	}
}

func discoveryList() *cobra.Command {
	c := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List destinations, those that were used last first", Args: cobra.NoArgs,
		Example: "  postern discovery list --owned=false --sort -users\n  postern discovery list --search .corp.example --protocol tcp -o name"}
	var o api.DiscoveryOptions
	c.Flags().StringVar(&o.Search, "search", "", "only those whose name or address contains this")
	c.Flags().StringVar(&o.Protocol, "protocol", "", "only those of this protocol: tcp, udp")
	c.Flags().StringVar(&o.Sort, "sort", "", "the order: last, first, users, devices, flows, bytes or name, with - in front the other way round; default -last")
	owned := c.Flags().Bool("owned", false, "only those that another application has by now (or, with =false, that none has)")
	limit := c.Flags().Int("limit", 0, "at most this many; 0 lists all")
	completeFlag(c, "protocol", fixed("tcp", "udp"))
	completeFlag(c, "sort", fixed("-last", "-users", "-devices", "-flows", "-bytes", "first", "name"))
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *limit < 0 {
			return usage("--limit must not be negative")
		}
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		if c.Flags().Changed("owned") {
			o.Owned = strconv.FormatBool(*owned)
		}
		o.Limit = min(*limit, api.MaxPage)
		if *limit == 0 {
			o.Limit = api.MaxPage
		}
		found := []api.Discovered{}
		for d, err := range client.AllDiscovered(c.Context(), o) {
			if err != nil {
				return renamed(err, func(name string) string { return "--" + name })
			}
			if found = append(found, d); len(found) == *limit {
				break
			}
		}
		if how == "table" && len(found) == 0 {
			_, err := fmt.Fprintln(c.ErrOrStderr(), "Quick Access carried nothing such in the last 30 days.")
			return err
		}
		return discovered().printList(c, how, newView(c, client), found)
	}
	return c
}

func discoveryAdd() *cobra.Command {
	c := &cobra.Command{Use: "add DESTINATION…", Short: "Make a private application of destinations, or add them to one", Args: cobra.MinimumNArgs(1),
		Long: "Make a private application of destinations as postern discovery list shows them, or add them to the one that there is of this name.\n\n" +
			"It first says whose destinations become whose and who loses access by that, and asks. Whoever is to use a new application is assigned to it then.",
		Example: "  postern discovery add db.corp.example:5432/tcp --application Databases\n  postern discovery list --search db --owned=false -o name | xargs postern discovery add --application Databases --yes"}
	name := c.Flags().String("application", "", "private application, by name or id; it is made if there is none")
	c.Flags().Bool("yes", false, "do not ask")
	completeFlag(c, "application", refApplication.completion())
	c.RunE = func(c *cobra.Command, args []string) error {
		if *name == "" {
			return usage("--application is required: the name of a private application, new or not")
		}
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		app, err := addDiscovered(c, client, *name, args)
		if err != nil {
			return err
		}
		return applications().print(c, how, client, app)
	}
	return c
}

func addDiscovered(c *cobra.Command, client *api.Client, name string, destinations []string) (app api.Application, err error) {
	app, there, err := privateNamed(c.Context(), client, name)
	if err != nil {
		return app, err
	}
	for _, d := range destinations {
		s, err := access.ParseSegment(d)
		if err != nil {
			return app, usage("DESTINATION %s", strings.TrimPrefix(err.Error(), "the input is invalid: "))
		}
		if !slices.Contains(app.Segments, api.Segment(s)) {
			app.Segments = append(app.Segments, api.Segment(s))
		}
	}
	preview, err := client.PreviewSegments(c.Context(), api.SegmentTrial{Application: app.ID, Name: app.Name, Kind: app.Kind, Segments: app.Segments})
	if err != nil {
		return app, err
	}
	if yes, _ := c.Flags().GetBool("yes"); !yes { // it is defined
		if err := printPreview(c, preview); err != nil {
			return app, err
		}
	}
	question := fmt.Sprintf("Add %d destinations to %q?", len(destinations), app.Name)
	if !there {
		question = fmt.Sprintf("Make the private application %q of %d destinations? Nobody may use it until it is assigned.", app.Name, len(destinations))
	}
	if err := confirm(c, question); err != nil {
		return app, err
	}
	if there {
		return client.Applications.Update(c.Context(), app.ID, app.Version, api.Patch{"segments": app.Segments})
	}
	return client.Applications.Create(c.Context(), api.ApplicationInput{Name: app.Name, Kind: app.Kind, Segments: app.Segments})
}

// privateNamed finds a private application, or gives the beginning of one.
func privateNamed(ctx context.Context, client *api.Client, name string) (app api.Application, there bool, err error) {
	for a, err := range client.Applications.All(ctx, api.ListOptions{Search: name}) {
		if err != nil {
			return app, false, err
		}
		if strings.EqualFold(a.Name, name) {
			app, there = a, true
		}
	}
	if !there && access.ID(name).Valid(access.PrefixApplication) {
		app, err = client.Applications.Show(ctx, name)
		there = err == nil
	}
	switch {
	case err != nil:
		return app, false, err
	case there && app.Kind != string(access.KindPrivate):
		return app, false, usage("--application: %q is not a private application, but %s", app.Name, app.Kind)
	case !there:
		app.Name, app.Kind = name, string(access.KindPrivate)
	}
	return app, there, nil
}
