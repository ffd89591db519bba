//go:build !linux

package credential_test

import "errors"

func agentWithoutRoom(string, []byte, string) error { return errors.ErrUnsupported }
