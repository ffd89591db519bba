package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

// onUser makes a command about one user.
func onUser(use, short, example string, do func(c *cobra.Command, how string, client *api.Client, user api.User) error) *cobra.Command {
	return &cobra.Command{Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1), Example: example,
		RunE: func(c *cobra.Command, args []string) error {
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			found, err := users().find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			return do(c, how, client, found)
		}}
}

func userLink() *cobra.Command {
	return onUser("link", "Make a one-time link with which a user sets a password", "  postern users link ada",
		func(c *cobra.Command, how string, client *api.Client, user api.User) error {
			link, err := client.Users.Link(c.Context(), user.ID)
			if err != nil {
				return err
			}
			if how == "json" || how == "yaml" {
				return encode(c.OutOrStdout(), how, link)
			}
			fmt.Fprintln(c.OutOrStdout(), link.URL)
			fmt.Fprintf(c.ErrOrStderr(), "Give this %s to %s over a way that only they read. It works once, until %s, and is not shown again.\n",
				link.Kind, cell(user.Name), link.Expires.UTC().Format("2006-01-02 15:04 UTC"))
			return nil
		})
}

func userSessions() *cobra.Command {
	return onUser("sessions", "List where a user is signed in", "  postern users sessions ada\n  postern users sessions ada -o json",
		func(c *cobra.Command, how string, client *api.Client, user api.User) error {
			found, err := client.Users.Sessions(c.Context(), user.ID)
			if err != nil {
				return err
			}
			if done, err := plainly(c, how, found.Items, namesOf(found.Items, func(s api.Session) string { return s.ID })); done {
				return err
			}
			if len(found.Items) == 0 {
				fmt.Fprintf(c.ErrOrStderr(), "%s is not signed in anywhere.\n", cell(user.Name))
				return nil
			}
			v := newView(c, client)
			rows := make([][]string, len(found.Items))
			for i, s := range found.Items {
				rows[i] = []string{v.ago(s.Authenticated), v.ago(s.LastUsed), cell(s.Address), cell(comma(s.Methods)), cell(nameOr(s.Name, s.UserAgent))}
			}
			return table(c.OutOrStdout(), []string{"SIGNED IN", "LAST USED", "FROM", "METHODS", "BROWSER OR PROGRAM"}, rows)
		})
}

// nameOr gives a name, or something else for what has none.
func nameOr(name, other string) string {
	if name == "" {
		return other
	}
	return name
}

func revokeSessions() *cobra.Command {
	c := onUser("revoke-sessions", "Sign a user out everywhere, or of one session; what is open is cut",
		"  postern users revoke-sessions ada --yes\n  postern users sessions ada -o name\n  postern users revoke-sessions ada --session ses_01h455vb4pex5vsknk084sn02q",
		func(c *cobra.Command, _ string, client *api.Client, user api.User) error {
			if one, _ := c.Flags().GetString("session"); one != "" { // the flag exists
				if err := client.Users.RevokeSession(c.Context(), user.ID, one); err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "%s is signed out of that session.\n", cell(user.Name))
				return nil
			}
			if err := confirm(c, fmt.Sprintf("Sign %s out everywhere?", cell(user.Name))); err != nil {
				return err
			}
			if err := client.Users.RevokeSessions(c.Context(), user.ID); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s is signed out everywhere.\n", cell(user.Name))
			return nil
		})
	c.Flags().Bool("yes", false, "do not ask")
	c.Flags().String("session", "", "only the session with this `id`; postern users sessions NAME -o name lists them")
	return c
}

func resetFactors() *cobra.Command {
	c := onUser("reset-factors", "Remove a user's second factors and recovery codes", "  postern users reset-factors ada --yes",
		func(c *cobra.Command, _ string, client *api.Client, user api.User) error {
			if err := confirm(c, fmt.Sprintf("Remove all second factors of %s?", cell(user.Name))); err != nil {
				return err
			}
			if err := client.Users.ResetFactors(c.Context(), user.ID); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s has no second factor now and is signed out everywhere.\n", cell(user.Name))
			return nil
		})
	c.Flags().Bool("yes", false, "do not ask")
	return c
}

func userFactors() *cobra.Command {
	return onUser("factors", "List the second factors of a user", "  postern users factors ada",
		func(c *cobra.Command, how string, client *api.Client, user api.User) error {
			found, err := client.Users.Factors(c.Context(), user.ID)
			if err != nil {
				return err
			}
			if done, err := plainly(c, how, found, namesOf(found.Factors, func(f api.UserFactor) string { return f.ID })); done {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s has %d recovery codes left.\n", cell(user.Name), found.RecoveryCodes)
			v := newView(c, client)
			rows := make([][]string, len(found.Factors))
			for i, f := range found.Factors {
				rows[i] = []string{f.Kind, cell(f.Name), v.ago(f.Added), v.ago(f.LastUsed)}
			}
			return table(c.OutOrStdout(), []string{"KIND", "NAME", "ADDED", "LAST USED"}, rows)
		})
}

func userApplications() *cobra.Command {
	return onUser("applications", "List the applications that are assigned to a user, and whether they may open each now", "  postern users applications ada\n  postern explain ada Wiki",
		func(c *cobra.Command, how string, client *api.Client, user api.User) error {
			found, err := client.Users.Applications(c.Context(), user.ID)
			if err != nil {
				return err
			}
			if done, err := plainly(c, how, found.Items, namesOf(found.Items, func(a api.UserApplication) string { return a.Name })); done {
				return err
			}
			if len(found.Items) == 0 {
				fmt.Fprintf(c.ErrOrStderr(), "Nothing is assigned to %s.\n", cell(user.Name))
				return nil
			}
			rows := make([][]string, len(found.Items))
			for i, a := range found.Items {
				rows[i] = []string{cell(a.Name), cell(a.ExternalURL), map[bool]string{true: "yes", false: "no"}[a.Allow], cell(a.Message)}
			}
			return table(c.OutOrStdout(), []string{"NAME", "URL", "MAY OPEN IT", "WHY NOT"}, rows)
		})
}
