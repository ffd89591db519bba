package control

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
)

// ConnectorLog gives a part of one of a connector's logs, as the connector itself has it in memory. The Session log tells what
// people do, as the traffic log does: who reads it needs the permission for that, too.
func (c *Control) ConnectorLog(ctx context.Context, by access.Actor, id access.ID, ask wire.AskLog) (wire.LogPage, error) {
	var none wire.LogPage
	if !slices.Contains(wire.Logs(), ask.Log) {
		return none, fault.Invalid("log", "must be one of %s", strings.Join(wire.Logs(), ", "))
	}
	var k access.Connector
	find := func(tx *store.Tx) (err error) {
		k, err = tx.Connector(ctx, id)
		return err
	}
	if err := c.read(ctx, request{by: by, perm: readConnectorLog, object: id}, find); err != nil {
		return none, err
	}
	if ask.Log == wire.LogSession {
		if err := c.read(ctx, request{by: by, perm: readTraffic, object: id}, func(*store.Tx) error { return nil }); err != nil {
			return none, err
		}
	}
	answer, err := c.askConnector(ctx, k, wire.QuestionLog, ask)
	if err != nil {
		return none, err
	}
	page, err := wire.Decode[wire.LogPage](answer)
	if err != nil {
		return none, fault.New(fault.KindUpstream, "the answer of %s is not understood", k.Name).Because(err)
	}
	return page, nil
}

// SessionLogged tells whether a connector keeps a log of its transactions at the moment.
func (c *Control) SessionLogged(id access.ID, now time.Time) bool {
	k, ok := c.current().Connector(id)
	return ok && k.SessionLogUntil.After(now)
}

// MayBench says why a connector may not load a gateway to measure what it can carry, nil if it may.
func (c *Control) MayBench(id access.ID, now time.Time) error {
	k, ok := c.current().Connector(id)
	if !ok || !k.BenchUntil.After(now) {
		name := string(id)
		if ok {
			name = k.Name
		}
		return fault.Forbidden("nobody allowed this connector to load a gateway: postern connectors update %s --bench 15m", quoted(name))
	}
	return nil
}
