package api

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Discovered is a destination that Quick Access carried in the last 30 days.
type Discovered struct {
	Destination     string  `json:"destination" doc:"Names it: host, port and protocol, as segments are written." example:"db.corp.example:5432/tcp"`
	Segment         Segment `json:"segment" doc:"The segment that an application would have of it."`
	Users           int     `json:"users" doc:"How many different users used it."`
	Devices         int     `json:"devices" doc:"From how many different devices."`
	Flows           int64   `json:"flows" doc:"How many connections, and exchanges of datagrams, there were. Each counts when it has ended."`
	Received        int64   `json:"received" doc:"Bytes from devices."`
	Sent            int64   `json:"sent" doc:"Bytes to devices."`
	First           Time    `json:"first" doc:"When it was used first in that time."`
	Last            Time    `json:"last" doc:"When it was used last."`
	Application     string  `json:"application,omitempty" doc:"The id of the application that it belongs to now; absent if it is nobody's any more."`
	ApplicationName string  `json:"applicationName,omitempty" doc:"That application's name."`
	Owned           bool    `json:"owned" doc:"Another application than Quick Access has it by now."`
}

// DiscoveryOptions asks for a part of what was discovered.
type DiscoveryOptions struct {
	Limit                                int
	After, Search, Sort, Protocol, Owned string
}

func (o DiscoveryOptions) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"after": o.After, "search": o.Search, "sort": o.Sort, "protocol": o.Protocol, "owned": o.Owned} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	return q
}

// Discovery gives one page of what Quick Access carried.
func (c *Client) Discovery(ctx context.Context, o DiscoveryOptions) (List[Discovered], error) {
	var page List[Discovered]
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"discovery"}, query: o.query(), out: &page})
	return page, err
}

// AllDiscovered goes from page to page. It ends at the first error, which it yields.
func (c *Client) AllDiscovered(ctx context.Context, o DiscoveryOptions) iter.Seq2[Discovered, error] {
	return func(yield func(Discovered, error) bool) {
		for {
			page, err := c.Discovery(ctx, o)
			if err != nil {
				yield(Discovered{}, err)
				return
			}
			for _, d := range page.Items {
				if !yield(d, nil) {
					return
				}
			}
			if o.After = page.Next; o.After == "" {
				return
			}
		}
	}
}
