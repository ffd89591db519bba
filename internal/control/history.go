package control

import (
	"context"
	"encoding/json"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Version is an object as it was once, and the entry of the audit log that tells who made it so.
// What cannot be written (who is a member of which groups, when a password was set) is as it is now.
type Version[T any] struct {
	Number int64
	Object T
	Entry  access.AuditEntry
}

// ApplicationHistory gives the versions of an application, the newest first, as far back as the
// audit log reaches.
func (c *Control) ApplicationHistory(ctx context.Context, by access.Actor, id access.ID) ([]Version[access.Application], error) {
	return c.applicationVersions(ctx, request{by: by, perm: readApplication, object: id})
}

// UndoApplication gives an application the fields of an earlier version.
func (c *Control) UndoApplication(ctx context.Context, by access.Actor, u Undo) (access.Application, error) {
	list, err := c.applicationVersions(ctx, request{by: by, perm: updateApplication, object: u.ID})
	if err != nil {
		return access.Application{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return access.Application{}, err
	}
	old.Meta = access.Meta{ID: u.ID, Version: u.Version}
	return c.UpdateApplication(ctx, by, old)
}

func (c *Control) applicationVersions(ctx context.Context, r request) (list []Version[access.Application], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Application(ctx, r.object)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[access.Application]{now, now.Meta, []permission{createApplication, updateApplication}})
		return err
	})
	return list, err
}

// ConnectorGroupHistory gives the versions of a connector group, the newest first.
func (c *Control) ConnectorGroupHistory(ctx context.Context, by access.Actor, id access.ID) ([]Version[access.ConnectorGroup], error) {
	return c.connectorGroupVersions(ctx, request{by: by, perm: readConnectorGroup, object: id})
}

// UndoConnectorGroup gives a connector group the fields of an earlier version.
func (c *Control) UndoConnectorGroup(ctx context.Context, by access.Actor, u Undo) (access.ConnectorGroup, error) {
	list, err := c.connectorGroupVersions(ctx, request{by: by, perm: updateConnectorGroup, object: u.ID})
	if err != nil {
		return access.ConnectorGroup{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return access.ConnectorGroup{}, err
	}
	old.Meta = access.Meta{ID: u.ID, Version: u.Version}
	return c.UpdateConnectorGroup(ctx, by, old)
}

func (c *Control) connectorGroupVersions(ctx context.Context, r request) (list []Version[access.ConnectorGroup], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.ConnectorGroup(ctx, r.object)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[access.ConnectorGroup]{now, now.Meta, []permission{createConnectorGroup, updateConnectorGroup}})
		return err
	})
	return list, err
}

// UserHistory gives the versions of a user, the newest first.
func (c *Control) UserHistory(ctx context.Context, by access.Actor, id access.ID) ([]Version[access.User], error) {
	return c.userVersions(ctx, request{by: by, perm: readUser, object: id})
}

// UndoUser gives a user the fields of an earlier version.
func (c *Control) UndoUser(ctx context.Context, by access.Actor, u Undo) (access.User, error) {
	list, err := c.userVersions(ctx, request{by: by, perm: updateUser, object: u.ID})
	if err != nil {
		return access.User{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return access.User{}, err
	}
	old.Meta = access.Meta{ID: u.ID, Version: u.Version}
	return c.UpdateUser(ctx, by, old)
}

func (c *Control) userVersions(ctx context.Context, r request) (list []Version[access.User], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.User(ctx, r.object)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[access.User]{now, now.Meta, []permission{createUser, updateUser}})
		for i := range list {
			list[i].Object.Groups, list[i].Object.PasswordSet, list[i].Object.Factors = now.Groups, now.PasswordSet, now.Factors
			list[i].Object.UpstreamRefused = now.UpstreamRefused
		}
		return err
	})
	return list, err
}

// GroupHistory gives the versions of a group, the newest first. Members who have been deleted since
// are in none.
func (c *Control) GroupHistory(ctx context.Context, by access.Actor, id access.ID) ([]Version[access.Group], error) {
	return c.groupVersions(ctx, request{by: by, perm: readGroup, object: id})
}

// UndoGroup gives a group the fields of an earlier version.
func (c *Control) UndoGroup(ctx context.Context, by access.Actor, u Undo) (access.Group, error) {
	list, err := c.groupVersions(ctx, request{by: by, perm: updateGroup, object: u.ID})
	if err != nil {
		return access.Group{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return access.Group{}, err
	}
	old.Meta = access.Meta{ID: u.ID, Version: u.Version}
	return c.UpdateGroup(ctx, by, old)
}

func (c *Control) groupVersions(ctx context.Context, r request) (list []Version[access.Group], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Group(ctx, r.object)
		if err != nil {
			return err
		}
		if list, err = past(ctx, tx, lived[access.Group]{now, now.Meta, []permission{createGroup, updateGroup}}); err != nil {
			return err
		}
		users, err := tx.AllUsers(ctx)
		there := byID(users, func(u *access.User) access.ID { return u.ID })
		for i := range list {
			list[i].Object.Members = slices.DeleteFunc(list[i].Object.Members, func(m access.ID) bool {
				_, ok := there[m]
				return !ok
			})
		}
		return err
	})
	return list, err
}

// Undo says which version of an object is to come back.
type Undo struct {
	ID      access.ID
	Version int64 // that the caller saw
	To      int64 // the version to come back; 0: the one before
}

// pick finds the version to come back.
func pick[T any](list []Version[T], u Undo) (T, error) {
	var none T
	if len(list) == 0 {
		return none, fault.Conflict("the audit log does not tell of this object any more")
	}
	newest, oldest := list[0].Number, list[len(list)-1].Number
	if u.To == 0 {
		u.To = newest - 1
	}
	switch {
	case u.Version != newest:
		return none, fault.New(fault.KindChanged, "somebody else changed this in the meantime; look at it again and repeat the change")
	case newest == 1:
		return none, fault.Conflict("this is the first version; there is nothing to undo")
	case u.To < 1 || u.To >= newest:
		return none, fault.Invalid("to", "must be a version before %d, which is the current one", newest)
	case u.To < oldest:
		return none, fault.Conflict("the audit log reaches back to version %d only", oldest)
	}
	return list[newest-u.To].Object, nil
}

// lived is an object as it is now, and the actions that made its versions.
type lived[T any] struct {
	now  T
	meta access.Meta
	made []permission
}

// maxHistory is how many versions of an object are looked at.
const maxHistory = 1000

// past goes back through the audit log and takes each change back.
func past[T any](ctx context.Context, tx *store.Tx, of lived[T]) ([]Version[T], error) {
	state := fields(of.now)
	var list []Version[T]
	filter := store.AuditFilter{Object: of.meta.ID, Page: access.Page{Limit: maxHistory}}
	for number := of.meta.Version; number > 0; {
		entries, next, err := tx.Audits(ctx, filter)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			// What made a version has a name: a renewal that was asked for twice at once is told of without.
			if e.Outcome != "done" || e.Name == "" || !slices.Contains(of.made, permission(e.Action)) {
				continue
			}
			object, err := remade[T](state)
			if err != nil {
				return nil, err
			}
			list = append(list, Version[T]{number, object, e})
			if number--; number == 0 || len(list) == maxHistory {
				return list, nil
			}
			if e.Detail == "" {
				return list, nil // it was erased
			}
			if err := takeBack(state, e.Detail); err != nil {
				return nil, err
			}
		}
		if filter.After = next; next == "" {
			if number == 1 && of.meta.Created.IsZero() { // nobody made it: it came with the service
				object, err := remade[T](state)
				return append(list, Version[T]{1, object, access.AuditEntry{Actor: access.Actor{Kind: access.ActorSystem}, Action: string(start)}}), err
			}
			break
		}
	}
	return list, nil
}

// takeBack gives the fields that a change changed their old values.
func takeBack(state map[string]any, detail string) error {
	var changed map[string][2]any
	if err := json.Unmarshal([]byte(detail), &changed); err != nil {
		return fault.Internal(err, "an entry of the audit log is damaged")
	}
	for name, values := range changed {
		if state[name] = values[0]; values[0] == nil {
			delete(state, name)
		}
	}
	return nil
}

// remade gives an object of fields.
func remade[T any](state map[string]any) (T, error) {
	var object T
	text, err := json.Marshal(state)
	if err == nil {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		return object, fault.Internal(err, "an old version cannot be read")
	}
	return object, nil
}
