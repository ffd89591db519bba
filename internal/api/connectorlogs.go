package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ConnectorLog is a part of a log of a connector.
type ConnectorLog struct {
	Instance string              `json:"instance" doc:"The process of the connector whose places these are; give it with the next question."`
	Next     uint64              `json:"next" doc:"Where to go on: after."`
	Missed   uint64              `json:"missed,omitempty" doc:"How many entries since the place that was asked about are not there any more."`
	Entries  []ConnectorLogEntry `json:"entries" doc:"The oldest first."`
}

// ConnectorLogEntry is an entry of a connector's log.
type ConnectorLogEntry struct {
	Time     Time              `json:"time" doc:"When, by the connector's clock."`
	Severity string            `json:"severity" doc:"debug, info, warn or error."`
	Event    string            `json:"event,omitempty" doc:"The stable id of a key event; docs/connector-logs.md lists them."`
	Message  string            `json:"message" doc:"What happened, in fixed words."`
	Fields   map[string]string `json:"fields,omitempty" doc:"What is different from time to time; of a transaction all that is known of it."`
}

// ConnectorLogQuestion asks for a part of a connector's log.
type ConnectorLogQuestion struct {
	Log      string // admin, session or program
	Instance string // of the answer before
	After    uint64 // the answer's Next
	Limit    int
	Wait     time.Duration // for something new
}

// Log gives what came after a place in a log of a connector, waiting for it if asked to.
func (n Connectors) Log(ctx context.Context, id string, q ConnectorLogQuestion) (page ConnectorLog, err error) {
	query := url.Values{"log": {q.Log}}
	if q.Instance != "" {
		query.Set("instance", q.Instance)
		query.Set("after", strconv.FormatUint(q.After, 10))
	}
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Wait > 0 {
		query.Set("wait", strconv.Itoa(int(q.Wait.Seconds())))
	}
	err = n.reads.c.do(ctx, call{method: http.MethodGet, path: []string{n.reads.path, id, "log"}, query: query, out: &page})
	return page, err
}
