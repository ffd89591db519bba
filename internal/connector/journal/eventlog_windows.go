package journal

import (
	"encoding/json"
	"strconv"
	"strings"

	"golang.org/x/sys/windows/svc/eventlog"

	"postern/internal/install"
	"postern/internal/wire"
)

// EventLog is an Output to the Windows Event Log.
type EventLog struct{ log *eventlog.Log }

// NewEventLog gives an Output under a source.
func NewEventLog(log string) (Output, error) {
	source := install.SourceAdmin
	if log == wire.LogSession {
		source = install.SourceSession
	}
	opened, err := eventlog.Open(source)
	if err != nil {
		return nil, err
	}
	return &EventLog{opened}, nil
}

// Write adds an event: its number is that of the event's id, 1 for what has none.
func (l *EventLog) Write(e wire.LogEntry) error {
	number, err := strconv.ParseUint(strings.TrimPrefix(e.Event, "C"), 10, 16)
	if err != nil {
		number = 1
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	switch e.Severity {
	case "warn":
		return l.log.Warning(uint32(number), string(text))
	case "error":
		return l.log.Error(uint32(number), string(text))
	}
	return l.log.Info(uint32(number), string(text))
}

// Close closes the handle.
func (l *EventLog) Close() error { return l.log.Close() }
