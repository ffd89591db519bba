package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"postern/internal/connector"
	"postern/internal/fault"
)

func uninstallCommand(s *settings) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Deregister this machine at the service and remove its credential",
		Long: `uninstall tells the service that this connector is no more, and removes the credential and the connection settings.
It stops nothing: stop the connector first. When the service cannot be told, nothing is removed unless --force is given;
delete the connector at the service then.`,
		Example: `  postern-connector uninstall
  postern-connector uninstall --force`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := os.Stat(s.state); err != nil {
				return notEnrolled(fault.NotFound("%s does not exist", s.state))
			}
			dialer, err := s.dialer()
			if err != nil {
				return fmt.Errorf("--proxy: %w", err)
			}
			told, err := connector.Deregister(cmd.Context(), connector.Uninstall{State: s.state, Dialer: dialer, Host: host(), Force: force})
			switch {
			case fault.Is(err, fault.KindNotFound):
				return notEnrolled(err)
			case fault.Is(err, fault.KindConflict):
				return err // it is running
			case err != nil && !force:
				return fmt.Errorf("%w\nNothing was removed. Delete the connector at the service yourself and use --force to remove the credential all the same", err)
			case err != nil:
				return err
			}
			return farewell(cmd, s.state, told)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "remove the credential even if the service cannot be told")
	return cmd
}

// farewell says what was done and what is left.
func farewell(cmd *cobra.Command, state string, told bool) error {
	out := cmd.OutOrStdout()
	if told {
		fmt.Fprintln(out, "The service no longer knows this connector. Its credential is removed.")
	} else {
		fmt.Fprintln(out, "The credential is removed. The service was not told: delete the connector there.")
	}
	left := []string{"this program"}
	err := os.Remove(state)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		left = append(left, "the directory "+state+" with what else is in it")
	}
	for _, what := range left {
		fmt.Fprintf(out, "Left in place: %s.\n", what)
	}
	fmt.Fprintln(out, "Left in place, where they exist: the local rules, the service unit and its environment file.")
	return nil
}
