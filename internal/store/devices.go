package store

import (
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

var devices = table[access.Device]{
	name: "devices",
	what: "device",
	columns: []string{
		"user_id", "name", "name_key", "machine", "os", "os_version", "arch", "program", "key_hash", "serial", "not_after", "previous",
		"previous_ends", "last_seen", "address", "revoked",
	},
	filters: map[string]condition{"user": equal("user_id"), "os": equal("os"), "revoked": isSet("revoked")},
	search:  "name_key",
	sorted:  "name_key",
	meta:    func(d *access.Device) *access.Meta { return &d.Meta },
	values: func(d *access.Device) []any {
		return []any{
			string(d.User), d.Name, folded(d.Name), d.MachineName, d.OS, d.OSVersion, d.Arch, d.Program, d.KeyHash, d.Serial, micros(d.NotAfter),
			d.Previous, micros(d.PreviousEnd), micros(d.LastSeen), d.Address, micros(d.Revoked),
		}
	},
	into: func(d *access.Device) ([]any, func() error) {
		var unused string
		var notAfter, previousEnd, lastSeen, revoked int64
		ptrs := []any{
			&d.User, &d.Name, &unused, &d.MachineName, &d.OS, &d.OSVersion, &d.Arch, &d.Program, &d.KeyHash, &d.Serial, &notAfter,
			&d.Previous, &previousEnd, &lastSeen, &d.Address, &revoked,
		}
		return ptrs, func() error {
			d.NotAfter, d.PreviousEnd, d.LastSeen, d.Revoked = moment(notAfter), moment(previousEnd), moment(lastSeen), moment(revoked)
			return nil
		}
	},
}

// Device gives a device.
func (t *Tx) Device(ctx context.Context, id access.ID) (access.Device, error) {
	return devices.one(ctx, t, "id", string(id))
}

// DeviceByKey gives the device whose public key has the hash, whoever's it is.
func (t *Tx) DeviceByKey(ctx context.Context, keyHash string) (access.Device, error) {
	return devices.one(ctx, t, "key_hash", keyHash)
}

// Devices gives a page of the devices and the cursor of the next one.
func (t *Tx) Devices(ctx context.Context, p access.Page) ([]access.Device, string, error) {
	return devices.page(ctx, t, p)
}

// UserDevices gives the devices of a user, those that are revoked included.
func (t *Tx) UserDevices(ctx context.Context, user access.ID) ([]access.Device, error) {
	list, _, err := devices.page(ctx, t, access.Page{Limit: 1000, Only: map[string]string{"user": string(user)}})
	return list, err
}

// InsertDevice stores a new device.
func (t *Tx) InsertDevice(ctx context.Context, d *access.Device) error {
	return devices.insert(ctx, t, d)
}

// UpdateDevice writes a device that is still at its version.
func (t *Tx) UpdateDevice(ctx context.Context, d *access.Device) error {
	return devices.update(ctx, t, d)
}

// DeleteDevice removes a device.
func (t *Tx) DeleteDevice(ctx context.Context, id access.ID, version int64) error {
	return devices.remove(ctx, t, id, version)
}

// RefreshDevice writes what a device tells of itself and its certificates, without a new version. One that was revoked meanwhile is
// fault.KindNotFound.
func (t *Tx) RefreshDevice(ctx context.Context, d *access.Device) error {
	n, err := t.exec(ctx, `UPDATE devices SET machine = $1, os = $2, os_version = $3, arch = $4, program = $5, serial = $6, not_after = $7,
		previous = $8, previous_ends = $9, last_seen = $10, address = $11 WHERE id = $12 AND revoked = 0`,
		d.MachineName, d.OS, d.OSVersion, d.Arch, d.Program, d.Serial, micros(d.NotAfter), d.Previous, micros(d.PreviousEnd), micros(d.LastSeen),
		d.Address, string(d.ID))
	if err == nil && n == 0 {
		return fault.NotFound("there is no such device")
	}
	return err
}

// BindSession binds a program's session to a device, in one statement. One that is over or bound to another device is fault.KindNotFound.
func (t *Tx) BindSession(ctx context.Context, session, device access.ID) error {
	n, err := t.exec(ctx, "UPDATE sessions SET device_id = $1 WHERE id = $2 AND (device_id = '' OR device_id = $1)", string(device), string(session))
	if err == nil && n == 0 {
		return fault.NotFound("there is no such session")
	}
	return err
}

// DeviceSessions gives the sessions that are bound to a device.
func (t *Tx) DeviceSessions(ctx context.Context, device access.ID) ([]access.Session, error) {
	return rows(ctx, t, scanSession, "SELECT "+sessionColumns+" FROM sessions WHERE device_id = $1 ORDER BY created, id LIMIT 1000", string(device))
}

// TouchDevices writes when devices were last seen and from where, without a new version.
func (t *Tx) TouchDevices(ctx context.Context, seen []Seen) error {
	last := map[access.ID][]any{}
	for _, s := range seen {
		last[s.ID] = []any{micros(s.At), s.Address}
	}
	return t.each(ctx, last, []string{"BIGINT", "TEXT"}, `UPDATE devices SET last_seen = new.column2, address = new.column3 FROM %s
		WHERE devices.id = new.column1 AND devices.last_seen < new.column2`)
}

// CountOldDevices counts the devices whose certificate was issued before a time and is good still.
func (t *Tx) CountOldDevices(ctx context.Context, before, now time.Time) (count int, err error) {
	err = t.row(ctx, "", `SELECT COUNT(*) FROM devices, issued_certificates WHERE issued_certificates.serial = devices.serial AND devices.revoked = 0
		AND issued_certificates.not_before < $1 AND issued_certificates.not_after > $2`, []any{micros(before), micros(now)}, &count)
	return count, err
}

// DeleteOldDevices removes devices that were revoked before a time, at most limit.
func (t *Tx) DeleteOldDevices(ctx context.Context, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, "DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE revoked > 0 AND revoked < $1 LIMIT $2)", micros(before), limit)
}
