package store

import (
	"context"
	"time"

	"postern/internal/access"
)

var applications = table[access.Application]{
	name: "applications",
	what: "application",
	columns: []string{
		"name", "name_key", "group_id", "external_url", "external_host", "external_path", "internal_url", "pre_authentication",
		"host_header", "disabled", "skip_verify", "backend_ca", "backend_timeout", "idle_timeout", "allow_raw_paths", "requestable", "access_keys",
		"backend_protocol", "balancing", "kind", "segments", "direct", "proxy_protocol",
	},
	filters: map[string]condition{"kind": equal("kind"), "connectorGroup": equal("group_id"), "disabled": isTrue("disabled"), "requestable": isTrue("requestable"), "preAuthentication": equal("pre_authentication")},
	search:  "name_key",
	sorted:  "name_key",
	meta:    func(a *access.Application) *access.Meta { return &a.Meta },
	values: func(a *access.Application) []any {
		host, path := place(a)
		return []any{
			a.Name, folded(a.Name), string(a.GroupID), a.ExternalURL, host, path, a.InternalURL, string(a.PreAuthentication),
			string(a.HostHeader), flag(a.Disabled), flag(a.SkipVerify), a.BackendCA, a.BackendTimeout.Microseconds(), a.IdleTimeout.Microseconds(),
			flag(a.AllowRawPaths), flag(a.Requestable), flag(a.AccessKeys), string(a.BackendProtocol), string(a.Balancing),
			string(a.Kind), jsonList(a.Segments), flag(a.Direct), string(a.ProxyProtocol),
		}
	},
	into: func(a *access.Application) ([]any, func() error) {
		var backend, idle int64
		var unused, segments string
		ptrs := []any{
			&a.Name, &unused, &a.GroupID, &a.ExternalURL, &unused, &unused, &a.InternalURL, &a.PreAuthentication,
			&a.HostHeader, &a.Disabled, &a.SkipVerify, &a.BackendCA, &backend, &idle, &a.AllowRawPaths, &a.Requestable, &a.AccessKeys,
			&a.BackendProtocol, &a.Balancing, &a.Kind, &segments, &a.Direct, &a.ProxyProtocol,
		}
		return ptrs, func() error {
			a.BackendTimeout, a.IdleTimeout = time.Duration(backend)*time.Microsecond, time.Duration(idle)*time.Microsecond
			return readList(segments, &a.Segments)
		}
	},
}

// place gives the host and path that no other application may have. A private one has none, which its id stands for.
func place(a *access.Application) (host, path string) {
	if a.Private() {
		return string(a.ID), ""
	}
	external := a.External()
	return external.Host, external.Path
}

// Application gives an application.
func (t *Tx) Application(ctx context.Context, id access.ID) (access.Application, error) {
	a, err := applications.one(ctx, t, "id", string(id))
	if err != nil {
		return a, err
	}
	list := []access.Application{a}
	err = t.withOwners(ctx, list)
	return list[0], err
}

// Applications gives a page of the applications and the cursor of the next one.
func (t *Tx) Applications(ctx context.Context, p access.Page) ([]access.Application, string, error) {
	list, next, err := applications.page(ctx, t, p)
	if err != nil {
		return nil, "", err
	}
	return list, next, t.withOwners(ctx, list)
}

// AllApplications gives every application, for a snapshot.
func (t *Tx) AllApplications(ctx context.Context) ([]access.Application, error) {
	list, err := applications.all(ctx, t)
	if err != nil {
		return nil, err
	}
	return list, t.withOwners(ctx, list)
}

// InsertApplication stores a new application.
func (t *Tx) InsertApplication(ctx context.Context, a *access.Application) error {
	if err := applications.insert(ctx, t, a); err != nil {
		return err
	}
	return t.insertOwners(ctx, a)
}

// UpdateApplication stores an application that is still at the version it was read at.
func (t *Tx) UpdateApplication(ctx context.Context, a *access.Application) error {
	if err := applications.update(ctx, t, a); err != nil {
		return err
	}
	return t.setOwners(ctx, a)
}

// DeleteApplication removes an application with its assignments and sessions.
func (t *Tx) DeleteApplication(ctx context.Context, id access.ID, version int64) error {
	return applications.remove(ctx, t, id, version)
}

// MoveApplications puts all applications of one connector group into another and gives how many.
func (t *Tx) MoveApplications(ctx context.Context, from, to access.ID, now time.Time) (int64, error) {
	return t.exec(ctx, "UPDATE applications SET group_id = $1, version = version + 1, updated = $2 WHERE group_id = $3",
		string(to), micros(now), string(from))
}
