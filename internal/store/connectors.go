package store

import (
	"context"
	"time"

	"postern/internal/access"
)

var connectorGroups = table[access.ConnectorGroup]{
	name:    "connector_groups",
	what:    "connector group",
	columns: []string{"name", "name_key", "is_default", "region", "backup_group"},
	search:  "name_key",
	sorted:  "name_key",
	meta:    func(g *access.ConnectorGroup) *access.Meta { return &g.Meta },
	values: func(g *access.ConnectorGroup) []any {
		return []any{g.Name, folded(g.Name), flag(g.Default), g.Region, string(g.BackupGroup)}
	},
	into: func(g *access.ConnectorGroup) ([]any, func() error) {
		var unused string
		return []any{&g.Name, &unused, &g.Default, &g.Region, &g.BackupGroup}, nil
	},
}

// ConnectorGroup gives a connector group.
func (t *Tx) ConnectorGroup(ctx context.Context, id access.ID) (access.ConnectorGroup, error) {
	return connectorGroups.one(ctx, t, "id", string(id))
}

// DefaultConnectorGroup gives the one that is the default.
func (t *Tx) DefaultConnectorGroup(ctx context.Context) (access.ConnectorGroup, error) {
	return connectorGroups.one(ctx, t, "is_default", int64(1))
}

// ConnectorGroups gives a page of the connector groups and the cursor of the next one.
func (t *Tx) ConnectorGroups(ctx context.Context, p access.Page) ([]access.ConnectorGroup, string, error) {
	return connectorGroups.page(ctx, t, p)
}

// AllConnectorGroups gives every connector group, for a snapshot.
func (t *Tx) AllConnectorGroups(ctx context.Context) ([]access.ConnectorGroup, error) {
	return connectorGroups.all(ctx, t)
}

// InsertConnectorGroup stores a new connector group.
func (t *Tx) InsertConnectorGroup(ctx context.Context, g *access.ConnectorGroup) error {
	return connectorGroups.insert(ctx, t, g)
}

// UpdateConnectorGroup stores a connector group that is still at the version it was read at.
func (t *Tx) UpdateConnectorGroup(ctx context.Context, g *access.ConnectorGroup) error {
	return connectorGroups.update(ctx, t, g)
}

// DeleteConnectorGroup removes a connector group. One that still has connectors or applications
// is fault.KindConflict.
func (t *Tx) DeleteConnectorGroup(ctx context.Context, id access.ID, version int64) error {
	return connectorGroups.remove(ctx, t, id, version)
}

var connectors = table[access.Connector]{
	name: "connectors",
	what: "connector",
	columns: []string{
		"name", "name_key", "group_id", "disabled", "machine_name", "os", "arch", "program", "serial", "not_after", "last_seen", "address",
		"priority", "draining", "archived", "session_log_until", "debug_log_until",
		"bench_until", "waiting",
	},
	filters: map[string]condition{"connectorGroup": equal("group_id"), "disabled": isTrue("disabled"), "archived": isSet("archived")},
	search:  "name_key",
	sorted:  "name_key",
	meta:    func(c *access.Connector) *access.Meta { return &c.Meta },
	values: func(c *access.Connector) []any {
		return []any{
			c.Name, folded(c.Name), string(c.GroupID), flag(c.Disabled), c.Host.MachineName, c.Host.OS, c.Host.Arch, c.Host.Program,
			c.Serial, micros(c.NotAfter), micros(c.LastSeen), c.Address, int64(c.Priority), flag(c.Draining), micros(c.Archived),
			micros(c.SessionLogUntil), micros(c.DebugLogUntil), micros(c.BenchUntil), micros(c.Waiting),
		}
	},
	into: func(c *access.Connector) ([]any, func() error) {
		var unused string
		var notAfter, lastSeen, archived, sessionLog, debugLog, bench, waiting int64
		ptrs := []any{
			&c.Name, &unused, &c.GroupID, &c.Disabled, &c.Host.MachineName, &c.Host.OS, &c.Host.Arch, &c.Host.Program,
			&c.Serial, &notAfter, &lastSeen, &c.Address, &c.Priority, &c.Draining, &archived, &sessionLog, &debugLog,
			&bench, &waiting,
		}
		return ptrs, func() error {
			c.NotAfter, c.LastSeen, c.Archived = moment(notAfter), moment(lastSeen), moment(archived)
			c.SessionLogUntil, c.DebugLogUntil, c.BenchUntil = moment(sessionLog), moment(debugLog), moment(bench)
			c.Waiting = moment(waiting)
			return nil
		}
	},
}

// Connector gives a connector.
func (t *Tx) Connector(ctx context.Context, id access.ID) (access.Connector, error) {
	return connectors.one(ctx, t, "id", string(id))
}

// Connectors gives a page of the connectors and the cursor of the next one.
func (t *Tx) Connectors(ctx context.Context, p access.Page) ([]access.Connector, string, error) {
	return connectors.page(ctx, t, p)
}

// AllConnectors gives every connector, for a snapshot.
func (t *Tx) AllConnectors(ctx context.Context) ([]access.Connector, error) {
	return connectors.all(ctx, t)
}

// InsertConnector stores a new connector.
func (t *Tx) InsertConnector(ctx context.Context, c *access.Connector) error {
	return connectors.insert(ctx, t, c)
}

// UpdateConnector stores a connector that is still at the version it was read at.
func (t *Tx) UpdateConnector(ctx context.Context, c *access.Connector) error {
	return connectors.update(ctx, t, c)
}

// DeleteConnector removes a connector.
func (t *Tx) DeleteConnector(ctx context.Context, id access.ID, version int64) error {
	return connectors.remove(ctx, t, id, version)
}

// Seen is what is written of a connector from time to time, without a new version.
type Seen struct {
	ID      access.ID
	At      time.Time
	Address string
	Host    access.HostFacts // left as it is where MachineName is empty
}

// TouchConnectors writes when and from where connectors were last seen. One that is gone is left
// out, as is news that is older than what is known.
func (t *Tx) TouchConnectors(ctx context.Context, seen []Seen) error {
	last := map[access.ID][]any{}
	for _, s := range seen {
		if at := micros(s.At); last[s.ID] == nil || at > last[s.ID][0].(int64) {
			last[s.ID] = []any{at, s.Address, s.Host.MachineName, s.Host.OS, s.Host.Arch, s.Host.Program}
		}
	}
	fact := func(column, value string) string {
		return column + " = CASE WHEN new.column4 = '' THEN connectors." + column + " ELSE new." + value + " END"
	}
	present := make(map[access.ID][]any, len(last))
	for id := range last {
		present[id] = nil
	}
	// Whatever clocks say: one that was seen is not absent.
	if err := t.each(ctx, present, nil, "UPDATE connectors SET absent = 0 FROM %s WHERE connectors.id = new.column1 AND connectors.absent > 0"); err != nil {
		return err
	}
	return t.each(ctx, last, []string{"BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT"},
		"UPDATE connectors SET last_seen = new.column2, address = new.column3, "+fact("machine_name", "column4")+", "+
			fact("os", "column5")+", "+fact("arch", "column6")+", "+fact("program", "column7")+
			" FROM %s WHERE connectors.id = new.column1 AND connectors.last_seen < new.column2")
}

// MissConnectors adds to how long connectors have been absent, which is counted while the service runs and not told by clocks.
func (t *Tx) MissConnectors(ctx context.Context, missed []access.ID, more time.Duration) error {
	values := make(map[access.ID][]any, len(missed))
	for _, id := range missed {
		values[id] = []any{more.Microseconds()}
	}
	return t.each(ctx, values, []string{"BIGINT"}, "UPDATE connectors SET absent = absent + new.column2 FROM %s WHERE connectors.id = new.column1")
}

// AbsentConnectors gives the connectors, archived or not, that have been absent for at least so long. Disabled ones are not
// among them: nobody lets them in, so that they are absent says nothing.
func (t *Tx) AbsentConnectors(ctx context.Context, archived bool, longer time.Duration) ([]access.Connector, error) {
	return rows(ctx, t, connectors.scan, connectors.selected()+
		" WHERE disabled = 0 AND (archived > 0) = ($1 > 0) AND absent >= $2 ORDER BY created, id", flag(archived), longer.Microseconds())
}

// PresentConnector says that a connector is not absent any more.
func (t *Tx) PresentConnector(ctx context.Context, id access.ID) error {
	_, err := t.exec(ctx, "UPDATE connectors SET absent = 0 WHERE id = $1", string(id))
	return err
}
