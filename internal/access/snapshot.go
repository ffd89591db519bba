package access

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"time"
)

// Gateway is one running gateway that connectors may dial.
type Gateway struct {
	ID      ID
	Address string    // host:port that it advertises
	Region  string    // where it is, in a word; optional
	Program string    // its version
	Started time.Time // when its process began
}

// Names are the service's own addresses, which no application may take.
type Names struct {
	PortalURL string // where people sign in and connectors enrol: https://host[:port]
	AdminURL  string // the admin center and the admin API
}

// Content is everything a Snapshot is made of. Users are not in it: a Principal comes with its
// session.
type Content struct {
	Version     uint64 // of the configuration as a whole; every committed change has the next one
	TrustDomain string // the instance's id
	Names       Names
	Roots       []byte // PEM of the roots of our own CA, which agents pin
	Issuer      []byte // key id of the issuing certificate that connectors should renew to; empty: any
	GrantKeys   map[string]ed25519.PublicKey
	Gateways    []Gateway

	Applications []*Application
	Groups       []*ConnectorGroup
	Connectors   []*Connector
	Assignments  []*Assignment
	Policies     []*Policy
	Branding     Branding
	Retention    Retention
	Clients      Clients
}

// Snapshot is the configuration at one version, on which all traffic is decided. It never changes
// once made, so any number of goroutines may read it.
type Snapshot struct {
	Content
	applications map[ID]*Application
	groups       map[ID]*ConnectorGroup
	connectors   map[ID]*Connector
	members      map[ID][]*Connector     // by connector group, without those that are archived or wait
	backups      map[ID]ID               // by connector group that has one
	assigned     map[ID]map[ID]time.Time // application → users and groups → until when; zero for ever
	routes       map[string][]route      // by host, longest path first
	rules        map[ID][]*Rule          // by application
}

type route struct {
	path string
	app  *Application
}

// NewSnapshot indexes the content, which must not be changed afterwards.
func NewSnapshot(c Content) *Snapshot {
	s := &Snapshot{
		Content:      c,
		applications: make(map[ID]*Application, len(c.Applications)),
		groups:       make(map[ID]*ConnectorGroup, len(c.Groups)),
		connectors:   make(map[ID]*Connector, len(c.Connectors)),
		members:      map[ID][]*Connector{},
		backups:      map[ID]ID{},
		assigned:     map[ID]map[ID]time.Time{},
		routes:       map[string][]route{},
	}
	for _, g := range c.Groups {
		s.groups[g.ID] = g
	}
	for _, k := range c.Connectors {
		s.connectors[k.ID] = k
		if k.Archived.IsZero() && k.Waiting.IsZero() {
			s.members[k.GroupID] = append(s.members[k.GroupID], k)
		}
	}
	for _, g := range c.Groups {
		if _, there := s.groups[g.BackupGroup]; there && g.BackupGroup != g.ID {
			s.backups[g.ID] = g.BackupGroup
		}
	}
	for _, a := range c.Applications {
		s.applications[a.ID] = a
		if a.Private() {
			continue
		}
		e := a.External()
		s.routes[e.Host] = append(s.routes[e.Host], route{e.Path, a})
	}
	for _, r := range s.routes {
		slices.SortStableFunc(r, func(a, b route) int { return len(b.path) - len(a.path) })
	}
	for _, a := range c.Assignments {
		if s.assigned[a.Application] == nil {
			s.assigned[a.Application] = map[ID]time.Time{}
		}
		s.assigned[a.Application][a.User+a.Group] = a.Expires
	}
	s.index(c.Policies)
	return s
}

// Application finds an application by id.
func (s *Snapshot) Application(id ID) (*Application, bool) { a, ok := s.applications[id]; return a, ok }

// Group finds a connector group by id.
func (s *Snapshot) Group(id ID) (*ConnectorGroup, bool) { g, ok := s.groups[id]; return g, ok }

// Connector finds a connector by id.
func (s *Snapshot) Connector(id ID) (*Connector, bool) { c, ok := s.connectors[id]; return c, ok }

// Backup gives the group that carries the traffic while no connector of a group can.
func (s *Snapshot) Backup(group ID) (backup ID, ok bool) {
	backup, ok = s.backups[group]
	return backup, ok
}

// Serves reports whether the connectors of a group may carry an application's traffic: it is the application's
// own group, or the backup of that.
func (s *Snapshot) Serves(group ID, app *Application) bool {
	return group == app.GroupID || group != "" && group == s.backups[app.GroupID]
}

// Members lists the connectors of a group, but for those that are archived or wait for approval. The caller must not change the slice.
func (s *Snapshot) Members(group ID) []*Connector { return s.members[group] }

// Assigned reports whether the application is assigned, at now, to the user or to one of the groups,
// and until when it is; zero for ever.
func (s *Snapshot) Assigned(app ID, who *Principal, now time.Time) (until time.Time, ok bool) {
	set := s.assigned[app]
	if expires, is := set[who.User]; is && (expires.IsZero() || now.Before(expires)) {
		if expires.IsZero() {
			return expires, true
		}
		until, ok = expires, true
	}
	for _, g := range who.Groups {
		expires, is := set[g]
		switch {
		case !is || !expires.IsZero() && !now.Before(expires):
		case expires.IsZero():
			return expires, true
		case expires.After(until):
			until, ok = expires, true
		}
	}
	return until, ok
}

// Published reports whether any application is published at the host.
func (s *Snapshot) Published(host string) bool { return len(s.routes[host]) > 0 }

// Route finds the application of a host (lower case, without port) and a path in normal form: the
// one with the longest external path that contains it. A path "/a" is contained in "/a/".
func (s *Snapshot) Route(host, path string) (*Application, bool) {
	for _, r := range s.routes[host] {
		if strings.HasPrefix(path, r.path) || path+"/" == r.path {
			return r.app, true
		}
	}
	return nil, false
}
