package cli

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

func users() noun[api.User] {
	n := noun[api.User]{
		use: "users", single: "user", aliases: []string{"user"}, prefix: access.PrefixUser,
		short: "Local users",
		name:  func(u api.User) string { return u.Name },
		columns: []column[api.User]{
			{"NAME", func(_ *view, u api.User) string { return u.Name }},
			{"DISPLAY NAME", func(_ *view, u api.User) string { return u.DisplayName }},
			{"E-MAIL", func(_ *view, u api.User) string { return u.Email }},
			{"ROLES", func(_ *view, u api.User) string { return comma(u.Roles) }},
			{"STATE", func(_ *view, u api.User) string { return state(u.Disabled) }},
			{"FACTORS", func(_ *view, u api.User) string { return comma(u.Factors) }},
			{"PASSWORD SET", func(v *view, u api.User) string { return v.ago(u.PasswordSet) }},
		},
		fields: []field{
			{"name", "name", "new sign-in name", text, "update"},
			{"display-name", "displayName", "name for people", text, ""},
			{"email", "email", "e-mail address", text, ""},
			{"disabled", "disabled", "may not sign in; what is open is cut", truth, ""},
			{"require-second-factor", "requireSecondFactor", "let in only with a second factor; who has none adds one at the next sign-in", truth, ""},
			{"break-glass", "breakGlass", "policies do not hold for the user, and every use is told loudly; only an Owner may set it", truth, ""},
			{"upstream", "upstream", "the upstream where the user proves who they are, instead of a password here; \"\" for none", refUpstream, ""},
			{"subject", "subject", "what that upstream calls the user for ever", text, ""},
			{"role", "roles", "what the user may administer; may be given several times, \"\" for nothing", list, ""},
		},
		filters: []filter{{"disabled", "disabled", "only those that are disabled (true), or that are not (false)", either}, {"role", "role", "only those with this role", text}, {"group", "group", "only members of this group", refGroup}, {"break-glass", "breakGlass", "only those for whom no policy holds (true), or all others (false)", either}, {"second-factor", "secondFactor", "only those who have a second factor or a passkey here (true), or none (false)", either}, {"upstream", "upstream", "only users of this upstream", refUpstream}, {"local", "local", "only those who prove here who they are (true), or at an upstream (false)", either}},
		examples: map[string]string{
			"create": "  postern users create ada --display-name \"Ada Lovelace\" --email ada@example.com\n" +
				"  postern users create ada --password-file - < password.txt",
			"update": "  postern users update ada --disabled\n  postern users update ada --role reader",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.User, error] {
			return c.Users.All
		},
		create: createUser,
		update: func(c *api.Client) func(context.Context, string, int64, api.Patch) (api.User, error) {
			return c.Users.Update
		},
		remove:  func(c *api.Client) func(context.Context, string, int64) error { return c.Users.Delete },
		restore: func(c *api.Client) func(context.Context, string) (api.User, error) { return c.Users.Restore },
		past: &past[api.User]{
			history: func(c *api.Client) func(context.Context, string) ([]api.HistoryEntry, error) { return c.Users.History },
			undo:    func(c *api.Client) func(context.Context, string, int64, int64) (api.User, error) { return c.Users.Undo },
		},
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.User, error) { return c.Users.Show })
	return n
}

const neverArgument = "a %s is never an argument: every user of this machine could read it while the command runs, and your shell " +
	"keeps it; use %s FILE, - for standard input, or wait to be asked"

// passwordFlags declares where a password may come from, and what refuses it elsewhere.
func passwordFlags(c *cobra.Command) {
	c.Flags().String("password-file", "", "`file` with the password, - for standard input; otherwise it is asked for, or read from standard input")
	c.Flags().String("password", "", "")
	_ = c.Flags().MarkHidden("password") // the flag exists
}

func noPasswordArgument(c *cobra.Command) error {
	if c.Flags().Changed("password") {
		return usage("--password: "+neverArgument, "password", "--password-file")
	}
	return nil
}

func createUser(c *cobra.Command, client *api.Client, values map[string]any) (api.User, error) {
	if err := noPasswordArgument(c); err != nil {
		return api.User{}, err
	}
	without, err := c.Flags().GetBool("no-password")
	if err != nil {
		return api.User{}, err
	}
	if without && c.Flags().Changed("password-file") {
		return api.User{}, usage("--no-password and --password-file do not go together")
	}
	in, err := inputOf[api.UserCreate](values)
	if err != nil {
		return api.User{}, err
	}
	if !without && in.Upstream == "" {
		if in.Password, err = ask(c, "password-file", "password", true); err != nil {
			return api.User{}, err
		}
	}
	return client.Users.Create(c.Context(), in)
}

func setPassword() *cobra.Command {
	c := &cobra.Command{Use: "set-password NAME", Short: "Give a user a new password; the user's sessions end", Args: cobra.ExactArgs(1),
		Example: "  postern users set-password ada\n  postern users set-password ada --password-file - < password.txt"}
	passwordFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := noPasswordArgument(c); err != nil {
			return err
		}
		_, client, err := begin(c)
		if err != nil {
			return err
		}
		found, err := users().find(c.Context(), client, args[0])
		if err != nil {
			return err
		}
		password, err := ask(c, "password-file", "password", true)
		if err != nil {
			return err
		}
		if err := client.Users.SetPassword(c.Context(), found.ID, password); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s has a new password.\n", cell(found.Name))
		return nil
	}
	return c
}

func groups() noun[api.Group] {
	n := noun[api.Group]{
		use: "groups", single: "group", aliases: []string{"group"}, prefix: access.PrefixGroup,
		short: "Groups of users",
		name:  func(g api.Group) string { return g.Name },
		columns: []column[api.Group]{
			{"NAME", func(_ *view, g api.Group) string { return g.Name }},
			{"DESCRIPTION", func(_ *view, g api.Group) string { return g.Description }},
			{"MEMBERS", func(_ *view, g api.Group) string { return fmt.Sprint(len(g.Members)) }},
			{"GROUPS", func(v *view, g api.Group) string { return comma(v.namesOf(g.Groups)) }},
			{"CHANGED", func(v *view, g api.Group) string { return v.ago(g.Updated) }},
		},
		fields: []field{
			{"name", "name", "new name", text, "update"},
			{"description", "description", "what the group is for", text, ""},
			{"member", "members", "the users in it, all of them; may be given several times, \"\" for nobody", refUsers, ""},
			{"group", "groups", "the groups in it, all of them: their members are its members; may be given several times, \"\" for none", refGroups, ""},
		},
		filters: []filter{{"member", "member", "only those that this user is a member of", refUser}, {"member-group", "memberGroup", "only those that this group is in", refGroup}},
		examples: map[string]string{
			"create": "  postern groups create Staff --member ada --member grace\n  postern groups create Everybody --group Staff --group Guests",
			"update": "  postern groups update Staff --description \"Everybody\"",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Group, error] {
			return c.Groups.All
		},
		create: maker(func(c *api.Client) func(context.Context, api.GroupInput) (api.Group, error) { return c.Groups.Create }),
		update: func(c *api.Client) func(context.Context, string, int64, api.Patch) (api.Group, error) {
			return c.Groups.Update
		},
		remove:  func(c *api.Client) func(context.Context, string, int64) error { return c.Groups.Delete },
		restore: func(c *api.Client) func(context.Context, string) (api.Group, error) { return c.Groups.Restore },
		past: &past[api.Group]{
			history: func(c *api.Client) func(context.Context, string) ([]api.HistoryEntry, error) { return c.Groups.History },
			undo: func(c *api.Client) func(context.Context, string, int64, int64) (api.Group, error) {
				return c.Groups.Undo
			},
		},
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.Group, error) { return c.Groups.Show })
	return n
}

// membership makes the commands that add and remove members without naming all the others.
func membership(verb, short string, change func(members []string, one string) []string) *cobra.Command {
	command := &cobra.Command{Use: verb + " GROUP [USER…]", Short: short, Args: cobra.MinimumNArgs(1),
		Example: "  postern groups " + verb + " Staff ada grace\n  postern groups " + verb + " Everybody --group Staff",
		RunE: func(c *cobra.Command, args []string) error {
			nested, err := c.Flags().GetStringSlice("group")
			if err != nil {
				return err
			}
			if len(args) < 2 && len(nested) == 0 {
				return misused(c, "USER… or --group is missing")
			}
			how, client, err := begin(c)
			if err != nil {
				return err
			}
			group, err := groups().find(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			members := slices.Clone(group.Members)
			for _, name := range args[1:] {
				id, err := reference(c.Context(), client, refUser, flagged{"USER", name})
				if err != nil {
					return err
				}
				members = change(members, id)
			}
			within := slices.Clone(group.Groups)
			for _, name := range nested {
				id, err := reference(c.Context(), client, refGroup, flagged{"--group", name})
				if err != nil {
					return err
				}
				within = change(within, id)
			}
			group, err = client.Groups.Update(c.Context(), group.ID, group.Version, api.Patch{"members": members, "groups": within})
			if err != nil {
				return renamed(err, groups().flagOf)
			}
			return groups().print(c, how, client, group)
		}}
	command.Flags().StringSlice("group", nil, "a `group` whose members are meant; may be given several times")
	return command
}

func addMember(members []string, user string) []string {
	if slices.Contains(members, user) {
		return members
	}
	return append(members, user)
}

func removeMember(members []string, user string) []string {
	return slices.DeleteFunc(members, func(m string) bool { return m == user })
}

func comma(words []string) string { return strings.Join(words, ", ") }
