package cli_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestCreateNamesFlags: what a new object lacks is told by the flags that were not given, whether the program finds it
// or the service does.
func TestCreateNamesFlags(t *testing.T) {
	term := newTerminal(t)
	for _, noun := range postern().Commands() {
		if !slices.ContainsFunc(noun.Commands(), func(c *cobra.Command) bool { return c.Name() == "create" }) {
			continue
		}
		r := term.run("", noun.Name(), "create", "X", "--expires", "-1h")
		if r.code == 0 || !strings.Contains(r.err, "--expires") && !strings.Contains(r.err, "missing") {
			t.Errorf("%s create with a bad flag: %d %s", noun.Name(), r.code, r.err)
		}
		if noun.Name() == "users" {
			continue // it asks for a password
		}
		r = term.run("", noun.Name(), "create", "X")
		if r.code != 0 && (!strings.Contains(r.err, "--") || strings.Contains(r.err, "null")) {
			t.Errorf("%s create X: %s", noun.Name(), r.err)
		}
	}
	for line, want := range map[string]string{
		"exports create SIEM": "--kind, --url and --stream are missing",
		"exports create SIEM --kind syslog --url tls://logs.example.com:6514":                "--stream is missing",
		"exports create SIEM --kind fax --url tls://logs.example.com:6514 --stream audit":    "--kind must be",
		"exports create SIEM --kind syslog --url tls://logs.example.com:6514 --stream tapes": "--stream must be",
		"assignments create --application Wiki":                                              "--user or --group is missing",
		"policies create Office --strength multi-factor":                                     "--application or --all-applications and --user or --group or --everyone are missing",
		"upstreams create Example":                                                           "--kind is missing",
		"upstreams create Example --kind oidc":                                               "--issuer",
		"applications create Wiki --external-url https://wiki.example.com":                   "--internal-url must not be empty",
		"keys create ci":       "--role is missing",
		"explain":              "USER and APP are missing",
		"explain ada":          "APP is missing",
		"explain ada Wiki Two": `"Two" is one argument too many: postern explain takes only USER and APP; what has blanks stands in quotes`,
		"groups add":           "GROUP is missing",
		"groups add Staff":     "USER… or --group is missing",
		"apply":                "--file (-f) is missing",
		"certificates put wiki.example.com --chain x": "--private-key is missing",
	} {
		r := term.run("", strings.Fields(line)...)
		if r.code == 0 || !strings.Contains(r.err, want) {
			t.Errorf("postern %s: %d %s, want %s", line, r.code, r.err, want)
		}
	}
}
