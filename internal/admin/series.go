package admin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/series"
)

// series lists the routes of what was measured over time.
func (h *Handler) series() []route {
	c, get := h.cfg.Control, http.MethodGet
	of := func(prefix string, read func(context.Context, access.Actor, access.ID, control.SeriesQuery) (control.Series, error)) operation {
		return seriesOf(prefix, func(c *call, q control.SeriesQuery) (control.Series, error) { return read(c, c.by, c.id, q) })
	}
	return []route{
		{get, "/connectors/{id}/series", "showConnectorSeries", "connectors", "Show what was measured of a connector over time", viewers, false, of(access.PrefixConnector, c.ConnectorSeries)},
		{get, "/connector-groups/{id}/series", "showConnectorGroupSeries", "connector-groups", "Show what was measured over time of all connectors that are in a group now", viewers, false, of(access.PrefixConnectorGroup, c.GroupSeries)},
		{get, "/applications/{id}/series", "showApplicationSeries", "applications", "Show what was counted of an application over time", viewers, false, of(access.PrefixApplication, c.ApplicationSeries)},
		{get, "/series", "showSeries", "service", "Show what was counted of the whole service over time", viewers, false,
			seriesOf("", func(call *call, q control.SeriesQuery) (control.Series, error) {
				return c.ServiceSeries(call, call.by, q)
			})},
	}
}

func seriesOf(prefix string, read func(*call, control.SeriesQuery) (control.Series, error)) operation {
	query := []parameter{
		{"from", "Since when; an hour before to if left out. A week is kept.", "date-time"},
		{"to", "Until when; now if left out.", "date-time"},
		{"step", "How long a step is: a multiple of 1m, or of 10m where from is more than a day ago. Left out: what makes at most 180 steps.", ""},
	}
	return operation{out: typeOf[api.Series](), status: 200, path: prefix, query: query, run: func(c *call) (reply, error) {
		q, err := c.seriesQuery()
		if err != nil {
			return reply{}, err
		}
		s, err := read(c, q)
		if err != nil {
			return reply{}, err
		}
		return reply{body: showSeries(s, prefix == "")}, nil
	}}
}

func (c *call) seriesQuery() (q control.SeriesQuery, err error) {
	var p fault.Problems
	for name, into := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		*into, err = c.time(name)
		p.Check(name, err)
	}
	if text := c.query.Get("step"); text != "" {
		if q.Step, err = time.ParseDuration(text); err != nil || q.Step <= 0 {
			p.Add("step", "must be a duration such as 1m or 2h")
		}
	}
	return q, p.Err()
}

func showSeries(s control.Series, whole bool) api.Series {
	shown := api.Series{From: s.From.UTC(), To: s.To.UTC(), Step: int(s.Step / time.Second), Points: make([]api.SeriesPoint, 0, len(s.Slots))}
	for i := range s.Slots {
		slot := &s.Slots[i]
		v := &slot.Values
		p := api.SeriesPoint{Time: slot.Start.UTC(), Counted: int(v[series.Counted]), Reported: int(v[series.Reported])}
		if p.Counted > 0 {
			p.Requests = showRequests(slot)
			if whole {
				p.Requests.Users = &v[series.Users]
			}
		}
		if p.Reported > 0 {
			p.Connector = showMeasured(slot)
		}
		if p.Requests != nil || p.Connector != nil {
			shown.Points = append(shown.Points, p)
		}
	}
	return shown
}

func showRequests(slot *series.Slot) *api.SeriesRequests {
	v := &slot.Values
	r := &api.SeriesRequests{Count: v[series.Requests], Errors: v[series.Status5xx] + v[series.Unanswered], Status4xx: v[series.Status4xx],
		Status5xx: v[series.Status5xx], Unanswered: v[series.Unanswered], Received: v[series.BytesReceived], Sent: v[series.BytesSent],
		UnderWay: v[series.UnderWay]}
	for cause, n := range slot.Causes {
		if !strings.HasPrefix(cause, series.OfConnector) {
			put(&r.Causes, cause, n)
		}
	}
	if n := v.FirstBytes(); n > 0 {
		within := func(q float64) float64 { d, _ := v.Quantile(q); return milliseconds(d) }
		r.FirstByte = &api.SeriesTimes{Mean: *mean(n, v[series.FirstByteSum]), P50: within(0.5), P95: within(0.95), P99: within(0.99)}
	}
	return r
}

func put(into *map[string]uint64, name string, n uint64) {
	if *into == nil {
		*into = map[string]uint64{}
	}
	(*into)[name] = n
}

// mean gives milliseconds of microseconds; nil if there were none.
func mean(count, micros uint64) *float64 {
	if count == 0 {
		return nil
	}
	ms := float64(micros) / float64(count) / 1000
	return &ms
}

func showMeasured(slot *series.Slot) *api.SeriesConnector {
	v := &slot.Values
	k := &api.SeriesConnector{Streams: v[series.Streams], Opened: v[series.Opened], Refused: v[series.Refused], Received: v[series.TunnelIn],
		Sent: v[series.TunnelOut], Tunnels: v[series.Tunnels], TunnelsMade: v[series.TunnelsMade], TunnelsLost: v[series.TunnelsLost], DialErrors: v[series.DialErrors],
		Resolve: mean(v[series.ResolveCount], v[series.ResolveSum]), Connect: mean(v[series.ConnectCount], v[series.ConnectSum]),
		RoundTrip: mean(v[series.RoundTripCount], v[series.RoundTripSum]), CPU: float64(v[series.CPU]) / 1000 / float64(v[series.Reported]),
		Memory: v[series.Memory] << 10, Handles: v[series.Handles], Certificate: float64(v[series.Certificate]) / 24}
	for cause, n := range slot.Causes {
		if code, own := strings.CutPrefix(cause, series.OfConnector); own {
			put(&k.Refusals, code, n)
		}
	}
	if name, share, ok := control.Narrowest(v); ok {
		left := max(0, 1-share)
		k.HeadRoom, k.Narrowest = &left, name
	}
	return k
}
