package cli_test

import (
	"os"
	"strings"
	"testing"
)

// TestNastyArgumentsAreRefused types what is wrong in obvious and in nasty ways: the exit code is
// not 0, the error names the flag or argument, and nothing is changed.
func TestNastyArgumentsAreRefused(t *testing.T) {
	s := newTerminal(t)
	s.must("connector-groups", "create", "Twin")
	s.must("groups", "create", "Staff")
	s.must("tokens", "create", "same")
	s.must("tokens", "create", "same")
	s.must("users", "create", "ada", "--no-password")
	s.must("applications", "create", "Wiki", "--external-url", "https://wiki.example.com/", "--internal-url", "http://wiki/")
	for name, text := range map[string]string{"empty": "", "two": "a\nb\n", "nul": "a\x00b", "long": strings.Repeat("x", 5000), "pem": "no PEM"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := func(flags string) string {
		return "applications create X --external-url https://x.example.com/ --internal-url http://x/ " + flags
	}
	tests := []struct {
		line string // §  stands for a blank inside an argument, ∅ for an empty one
		code int
		says string
	}{
		// commands that there are not
		{"applications frobnicate", 2, "frobnicate"},
		{"users ad", 2, "ad"},
		{"applications list extra", 2, "one argument too many"},
		{"applications list --frobnicate", 2, "--frobnicate"},
		{"applications list -o xml", 2, "--output"},
		{"applications list -o ∅", 2, "--output"},
		{"applications list --limit -1", 2, "--limit"},
		{"applications list --limit x", 2, "--limit"},
		{"applications list --limit 1e3", 2, "--limit"},
		{"applications list --limit 99999999999999999999", 2, "--limit"},
		{"applications list --search " + strings.Repeat("x", 300), 1, "--search"},
		{"audit list --since yesterday", 2, "--since"},
		{"audit list --since -5h", 2, "--since"},
		{"audit list --object x", 1, "--object"},
		{"audit list --actor x", 1, "--actor"},
		{"audit list --limit -1", 2, "--limit"},
		// where the service is
		{"whoami --server ∅", 2, "--server"},
		{"whoami --api-key-file empty", 2, "--api-key-file"},
		{"whoami --api-key-file missing", 2, "--api-key-file"},
		{"whoami --api-key-file two", 2, "--api-key-file"},
		{"whoami --api-key-file nul", 2, "--api-key-file"},
		{"whoami --api-key-file long", 2, "--api-key-file"},
		{"whoami --api-key-file .", 2, "--api-key-file"},
		{"whoami --ca-file missing", 2, "--ca-file"},
		{"whoami --ca-file pem", 2, "--ca-file"},
		{"whoami --server http://admin.example.com", 2, "--server"},
		{"whoami --server admin.example.com", 2, "--server"},
		{"whoami --server https://u:p@admin.example.com", 2, "--server"},
		{"whoami --server https://admin.example.com/api", 2, "--server"},
		{"login ftp://x", 2, "URL"},
		{"login https://a.example.com --server https://b.example.com", 2, "--server"},
		// names
		{"applications show", 2, "NAME is missing"},
		{"applications show a b", 2, "arg"},
		{"applications show ∅", 2, "must not be empty"},
		{"applications show §", 2, "must not be empty"},
		{"applications show nothing", 1, "nothing"},
		{"applications show ../users", 1, "../users"},
		{"applications show app_00000000000000000000000000", 1, ""},
		{"applications delete nothing --yes", 1, "nothing"},
		{"applications delete Wiki nothing --yes", 1, "nothing"}, // nothing is deleted when one is not there
		{"applications delete Wiki", 2, "--yes"},
		{"tokens show same", 2, "by its id"},
		{"tokens delete SAME --yes", 2, "by its id"},
		{"assignments show x", 2, "assignment"},
		{"assignments delete Wiki --yes", 2, "assignment"},
		// applications
		{"applications create", 2, "NAME and --external-url or --internal-url or --kind or --segment are missing"},
		{"applications create X", 2, "--external-url"},
		{"applications create X --external-url https://x.example.com/", 1, "--internal-url"},
		{"applications create ∅ --external-url https://x.example.com/ --internal-url http://x/", 1, "NAME"},
		{"applications create §x --external-url https://x.example.com/ --internal-url http://x/", 1, "NAME"},
		{app("--external-url http://x.example.com/"), 1, "--external-url"},
		{app("--external-url https://wiki.example.com/"), 1, "--external-url"},
		{app("--external-url"), 2, "--external-url"},
		{app("--internal-url ftp://x/"), 1, "--internal-url"},
		{app("--connector-group nothing"), 1, "--connector-group"},
		{app("--connector-group ∅"), 2, "--connector-group"},
		{app("--connector-group cgr_00000000000000000000000000"), 1, "--connector-group"},
		{app("--pre-authentication none"), 1, "--pre-authentication"},
		{app("--host-header x"), 1, "--host-header"},
		{app("--disabled=maybe"), 2, "--disabled"},
		{app("--skip-verify=2"), 2, "--skip-verify"},
		{app("--allow-raw-paths=x"), 2, "--allow-raw-paths"},
		{app("--backend-ca missing"), 2, "--backend-ca"},
		{app("--backend-ca pem"), 1, "--backend-ca"},
		{app("--backend-timeout x"), 1, "--backend-timeout"},
		{app("--backend-timeout 1ms"), 1, "--backend-timeout"},
		{app("--idle-timeout -5m"), 1, "--idle-timeout"},
		{app("--idle-timeout 25h"), 1, "--idle-timeout"},
		{"applications update Wiki", 2, "flag"},
		{"applications update Wiki --name ∅", 1, "--name"},
		{"applications update nothing --disabled", 1, "nothing"},
		{"applications update Wiki --external-url x", 1, "--external-url"},
		// groups and connectors
		{"connector-groups create Twin", 1, "NAME"},
		{"connector-groups update Twin --name Default", 1, "--name"},
		{"connector-groups delete Default --yes", 1, ""},
		{"connectors create x", 2, "create"},
		{"connectors update nothing --disabled", 1, "nothing"},
		{"groups create G --member nobody", 1, "--member"},
		{"groups create G --member ada,ada", 1, "--member"},
		{"groups create G --description " + strings.Repeat("x", 1100), 1, "--description"},
		{"groups add Staff", 2, "USER"},
		{"groups add Staff nobody", 1, "USER"},
		{"groups add nothing ada", 1, "nothing"},
		// users
		{"users create", 2, "NAME is missing"},
		{"users create Ada --no-password", 1, "NAME"},
		{"users create ada --no-password", 1, "NAME"},
		{"users create bob --password secret", 2, "--password"},
		{"users create bob secret", 2, "arg"},
		{"users create bob --password-file missing", 2, "--password-file"},
		{"users create bob --password-file empty", 2, "--password-file"},
		{"users create bob --password-file two", 2, "--password-file"},
		{"users create bob --password-file empty --no-password", 2, "--no-password"},
		{"users create bob", 2, "standard input"}, // which is empty here
		{"users create bob --no-password --email x", 1, "--email"},
		{"users create bob --no-password --role god", 1, "--role"},
		{"users create bob --no-password --role reader,reader", 1, "--role"},
		{"users create bob --no-password --display-name §x", 1, "--display-name"},
		{"users update ada --role god", 1, "--role"},
		{"users update owner --disabled", 1, ""},
		{"users delete owner --yes", 1, ""},
		{"users set-password nobody --password-file two", 1, "nobody"},
		{"users set-password ada --password x", 2, "--password"},
		{"users set-password ada --password-file two", 2, "--password-file"},
		// assignments
		{"assignments create", 2, "--application"},
		{"assignments create --application Wiki", 2, "--user"},
		{"assignments create --application Wiki --user ada --group Staff", 1, "--user"},
		{"assignments create --application nothing --user ada", 1, "--application"},
		{"assignments create --application Wiki --user nobody", 1, "--user"},
		{"assignments create --application Wiki --group nothing", 1, "--group"},
		{"assignments create Wiki ada", 2, ""},
		{"assignments list --application nothing", 1, "--application"},
		// secrets
		{"tokens create T --expires yesterday", 2, "--expires"},
		{"tokens create T --expires -1h", 2, "--expires"},
		{"tokens create T --expires 0s", 2, "--expires"},
		{"tokens create T --expires 1s", 1, "--expires"},
		{"tokens create T --expires 31d", 1, "--expires"},
		{"tokens create T --expires 2020-01-01", 1, "--expires"},
		{"tokens create T --connector-group nothing", 1, "--connector-group"},
		{"tokens create T --out missing/file", 2, "--out"},
		{"tokens create T -o name", 2, "--out"},
		{"tokens create ∅", 1, "NAME"},
		{"keys create K", 2, "--role"},
		{"keys create K --role god", 1, "--role"},
		{"keys create K --role reader --expires 1s", 1, "--expires"},
		{"keys create ∅ --role reader", 1, "NAME"},
		// certificates
		{"certificates put x.example.com", 2, "--chain"},
		{"certificates put x.example.com --chain pem", 2, "--private-key"},
		{"certificates put x.example.com --chain missing --private-key pem", 2, "--chain"},
		{"certificates put x.example.com --chain pem --private-key missing", 2, "--private-key"},
		{"certificates put x.example.com --chain - --private-key -", 2, "--chain"},
		{"certificates put x.example.com --chain pem --private-key pem", 1, "--chain"},
		{"certificates put not§a§host --chain pem --private-key pem", 1, ""},
		{"certificates show nothing.example.com", 1, ""},
	}
	t.Logf("%d rows", len(tests))
	before := everything(s)
	for _, test := range tests {
		args := strings.Fields(test.line)
		for i, arg := range args {
			args[i] = strings.NewReplacer("§", " ", "∅", "").Replace(arg)
		}
		r := s.run("", args...)
		if r.code != test.code || !strings.Contains(r.err, test.says) || !strings.HasPrefix(r.err, "Error: ") {
			t.Errorf("postern %s:\n  exit %d, want %d naming %q: %s", test.line, r.code, test.code, test.says, r.err)
		}
		if r.out != "" {
			t.Errorf("postern %s printed %s", test.line, r.out)
		}
		if after := everything(s); after != before {
			t.Fatalf("postern %s changed something:\n%s", test.line, after)
		}
	}
}

// everything is what a user of the command line can see, as far as it does not change by itself.
func everything(s terminal) string {
	s.Helper()
	var all strings.Builder
	for _, noun := range []string{"applications", "connectors", "connector-groups", "users", "groups", "assignments", "tokens", "certificates"} {
		all.WriteString(s.must(noun, "list", "-o", "json"))
	}
	all.WriteString(s.must("keys", "list", "-o", "name"))
	return all.String()
}
