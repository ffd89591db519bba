package main

import (
	"io"

	"github.com/spf13/cobra"
)

// account is whom a directory belongs to; on Windows an administrator works on a service's directory as itself.
type account struct{}

func (s *settings) foreign() (account, bool) { return account{}, false }

func (s *settings) asOwner(*cobra.Command, account, io.Reader, ...string) error { return nil }
