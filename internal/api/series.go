package api

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Series is what was measured over time, step by step.
type Series struct {
	From   Time          `json:"from" doc:"The beginning of the first step."`
	To     Time          `json:"to" doc:"Until when."`
	Step   int           `json:"step" doc:"How long a step is, in seconds."`
	Points []SeriesPoint `json:"points" doc:"The steps of which something is known, the oldest first. A step that is missing is a gap: nobody knows."`
}

// SeriesPoint is what was measured in one step.
type SeriesPoint struct {
	Time      Time             `json:"time" doc:"When the step began."`
	Counted   int              `json:"counted,omitempty" doc:"For how many seconds of the step a gateway counted requests."`
	Reported  int              `json:"reported,omitempty" doc:"For how many seconds of the step the connector, or any of the group's, measured itself."`
	Requests  *SeriesRequests  `json:"requests,omitempty" doc:"What gateways counted; absent if none did."`
	Connector *SeriesConnector `json:"connector,omitempty" doc:"What the connector measured itself, of a group all its connectors together; absent if none did."`
}

// SeriesRequests is what gateways counted of requests.
type SeriesRequests struct {
	Count      uint64            `json:"count" doc:"Requests that ended in the step."`
	Errors     uint64            `json:"errors" doc:"Those of them that failed: with a status of 500 and more, of the application or our own, or without one."`
	Status4xx  uint64            `json:"status4xx" doc:"Those with a status from 400 to 499."`
	Status5xx  uint64            `json:"status5xx" doc:"Those with a status of 500 and more."`
	Unanswered uint64            `json:"unanswered" doc:"Those that ended without a status."`
	Received   uint64            `json:"received" doc:"Bytes of bodies that came from clients."`
	Sent       uint64            `json:"sent" doc:"Bytes of bodies that went to clients."`
	UnderWay   uint64            `json:"underWay" doc:"How many were under way, at the most of the looks, one in a minute."`
	Users      *uint64           `json:"users,omitempty" doc:"How many users were active in the minute, at the most; of the service only."`
	FirstByte  *SeriesTimes      `json:"firstByte,omitempty" doc:"How long it took until the application answered; absent if nothing was answered."`
	Causes     map[string]uint64 `json:"causes,omitempty" doc:"Why requests failed on their way, by the codes of docs/troubleshooting.md. Those that an application answered with an error are not among them."`
}

// SeriesTimes are times in milliseconds. All but the mean are estimated from how many were within 1, 2, 4, 8 … ms.
type SeriesTimes struct {
	Mean float64 `json:"mean" doc:"Milliseconds."`
	P50  float64 `json:"p50" doc:"Half of them took at most this."`
	P95  float64 `json:"p95" doc:"95 of a hundred took at most this."`
	P99  float64 `json:"p99" doc:"99 of a hundred took at most this."`
}

// SeriesConnector is what a connector measured itself.
type SeriesConnector struct {
	Streams     uint64            `json:"streams" doc:"Streams open to applications, at the most of the looks, one in 10 seconds."`
	Opened      uint64            `json:"opened" doc:"Streams that gateways opened, questions included."`
	Refused     uint64            `json:"refused" doc:"Streams that it refused."`
	Refusals    map[string]uint64 `json:"refusals,omitempty" doc:"Those by the code of the refusal."`
	Received    uint64            `json:"received" doc:"Bytes of its tunnels, from gateways."`
	Sent        uint64            `json:"sent" doc:"Bytes of its tunnels, to gateways."`
	Tunnels     uint64            `json:"tunnels" doc:"Tunnels, at the fewest of the looks."`
	TunnelsMade uint64            `json:"tunnelsMade" doc:"Tunnels that it made."`
	TunnelsLost uint64            `json:"tunnelsLost" doc:"Tunnels that it lost."`
	DialErrors  uint64            `json:"dialErrors" doc:"Attempts to make a tunnel that failed."`
	Resolve     *float64          `json:"resolve,omitempty" doc:"How long it took to look up the name of an application, on average, in milliseconds."`
	Connect     *float64          `json:"connect,omitempty" doc:"How long it took to look up, connect and secure a connection to an application, on average, in milliseconds."`
	RoundTrip   *float64          `json:"roundTrip,omitempty" doc:"The round trip of its tunnels, on average, in milliseconds."`
	CPU         float64           `json:"cpu" doc:"Processors that it used, on average."`
	Memory      uint64            `json:"memory,omitempty" doc:"Bytes of memory that it had, at the most."`
	Handles     uint64            `json:"handles,omitempty" doc:"Files and sockets that it had open, at the most."`
	Certificate float64           `json:"certificate" doc:"How many days its certificate was good for, of a group the fewest."`
	HeadRoom    *float64          `json:"headRoom,omitempty" doc:"How much of its narrowest resource was left at the worst look, from 0 to 1; of a group that of the connector that had least."`
	Narrowest   string            `json:"narrowest,omitempty" enum:"cpu,memory,streams,ports,handles" doc:"Which resource that was."`
}

// SeriesQuestion asks for what was measured. The zero value asks for the last hour.
type SeriesQuestion struct {
	From, To time.Time
	Step     time.Duration
}

func (q SeriesQuestion) query() url.Values {
	v := url.Values{}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Step != 0 {
		v.Set("step", q.Step.String())
	}
	return v
}

func (c *Client) series(ctx context.Context, q SeriesQuestion, path ...string) (s Series, err error) {
	err = c.do(ctx, call{method: http.MethodGet, path: append(path, "series"), query: q.query(), out: &s})
	return s, err
}

// Series gives what was measured of a connector.
func (n Connectors) Series(ctx context.Context, id string, q SeriesQuestion) (Series, error) {
	return n.reads.c.series(ctx, q, n.reads.path, id)
}

// Series gives what was measured of all connectors of a group.
func (n ConnectorGroups) Series(ctx context.Context, id string, q SeriesQuestion) (Series, error) {
	return n.reads.c.series(ctx, q, n.reads.path, id)
}

// Series gives what gateways counted of an application.
func (n Applications) Series(ctx context.Context, id string, q SeriesQuestion) (Series, error) {
	return n.reads.c.series(ctx, q, n.reads.path, id)
}

// Series gives what gateways counted of everything.
func (c *Client) Series(ctx context.Context, q SeriesQuestion) (Series, error) {
	return c.series(ctx, q)
}
