package gateway

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"postern/internal/access"
	"postern/internal/match"
	"postern/internal/wire"
)

// destinations says whose the destinations of flows are. They are made anew only when a private application changed.
type destinations struct {
	of    []version
	table *match.Table
	apps  map[access.ID][]match.Segment
}

type version struct {
	app     access.ID
	version int64
}

// newDestinations gives the destinations of a snapshot; those of the one before if they are the same.
func newDestinations(snap *access.Snapshot, before *view) *destinations {
	d := &destinations{apps: map[access.ID][]match.Segment{}}
	for _, app := range snap.Applications {
		if app.Private() {
			d.of = append(d.of, version{app.ID, app.Version})
		}
	}
	if before != nil && slices.Equal(before.destinations.of, d.of) {
		return before.destinations
	}
	d.table = access.Segments(snap.Applications)
	for _, e := range d.table.Entries() {
		d.apps[access.ID(e.Owner)] = append(d.apps[access.ID(e.Owner)], e.Segment)
	}
	return d
}

// A destination of a flow is where a device wants to, as it says.
type flowTarget struct {
	host     match.Host
	port     uint16
	protocol match.Protocol
	app      access.ID // that the device named; empty: whose the destination is
}

// parseFlowTarget reads where a flow is to go.
func parseFlowTarget(open wire.Open) (flowTarget, error) {
	host, err := match.ParseHost(open.Host)
	if err != nil {
		return flowTarget{}, fmt.Errorf("the destination %w", err)
	}
	protocol, err := match.ParseProtocol(open.Network)
	if err != nil || protocol == match.Both {
		return flowTarget{}, fmt.Errorf(`the network must be "tcp" or "udp"`)
	}
	if open.Port == 0 {
		return flowTarget{}, fmt.Errorf("the port must be 1 to 65535")
	}
	return flowTarget{host, open.Port, protocol, access.ID(open.Application)}, nil
}

// String gives host:port.
func (t flowTarget) String() string {
	return net.JoinHostPort(t.host.String(), strconv.Itoa(int(t.port)))
}

// owner gives the application that a destination belongs to: the one that was named, which must have it, or the one that the table
// says; and the segment by which it does. A refusal says why there is none.
func (d *destinations) owner(t flowTarget) (access.ID, match.Segment, *wire.Refusal) {
	if t.app != "" {
		for _, s := range d.apps[t.app] {
			if s.Contains(t.host, t.port, t.protocol) {
				return t.app, s, nil
			}
		}
		return "", match.Segment{}, decided(wire.CodeNotApplications, fmt.Sprintf("the application has no segment with %s (%s)", t, t.protocol))
	}
	e, ok := d.table.Find(t.host, t.port, t.protocol)
	if !ok {
		return "", match.Segment{}, decided(wire.CodeNobodys, fmt.Sprintf("%s (%s) belongs to no private application", t, t.protocol))
	}
	return access.ID(e.Owner), e.Segment, nil
}

func decided(code, message string) *wire.Refusal {
	return &wire.Refusal{Phase: wire.PhaseDecide, Code: code, Message: message}
}
