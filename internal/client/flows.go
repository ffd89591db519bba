package client

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/client/flow"
	"postern/internal/tunnel"
)

// flows knows the flows through gateways that are open, and counts all.
type flows struct {
	opened, refused, direct atomic.Int64

	mu   sync.Mutex // guards open
	open map[*flow.Flow]time.Time
}

// enter counts a flow as open until it ends.
func (s *flows) enter(f *flow.Flow) {
	s.mu.Lock()
	s.open[f] = time.Now()
	s.mu.Unlock()
	context.AfterFunc(f.Stream.Context(), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, f)
	})
}

// cut ends all flows that are open, by force.
func (s *flows) cut() {
	s.mu.Lock()
	list := slices.Collect(maps.Keys(s.open))
	s.mu.Unlock()
	for _, f := range list {
		f.Stream.Reset(tunnel.CodeCancelled)
	}
}

func (s *flows) count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.open))
}

// FlowStatus is an open flow through a gateway.
type FlowStatus struct {
	Since       time.Time `json:"since"`
	Process     string    `json:"process,omitempty"` // the program that wanted it, as far as is known
	Destination string    `json:"destination"`       // as it was asked for
	Network     string    `json:"network"`
	Application string    `json:"application"` // id
	Name        string    `json:"name,omitempty"`
	Address     string    `json:"address"` // that the connector dialled
	In          uint64    `json:"in"`      // bytes
	Out         uint64    `json:"out"`
	Request     string    `json:"request"` // the reference under which the gateway logs it
}

// Flows lists the flows through gateways that are open, the oldest first.
func (c *Client) Flows() []FlowStatus {
	names := map[string]string{}
	if r := c.rules.current.Load(); r != nil {
		for id, rule := range r.byID {
			names[id] = rule.Name
		}
	}
	c.flows.mu.Lock()
	list := make([]FlowStatus, 0, len(c.flows.open))
	for f, since := range c.flows.open {
		in, out := f.Moved()
		list = append(list, FlowStatus{since, f.To.Process, f.To.Address(), f.To.Network, f.Application, names[f.Application], f.Address, in, out, f.Request})
	}
	c.flows.mu.Unlock()
	slices.SortFunc(list, func(a, b FlowStatus) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Request, b.Request)) })
	return list
}
