//go:build !windows

package journal

import "postern/internal/fault"

// NewEventLog refuses: only Windows has an event log.
func NewEventLog(string) (Output, error) {
	return nil, fault.Invalid("eventlog", "names eventlog, which only Windows has")
}
