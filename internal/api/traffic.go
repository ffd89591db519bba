package api

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Traffic tells of one request to a published application or of one that was refused before, or sums up many.
type Traffic struct {
	ID              string   `json:"id" doc:"Names the record for ever: its log and its place there."`
	Time            Time     `json:"time" doc:"When the request came."`
	Duration        float64  `json:"duration" doc:"How long it took to its end, in milliseconds."`
	Request         string   `json:"request" doc:"The reference that error pages show. Of a summary: that of the first."`
	Count           int      `json:"count" doc:"How many requests this tells of: 1, or more for a summary of what was not carried."`
	Outcome         string   `json:"outcome" enum:"forwarded,refused,failed,served,unrecorded" doc:"What became of it: a backend's reply was begun; it was answered with no; something on the way did not work; Postern answered itself. unrecorded: there was no room to note so many."`
	Action          string   `json:"action,omitempty" doc:"allow or deny."`
	Reason          string   `json:"reason,omitempty" doc:"Why it was denied or failed, a stable word."`
	Hop             string   `json:"hop,omitempty" doc:"The hop that failed: you, service, gateway, connector or backend."`
	User            string   `json:"user,omitempty" doc:"The user's id."`
	UserName        string   `json:"userName,omitempty" doc:"The user's name at that time."`
	Session         string   `json:"session,omitempty" doc:"The session."`
	Application     string   `json:"application,omitempty" doc:"The application's id."`
	ApplicationName string   `json:"applicationName,omitempty" doc:"Its name at that time."`
	Destination     string   `json:"destination,omitempty" doc:"Where the application is in the private network, host and port."`
	Connector       string   `json:"connector,omitempty" doc:"The id of the connector that carried it."`
	ConnectorName   string   `json:"connectorName,omitempty" doc:"Its name at that time."`
	ConnectorGroup  string   `json:"connectorGroup,omitempty" doc:"The name of its group at that time."`
	Gateway         string   `json:"gateway,omitempty" doc:"The gateway that took it."`
	Via             string   `json:"via,omitempty" doc:"The gateway that holds the connector's tunnel, if it is another one."`
	Device          string   `json:"device,omitempty" doc:"The id of the device that it came from, of a flow."`
	DeviceName      string   `json:"deviceName,omitempty" doc:"The device's name at that time."`
	Process         string   `json:"process,omitempty" doc:"The program on the device that wanted the flow, as the device says; absent where that is not known."`
	Segment         string   `json:"segment,omitempty" doc:"The segment of the application by which the flow was its, of a flow." example:"10.20.0.0/16:22/tcp"`
	Client          string   `json:"client,omitempty" doc:"The client's address and port; of a summary its network."`
	UserAgent       string   `json:"userAgent,omitempty" doc:"What the browser or program calls itself."`
	Protocol        string   `json:"protocol,omitempty" doc:"The protocol that it came by."`
	Method          string   `json:"method,omitempty" doc:"Its method."`
	Host            string   `json:"host,omitempty" doc:"The host that it asked."`
	Path            string   `json:"path,omitempty" doc:"The path, without the query, which may hold secrets."`
	Status          int      `json:"status,omitempty" doc:"The status of the reply."`
	Received        int64    `json:"received" doc:"Bytes of the body from the client."`
	Sent            int64    `json:"sent" doc:"Bytes of the body to the client."`
	Open            float64  `json:"open,omitempty" doc:"How long it took to reach the backend, in milliseconds; absent on a kept connection."`
	FirstByte       float64  `json:"firstByte,omitempty" doc:"When the backend's reply began, in milliseconds since the request."`
	Complete        bool     `json:"complete" doc:"Whether the reply was sent to its end."`
	Policy          string   `json:"policy,omitempty" doc:"The policy that said no."`
	Condition       string   `json:"condition,omitempty" doc:"Its condition that was not met."`
	BreakGlass      string   `json:"breakGlass,omitempty" doc:"The policy that would have denied anybody but a break-glass user."`
	ReportOnly      []string `json:"reportOnly,omitempty" doc:"The policies that only report and would have said no."`
}

// TrafficPage is a part of the traffic logs of all gateways.
type TrafficPage struct {
	Items      []Traffic           `json:"items" doc:"The newest first, by when they ended. May be fewer than asked for, or none, though there is a next page."`
	Next       string              `json:"next,omitempty" doc:"Cursor of the next page; absent at the end."`
	Incomplete []TrafficIncomplete `json:"incomplete" doc:"The gateways whose records are missing, or are not kept at the moment."`
}

// TrafficIncomplete is a gateway whose records are missing.
type TrafficIncomplete struct {
	Gateway string `json:"gateway" doc:"Its id."`
	Address string `json:"address" doc:"The address that it advertises."`
	Why     string `json:"why" doc:"Why, in a sentence."`
}

// TrafficOptions asks for a part of the traffic logs.
type TrafficOptions struct {
	Limit                                        int
	After                                        string
	User, Application, Connector, Gateway        string
	Client, Host, Path, Method, Status, Outcome  string
	Action, Reason, Hop, Request, Policy, Device string
	From, To                                     time.Time
	MinDuration                                  time.Duration
}

func (o TrafficOptions) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"after": o.After, "user": o.User, "application": o.Application, "connector": o.Connector, "gateway": o.Gateway,
		"client": o.Client, "host": o.Host, "path": o.Path, "method": o.Method, "status": o.Status, "outcome": o.Outcome, "action": o.Action,
		"reason": o.Reason, "hop": o.Hop, "request": o.Request, "policy": o.Policy, "device": o.Device} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"from": o.From, "to": o.To} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.MinDuration > 0 {
		q.Set("minDuration", o.MinDuration.String())
	}
	return q
}

// TrafficLog is the traffic logs of all gateways, newest first.
type TrafficLog struct{ noun }

// List gives one page.
func (n TrafficLog) List(ctx context.Context, o TrafficOptions) (TrafficPage, error) {
	var page TrafficPage
	err := n.c.do(ctx, call{method: http.MethodGet, path: []string{n.path}, query: o.query(), out: &page})
	return page, err
}

// Pages goes from page to page. It ends at the first error, which it yields.
func (n TrafficLog) Pages(ctx context.Context, o TrafficOptions) iter.Seq2[TrafficPage, error] {
	return func(yield func(TrafficPage, error) bool) {
		for {
			page, err := n.List(ctx, o)
			if !yield(page, err) || err != nil || page.Next == "" || page.Next == o.After {
				return
			}
			o.After = page.Next
		}
	}
}
