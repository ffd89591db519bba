package client

import (
	"bytes"
	"context"
	"crypto/rand"
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

// enrol gets the certificate of the device, its first or a new one, in the name of a sign-in. With another it makes a new key, and so is another
// device; the credential that is in force stays until there is the new one. fresh: there is a new key.
func (d *device) enrol(ctx context.Context, kept signIn, another bool) (cred *credential.Credential, fresh bool, err error) {
	lock, err := d.state.dir.Lock(ctx)
	if err != nil {
		return nil, false, err
	}
	defer lock.Unlock() // the lock ends with the process at the latest
	if err := d.state.dir.Resume(); err != nil {
		return nil, false, err
	}
	_, err = d.state.dir.Load()
	missing := fault.Is(err, fault.KindNotFound)
	switch {
	case err != nil && !missing:
		another = true // it is damaged
	case missing, !another:
		cred, err = d.certificate(ctx, d.state.dir, kept)
		return cred, missing, err
	}
	next, err := d.state.dir.Next(rand.Text())
	if err != nil {
		return nil, false, err
	}
	if _, err := d.certificate(ctx, next, kept); err != nil {
		return nil, false, errors.Join(err, d.state.dir.Abandon())
	}
	if err := d.state.dir.Switch(); err != nil {
		return nil, false, err
	}
	cred, err = d.state.dir.Load()
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
	return d.certificate(ctx, d.state.dir, kept)
}

// certificate asks for the certificate and puts it in force in a directory, which is locked.
func (d *device) certificate(ctx context.Context, dir *credential.Directory, kept signIn) (*credential.Credential, error) {
	key, err := dir.Pending()
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
	return dir.Accept(answer)
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
