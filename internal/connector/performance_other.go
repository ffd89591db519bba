//go:build !windows

package connector

import "errors"

// startCounters knows of none here.
func startCounters(string) (publisher, error) { return nil, errors.ErrUnsupported }
