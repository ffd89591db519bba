package client

import (
	"context"
	"net"
	"net/url"
	"time"

	"postern/internal/agent"
	"postern/internal/match"
	"postern/internal/wire"
)

const (
	lookupWithin = 12 * time.Second
	lookPaused   = time.Second // how often it is looked whether a pause is over
)

// Lookup asks the connectors of the application that a name belongs to what it stands for.
func (c *Client) Lookup(ctx context.Context, name string, of wire.LookupType) (wire.Looked, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupWithin)
	defer cancel()
	waiting, stop := context.WithTimeout(ctx, directAfter)
	links, err := c.fleet.any(waiting)
	stop()
	if err != nil {
		return wire.Looked{}, c.unreached(name + " cannot be looked up")
	}
	var looked wire.Looked
	for _, l := range links {
		looked, err = agent.Ask[wire.Looked](ctx, l.session, wire.QuestionLookup, wire.AskLookup{Name: name, Type: of})
		if err == nil || ctx.Err() != nil || !another(err) {
			break
		}
	}
	return looked, err
}

// Private waits for rules in force with another mark, and gives them with their table. Without a table nothing is private: nobody has told any
// rules, the user paused the client, or an administrator turned all off.
func (c *Client) Private(ctx context.Context, mark string) (rules wire.Rules, table *match.Table, next string, err error) {
	ticker := time.NewTicker(lookPaused)
	defer ticker.Stop()
	for {
		c.rules.mu.Lock()
		changed := c.rules.changed
		c.rules.mu.Unlock()
		r := c.rules.current.Load()
		switch {
		case r == nil:
			rules, table, next = wire.Rules{}, nil, "none"
		case r.Off:
			rules, table, next = r.Rules, nil, "off"
		case !c.pausedUntil().IsZero():
			rules, table, next = r.Rules, nil, "paused"
		default:
			rules, table, next = r.Rules, r.table, r.Hash
		}
		if next != mark {
			return rules, table, next, nil
		}
		select {
		case <-changed:
		case <-ticker.C:
		case <-ctx.Done():
			return rules, table, next, context.Cause(ctx)
		}
	}
}

// OwnHosts are the hosts of the service and its gateways, which are never reached through themselves.
func (c *Client) OwnHosts() []string {
	id := c.current.Load()
	if id == nil {
		return nil
	}
	var hosts []string
	if u, err := url.Parse(id.cred.Connection.ServiceURL); err == nil {
		hosts = append(hosts, u.Hostname())
	}
	for _, g := range id.cred.Connection.Gateways {
		if host, _, err := net.SplitHostPort(g.Address); err == nil {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
