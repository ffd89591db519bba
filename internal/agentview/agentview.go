// Package agentview says what one agent may know of the service.
//
// It is a pure function of the snapshot, so any gateway answers for any agent, also with the
// database away. The hash changes only with what the agent itself is told, so an agent is woken by
// nothing else.
package agentview

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"postern/internal/access"
	"postern/internal/wire"
)

// Configuration gives the connector's configuration and whether the connector is known,
// enabled and not archived. If it is not, or waits for approval, the configuration has no targets and no grant keys, so that it opens
// nothing.
func Configuration(snap *access.Snapshot, connector access.ID) (wire.Configuration, bool) {
	c := wire.Configuration{
		Version:    snap.Version,
		Connector:  string(connector),
		ServiceURL: snap.Names.PortalURL,
		Roots:      snap.Roots,
		Gateways:   gateways(snap, regionOf(snap, connector)),
		GrantKeys:  map[string][]byte{},
		Targets:    []wire.Target{},
		Issuer:     snap.Issuer,
	}
	agent, ok := snap.Connector(connector)
	ok = ok && !agent.Disabled && agent.Archived.IsZero()
	if ok && !agent.Waiting.IsZero() {
		c.Name, c.Waiting = agent.Name, agent.Waiting
	} else if ok {
		c.Name = agent.Name
		c.Group = string(agent.GroupID)
		c.SessionLogUntil, c.DebugLogUntil = agent.SessionLogUntil, agent.DebugLogUntil
		for id, key := range snap.GrantKeys {
			c.GrantKeys[id] = key
		}
		c.Targets = targets(snap, agent.GroupID)
	}
	c.Hash = hash(c)
	return c, ok
}

// regionOf gives where a connector is, "" if that is not known.
func regionOf(snap *access.Snapshot, connector access.ID) string {
	if agent, ok := snap.Connector(connector); ok {
		if group, ok := snap.Group(agent.GroupID); ok {
			return group.Region
		}
	}
	return ""
}

func gateways(snap *access.Snapshot, region string) []wire.Gateway {
	near := region != "" && slices.ContainsFunc(snap.Gateways, func(g access.Gateway) bool { return g.Region == region })
	list := make([]wire.Gateway, 0, len(snap.Gateways))
	for _, g := range snap.Gateways {
		list = append(list, wire.Gateway{ID: string(g.ID), Address: g.Address, Far: near && g.Region != region})
	}
	slices.SortFunc(list, func(a, b wire.Gateway) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func targets(snap *access.Snapshot, group access.ID) []wire.Target {
	list := []wire.Target{}
	for _, app := range snap.Applications {
		if app.Disabled || !snap.Serves(group, app) {
			continue
		}
		if app.Private() {
			list = append(list, private(app))
			continue
		}
		internal := app.Internal()
		if internal.Host == "" {
			continue // not a valid application: nothing to dial
		}
		t := wire.Target{
			Application: string(app.ID),
			Name:        app.Name,
			Version:     app.Version,
			Host:        internal.Host,
			Port:        internal.Port,
			TLS:         internal.Scheme == "https",
			SkipVerify:  app.SkipVerify,
		}
		if app.BackendProtocol != access.BackendHTTP1 { // which needs no word
			t.Protocol = string(app.BackendProtocol)
		}
		if app.BackendCA != "" {
			t.Roots = []byte(app.BackendCA)
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b wire.Target) int { return strings.Compare(a.Application, b.Application) })
	return list
}

func private(app *access.Application) wire.Target {
	return wire.Target{Application: string(app.ID), Name: app.Name, Version: app.Version, Segments: segments(app), ProxyProtocol: string(app.ProxyProtocol)}
}

func segments(app *access.Application) []wire.Segment {
	list := make([]wire.Segment, len(app.Segments))
	for i, s := range app.Segments {
		list[i] = wire.Segment(s)
	}
	return list
}

// hash covers everything but Version and Hash. JSON of a struct keeps its order and sorts the keys
// of maps, so the same content always has the same bytes.
func hash(c wire.Configuration) string {
	c.Version, c.Hash = 0, ""
	sum := sha256.Sum256(wire.Encode(c))
	return hex.EncodeToString(sum[:])
}
