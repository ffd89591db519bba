// Package cli is the command line of administrators: tables, JSON and YAML of everything that the
// admin API knows, and every change that it allows.
//
// A name may stand wherever an id may. Secrets come from files, standard input or a prompt, never
// from arguments. Errors name the flag; the exit code is 0 for good, 1 for an error, 2 for a
// command that was not understood and 3 where diff finds a difference or a check a problem.
package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/fault"
)

// Commands gives the commands of administrators, for the root command of the program. Each has its
// own flags, help and error texts; Report prints what they return.
func Commands() []*cobra.Command {
	people, sets := users(), groups()
	people.more = []*cobra.Command{setPassword(), userLink(), userSessions(), revokeSessions(), userFactors(), resetFactors(), userApplications(), eraseUser()}
	sets.more = []*cobra.Command{
		membership("add", "Add users or groups to a group", addMember),
		membership("remove", "Remove users or groups from a group", removeMember),
	}
	elsewhere := upstreams()
	elsewhere.more = []*cobra.Command{upstreamSecret(), testUpstream(), checkUpstream()}
	secrets := keys()
	secrets.more = []*cobra.Command{rotateKeys()}
	machines := devices()
	machines.more = []*cobra.Command{renameDevice(), revokeDevice()}
	nouns := []*cobra.Command{
		applications().command(), connectors().command(), connectorGroups().command(), gateways(), alerts(), serviceSeries(),
		people.command(), sets.command(), elsewhere.command(), assignments().command(), policies().command(), requests().command(),
		tokens().command(), secrets.command(), accessKeys().command(), machines.command(), certificates().command(), authority(), auditLog(), signIns(), traffic(), discovery(), exportsCommand(), branding(), retention(), clients(), settings(),
	}
	service := []*cobra.Command{apply(), diff(), export(), explain(), login(), logout(), whoami(), token(), contexts(), health(), summary(), rollout(), backup(), openAPI(), man()}
	for _, c := range append(nouns, service...) {
		strict(c)
	}
	return append(nouns, service...)
}

// ErrFound ends a command that looked for problems, found some and has printed them.
var ErrFound = errors.New("problems were found")

// usageError says that a command was not understood.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Usage marks an error as one of a command that was not understood, which ends with exit code 2.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// Report prints an error of a command for a person and gives the exit code.
func Report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, errDiffers) || errors.Is(err, ErrFound) {
		return 3 // what differs or was found has been printed
	}
	code := 1
	// The root command's own complaint about a command that there is not has no type.
	if _, ok := errors.AsType[usageError](err); ok || strings.HasPrefix(err.Error(), "unknown command ") {
		code = 2
	}
	fmt.Fprintf(w, "Error: %s\n", clean(sentence(err)))
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return code
	}
	if reference, ok := e.Err.(fault.Reference); ok && (e.Kind == fault.KindInternal || e.Kind == fault.KindUnavailable) {
		fmt.Fprintf(w, "The service's log tells more under %s.\n", clean(string(reference)))
	}
	switch e.Kind {
	case fault.KindUnauthenticated:
		fmt.Fprintln(w, "Sign in with: postern login")
	case fault.KindLimited, fault.KindUnavailable:
		if e.RetryAfter > 0 {
			fmt.Fprintf(w, "Try again in %s.\n", e.RetryAfter)
		}
	}
	return code
}

// sentence puts each field that is wrong on a line of its own when there are several.
func sentence(err error) string {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) < 2 {
		return err.Error()
	}
	text := e.Message
	if text == "" {
		text = "this cannot be done:"
	}
	for _, f := range e.Fields {
		text += "\n  " + f.Name + " " + f.Message
	}
	return text
}

// clean keeps what a service answered from acting on a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return printable(r)
	}, text)
}

// strict makes a command and those below it refuse what they do not know, as usage errors.
func strict(c *cobra.Command) {
	c.SilenceErrors, c.SilenceUsage = true, true
	c.DisableFlagsInUseLine = true
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	if c.Runnable() {
		c.Args = checked(c.Args)
	}
	if c.HasSubCommands() && c.RunE == nil {
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%s knows no command %q; see %s --help", c.CommandPath(), args[0], c.CommandPath())
			}
			return c.Help()
		}
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

// Strict makes commands of the program itself refuse what they do not know as those of this package do.
func Strict(c *cobra.Command) *cobra.Command {
	strict(c)
	return c
}
