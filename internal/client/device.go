package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/uplink"
	"postern/internal/wire"
)

const (
	maxAnswer = 1 << 20 // bytes of an answer of the portal
	askWithin = 30 * time.Second
)

// device asks the service for this machine's certificate.
type device struct {
	state     *State
	dialer    *uplink.Dialer
	host      wire.Host
	osVersion string
	name      string
}

// enrol gets the certificate of the device, its first or a new one, in the name of a sign-in. fresh: a new key was made for it. A key that is
// another user's device is left to that user's: who signs in here now gets a new one.
func (d *device) enrol(ctx context.Context, kept signIn, another bool) (cred *credential.Credential, fresh bool, err error) {
	lock, err := d.state.dir.Lock(ctx)
	if err != nil {
		return nil, false, err
	}
	defer lock.Unlock() // the lock ends with the process at the latest
	old, err := d.state.dir.Load()
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		another = true // it is damaged
	}
	if !another && old != nil {
		cred, err = d.certificate(ctx, kept)
		if err == nil || !fault.Is(err, fault.KindConflict) {
			return cred, false, err
		}
	}
	if another || old != nil {
		if err := d.state.dir.Remove(); err != nil {
			return nil, false, err
		}
	}
	cred, err = d.certificate(ctx, kept)
	return cred, true, err
}

// renew gets a new certificate for the device's key. Another process may have done so already.
func (d *device) renew(ctx context.Context, kept signIn, serial string) (*credential.Credential, error) {
	lock, err := d.state.dir.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock() // as above
	cred, err := d.state.dir.Load()
	if err != nil {
		return nil, err
	}
	if cred.Serial != serial {
		return cred, nil
	}
	return d.certificate(ctx, kept)
}

// certificate asks for the certificate and puts it in force. The directory is locked.
func (d *device) certificate(ctx context.Context, kept signIn) (*credential.Credential, error) {
	key, err := d.state.dir.Pending()
	if err != nil {
		return nil, err
	}
	csr, err := credential.Request(key)
	if err != nil {
		return nil, err
	}
	answer, err := d.ask(ctx, kept, wire.DeviceRequest{Version: wire.Version, CSR: csr, Name: d.name, Host: d.host, OSVersion: d.osVersion})
	if err != nil {
		return nil, err
	}
	return d.state.dir.Accept(answer)
}

func (d *device) ask(ctx context.Context, kept signIn, request wire.DeviceRequest) (answer wire.Credential, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	client, err := kept.http(d.dialer)
	if err != nil {
		return answer, err
	}
	defer client.CloseIdleConnections()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // a token is not carried elsewhere
	_, access, err := kept.tokens()
	if err != nil {
		return answer, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, kept.Service+wire.PathDevice, bytes.NewReader(wire.Encode(request)))
	if err != nil {
		return answer, fault.Internal(err, "make a request")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+access)
	response, err := client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return answer, fault.Unavailable("%s cannot be reached: %v", req.URL.Host, err).Because(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil || len(data) > maxAnswer {
		return answer, fault.Unavailable("%s answered too much or only in part", req.URL.Host).Because(err)
	}
	if response.StatusCode != http.StatusOK {
		return answer, uplink.Problem(response, data)
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if kind != "application/json" || json.Unmarshal(data, &answer) != nil {
		return answer, fault.New(fault.KindUpstream, "%s answered something else than a Postern service does", req.URL.Host)
	}
	return answer, nil
}
