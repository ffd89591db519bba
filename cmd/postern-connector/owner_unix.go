//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
)

// account is whom a directory belongs to.
type account = syscall.Credential

// foreign tells whose the state directory is, if that is neither this user's nor nobody's yet: root works on a service's
// directory as the service's user, so that what it makes there belongs to the service, and nothing the service put there
// leads root astray.
func (s *settings) foreign() (who account, yes bool) {
	info, err := os.Stat(s.state)
	if err != nil || os.Geteuid() != 0 {
		return who, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return who, false
	}
	return account{Uid: stat.Uid, Gid: stat.Gid}, true
}

// asOwner runs a command of this program as the owner of the state directory.
func (s *settings) asOwner(cmd *cobra.Command, who account, in io.Reader, args ...string) error {
	program := "/proc/self/exe" // its directory may be closed to that user
	if runtime.GOOS != "linux" {
		own, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
		program = own
	}
	state, err := filepath.Abs(s.state) // the child works in it
	if err != nil {
		return fmt.Errorf("find the state directory: %w", err)
	}
	child := exec.CommandContext(cmd.Context(), program, append(args, "--state", state)...)
	child.Args[0] = "postern-connector"
	child.Dir = state
	child.Env = append(os.Environ(), "HOME="+state)
	for _, setting := range serviceSettings(cmd.Flags()) { // not as arguments: some are secrets
		child.Env = append(child.Env, setting.Name+"="+setting.Value)
	}
	child.Stdin, child.Stdout, child.Stderr = in, cmd.OutOrStdout(), cmd.ErrOrStderr()
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &who}
	err = child.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return &exit{code: ended.ExitCode()} // it has said why
	}
	return err
}
