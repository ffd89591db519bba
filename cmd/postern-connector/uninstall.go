package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/internal/connector"
	"postern/internal/fault"
	"postern/internal/install"
)

func uninstallCommand(s *settings) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Deregister this machine at the service and remove all that was installed",
		Long: `uninstall stops the installed service, tells the Postern service that this connector is no more, and removes the credential,
the installed service, its settings and its user. Without an installed service it removes the credential; stop the connector first then.

When the Postern service cannot be told, nothing is removed unless --force is given; delete the connector there then.`,
		Example: `  postern-connector uninstall
  postern-connector uninstall --force
  postern-connector uninstall --instance lab`,
		Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error {
			host, name := install.Host{}, s.serviceName()
			if cmd.Flags().Changed("state") || !host.State(cmd.Context(), name).Installed {
				return s.deregisterBeside(cmd, force)
			}
			return s.uninstallService(cmd, host, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "remove everything even if the service cannot be told")
	return cmd
}

func (s *settings) uninstallService(cmd *cobra.Command, host install.Host, force bool) error {
	if err := host.Check(false); err != nil {
		return err
	}
	name, ctx := s.serviceName(), cmd.Context()
	s.state = host.StateDir(name)
	running := host.State(ctx, name).Running
	if running {
		if err := host.Stop(ctx, name); err != nil {
			return err
		}
	}
	if s.enrolled() || s.draft() {
		if err := s.deregisterBeside(cmd, force); err != nil && !force {
			if running {
				return errors.Join(err, host.Start(context.WithoutCancel(ctx), name)) // as it was
			}
			return err
		}
	}
	removed, err := host.Remove(ctx, name)
	out := cmd.OutOrStdout()
	for _, what := range removed.Gone {
		fmt.Fprintf(out, "Removed: %s\n", what)
	}
	for _, what := range removed.Left {
		fmt.Fprintf(out, "Left in place: %s\n", what)
	}
	return err
}

// draft tells whether there is a credential in the making that the service may have heard of.
func (s *settings) draft() bool {
	_, err := os.Lstat(filepath.Join(s.state, "connection.json"))
	return err == nil
}

// deregisterBeside deregisters as the user whom the state directory belongs to.
func (s *settings) deregisterBeside(cmd *cobra.Command, force bool) error {
	if who, yes := s.foreign(); yes {
		args := []string{"deregister"}
		if force {
			args = append(args, "--force")
		}
		return s.asOwner(cmd, who, nil, args...)
	}
	return s.deregister(cmd, force)
}

// deregisterCommand is the part of uninstall that is done as the owner of the state directory.
func deregisterCommand(s *settings) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "deregister", Short: "Deregister as the user whom the state directory belongs to", Hidden: true, Args: noToken,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.deregister(cmd, force) },
	}
	cmd.Flags().BoolVar(&force, "force", false, "remove the credential even if the service cannot be told")
	return cmd
}

func (s *settings) deregister(cmd *cobra.Command, force bool) error {
	if _, err := os.Stat(s.state); err != nil {
		return nothingHere(s.state)
	}
	dialer, err := s.proxy.Dialer()
	if err != nil {
		return err
	}
	told, err := connector.Deregister(cmd.Context(), connector.Uninstall{State: s.state, Dialer: dialer, Host: host(), Force: force})
	switch {
	case fault.Is(err, fault.KindNotFound):
		return nothingHere(s.state)
	case fault.Is(err, fault.KindConflict):
		return err // it is running
	case err != nil && !force:
		return fmt.Errorf("%w\nNothing was removed. Delete the connector at the service yourself and use --force to remove the credential all the same", err)
	case err != nil:
		return err
	}
	return farewell(cmd, s.state, told)
}

// nothingHere says that there is nothing to take away.
func nothingHere(state string) error {
	return fault.NotFound("there is nothing to uninstall: no such service is installed, and %s holds no credential", state)
}

// farewell says what was done and what is left.
func farewell(cmd *cobra.Command, state string, told bool) error {
	out := cmd.OutOrStdout()
	if told {
		fmt.Fprintln(out, "The service no longer knows this connector. Its credential is removed.")
	} else {
		fmt.Fprintln(out, "The credential is removed. The service was not told: delete the connector there.")
	}
	err := os.Remove(state)
	if entries, _ := os.ReadDir(state); err != nil && len(entries) > 0 {
		fmt.Fprintf(out, "Left in place: the directory %s with what else is in it.\n", state)
	}
	return nil
}
