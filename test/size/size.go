// Package size lets one test run at two sizes: small in `make test`, full in `make proof`.
//
// The assertions of a test are the same at both; only amounts differ: bytes, requests, crash points, seconds of load.
package size

import (
	"os"
	"time"
)

// Of returns small, or full when POSTERN_PROOF=1 is set in the environment.
func Of[T any](small, full T) T {
	if Full() {
		return full
	}
	return small
}

// Within gives how long a test lets an event take that is promised within bar: bar itself at full size, where
// a test has the machine to itself, and more in make test, where every part of the tests shares it. The slack
// is less than what a missing event takes: the next poll, the end of a memory.
func Within(bar time.Duration) time.Duration { return Of(2*bar+3*time.Second, bar) }

// Full reports whether the tests run at full size.
func Full() bool { return os.Getenv("POSTERN_PROOF") == "1" }
