package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"postern/internal/cli"
)

// walk calls with every command that does something, and the words that lead there.
func walk(c *cobra.Command, words []string, do func(*cobra.Command, []string)) {
	if c.Runnable() && !c.HasSubCommands() {
		do(c, words)
	}
	for _, sub := range c.Commands() {
		walk(sub, append(slices.Clone(words), sub.Name()), do)
	}
}

// run runs a command that must not come as far as doing anything.
func run(t *testing.T, words []string) (code int, text string) {
	t.Helper()
	var out, errs bytes.Buffer
	root := command()
	root.SetArgs(words)
	root.SetIn(strings.NewReader(""))
	root.SetOut(&out)
	root.SetErr(&errs)
	code = cli.Report(&errs, root.ExecuteContext(t.Context()))
	return code, errs.String()
}

var required = regexp.MustCompile(`(^| )(-f|--[a-z-]+) [A-Z]+`)

// TestEveryCommandNamesWhatMisses calls every command with too little and with too much: a sentence names what, and the
// usage line follows. Nothing is asked of a service, or of the file system.
func TestEveryCommandNamesWhatMisses(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("POSTERN_SERVER", "")
	count, taken := 0, map[string]string{}
	for _, c := range command().Commands() {
		for _, name := range append([]string{c.Name()}, c.Aliases...) {
			if other, twice := taken[name]; twice {
				t.Errorf("postern %s is both %s and %s", name, other, c.Name())
			}
			taken[name] = c.Name()
		}
	}
	walk(command(), nil, func(c *cobra.Command, words []string) {
		if c.Name() == "help" || words[0] == "completion" {
			return
		}
		count++
		name, line := strings.Join(words, " "), strings.Split(c.UseLine(), "\n")[0]
		wants := func(args []string, missing ...string) {
			code, text := run(t, append(slices.Clone(words), args...))
			for _, m := range append(missing, "Usage:   "+line) {
				if code != 2 || !strings.Contains(text, m) {
					t.Errorf("postern %s %q: exit code %d, want 2 and %q:\n%s", name, args, code, m, text)
				}
			}
		}
		var places, flags []string
		rest := regexp.MustCompile(`\(.*?\)|\[.*?\]`).ReplaceAllString(strings.TrimPrefix(c.Use, c.Name()), "")
		for _, m := range required.FindAllStringSubmatch(rest, -1) {
			flags = append(flags, m[2])
		}
		for _, word := range strings.Fields(required.ReplaceAllString(rest, " ")) {
			places = append(places, strings.TrimSuffix(word, "…"))
		}
		if len(places)+len(flags) > 0 {
			for i, f := range flags {
				if f == "-f" {
					flags[i] = "--file (-f)"
				}
			}
			wants(nil, append(append(flags, places...), " missing")...)
		}
		for given := 1; given < len(places); given++ {
			wants([]string{"x", "y", "z"}[:given], places[given]+" is missing")
		}
		if !strings.Contains(c.Use, "…") && !strings.Contains(c.Use, "[URL]") {
			optional := regexp.MustCompile(`\[[A-Z]+\]`).FindAllString(c.Use, -1)
			args := append(slices.Repeat([]string{"x"}, len(places)+len(optional)), "one-more")
			for _, f := range flags {
				args = append(args, strings.Fields(f)[0]+"=x") // --file (-f)
			}
			for _, group := range regexp.MustCompile(`\((--[a-z-]+)( [A-Z]+)?`).FindAllStringSubmatch(c.Use, -1) {
				args = append(args, group[1]+"=x")
			}
			wants(args, `"one-more" is one argument too many`)
		}
		if _, text := run(t, append(slices.Clone(words), "--no-such-flag")); !strings.Contains(text, "--no-such-flag") {
			t.Errorf("postern %s --no-such-flag: %s", name, text)
		}
	})
	if count < 100 {
		t.Errorf("only %d commands were walked", count)
	}
}

// TestEveryCommandHasHelpAndAManPage, the newest ones, too; and every cure that names a command names one that there is.
func TestEveryCommandHasHelpAndAManPage(t *testing.T) {
	dir := t.TempDir()
	if code, text := run(t, []string{"man", dir}); code != 0 {
		t.Fatal(text)
	}
	walk(command(), nil, func(c *cobra.Command, words []string) {
		if c.Name() == "help" || words[0] == "completion" {
			return
		}
		name := strings.Join(words, " ")
		if c.Short == "" || c.Example == "" && strings.Contains(c.Use, " ") {
			t.Errorf("postern %s: a short help, and an example where it takes anything, are missing: %q %q", name, c.Short, c.Example)
		}
		if _, err := os.Stat(filepath.Join(dir, "postern-"+strings.Join(words, "-")+".1")); err != nil {
			t.Error(err)
		}
	})
	for _, args := range [][]string{{"policies", ""}, {"exports", "un"}, {"assignments", "hi"}, {"connectors", "un"}, {"requests", "ap"}, {"ca", ""}, {"keys", "ro"}} {
		var out bytes.Buffer
		root := command()
		root.SetArgs(append([]string{cobra.ShellCompNoDescRequestCmd}, args...))
		root.SetOut(&out)
		root.SetErr(&bytes.Buffer{})
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), args[1]) || strings.HasPrefix(out.String(), ":") {
			t.Errorf("completion of %q: %q, %v", args, out.String(), err)
		}
	}
}

// TestCommandsThatAreNamedExist: what cures, texts and docs tell people to type is understood.
func TestCommandsThatAreNamedExist(t *testing.T) {
	known := regexp.MustCompile("(?m)(?:`|^ *|[(:\"] ?)postern ((?:[a-z-]+ ?){1,3})")
	root := command()
	for _, pattern := range []string{"../../internal/control/*.go", "../../internal/store/*.go", "../../internal/cli/*.go", "../../internal/admin/*.go", "../../docs/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range known.FindAllStringSubmatch(string(text), -1) {
				words := strings.Fields(m[1])
				found, rest, err := root.Find(words[:1])
				if err != nil || found == root {
					continue // prose, such as "postern is"
				}
				if found.HasSubCommands() && len(words) > 1 {
					if sub, _, err := root.Find(words[:2]); (err != nil || sub == found) && len(rest) == 0 && !prose(words[1]) {
						t.Errorf("%s names postern %s, which there is not", file, strings.Join(words[:2], " "))
					}
				}
			}
		}
	}
}

// prose says whether a word behind a noun goes on with a sentence.
func prose(word string) bool {
	return slices.Contains([]string{"and", "or", "is", "are", "of", "to", "for", "says", "shows", "lists", "with", "in", "by", "on", "at", "help", "so", "which",
		"part", "entry", "trimmed"}, word) // the last three of what the chain of the audit log is made of
}
