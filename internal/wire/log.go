package wire

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// The logs of a connector.
const (
	LogAdmin   = "admin"   // key events
	LogSession = "session" // every transaction, while it is switched on
	LogProgram = "program" // everything that the program says, as on its standard error
)

// Logs lists them.
func Logs() []string { return []string{LogAdmin, LogSession, LogProgram} }

// QuestionLog asks a connector for entries of one of its logs: AskLog → LogPage.
const QuestionLog = "log"

// AskLog asks for what came after a place. With Wait the connector answers when there is something, or when the wait is over.
type AskLog struct {
	Log      string        `json:"log"`
	Instance string        `json:"instance,omitempty"` // of the answer before: places are good for one process only
	After    uint64        `json:"after,omitempty"`
	Limit    int           `json:"limit,omitempty"` // at most so many, the newest
	Wait     time.Duration `json:"wait,omitempty"`  // nanoseconds; the connector bounds it
}

// LogPage is a part of a log, the oldest entry first.
type LogPage struct {
	Instance string     `json:"instance"` // of the process whose places these are
	Next     uint64     `json:"next"`     // where to go on: AskLog.After
	Missed   uint64     `json:"missed,omitempty"`
	Entries  []LogEntry `json:"entries"`
}

// LogEntry is one line of a log.
type LogEntry struct {
	Time     time.Time `json:"time"`
	Severity string    `json:"severity"`        // debug, info, warn, error
	Event    string    `json:"event,omitempty"` // stable id of a key event: docs/connector-logs.md
	Message  string    `json:"message"`
	Fields   []LogPair `json:"fields,omitempty"`
	// Transaction is what an entry of the Session log tells of.
	Transaction *Record `json:"transaction,omitempty"`
}

// LogPair is a named value of a LogEntry.
type LogPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// QuestionRecords brings a connector whose Session log is on the records of transactions that it carried: Records → {}.
const QuestionRecords = "records"

// Records are transactions, and how many there was no room for.
type Records struct {
	Records []Record `json:"records"`
	Missed  uint64   `json:"missed,omitempty"`
}

// Pairs gives the fields of an entry, and of a transaction all that is known of it, in an order for people.
func (e *LogEntry) Pairs() []LogPair {
	all := slices.Clone(e.Fields)
	r := e.Transaction
	if r == nil {
		return all
	}
	add := func(name, value string) {
		if value != "" {
			all = append(all, LogPair{name, value})
		}
	}
	add("user", r.User)
	add("application", cmp.Or(r.ApplicationName, r.Application))
	add("target", r.Destination)
	add("client", r.Client)
	add("method", r.Method)
	add("host", r.Host)
	add("path", r.Path)
	add("status", strconv.Itoa(r.Status))
	add("outcome", string(r.Outcome))
	add("reason", r.Reason)
	add("received", strconv.FormatInt(r.Received, 10))
	add("sent", strconv.FormatInt(r.Sent, 10))
	add("open", r.Open.String())
	add("firstByte", r.FirstByte.String())
	add("duration", r.Duration.String())
	add("complete", strconv.FormatBool(r.Complete))
	add("gateway", r.Gateway)
	add("request", r.Request)
	return all
}
