package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"postern/internal/connector"
	"postern/internal/fault"
)

func enrolCommand(s *settings) *cobra.Command {
	var tokenFile, name string
	cmd := &cobra.Command{
		Use:     "enrol",
		Aliases: []string{"enroll"},
		Short:   "Register this machine with a service, by a one-time token",
		Long: `enrol makes a key on this machine and has the service certify it. The token comes from a file or from standard
input, never as an argument, which every user of the machine could read.`,
		Example: `  postern-connector enrol --token-file token.txt
  postern-connector enrol --token-file - < token.txt`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.stateRequired(); err != nil {
				return err
			}
			if tokenFile == "" {
				return fault.Invalid("--token-file", "is required: a file with the token, or - for standard input")
			}
			log, err := s.log(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			token, err := readToken(tokenFile, cmd.InOrStdin(), log)
			if err != nil {
				return err
			}
			dialer, err := s.dialer()
			if err != nil {
				return fmt.Errorf("--proxy: %w", err)
			}
			cred, err := connector.Enrol(cmd.Context(), connector.Enrolment{
				State: s.state, Token: token, Name: name, Dialer: dialer, Host: host(), Log: log,
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Enrolled as connector %s of %s.\nThe token is used up. Start the connector: postern-connector run\n",
				cred.Identity.ID, cred.Connection.ServiceURL)
			return err
		},
	}
	tokenFlag(cmd.Flags(), &tokenFile)
	cmd.Flags().StringVar(&name, "name", "", "`name` of the connector (default the machine's)")
	return cmd
}
