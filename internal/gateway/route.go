package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"postern/internal/access"
	"postern/internal/fault"
)

// underReserved reports whether a target, however a backend might read it, is ours.
func (t target) underReserved() bool {
	return t.path+"/" == access.ReservedPath || strings.HasPrefix(t.path, access.ReservedPath)
}

// A view is a snapshot with what the gateway derives from it once.
type view struct {
	snap    *access.Snapshot
	portal  access.Endpoint
	admin   access.Endpoint
	apps    map[access.ID]*published
	hosts   map[string]*published // one of each host
	changed chan struct{}         // closed when a newer view is there

	destinations *destinations // of flows
}

// A published application is what requests need of one, parsed once.
type published struct {
	*access.Application
	external access.Endpoint
	internal access.Endpoint
	shared   bool // other applications are published at the same host

	authority, internalAuthority string // of both, as they are written
	port                         string // of the external one, if it is not that of https
}

func newView(snap *access.Snapshot, before *view) *view {
	v := &view{snap: snap, changed: make(chan struct{}), apps: map[access.ID]*published{}, hosts: map[string]*published{}}
	v.destinations = newDestinations(snap, before)
	for _, app := range snap.Applications {
		if app.Private() {
			v.apps[app.ID] = &published{Application: app}
			continue
		}
		p := &published{Application: app, external: app.External(), internal: app.Internal()}
		p.authority, p.internalAuthority = p.external.Authority(), p.internal.Authority()
		if p.external.Port != 443 {
			p.port = strconv.Itoa(int(p.external.Port))
		}
		if other, ok := v.hosts[p.external.Host]; ok {
			p.shared, other.shared = true, true
		} else {
			v.hosts[p.external.Host] = p
		}
		v.apps[app.ID] = p
	}
	v.portal, _ = access.ParseEndpoint(snap.Names.PortalURL) // zero if wrong: then nothing matches
	v.admin, _ = access.ParseEndpoint(snap.Names.AdminURL)
	return v
}

// A place is what a host stands for.
type place int

const (
	placeNone place = iota
	placePortal
	placeAdmin
	placeApplication
)

func (v *view) place(host string) place {
	switch {
	case host == "":
		return placeNone
	case host == v.portal.Host:
		return placePortal
	case host == v.admin.Host:
		return placeAdmin
	case v.snap.Published(host):
		return placeApplication
	}
	return placeNone
}

// external gives the endpoint under which a served host is known to browsers, its port included.
func (v *view) external(host string) (access.Endpoint, bool) {
	switch v.place(host) {
	case placePortal:
		return v.portal, true
	case placeAdmin:
		return v.admin, true
	case placeApplication:
		return v.hosts[host].external, true
	}
	return access.Endpoint{}, false
}

// A route is where a request goes: an application, and the target that its backend gets.
type route struct {
	*published
	target string // path and query for the backend
}

// route finds the application of a target on a host. It fails with KindNotFound, and with
// KindInvalid for a target that the backend could read as another one than we decided on.
func (v *view) route(host string, t target) (route, error) {
	app, ok := v.snap.Route(host, t.path)
	if !ok {
		return route{}, fault.NotFound("no application is published at this address")
	}
	r := route{published: v.apps[app.ID]}
	// Path rules are in play where the path chose the application or is translated: there an
	// ambiguous target is never forwarded, whatever the application allows.
	scoped := r.external.Path != "/" || r.internal.Path != "/" || r.shared
	if t.ambiguous != "" && (scoped || !app.AllowRawPaths) {
		return r, fault.New(fault.KindInvalid, "the path contains %s, which programs read in different ways", t.ambiguous)
	}
	path, ok := translate(t.raw, r.external.Path, r.internal.Path)
	if !ok {
		return r, fault.New(fault.KindInvalid, "the path spells the application's own part with escapes")
	}
	if r.target = t.whole; path != t.raw { // else it is what was received
		r.target = path + t.query
	}
	return r, nil
}

// translate turns a raw path under one prefix into the same under another one, byte for byte.
func translate(raw, from, to string) (string, bool) {
	if rest, ok := strings.CutPrefix(raw, from); ok {
		if from == to {
			return raw, true
		}
		return to + rest, true
	}
	if raw+"/" == from {
		if to == "/" {
			return to, true
		}
		return strings.TrimSuffix(to, "/"), true
	}
	return "", from == to
}

// allowedMethod says whether a method may be used at all: CONNECT would make a raw tunnel, TRACE
// would show a page's script the headers that it must not see.
func allowedMethod(method string) bool {
	switch strings.ToUpper(method) {
	case http.MethodConnect, http.MethodTrace, "TRACK":
		return false
	}
	return true
}
