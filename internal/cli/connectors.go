package cli

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

func connectorGroups() noun[api.ConnectorGroup] {
	n := noun[api.ConnectorGroup]{
		use: "connector-groups", single: "connector group", aliases: []string{"connector-group", "cgroups"}, prefix: access.PrefixConnectorGroup,
		short: "Sets of connectors that act as one",
		name:  func(g api.ConnectorGroup) string { return g.Name },
		columns: []column[api.ConnectorGroup]{
			{"NAME", func(_ *view, g api.ConnectorGroup) string { return g.Name }},
			{"DEFAULT", func(_ *view, g api.ConnectorGroup) string { return yes(g.Default) }},
			{"REGION", func(_ *view, g api.ConnectorGroup) string { return g.Region }},
			{"BACKUP GROUP", func(v *view, g api.ConnectorGroup) string { return v.nameOf(g.BackupGroup) }},
			{"CHANGED", func(v *view, g api.ConnectorGroup) string { return v.ago(g.Updated) }},
		},
		fields: []field{
			{"name", "name", "new name", text, "update"},
			{"region", "region", "where its connectors are, in a word", text, ""},
			{"backup-group", "backupGroup", "connector group that takes over while none of its connectors can; \"\" for none", refBackupGroup, ""},
			{"default", "default", "make it the group where new connectors and applications land", truth, ""},
		},
		examples: map[string]string{
			"create": "  postern connector-groups create Headquarters\n  postern connector-groups create Branch --region eu-west --backup-group Headquarters",
			"update": "  postern connector-groups update Headquarters --name HQ\n  postern connector-groups update HQ --default",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.ConnectorGroup, error] {
			return c.ConnectorGroups.All
		},
		create: maker(func(c *api.Client) func(context.Context, api.ConnectorGroupInput) (api.ConnectorGroup, error) {
			return c.ConnectorGroups.Create
		}),
		update: func(c *api.Client) func(context.Context, string, int64, api.Patch) (api.ConnectorGroup, error) {
			return c.ConnectorGroups.Update
		},
		remove: func(c *api.Client) func(context.Context, string, int64) error { return c.ConnectorGroups.Delete },
		restore: func(c *api.Client) func(context.Context, string) (api.ConnectorGroup, error) {
			return c.ConnectorGroups.Restore
		},
		past: &past[api.ConnectorGroup]{
			history: func(c *api.Client) func(context.Context, string) ([]api.HistoryEntry, error) {
				return c.ConnectorGroups.History
			},
			undo: func(c *api.Client) func(context.Context, string, int64, int64) (api.ConnectorGroup, error) {
				return c.ConnectorGroups.Undo
			},
		},
		more: []*cobra.Command{groupSeries()},
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.ConnectorGroup, error) {
		return c.ConnectorGroups.Show
	})
	return n
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func connectors() noun[api.Connector] {
	n := noun[api.Connector]{
		use: "connectors", single: "connector", aliases: []string{"connector"}, prefix: access.PrefixConnector,
		short: "Agents in private networks, and how they are",
		name:  func(k api.Connector) string { return k.Name },
		columns: []column[api.Connector]{
			{"NAME", func(_ *view, k api.Connector) string { return k.Name }},
			{"STATUS", func(_ *view, k api.Connector) string {
				if k.Status.Why == "" {
					return k.Status.Label
				}
				return k.Status.Label + ": " + k.Status.Why
			}},
			{"GROUP", func(v *view, k api.Connector) string { return v.nameOf(k.ConnectorGroup) }},
			{"TUNNELS", func(_ *view, k api.Connector) string { return fmt.Sprint(k.Status.Tunnels) }},
			{"HEAD-ROOM", func(_ *view, k api.Connector) string { return headRoomText(k.Status.HeadRoom) }},
			{"LAST SEEN", func(v *view, k api.Connector) string { return v.ago(k.LastSeen) }},
			{"ADDRESS", func(_ *view, k api.Connector) string { return k.Address }},
			{"VERSION", func(_ *view, k api.Connector) string { return k.Host.Version }},
		},
		fields: connectorFields(),
		hidden: url.Values{"archived": {"any"}},
		filters: []filter{{"connector-group", "connectorGroup", "only those of this connector group", refConnectorGroup}, {"disabled", "disabled", "only those that are disabled (true), or that are not (false)", either}, {"status", "status", "only those that are active, degraded, draining, inactive, disabled, archived or waiting", text},
			{"archived", "archived", "only those that are archived (true), that are not (false, the default), or both (any)", text}},
		examples: map[string]string{
			"update": "  postern connectors update hq-1 --connector-group Headquarters\n  postern connectors update hq-1 --disabled",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Connector, error] {
			return c.Connectors.All
		},
		update: func(c *api.Client) func(context.Context, string, int64, api.Patch) (api.Connector, error) {
			return c.Connectors.Update
		},
		remove: func(c *api.Client) func(context.Context, string, int64) error { return c.Connectors.Delete },
		past: &past[api.Connector]{
			history: func(c *api.Client) func(context.Context, string) ([]api.HistoryEntry, error) {
				return c.Connectors.History
			},
			undo: func(c *api.Client) func(context.Context, string, int64, int64) (api.Connector, error) {
				return c.Connectors.Undo
			},
		},
		more: []*cobra.Command{
			connectorDoctor(),
			connectorLogs(),
			connectorSeries(),
			approveCommand(),
			rejectCommand(),
			drainCommand("drain", true, "Let connectors finish what they do and give them nothing new, for maintenance", "Draining"),
			drainCommand("resume", false, "Give connectors that drain new requests again", "Resumed"),
		},
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.Connector, error) { return c.Connectors.Show })
	return n
}

func headRoomText(h *api.HeadRoom) string {
	if h == nil {
		return ""
	}
	return fmt.Sprintf("%.0f %% (%s)", h.Left*100, h.Narrowest)
}

func connectorFields() []field {
	return []field{
		{"name", "name", "new name", text, "update"},
		{"connector-group", "connectorGroup", "connector group to move it to", refConnectorGroup, "update"},
		{"priority", "priority", "its place in its group, from 0 (the first) to 100, for applications balanced by priority", number, "update"},
		{"draining", "draining", "it takes no new requests; those that run go on", truth, "update"},
		{"disabled", "disabled", "it carries no traffic; its tunnels are cut", truth, "update"},
		{"session-log", "sessionLogUntil", "until when it keeps a log of every transaction: a time, or from now on as in 2h, at most 24h; never: not any more", ending, "update"},
		{"debug-log", "debugLogUntil", "until when its log has debug messages, as --session-log", ending, "update"},
		{"bench", "benchUntil", "until when it may load a gateway to measure what it can carry (postern-connector bench), as --session-log", ending, "update"},
	}
}

// drainCommand makes the command that has connectors drain, or not any more.
func drainCommand(use string, draining bool, short, done string) *cobra.Command {
	return &cobra.Command{Use: use + " NAME…", Short: short, Args: cobra.MinimumNArgs(1),
		Example: "  postern connectors " + use + " hq-1",
		RunE: func(c *cobra.Command, args []string) error {
			_, client, err := begin(c)
			if err != nil {
				return err
			}
			found := make([]api.Connector, len(args))
			for i, arg := range args { // all are found before any is changed
				if found[i], err = connectors().find(c.Context(), client, arg); err != nil {
					return err
				}
			}
			for _, k := range found {
				changed, err := client.Connectors.Update(c.Context(), k.ID, k.Version, api.Patch{"draining": draining})
				if err != nil {
					return fmt.Errorf("%s %s: %w", use, cell(k.Name), err)
				}
				fmt.Fprintf(c.ErrOrStderr(), "%s %s: %s.\n", done, cell(k.Name), drainState(changed))
			}
			return nil
		}}
}

func drainState(k api.Connector) string {
	switch {
	case k.Disabled:
		return "it is disabled and carries nothing"
	case k.Draining && k.Status.Tunnels == 0:
		return "it has no tunnel, so nothing runs on it"
	case k.Draining:
		return fmt.Sprintf("it takes no new requests; %d streams are open (postern connectors show %s tells when they are done)", k.Status.Streams, quote(k.Name))
	}
	return "it takes requests"
}

func tokens() noun[api.Token] {
	n := noun[api.Token]{
		use: "tokens", single: "enrolment token", aliases: []string{"enrolment-tokens", "enrolment-token"}, prefix: access.PrefixToken,
		short: "One-time secrets with which connectors enrol",
		name:  func(t api.Token) string { return t.Name },
		columns: []column[api.Token]{
			{"NAME", func(_ *view, t api.Token) string { return t.Name }},
			{"CONNECTOR GROUP", func(v *view, t api.Token) string { return v.nameOf(t.ConnectorGroup) }},
			{"STATE", func(v *view, t api.Token) string { return tokenState(v.now, t) }},
			{"EXPIRES", func(v *view, t api.Token) string { return v.ago(t.Expires) }},
			{"USED BY", func(v *view, t api.Token) string { return v.nameOf(t.UsedBy) }},
		},
		fields: []field{
			{"connector-group", "connectorGroup", "group that the connector will be in; default: the default group", refConnectorGroup, ""},
			{"expires", "expires", "until when it may be used: a time, or from now on as in 24h or 7d; default 1h", moment, ""},
			{"hold", "hold", "the connector waits for approval (postern connectors approve), at most 7 days", truth, ""},
		},
		examples: map[string]string{
			"create": "  postern tokens create hq-2\n  postern tokens create hq-2 --connector-group Headquarters --expires 24h --out hq-2.token\n  postern tokens create hq-3 --hold",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Token, error] {
			return c.Tokens.All
		},
		filters: []filter{{"connector-group", "connectorGroup", "only those for this connector group", refConnectorGroup}, {"state", "state", "only those that are unused, used or expired", text}},
		create:  createToken,
		remove:  func(c *api.Client) func(context.Context, string, int64) error { return c.Tokens.Delete },
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.Token, error) { return c.Tokens.Show })
	return n
}

func tokenState(now time.Time, t api.Token) string {
	switch {
	case !t.Used.IsZero():
		return "used"
	case t.Expires.Before(now):
		return "expired"
	}
	return "unused"
}

// createToken shows the text of a new token once: in JSON or YAML, in a file that only the user may
// read, or as the one line to run.
func createToken(c *cobra.Command, client *api.Client, values map[string]any) (api.Token, error) {
	in, err := inputOf[api.TokenInput](values)
	if err != nil {
		return api.Token{}, err
	}
	out, err := newSecretFile(c)
	if err != nil {
		return api.Token{}, err
	}
	made, err := client.Tokens.Create(c.Context(), in)
	if err != nil {
		return api.Token{}, out.discard(err)
	}
	if out.file != nil {
		if err := out.write(made.Text); err != nil {
			return api.Token{}, err
		}
		fmt.Fprintf(c.ErrOrStderr(), "The token is in %s. Bring it to the machine that becomes the connector (it is good once, until %s) and run there:\n",
			out.path, made.Expires.Local().Format(time.DateTime))
		fmt.Fprintf(c.OutOrStdout(), "postern-connector enrol --token-file %s\n", quote(out.path))
		return made.Token, errPrinted
	}
	if how, _ := format(c); how != "table" {
		return made.Token, printSecret(c, made, made.Name)
	}
	fmt.Fprintf(c.ErrOrStderr(), "Run this line on the machine that becomes the connector. The token in it is good once, until %s, and is not shown again.\n",
		made.Expires.Local().Format(time.DateTime))
	fmt.Fprintf(c.OutOrStdout(), "echo %s | postern-connector enrol --token-file -\n", quote(made.Text))
	return made.Token, errPrinted
}

func keys() noun[api.Key] {
	n := noun[api.Key]{
		use: "keys", single: "API key", aliases: []string{"key", "api-keys", "api-key"}, prefix: access.PrefixKey,
		short: "API keys, with which programs administer",
		name:  func(k api.Key) string { return k.Name },
		columns: []column[api.Key]{
			{"NAME", func(_ *view, k api.Key) string { return k.Name }},
			{"ROLES", func(_ *view, k api.Key) string { return comma(k.Roles) }},
			{"SCOPES", func(_ *view, k api.Key) string { return comma(k.Scopes) }},
			{"EXPIRES", func(v *view, k api.Key) string { return v.ago(k.Expires) }},
			{"LAST USED", func(v *view, k api.Key) string { return v.ago(k.LastUsed) }},
			{"MADE", func(v *view, k api.Key) string { return v.ago(k.Created) }},
		},
		fields: []field{
			{"role", "roles", "what it may do; may be given several times", list, ""},
			{"scope", "scopes", "narrow what the roles allow: read-only, a noun (application) or an action (application.update); may be given several times", list, ""},
			{"expires", "expires", "until when it is good: a time, or from now on as in 90d; default: for ever", moment, ""},
		},
		examples: map[string]string{
			"create": "  postern keys create backup --role reader --expires 90d --out backup.key\n" +
				"  postern keys create deploy --role application-administrator --scope application --scope read-only --out deploy.key",
		},
		all: func(c *api.Client) func(context.Context, api.ListOptions) iter.Seq2[api.Key, error] {
			return c.Keys.All
		},
		needed:  "--role ROLE ",
		filters: []filter{{"role", "role", "only those with this role", text}, {"expired", "expired", "only those that have ended (true), or that have not (false)", either}},
		create:  createKey,
		remove:  func(c *api.Client) func(context.Context, string, int64) error { return c.Keys.Delete },
	}
	n.find = finder(n, func(c *api.Client) func(context.Context, string) (api.Key, error) { return c.Keys.Show })
	return n
}

// createKey shows the secret of a new key once.
func createKey(c *cobra.Command, client *api.Client, values map[string]any) (api.Key, error) {
	if values["roles"] == nil {
		values["roles"] = []string{}
	}
	in, err := inputOf[api.KeyInput](values)
	if err != nil {
		return api.Key{}, err
	}
	out, err := newSecretFile(c)
	if err != nil {
		return api.Key{}, err
	}
	made, err := client.Keys.Create(c.Context(), in)
	if err != nil {
		return api.Key{}, out.discard(err)
	}
	if out.file != nil {
		if err := out.write(made.Secret); err != nil {
			return api.Key{}, err
		}
		fmt.Fprintf(c.ErrOrStderr(), "The key is in %s.\n", out.path)
		return made.Key, errPrinted
	}
	if how, _ := format(c); how != "table" {
		return made.Key, printSecret(c, made, made.Name)
	}
	fmt.Fprintln(c.ErrOrStderr(), "This is the key. It is not shown again.")
	fmt.Fprintln(c.OutOrStdout(), cell(made.Secret))
	return made.Key, errPrinted
}

func printSecret(c *cobra.Command, made any, name string) error {
	how, err := format(c)
	if err != nil {
		return err
	}
	if how == "name" {
		fmt.Fprintln(c.OutOrStdout(), cell(name))
		return errPrinted
	}
	if err := encode(c.OutOrStdout(), how, made); err != nil {
		return err
	}
	return errPrinted
}

// A secretFile is the new file that --out names, opened before the secret is made, so that none is
// lost for want of a place.
type secretFile struct {
	path string
	file *os.File
}

func newSecretFile(c *cobra.Command) (secretFile, error) {
	f := c.Flags().Lookup("out")
	if f == nil || f.Value.String() == "" {
		if how, _ := format(c); how == "name" {
			return secretFile{}, usage("--output name would lose the secret; name a file for it with --out")
		}
		return secretFile{}, nil
	}
	file, err := os.OpenFile(f.Value.String(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return secretFile{}, usage("--out: %v", err)
	}
	return secretFile{f.Value.String(), file}, nil
}

func (s secretFile) write(secret string) error {
	_, err := fmt.Fprintln(s.file, secret)
	if err == nil {
		err = s.file.Sync()
	}
	if closing := s.file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("write the secret to %s: %w", s.path, err)
	}
	return nil
}

func (s secretFile) discard(err error) error {
	if s.file != nil {
		s.file.Close()
		os.Remove(s.path)
	}
	return err
}
