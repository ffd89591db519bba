package portal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/web"
	"postern/internal/wire"
)

// maxDeviceRequest bounds the body of a wire.DeviceRequest, in bytes.
const maxDeviceRequest = 64 << 10

// Devices is the part of the control plane that admits people's devices, and with which they look after them.
type Devices interface {
	// EnrolDevice gives a device its certificate: the first, or the next one.
	EnrolDevice(ctx context.Context, by access.Actor, token string, req wire.DeviceRequest) (wire.Credential, error)
	OwnDevices(ctx context.Context, who access.Principal) ([]access.Device, error)
	RevokeOwnDevice(ctx context.Context, by access.Actor, who access.Principal, id access.ID) error
}

// devices adds what postern-client asks for, and what people do about theirs.
func (p *portal) devices(mux *http.ServeMux) {
	mux.HandleFunc(wire.PathDevice, p.enrolDevice)
	mux.HandleFunc("POST /account/devices/revoke", p.own(p.revokeDevice))
}

// enrolDevice answers a device, which gets errors as problem documents.
func (p *portal) enrolDevice(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		web.MethodNotAllowed(w, r, http.MethodPost)
		return
	}
	got, err := p.deviceCertificate(w, r)
	if err != nil {
		level := p.Log.Info
		if fault.KindOf(err) == fault.KindInternal {
			level = p.Log.Error
		}
		level("a device got no certificate", "address", web.ClientAddress(r), "request", web.RequestID(r.Context()), "error", err, "cause", errors.Unwrap(err))
		if fault.Is(err, fault.KindUnauthenticated) {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		web.Problem(w, r, err)
		return
	}
	answerJSON(w, http.StatusOK, got)
}

func (p *portal) deviceCertificate(w http.ResponseWriter, r *http.Request) (wire.Credential, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(r.Header.Values("Authorization")) > 1 {
		return wire.Credential{}, fault.Unauthenticated("send the access token of postern-client: Authorization: Bearer …")
	}
	body, err := web.ReadBody(w, r, maxDeviceRequest, "application/json")
	if err != nil {
		return wire.Credential{}, err
	}
	var req wire.DeviceRequest
	if err := json.Unmarshal(body, &req); err != nil { // fields that are not known are of a newer client
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
			return wire.Credential{}, fault.Invalid(e.Field, "must not be a JSON %s", e.Value).Because(err)
		}
		return wire.Credential{}, fault.Invalid("body", "must be a JSON object").Because(err)
	}
	return p.Devices.EnrolDevice(r.Context(), anyone(r), token, req)
}

// revokeDevice revokes one of somebody's own devices. It needs no confirmation: it only takes away.
func (p *portal) revokeDevice(w http.ResponseWriter, r *http.Request, own control.Own) error {
	err := p.Devices.RevokeOwnDevice(r.Context(), actor(r, &own.Who), own.Who, access.ID(r.PostForm.Get("id")))
	if fault.Is(err, fault.KindNotFound) { // it is gone, which is what was asked for
		err = nil
	}
	return p.confirmedFirst(w, r, own, err)
}

// deviceLine is a device on the page of its user's account.
type deviceLine struct {
	access.Device
	System string // as people know it
}

// deviceLines gives somebody's devices that are not revoked.
func (p *portal) deviceLines(ctx context.Context, own control.Own) (lines []deviceLine, err error) {
	list, err := p.Devices.OwnDevices(ctx, own.Who)
	for _, d := range list {
		if !d.Revoked.IsZero() {
			continue
		}
		system, known := map[string]string{"linux": "Linux", "windows": "Windows", "darwin": "macOS"}[d.OS]
		if !known {
			system = d.OS
		}
		lines = append(lines, deviceLine{d, strings.TrimSpace(system + " " + d.OSVersion)})
	}
	return lines, err
}
