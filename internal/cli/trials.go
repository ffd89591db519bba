package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/access"
	"postern/internal/api"
)

// tested are the settings of an application that matter to what its connectors reach.
var tested = []string{"internalUrl", "externalUrl", "connectorGroup", "hostHeader", "backendProtocol", "skipVerify", "backendCa"}

// testApplication has connectors try an application that need not exist.
func testApplication() *cobra.Command {
	c := &cobra.Command{Use: "test [NAME]", Short: "Have connectors try an internal URL before it is published or changed", Args: cobra.MaximumNArgs(1),
		Long: "Have the connectors of a group try an internal URL: they look the name up, connect, agree on TLS and ask once for the path, by\n" +
			"their local rules. Nothing is stored but an entry of the audit log.\n\n" +
			"What is tried is what the flags say; or an application that there is, changed as the flags say; or each application of a\n" +
			"file for postern apply. The exit code is 3 when no connector reached one of them.",
		Example: "  postern applications test --internal-url https://wiki.internal:8443/ --connector-group Branch\n" +
			"  postern applications test Wiki --backend-ca ca.pem\n  postern applications test -f applications.yaml"}
	c.Flags().StringP("file", "f", "", "YAML or JSON `file` or directory of a configuration, or - for standard input")
	fields := slices.DeleteFunc(applicationFields(), func(f field) bool { return !slices.Contains(tested, f.member) })
	read := noun[api.Application]{fields: fields}.flags(c, false)
	c.RunE = func(c *cobra.Command, args []string) error {
		how, client, err := begin(c)
		if err != nil {
			return err
		}
		flags, err := read(c, client)
		if err != nil {
			return err
		}
		tries, err := triesOf(c, client, args, flags)
		if err != nil {
			return err
		}
		return testAll(c, how, client, tries)
	}
	return c
}

// try is one application to be tested.
type try struct {
	Name   string         `json:"name,omitempty"`
	values map[string]any // of api.ApplicationTest
}

func triesOf(c *cobra.Command, client *api.Client, args []string, flags map[string]any) ([]try, error) {
	path, _ := c.Flags().GetString("file") // it is defined
	switch {
	case path != "" && (len(args) > 0 || len(flags) > 0):
		return nil, usage("--file says all; it goes with neither a name nor other flags")
	case path != "":
		return triesIn(c, client, path)
	case len(args) == 0 && flags["internalUrl"] == nil:
		return nil, usage("say what to test: the name of an application, --internal-url or --file")
	case len(args) == 0:
		return []try{{values: flags}}, nil
	}
	app, err := applications().find(c.Context(), client, args[0])
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(app)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	for member, value := range flags {
		values[member] = value
	}
	return []try{{app.Name, values}}, nil
}

// triesIn reads the applications of a configuration.
func triesIn(c *cobra.Command, client *api.Client, path string) ([]try, error) {
	sources, err := readSources(c, path)
	if err != nil {
		return nil, err
	}
	r, err := readDocument(sources)
	if err != nil {
		return nil, err
	}
	var tries []try
	for _, each := range r.lists["applications"] {
		values, _ := each.(map[string]any)
		if kind, _ := values["kind"].(string); kind != "" && kind != string(access.KindWeb) {
			continue // only web applications are tested by themselves
		}
		name, _ := values["name"].(string)
		if group, ok := values["connectorGroup"].(string); ok && group != "" {
			if values["connectorGroup"], err = reference(c.Context(), client, refConnectorGroup, flagged{"connectorGroup of " + name, group}); err != nil {
				return nil, err
			}
		}
		tries = append(tries, try{name, values})
	}
	if len(tries) == 0 {
		return nil, usage("--file: there is no web application in %s", path)
	}
	return tries, nil
}

type testedApplication struct {
	try
	api.ApplicationTested
}

func testAll(c *cobra.Command, how string, client *api.Client, tries []try) error {
	all, missed := make([]testedApplication, len(tries)), false
	for i, t := range tries {
		in, err := testOf(t.values)
		if err != nil {
			return err
		}
		answer, err := client.TestApplication(c.Context(), in)
		if err != nil {
			return renamed(err, applications().argumentOf)
		}
		all[i] = testedApplication{t, answer}
		missed = missed || !slices.ContainsFunc(answer.Items, func(k api.ApplicationTrial) bool { return k.Label == "active" })
		if how == "json" || how == "yaml" {
			continue
		}
		if err := printTrial(c, cmp.Or(t.Name, in.InternalURL), answer); err != nil {
			return err
		}
	}
	if how == "json" || how == "yaml" {
		if err := encode(c.OutOrStdout(), how, all); err != nil {
			return err
		}
	}
	if missed {
		return ErrFound
	}
	return nil
}

// testOf keeps of an application what matters to a test.
func testOf(values map[string]any) (in api.ApplicationTest, err error) {
	kept := map[string]any{}
	for _, member := range tested {
		if value, ok := values[member]; ok {
			kept[member] = value
		}
	}
	text, err := json.Marshal(kept)
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	if err != nil {
		return in, usage("the application cannot be read: %v", err)
	}
	return in, nil
}

func printTrial(c *cobra.Command, name string, answer api.ApplicationTested) error {
	out := c.OutOrStdout()
	fmt.Fprintf(out, "%s:\n", cell(name))
	if len(answer.Items) == 0 {
		fmt.Fprintln(out, "  Its connector group has no connectors: postern tokens create makes a token to enrol one.")
	}
	for _, k := range answer.Items {
		lines := []string{k.Label + ": " + k.Why}
		if k.Label == "active" {
			lines[0] = fmt.Sprintf("reached at %s: look-up %.1f ms, connection %.1f ms", k.Address, k.Resolve, k.Connect)
			if k.Handshake > 0 {
				lines[0] += fmt.Sprintf(", TLS %.1f ms", k.Handshake)
			}
		}
		if s := k.Certificate; s != nil {
			lines = append(lines, fmt.Sprintf("certificate of %s by %s, good until %s", cmp.Or(s.Subject, strings.Join(s.Names, ", ")), s.Issuer, s.NotAfter.UTC().Format("2006-01-02")))
			if !s.Trusted {
				lines = append(lines, "certificate not trusted: "+s.Problem)
			}
		}
		if a := k.Answer; a != nil {
			lines = append(lines, answered(a))
		}
		for i, line := range lines {
			if i == 0 {
				line = k.Name + " " + line
			}
			if _, err := fmt.Fprintf(out, "  %s%s\n", strings.Repeat("  ", min(i, 1)), cell(line)); err != nil {
				return err
			}
		}
	}
	return nil
}

func answered(a *api.TrialAnswer) string {
	if a.Error != "" {
		return a.Error
	}
	line := fmt.Sprintf("answered %d by %s in %.1f ms", a.Status, a.Protocol, a.Took)
	if a.Location != "" {
		line += ", leads on to " + a.Location
	}
	return line
}
