package api

import (
	"context"
	"net/http"
)

// DeviceInput is what an administrator writes of a device.
type DeviceInput struct {
	Name string `json:"name" doc:"The name for people." example:"Ada's laptop"`
}

// Device is a machine with postern-client, which its user enrolled by signing in on it.
type Device struct {
	Meta
	DeviceInput
	User            string `json:"user" doc:"Whose it is."`
	MachineName     string `json:"machineName" doc:"What the machine calls itself. This and all down to program is as the device tells."`
	OS              string `json:"os" doc:"Its operating system: linux, windows or darwin."`
	OSVersion       string `json:"osVersion" doc:"The version of that."`
	Arch            string `json:"arch" doc:"Its processor."`
	Program         string `json:"program" doc:"The version of its client."`
	Serial          string `json:"serial" doc:"The serial of its newest certificate, hexadecimal."`
	CertificateEnds Time   `json:"certificateEnds" doc:"When that certificate ends; the device renews it when half of its life is over."`
	LastSeen        Time   `json:"lastSeen,omitzero" doc:"When it was last seen; absent for never."`
	Address         string `json:"address" doc:"From which it was seen then."`
	Revoked         Time   `json:"revoked,omitzero" doc:"When it was revoked; absent if it is not."`
}

// Devices are people's machines with postern-client.
type Devices struct {
	reads[Device]
	shows[Device]
	patches[Device]
	deletes
}

// Revoke ends a device's sign-ins for good, and has its key refused.
func (n Devices) Revoke(ctx context.Context, id string) (Device, error) {
	c, path := n.reads.c, n.reads.path
	var out Device
	err := c.do(ctx, call{method: http.MethodPost, path: []string{path, id, "revoke"}, out: &out})
	return out, err
}
