package control

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
)

// Devices lists devices and gives the cursor of the next page, empty at the end.
func (c *Control) Devices(ctx context.Context, by access.Actor, page access.Page) (list []access.Device, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readDevice}, func(tx *store.Tx) error {
		list, next, err = tx.Devices(ctx, page)
		return err
	})
	return list, next, err
}

// DeviceByID gives one device.
func (c *Control) DeviceByID(ctx context.Context, by access.Actor, id access.ID) (d access.Device, err error) {
	err = c.read(ctx, request{by: by, perm: readDevice, object: id}, func(tx *store.Tx) error {
		d, err = tx.Device(ctx, id)
		return err
	})
	return d, err
}

// UpdateDevice renames a device; d.Version is the version that the caller saw. The rest of d is ignored.
func (c *Control) UpdateDevice(ctx context.Context, by access.Actor, d access.Device) (access.Device, error) {
	var updated access.Device
	err := c.act(ctx, request{by: by, perm: updateDevice, object: d.ID, name: d.Name}, func(ch *change) error {
		old, err := ch.ownedDevice(d.ID)
		if err != nil {
			return err
		}
		var p fault.Problems
		p.Check("name", access.CheckName(d.Name))
		if err := p.Err(); err != nil {
			return err
		}
		updated = old
		updated.Version, updated.Updated, updated.Name = d.Version, ch.now, d.Name
		if err := ch.tx.UpdateDevice(ctx, &updated); err != nil {
			return err
		}
		ch.auditDevice(updateDevice, &updated, map[string]any{"Name": []string{old.Name, updated.Name}})
		return ch.end(access.EndingUser, string(old.User)) // decisions and logs know it by its name
	})
	return updated, err
}

// RevokeDevice ends a device's sessions, cuts what is open by it, and has its key refused from now on. Asked again, it answers the same.
func (c *Control) RevokeDevice(ctx context.Context, by access.Actor, id access.ID) (revoked access.Device, err error) {
	err = c.act(ctx, request{by: by, perm: revokeDevice, object: id}, func(ch *change) error {
		if revoked, err = ch.ownedDevice(id); err != nil {
			return err
		}
		return ch.revokeDevice(revokeDevice, &revoked)
	})
	return revoked, err
}

// DeleteDevice revokes a device and forgets it: its key may be enrolled again by whoever signs in with it.
func (c *Control) DeleteDevice(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteDevice, object: id}, func(ch *change) error {
		old, err := ch.ownedDevice(id)
		if err != nil {
			return err
		}
		return ch.deleteDevice(deleteDevice, &old, version)
	})
}

// OwnDevices gives somebody's own devices.
func (c *Control) OwnDevices(ctx context.Context, who access.Principal) (list []access.Device, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		list, err = tx.UserDevices(ctx, who.User)
		return err
	})
	return list, err
}

// RevokeOwnDevice revokes one of somebody's own devices. It needs no confirmation: it only takes away.
func (c *Control) RevokeOwnDevice(ctx context.Context, by access.Actor, who access.Principal, id access.ID) error {
	by.Kind, by.ID, by.Name = access.ActorUser, who.User, who.Name
	return c.act(ctx, request{by: by, perm: dropDevice, object: id}, func(ch *change) error {
		d, err := ch.tx.Device(ctx, id)
		if err == nil && d.User != who.User {
			err = fault.NotFound("there is no such device")
		}
		if err != nil {
			return err
		}
		return ch.revokeDevice(dropDevice, &d)
	})
}

// ownedDevice gives a device whose user the actor may touch.
func (ch *change) ownedDevice(id access.ID) (access.Device, error) {
	d, err := ch.tx.Device(ch.ctx, id)
	if err != nil {
		return d, err
	}
	u, err := ch.tx.User(ch.ctx, d.User)
	if err != nil {
		return d, err
	}
	return d, touches(ch.by, &u, "the device's user")
}

// auditDevice adds an entry about a device. It names the user, so that it can be erased with them.
func (ch *change) auditDevice(perm permission, d *access.Device, more map[string]any) {
	ch.entries = append(ch.entries, ch.c.deviceEntry(ch.by, perm, d, more))
	ch.entries[len(ch.entries)-1].Version = ch.version
}

// deviceEntry makes an entry about a device.
func (c *Control) deviceEntry(by access.Actor, perm permission, d *access.Device, more map[string]any) access.AuditEntry {
	detail := map[string]any{"User": d.User, "OS": d.OS, "MachineName": d.MachineName}
	for name, value := range more {
		detail[name] = value
	}
	text, _ := json.Marshal(detail) // words
	now := c.now()
	return access.AuditEntry{
		ID: access.NewID(access.PrefixAudit, now), Time: now, Actor: by, Action: string(perm), Object: d.ID, Name: d.Name, Outcome: "done", Detail: string(text),
	}
}

// revokeDevice revokes a device, unless it is already, with its certificates and sessions.
func (ch *change) revokeDevice(perm permission, d *access.Device) error {
	ch.auditDevice(perm, d, nil)
	if !d.Revoked.IsZero() {
		return nil
	}
	d.Revoked, d.Updated = ch.now, ch.now
	if err := ch.tx.UpdateDevice(ch.ctx, d); err != nil {
		return err
	}
	return ch.cutDevice(d, "revoked")
}

func (ch *change) deleteDevice(perm permission, d *access.Device, version int64) error {
	// The row goes first: a renewal at the same moment waits for it, and finds nothing to renew.
	if err := ch.tx.DeleteDevice(ch.ctx, d.ID, version); err != nil {
		return err
	}
	ch.auditDevice(perm, d, nil)
	return ch.cutDevice(d, "deleted")
}

// cutDevice ends the sessions that are bound to a device and revokes its certificates, which cuts its tunnels.
func (ch *change) cutDevice(d *access.Device, reason string) error {
	list, err := ch.tx.DeviceSessions(ch.ctx, d.ID)
	if err != nil {
		return err
	}
	for _, s := range list {
		if _, err := ch.c.endIn(ch.ctx, ch.tx, s.ID, leaving{ch.by, access.ReasonDeviceRevoked}); err != nil {
			return err
		}
	}
	serials, err := ch.tx.RevokeSubject(ch.ctx, ch.c.deviceIdentity(d.ID).String(), ch.now, reason)
	if err != nil {
		return err
	}
	for _, serial := range serials {
		if err := ch.end(access.EndingCertificate, serial); err != nil {
			return err
		}
	}
	return nil
}

// dropDevices revokes the certificates of a user's devices, before the rows go with the user.
func (ch *change) dropDevices(user access.ID) error {
	list, err := ch.tx.UserDevices(ch.ctx, user)
	if err != nil {
		return err
	}
	for i := range list {
		if err := ch.cutDevice(&list[i], "deleted"); err != nil {
			return err
		}
	}
	return nil
}

// deviceIdentity gives what the certificate of a device names.
func (c *Control) deviceIdentity(device access.ID) wire.Identity {
	return wire.Identity{TrustDomain: c.instance.trustDomain, Role: wire.RoleClient, ID: string(device)}
}

// devicesSeen remembers when and from where devices were seen until that is written.
type devicesSeen struct {
	mu sync.Mutex // guards at
	at map[access.ID]store.Seen
}

func (d *devicesSeen) note(id access.ID, address string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at == nil {
		d.at = map[access.ID]store.Seen{}
	}
	d.at[id] = store.Seen{ID: id, At: at, Address: address}
}

func (d *devicesSeen) take() (list []store.Seen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, seen := range d.at {
		list = append(list, seen)
	}
	d.at = nil
	return list
}
