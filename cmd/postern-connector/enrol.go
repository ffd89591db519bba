package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/internal/connector"
	"postern/internal/fault"
	"postern/internal/install"
	"postern/internal/wire"
)

func enrolCommand(s *settings) *cobra.Command {
	var tokenFile string
	var e enrolment
	var by signIn
	cmd := &cobra.Command{
		Use:     "enrol",
		Aliases: []string{"enroll"},
		Short:   "Register this machine with a service, by a one-time token or an administrator's sign-in",
		Long: `enrol makes a key on this machine and has the service certify it. The token comes from a file or from standard
input, never as an argument, which every user of the machine could read.

With --admin-url an administrator signs in instead: a code is shown, which is typed in a browser on any device. The machine is enrolled in
the administrator's name, who needs the right to make tokens; the sign-in ends with it. It goes out as the connector does: see --proxy.

--again makes another connector of a machine that is enrolled, when it was deleted at the service for instance: nothing is installed
anew, the credential it has stays until there is the new one, and the service is told that the old connector is no more.`,
		Example: `  postern-connector enrol --token-file token.txt
  postern-connector enrol --admin-url https://admin.access.example.com
  postern-connector enrol --again --token-file token.txt
  postern-connector enrol --token-file - < token.txt`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.stateRequired(); err != nil {
				return err
			}
			token, err := s.oneToken(cmd, tokenFile, &by, e.name)
			if err != nil {
				return err
			}
			if err := s.enrolBeside(cmd, token, e); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "The token is used up.", s.afterEnrolment(cmd))
			return err
		},
	}
	tokenFlag(cmd.Flags(), &tokenFile)
	e.add(cmd.Flags())
	by.add(cmd.Flags())
	return cmd
}

// oneToken reads the token, or has an administrator sign in for one.
func (s *settings) oneToken(cmd *cobra.Command, file string, by *signIn, name string) (token wire.EnrolmentToken, err error) {
	switch {
	case file != "" && by.adminURL != "":
		return token, fault.Invalid("--token-file", "and --admin-url are two ways to enrol: give one")
	case by.adminURL != "":
		if name == "" {
			name = host().MachineName
		}
		var err error
		if by.dialer, err = s.proxy.Dialer(); err != nil {
			return token, err
		}
		return by.token(cmd, name)
	case file == "":
		return token, fault.Invalid("--token-file", "is required: a file with the token, or - for standard input; or --admin-url, where an administrator signs in")
	}
	log, err := s.log(cmd.ErrOrStderr())
	if err != nil {
		return token, err
	}
	return readToken(file, cmd.InOrStdin(), log)
}

// enrolment says how to enrol, beside the token.
type enrolment struct {
	name  string
	again bool
	ahead bool // only get the credential: see connector.Enrolment
}

func (e *enrolment) add(f *pflag.FlagSet) {
	f.StringVar(&e.name, "name", "", "`name` of the connector (default the machine's)")
	f.BoolVar(&e.again, "again", false, "make another connector of a machine that is enrolled")
}

// enrolBeside enrols into the state directory, as the user whom it belongs to. To enrol again, the service stands still for a
// moment: the credential is fetched before, since a service may take longer to stop than a token is good for.
func (s *settings) enrolBeside(cmd *cobra.Command, token wire.EnrolmentToken, e enrolment) error {
	host, name := install.Host{}, s.serviceName()
	if !e.again || cmd.Flags().Changed("state") || !host.State(cmd.Context(), name).Running {
		return s.enrolAsOwner(cmd, token, e)
	}
	ahead := e
	ahead.ahead = true
	if err := s.enrolAsOwner(cmd, token, ahead); err != nil {
		return err
	}
	if err := host.Stop(cmd.Context(), name); err != nil {
		return err
	}
	err := s.enrolAsOwner(cmd, token, e)
	return errors.Join(err, host.Start(context.WithoutCancel(cmd.Context()), name)) // also for who interrupts us
}

func (s *settings) enrolAsOwner(cmd *cobra.Command, token wire.EnrolmentToken, e enrolment) error {
	who, yes := s.foreign()
	if !yes {
		return s.enrolHere(cmd, token, e)
	}
	args := []string{"enrol-here"}
	if e.name != "" {
		args = append(args, "--name", e.name)
	}
	if e.again {
		args = append(args, "--again")
	}
	if e.ahead {
		args = append(args, "--ahead")
	}
	return s.asOwner(cmd, who, strings.NewReader(token.String()), args...)
}

func (s *settings) enrolHere(cmd *cobra.Command, token wire.EnrolmentToken, e enrolment) error {
	log, err := s.log(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	dialer, err := s.proxy.Dialer()
	if err != nil {
		return err
	}
	cred, err := connector.Enrol(cmd.Context(), connector.Enrolment{
		State: s.state, Token: token, Name: e.name, Dialer: dialer, Host: host(), Log: log, Again: e.again, Ahead: e.ahead,
	})
	if err != nil || e.ahead {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Enrolled as connector %s of %s.\n", cred.Identity.ID, cred.Connection.ServiceURL)
	return err
}

// enrolHereCommand is the part of enrol and install that is done as the owner of the state directory; the token comes by
// standard input.
func enrolHereCommand(s *settings) *cobra.Command {
	var e enrolment
	cmd := &cobra.Command{
		Use: "enrol-here", Short: "Enrol as the user whom the state directory belongs to", Hidden: true, Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := s.log(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			token, err := readToken("-", cmd.InOrStdin(), log)
			if err != nil {
				return err
			}
			return s.enrolHere(cmd, token, e)
		},
	}
	e.add(cmd.Flags())
	cmd.Flags().BoolVar(&e.ahead, "ahead", false, "only get the credential; the same call without it puts it in force")
	return cmd
}

// afterEnrolment says what comes next.
func (s *settings) afterEnrolment(cmd *cobra.Command) string {
	switch state := (install.Host{}).State(cmd.Context(), s.serviceName()); {
	case state.Running:
		return "The service " + s.serviceName() + " uses the credential from now on."
	case state.Installed:
		return "Start the service: postern-connector start"
	}
	return "Start the connector: postern-connector run"
}
