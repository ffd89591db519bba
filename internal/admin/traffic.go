package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/trafficlog"
	"postern/internal/wire"
)

// traffic lists the routes of the traffic log.
func (h *Handler) traffic() []route {
	return []route{{http.MethodGet, "/traffic", "listTraffic", "traffic", "List requests to applications, of all gateways, newest first", loggers, false, h.listTraffic()}}
}

// loggers may see what people do: who may read everything else may not.
var loggers = []access.Role{access.RoleOwner, access.RoleLogReader}

var trafficHops = []string{"you", "service", "gateway", "connector", "backend"}

func (h *Handler) listTraffic() operation {
	return operation{out: typeOf[api.TrafficPage](), status: 200, query: append(paging[:len(paging):len(paging)],
		parameter{"from", "Only requests that came at or after this time.", "date-time"},
		parameter{"to", "Only requests that came at or before this time.", "date-time"},
		parameter{"user", "Only those of this user.", ""},
		parameter{"application", "Only those to this application.", ""},
		parameter{"connector", "Only those that this connector carried.", ""},
		parameter{"device", "Only those that came from this device.", ""},
		parameter{"gateway", "Only the log of this gateway, by its id or address; of one that does not run any more, by its id.", ""},
		parameter{"client", "Only those from this network address, or from this network, such as 203.0.113.0/24.", ""},
		parameter{"host", "Only those to this host.", ""},
		parameter{"path", "Only those whose path begins with this.", ""},
		parameter{"method", "Only those with this method.", ""},
		parameter{"status", "Only those with this status: 404, or 4xx for all of its class.", ""},
		parameter{"outcome", "Only those of this outcome: " + strings.Join(words(wire.Outcomes()), ", ") + ".", ""},
		parameter{"action", "Only what was allowed, or denied: allow, deny.", ""},
		parameter{"reason", "Only those with this reason, such as not-assigned.", ""},
		parameter{"hop", "Only those that failed at this hop: " + strings.Join(trafficHops, ", ") + ".", ""},
		parameter{"request", "Only the request with this reference, as error pages show it.", ""},
		parameter{"policy", "Only those that did not meet this policy, whether it denied them, would have if it were enforced, or was passed by breaking the glass.", ""},
		parameter{"minDuration", "Only those that took at least so long, such as 2s.", ""},
	), run: func(c *call) (reply, error) {
		query, err := trafficQuery(c)
		if err != nil {
			return reply{}, err
		}
		page, err := h.cfg.Control.Traffic(c, c.by, query)
		if err != nil {
			return reply{}, err
		}
		out := api.TrafficPage{Items: make([]api.Traffic, len(page.Records)), Next: page.Next, Incomplete: []api.TrafficIncomplete{}}
		for i := range page.Records {
			out.Items[i] = showTraffic(&page.Records[i])
		}
		for _, i := range page.Incomplete {
			out.Incomplete = append(out.Incomplete, api.TrafficIncomplete{Gateway: string(i.Gateway), Address: i.Address, Why: i.Why})
		}
		return reply{body: out, next: page.Next}, nil
	}}
}

func trafficQuery(c *call) (q control.TrafficQuery, err error) {
	var p fault.Problems
	page, err := c.page()
	p.Check("page", err)
	q.Limit, q.After = page.Limit, page.After
	f := &q.Filter
	for name, into := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		*into, err = c.time(name)
		p.Check(name, err)
	}
	for name, into := range map[string]struct {
		prefix string
		id     *string
	}{"user": {access.PrefixUser, &f.User}, "application": {access.PrefixApplication, &f.Application}, "connector": {access.PrefixConnector, &f.Connector}, "policy": {access.PrefixPolicy, &f.Policy}, "device": {access.PrefixDevice, &f.Device}} {
		id, err := c.reference(name, into.prefix)
		p.Check(name, err)
		*into.id = string(id)
	}
	for name, into := range map[string]*string{"gateway": &f.Gateway, "client": &f.Client, "host": &f.Host, "method": &f.Method, "reason": &f.Reason, "request": &f.Request} {
		if *into = c.query.Get(name); len(*into) > 256 {
			p.Add(name, "must be at most 256 bytes long")
		}
	}
	f.Host = strings.ToLower(f.Host)
	if f.Path = c.query.Get("path"); f.Path != "" && (f.Path[0] != '/' || len(f.Path) > 1024) {
		p.Add("path", "must begin with / and be at most 1024 bytes long")
	}
	if f.Client != "" {
		_, err := trafficlog.ParseNetwork(f.Client)
		p.Check("client", err)
	}
	f.Status, err = statusOf(c.query.Get("status"))
	p.Check("status", err)
	for name, choice := range map[string]struct {
		into  *string
		words []string
	}{"outcome": {(*string)(&f.Outcome), words(wire.Outcomes())}, "action": {&f.Action, []string{"allow", "deny"}}, "hop": {&f.Hop, trafficHops}} {
		if *choice.into = c.query.Get(name); *choice.into != "" && !slices.Contains(choice.words, *choice.into) {
			p.Add(name, "must be one of %s", strings.Join(choice.words, ", "))
		}
	}
	if text := c.query.Get("minDuration"); text != "" {
		if f.MinDuration, err = time.ParseDuration(text); err != nil || f.MinDuration < 0 {
			p.Add("minDuration", "must be a duration such as 500ms or 2s")
		}
	}
	return q, p.Err()
}

// statusOf reads 404, or 4xx.
func statusOf(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	if class, whole := strings.CutSuffix(strings.ToLower(text), "xx"); whole && len(class) == 1 && class[0] >= '1' && class[0] <= '5' {
		return int(class[0] - '0'), nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 || n > 599 {
		return 0, fault.Invalid("status", "must be a status such as 404, or a class such as 4xx")
	}
	return n, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func showTraffic(r *wire.TrafficRecord) api.Traffic {
	out := api.Traffic{
		ID: r.ID(), Time: r.Time, Duration: milliseconds(r.Duration), Request: r.Request, Count: r.Requests(), Outcome: string(r.Outcome), Action: r.Action,
		Reason: r.Reason, Hop: r.Hop, User: r.UserID, UserName: r.User, Session: r.Session, Application: r.Application, ApplicationName: r.ApplicationName,
		Destination: r.Destination, Connector: r.Connector, ConnectorName: r.ConnectorName, ConnectorGroup: r.ConnectorGroup, Gateway: r.Gateway, Via: r.Via,
		Device: r.Device, DeviceName: r.DeviceName, Process: r.Process, Segment: r.Segment, Client: r.Client, UserAgent: r.UserAgent, Protocol: r.Protocol, Method: r.Method, Host: r.Host, Path: r.Path, Status: r.Status,
		Received: r.Received, Sent: r.Sent, Open: milliseconds(r.Open), FirstByte: milliseconds(r.FirstByte), Complete: r.Complete,
		Policy: r.Policy, Condition: r.Condition, BreakGlass: r.BreakGlass,
	}
	for _, report := range r.Reports {
		out.ReportOnly = append(out.ReportOnly, report.Policy)
	}
	return out
}
