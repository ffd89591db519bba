package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/internal/access"
	"postern/internal/cli"
	"postern/internal/control"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"postern": func() { os.Exit(cli.Report(os.Stderr, postern().Execute())) },
	})
}

// TestScripts runs the scripts of testdata/script, each against a service of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			data := filepath.Join(env.WorkDir, ".service")
			if err := os.Mkdir(data, 0o700); err != nil {
				return err
			}
			s, err := serve(data, env.Defer)
			if err != nil {
				return err
			}
			env.Values["control"] = s.control
			for name, text := range map[string]string{"owner.key": s.key + "\n", "ca.pem": s.ca, "password.txt": password + "\n"} {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), []byte(text), 0o600); err != nil {
					return err
				}
			}
			for name, value := range map[string]string{"HOME": env.WorkDir, "XDG_CONFIG_HOME": filepath.Join(env.WorkDir, "config"), "SERVER": s.url} {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"like": like, "device": device, "ask": ask, "answer": with("requests"), "assignment": with("assignments")},
	})
}

// ask has a user ask for an application, as the portal does.
func ask(ts *testscript.TestScript, _ bool, args []string) {
	c, _ := ts.Value("control").(*control.Control)
	ctx, all := context.Background(), access.Actor{Kind: access.ActorSystem}
	users, _, err := c.Users(ctx, all, access.Page{Search: args[0]})
	ts.Check(err)
	apps, _, err := c.Applications(ctx, all, access.Page{Search: args[1]})
	ts.Check(err)
	_, err = c.RequestAccess(ctx, access.Actor{Kind: access.ActorUser, ID: users[0].ID, Name: users[0].Name}, control.Ask{Application: apps[0].ID, Reason: "for a while", Period: 2 * time.Hour})
	ts.Check(err)
}

// with gives a command of a noun whose object is named by a file: verb, file, and what else it takes. How it ends is for
// what it prints to tell.
func with(noun string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		id := strings.TrimSpace(ts.ReadFile(args[1]))
		_ = ts.Exec("postern", append([]string{noun, args[0], id}, args[2:]...)...) // its words are looked at
	}
}

// like compares the last standard output with a golden file, in which TIME, ID and blanks stand for
// what differs from one run to the next.
func like(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: like file")
	}
	got, want := squeeze(ts.ReadFile("stdout")), squeeze(ts.ReadFile(args[0]))
	if got != want {
		ts.Fatalf("got:\n%s\nwant:\n%s", got, want)
	}
}

var changing = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "DATE"},
	{regexp.MustCompile(`\b(now|(in )?\d+ (s|min|h|d|y)( ago)?)\b`), "TIME"},
	{regexp.MustCompile(`\b[a-z]{3}_[0-9a-z]{26}\b`), "ID"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "SERVER"},
	{regexp.MustCompile(`postern-(enrol|key)-1\.[-_0-9A-Za-z]+`), "SECRET"},
	{regexp.MustCompile(`  +`), "   "},
}

func squeeze(text string) string {
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.by)
	}
	return text
}
