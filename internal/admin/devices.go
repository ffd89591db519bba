package admin

import (
	"context"
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
)

var (
	ofSystem  = filter{"os", "Only those with this operating system.", "", access.DeviceSystems()}
	ofRevoked = either("revoked", "Only those that are revoked (true), or that are not (false).")
	deviceOf  = filter{"user", "Only those of this user.", access.PrefixUser, nil}
)

// devices lists the routes about people's machines with postern-client. They enrol by themselves, when their user signs in on them.
func (h *Handler) devices() []route {
	c := h.cfg.Control
	get, post, patch, del := http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []route{
		{get, "/devices", "listDevices", "devices", "List the devices that users enrolled", overseer, false, list(c.Devices, showDevice, deviceOf, ofSystem, ofRevoked)},
		{get, "/devices/{id}", "showDevice", "devices", "Show a device", overseer, false, one(access.PrefixDevice, c.DeviceByID, showDevice)},
		{patch, "/devices/{id}", "updateDevice", "devices", "Rename a device", people, false, update(h.changeDevice())},
		{del, "/devices/{id}", "deleteDevice", "devices", "Revoke and forget a device: its key may be enrolled again", people, false, remove(access.PrefixDevice, c.DeleteDevice)},
		{post, "/devices/{id}/revoke", "revokeDevice", "devices", "Revoke a device for good: what is open by it is cut, and its key is refused", people, false, h.revokeDevice()},
	}
}

func showDevice(d access.Device) api.Device {
	return api.Device{
		Meta: meta(d.Meta), DeviceInput: inputDevice(d), User: string(d.User), MachineName: d.MachineName, OS: d.OS, OSVersion: d.OSVersion, Arch: d.Arch,
		Program: d.Program, Serial: d.Serial, CertificateEnds: d.NotAfter, LastSeen: d.LastSeen, Address: d.Address, Revoked: d.Revoked,
	}
}

func inputDevice(d access.Device) api.DeviceInput { return api.DeviceInput{Name: d.Name} }

func (h *Handler) changeDevice() change[access.Device, api.DeviceInput, api.Device] {
	return change[access.Device, api.DeviceInput, api.Device]{
		prefix: access.PrefixDevice, read: h.cfg.Control.DeviceByID, input: inputDevice,
		apply: func(d *access.Device, in api.DeviceInput) error { d.Name = in.Name; return nil },
		write: func(ctx context.Context, by access.Actor, d access.Device) (access.Device, error) {
			return h.cfg.Control.UpdateDevice(ctx, by, d)
		},
		show: showDevice,
	}
}

func (h *Handler) revokeDevice() operation {
	return operation{out: typeOf[api.Device](), status: 200, path: access.PrefixDevice, tagged: true, run: func(c *call) (reply, error) {
		revoked, err := h.cfg.Control.RevokeDevice(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return tagged(showDevice(revoked)), nil
	}}
}
