// Package size lets one test run at two sizes: small in `make test`, full in `make proof`.
//
// The assertions of a test are the same at both; only amounts differ: bytes, requests, crash points, seconds of load.
package size

import "os"

// Of returns small, or full when POSTERN_PROOF=1 is set in the environment.
func Of[T any](small, full T) T {
	if Full() {
		return full
	}
	return small
}

// Full reports whether the tests run at full size.
func Full() bool { return os.Getenv("POSTERN_PROOF") == "1" }
