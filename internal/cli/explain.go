package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

// explain tells whether a user may use an application, and what is in the way.
func explain() *cobra.Command {
	c := &cobra.Command{Use: "explain USER APP", Short: "Say whether a user may use an application, and what is in the way", Args: cobra.ExactArgs(2),
		Long: "Say whether a user may use an application, and what is in the way.\n\nThe service runs the code that decides over its state as it is: user, session, application, assignment, each policy,\n" +
			"connectors; and asks these whether they reach the application: by their local rules, DNS, network and TLS. The exit code is 0 if a request would get through, and 1 if not.",
		Example: "  postern explain ada Wiki\n  postern explain ada Wiki --from 192.0.2.7 --at 2026-12-24T20:00:00Z\n  postern explain ada Wiki --strength multi-factor -o json\n  postern explain ada Database --device ada-laptop"}
	connectFlags(c)
	outputFlag(c)
	from := c.Flags().String("from", "", "the client's `address`; without it, policies that ask for networks are not met")
	device := c.Flags().String("device", "", "a `device` of the user's, from which they come by postern-client; a browser if left out")
	at := c.Flags().String("at", "", "the moment: a time, or a duration from now; now if left out")
	strength := c.Flags().String("strength", "", "assume a fresh sign-in: single-factor, multi-factor or phishing-resistant; otherwise the user's latest session counts")
	reach := c.Flags().Bool("reach", true, "ask the connectors whether they reach the application; --reach=false looks at the service alone")
	completeFlag(c, "device", anew(devices().complete))
	completeFlag(c, "strength", fixed("single-factor", "multi-factor", "phishing-resistant"))
	c.ValidArgsFunction = func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return users().complete(c, nil, typed)
		case 1:
			return applications().complete(c, nil, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		q := api.ExplainQuestion{From: *from, Strength: *strength, Unasked: !*reach}
		if q.User, err = reference(c.Context(), client, refUser, flagged{"USER", args[0]}); err != nil {
			return err
		}
		if q.Application, err = reference(c.Context(), client, refApplication, flagged{"APP", args[1]}); err != nil {
			return err
		}
		if *device != "" {
			if q.Device, err = reference(c.Context(), client, refDevice, flagged{"--device", *device}); err != nil {
				return err
			}
		}
		if *at != "" {
			if q.At, err = parseMoment("--at", *at); err != nil {
				return err
			}
		}
		e, err := client.Explain(c.Context(), q)
		if err != nil {
			return renamed(err, func(name string) string { return "--" + name })
		}
		if err := printExplanation(c, how, e); err != nil {
			return err
		}
		if !e.Allow {
			return errDenied
		}
		return nil
	}
	return c
}

// errDenied says that the answer was printed, and is no.
var errDenied = errors.New("denied")

func printExplanation(c *cobra.Command, how string, e api.Explanation) error {
	w := c.OutOrStdout()
	switch how {
	case "json", "yaml":
		return encode(w, how, e)
	case "name":
		_, err := fmt.Fprintln(w, map[bool]string{true: "allow", false: "deny " + e.Reason}[e.Allow])
		return err
	}
	rows := make([][]string, len(e.Hops))
	for i, h := range e.Hops {
		name := h.Name
		if h.Object != "" {
			name += " " + h.Object
		}
		rows[i] = []string{map[string]string{"ok": "✓", "failed": "✗", "note": "·", "skipped": "-"}[h.State], cell(name), cell(h.Detail)}
	}
	if err := table(w, []string{"", "HOP", "FOUND"}, rows); err != nil {
		return err
	}
	if e.Allow {
		_, err := fmt.Fprintf(w, "\n%s may use %s.\n", cell(e.User), cell(e.Application))
		return err
	}
	fmt.Fprintf(w, "\n%s does not get through to %s: %s fails (%s).\n", cell(e.User), cell(e.Application), cell(e.Failed), cell(e.Reason))
	fmt.Fprintf(w, "What to do: %s\n", cell(e.Cure))
	_, err := fmt.Fprintf(w, "What the user is told: %s\n", cell(e.Message))
	return err
}
