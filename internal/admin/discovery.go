package admin

import (
	"net/http"
	"slices"
	"strings"

	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
)

// discovery lists the routes of what Quick Access carries.
func (h *Handler) discovery() []route {
	return []route{{http.MethodGet, "/discovery", "listDiscovery", "traffic", "List the destinations that Quick Access carried in the last 30 days", loggers, false, h.listDiscovery()}}
}

func (h *Handler) listDiscovery() operation {
	return operation{out: typeOf[api.List[api.Discovered]](), status: 200, query: append(paging[:len(paging):len(paging)],
		parameter{"search", "Only destinations whose name or address contains this, whatever its case.", ""},
		parameter{"sort", "The order: " + strings.Join(words(control.DiscoverySorts()), ", ") + "; what was used last comes first if left out.", ""},
		parameter{"protocol", "Only those of this protocol: tcp, udp.", ""},
		parameter{"owned", "Only those that another application has by now (true), or that none has (false).", ""},
	), run: func(c *call) (reply, error) {
		var p fault.Problems
		page, err := c.pageBy(control.DiscoverySorts())
		p.Check("page", err)
		q := control.DiscoveryQuery{Page: page}
		for name, choice := range map[string]struct {
			into  *string
			words []string
		}{"protocol": {&q.Protocol, []string{"tcp", "udp"}}, "owned": {&q.Owned, []string{"true", "false"}}} {
			if *choice.into = c.query.Get(name); *choice.into != "" && !slices.Contains(choice.words, *choice.into) {
				p.Add(name, "must be one of %s", strings.Join(choice.words, ", "))
			}
		}
		if err := p.Err(); err != nil {
			return reply{}, err
		}
		list, next, err := h.cfg.Control.Discovery(c, c.by, q)
		if err != nil {
			return reply{}, err
		}
		out := api.List[api.Discovered]{Items: make([]api.Discovered, len(list)), Next: next}
		for i := range list {
			out.Items[i] = showDiscovered(&list[i])
		}
		return reply{body: out, next: next}, nil
	}}
}

func showDiscovered(d *control.Destination) api.Discovered {
	return api.Discovered{Destination: d.Destination, Segment: api.Segment(d.Segment), Users: d.Users, Devices: d.Devices, Flows: d.Flows, Received: d.Received, Sent: d.Sent,
		First: d.First, Last: d.Last, Application: string(d.Application), ApplicationName: d.Name, Owned: d.Owned}
}
