package connector

import (
	"fmt"
	"net"
	"net/netip"

	"postern/internal/match"
	"postern/internal/wire"
)

// The networks of flows.
const (
	networkTCP = "tcp"
	networkUDP = "udp"
)

// addPrivate adds the target of a private application. Of one with a segment that cannot be read nothing is used: what the others
// were meant to be exceptions of is not known.
func (s *settings) addPrivate(w wire.Target) {
	entries := make([]match.Entry, len(w.Segments))
	for i, seg := range w.Segments {
		parsed, field, err := match.ParseSegment(seg.Destination, seg.Ports, seg.Protocol)
		if err != nil {
			s.warn(w, fmt.Sprintf("has a segment (%s %s/%s) whose %s %v", seg.Destination, seg.Ports, seg.Protocol, field, err))
			return
		}
		entries[i] = match.Entry{Segment: parsed, Owner: w.Application}
	}
	if w.ProxyProtocol != "" && w.ProxyProtocol != proxyVersion {
		s.warn(w, fmt.Sprintf("wants version %q of the PROXY protocol, which this connector does not know: it is older than the service; update it", w.ProxyProtocol))
		return
	}
	s.targets[w.Application] = &target{Target: w, segments: match.NewTable(entries)}
}

// toward gives the target of a stream: that of a web application, or the destination in a private one that the stream names. Whoever
// opened it looked whether the application has that destination; it is looked at here again, by our own configuration.
// The grant must be the user's own: what is shared by the users of a web application opens no flow.
func (t *target) toward(open wire.Open, grant wire.Grant) (*target, *wire.Refusal) {
	private, named := t.segments != nil, open.Host != "" || open.Port != 0 || open.Network != ""
	switch {
	case !private && !named:
		return t, nil
	case !private:
		return nil, refuse(wire.PhaseTarget, "destination-refused", "the application is a web application: its streams name no destination")
	case grant.Kind != wire.GrantUser:
		return nil, refuse(wire.PhaseGrant, "grant-refused", "the grant is for an application, not for a user, whom flows are opened for")
	case !named:
		return nil, refuse(wire.PhaseTarget, "destination-missing", "the application is a private one: its streams name their destination")
	}
	host, err := match.ParseHost(open.Host)
	if err != nil {
		return nil, refuse(wire.PhaseTarget, "destination-malformed", "the destination %q %v", clip(open.Host), err)
	}
	protocol, err := match.ParseProtocol(open.Network)
	if err != nil || protocol == match.Both || open.Port == 0 {
		return nil, refuse(wire.PhaseTarget, "destination-malformed", "the destination has port %d and network %q", open.Port, clip(open.Network))
	}
	if _, ok := t.segments.Find(host, open.Port, protocol); !ok {
		return nil, refuse(wire.PhaseTarget, "destination-unknown", "%s (%s) is in no segment of the application, as this connector knows it",
			net.JoinHostPort(host.String(), fmt.Sprint(open.Port)), open.Network)
	}
	one := *t
	one.Host, one.Port, one.host = host.String(), open.Port, host
	if t.ProxyProtocol != "" && protocol == match.TCP {
		from, err := netip.ParseAddrPort(open.Client)
		if err != nil {
			return nil, refuse(wire.PhaseTarget, "client-unknown",
				"the application's servers are told the device's address, which the gateway did not say: it is older than this connector; update the service")
		}
		one.header = &proxyHeader{from: from, request: open.Request, host: host.Name}
	}
	return &one, nil
}
