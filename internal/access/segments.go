package access

import (
	"fmt"
	"slices"
	"strings"

	"postern/internal/fault"
	"postern/internal/match"
)

// Segment is a set of destinations of a private application, as an administrator writes it: see match.ParseSegment.
type Segment struct {
	Destination string `json:"destination"`
	Ports       string `json:"ports"`
	Protocol    string `json:"protocol"`
}

// String gives it on one line, as in "10.1.0.0/16:22,80-90/tcp"; see ParseSegment.
func (s Segment) String() string {
	destination := s.Destination
	if strings.Contains(destination, ":") {
		destination = "[" + destination + "]"
	}
	return destination + ":" + s.Ports + "/" + s.Protocol
}

// ParseSegment reads DESTINATION:PORTS or DESTINATION:PORTS/PROTOCOL, which is TCP if it is left out. IPv6 addresses are in brackets. What the
// parts hold is not looked at.
func ParseSegment(text string) (Segment, error) {
	s := Segment{Protocol: match.TCP.String()}
	rest := strings.TrimSpace(text)
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		if _, err := match.ParseProtocol(rest[i+1:]); err == nil {
			rest, s.Protocol = rest[:i], rest[i+1:]
		}
	}
	i := strings.LastIndexByte(rest, ':')
	if i <= 0 || i == len(rest)-1 || strings.HasSuffix(rest, "]") {
		return s, fault.New(fault.KindInvalid, "is %q, not DESTINATION:PORTS or DESTINATION:PORTS/PROTOCOL such as db.corp.example:5432, 10.1.0.0/16:22,80-90/both or [fd00::/64]:443", text)
	}
	s.Destination, s.Ports = rest[:i], rest[i+1:]
	if inner, ok := strings.CutPrefix(s.Destination, "["); ok && strings.HasSuffix(inner, "]") {
		s.Destination = strings.TrimSuffix(inner, "]")
	} else if strings.Contains(s.Destination, ":") {
		return s, fault.New(fault.KindInvalid, "is %q: write IPv6 in brackets, as in [fd00::/64]:443", text)
	}
	return s, nil
}

// MaxSegments bounds the segments of one application.
const MaxSegments = 10_000

// Parse gives what is meant, which is valid for a valid application.
func (s Segment) Parse() (match.Segment, error) {
	parsed, _, err := match.ParseSegment(s.Destination, s.Ports, s.Protocol)
	return parsed, err
}

// normal writes segments in normal form, as far as they can be read.
func normal(list []Segment) []Segment {
	list = slices.Clone(list)
	for i, s := range list {
		if s.Protocol == "" {
			s.Protocol = match.TCP.String()
		}
		if parsed, err := s.Parse(); err == nil {
			s = Segment{parsed.Destination(), parsed.Ports(), parsed.Protocol().String()}
		}
		list[i] = s
	}
	return list
}

// checkPrivate says what is wrong with what only a private application has, and with what it must not have.
func (a *Application) checkPrivate(p *fault.Problems) {
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"externalUrl", a.ExternalURL != ""}, {"internalUrl", a.InternalURL != ""}, {"preAuthentication", a.PreAuthentication != SignIn},
		{"hostHeader", a.HostHeader != HostInternal}, {"backendProtocol", a.BackendProtocol != BackendHTTP1}, {"skipVerify", a.SkipVerify},
		{"backendCa", a.BackendCA != ""}, {"backendTimeout", a.BackendTimeout != 0}, {"accessKeys", a.AccessKeys}, {"allowRawPaths", a.AllowRawPaths},
	} {
		if f.set {
			p.Add(f.name, "must be left out of a private application: only web applications have it")
		}
	}
	if a.ProxyProtocol != NoProxyProtocol && a.ProxyProtocol != ProxyProtocolV2 {
		p.Add("proxyProtocol", "must be %q, or empty for none", ProxyProtocolV2)
	}
	if len(a.Segments) == 0 {
		p.Add("segments", "must be at least one destination")
	}
	if len(a.Segments) > MaxSegments {
		p.Add("segments", "are %d; at most %d are allowed", len(a.Segments), MaxSegments)
		return
	}
	seen := make(map[string]int, len(a.Segments))
	for i, s := range a.Segments {
		parsed, field, err := match.ParseSegment(s.Destination, s.Ports, s.Protocol)
		if err != nil {
			p.Add(fmt.Sprintf("segments[%d].%s", i, field), "%s", err)
			continue
		}
		if first, twice := seen[parsed.String()]; twice {
			p.Add(fmt.Sprintf("segments[%d]", i), "is the same as segments[%d]", first)
			continue
		}
		seen[parsed.String()] = i
	}
}

// Segments gives the table of all private applications: whose a destination is. One that is disabled keeps its own, so that they do not
// fall to Quick Access meanwhile.
func Segments(list []*Application) *match.Table {
	var entries []match.Entry
	for _, a := range list {
		if !a.Private() {
			continue
		}
		for _, s := range a.Segments {
			if parsed, err := s.Parse(); err == nil { // it is a valid application
				entries = append(entries, match.Entry{Segment: parsed, Owner: string(a.ID), Broad: a.Kind == KindQuickAccess})
			}
		}
	}
	return match.NewTable(entries)
}
