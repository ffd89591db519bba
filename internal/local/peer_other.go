//go:build unix && !linux && !darwin

package local

import "errors"

func peerUID(int) (uint32, error) { return 0, errors.ErrUnsupported }
