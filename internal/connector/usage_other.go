//go:build !unix

package connector

import "time"

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }
