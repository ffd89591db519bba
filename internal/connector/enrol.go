package connector

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"postern/internal/credential"
	"postern/internal/disk"
	"postern/internal/fault"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// agentFace is what is needed to ask the service for a certificate.
type agentFace struct {
	dialer *uplink.Dialer
	dir    *credential.Directory
	host   wire.Host
	now    func() time.Time
	log    *slog.Logger
}

// Enrolment holds what Enrol needs. Every field but Name is required.
type Enrolment struct {
	State  string // directory, made if need be
	Token  wire.EnrolmentToken
	Name   string // optional; how the connector is to be called
	Dialer *uplink.Dialer
	Host   wire.Host
	Log    *slog.Logger
	Again  bool // enrol a machine that is enrolled; the credential it has stays in force until there is the new one
	Ahead  bool // with Again: only get the new credential, while a connector runs; the same without Ahead puts it in force
}

// Enrol registers this machine: it makes a key, sends the request for its certificate with the token, and keeps both. An
// attempt that was interrupted can be repeated with the same token. The error is of fault.KindConflict when this
// machine is enrolled already.
func Enrol(ctx context.Context, e Enrolment) (*credential.Credential, error) {
	dir, err := credential.Open(e.State)
	if err != nil {
		return nil, err
	}
	lock, err := dir.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock() // the lock ends with the process at the latest
	if err := dir.Resume(); err != nil {
		return nil, err
	}
	old, err := dir.Load()
	switch {
	case fault.Is(err, fault.KindNotFound):
	case e.Again:
		return enrolAgain(ctx, e, dir, old)
	case err != nil:
		return nil, err
	default:
		return nil, fault.Conflict("this machine is enrolled already, as connector %s of %s: enrol it --again, or uninstall it first",
			old.Identity.ID, old.Connection.ServiceURL)
	}
	return enrolInto(ctx, e, dir)
}

func enrolInto(ctx context.Context, e Enrolment, dir *credential.Directory) (*credential.Credential, error) {
	face := &agentFace{e.Dialer, dir, e.Host, time.Now, e.Log}
	cred, err := face.enrol(ctx, e)
	if other, foreign := errors.AsType[*uplink.Intercepted](err); foreign && other.Service == "" {
		return nil, fmt.Errorf("enrol at %s: %w; or the token is older than the service's authority, and a new one is needed", e.Token.ServiceURL, err)
	}
	if err != nil {
		return nil, fmt.Errorf("enrol at %s: %w", e.Token.ServiceURL, err)
	}
	e.Log.Info("enrolled", "connector", cred.Identity.ID, "service", cred.Connection.ServiceURL, "not_after", cred.Leaf.NotAfter)
	return cred, nil
}

// enrolAgain makes another connector of this machine and has the service forget the one it was, if that can be told; old is
// nil if its credential is damaged. No connector may run here meanwhile, but to get the credential ahead. The directory is locked.
func enrolAgain(ctx context.Context, e Enrolment, dir *credential.Directory, old *credential.Credential) (*credential.Credential, error) {
	if !e.Ahead {
		run, err := LockRun(e.State)
		if err != nil {
			return nil, err
		}
		defer run.Unlock() // the lock ends with the process at the latest
	}
	next, err := dir.Next(e.Token.ID)
	if err != nil {
		return nil, err
	}
	cred, err := next.Load()
	if fault.Is(err, fault.KindNotFound) {
		cred, err = enrolInto(ctx, e, next)
	}
	if useless(err) {
		return nil, errors.Join(err, dir.Abandon())
	}
	if err != nil || e.Ahead {
		return cred, err // the key stays: the same token and key get the same answer again, if this one was lost
	}
	if err := dir.Switch(); err != nil {
		return nil, err
	}
	if old != nil {
		err := deregister(ctx, Uninstall{State: e.State, Dialer: e.Dialer, Host: e.Host}, old)
		if err != nil && !fault.Is(err, fault.KindGone) {
			e.Log.Warn("the service was not told that the old connector is no more: delete it there", "connector", old.Identity.ID, "error", err)
		}
	}
	return dir.Load()
}

// useless tells whether an error of enrolling says that its token will never do.
func useless(err error) bool {
	return fault.Is(err, fault.KindGone) || fault.Is(err, fault.KindUnauthenticated)
}

func (a *agentFace) enrol(ctx context.Context, e Enrolment) (*credential.Credential, error) {
	config, err := credential.EnrolTLS(e.Token)
	if err != nil {
		return nil, err
	}
	return a.certificate(ctx, e.Token.ServiceURL, config, func(csr []byte) (string, any, error) {
		return wire.PathEnrol, wire.EnrolRequest{
			Version: wire.Version, TokenID: e.Token.ID, Secret: e.Token.Secret, CSR: csr, Name: e.Name, Host: e.Host,
		}, nil
	})
}

// renewCredential asks for a certificate for a new key, by the word of the old one. The directory is locked.
func renewCredential(ctx context.Context, a *agentFace, cred *credential.Credential) (*credential.Credential, error) {
	config, err := cred.AgentTLS()
	if err != nil {
		return nil, err
	}
	return a.certificate(ctx, cred.Connection.ServiceURL, config, func(csr []byte) (string, any, error) {
		signed, err := cred.Sign(wire.RenewPayload{Purpose: wire.PurposeRenew, CSR: csr, Host: a.host, Time: a.now()})
		return wire.PathRenew, signed, err
	})
}

// waitsForApproval is an event of the Admin log.
const waitsForApproval = "this connector waits for an administrator's approval and carries nothing until then"

// clockSkew is beyond what a difference of clocks is worth a word: it breaks grants and certificates.
const clockSkew = time.Minute

// certificate is what enrolling and renewing have in common: the pending key goes out in a request, and the answer
// comes into force.
func (a *agentFace) certificate(
	ctx context.Context, url string, config *tls.Config, request func(csr []byte) (path string, body any, err error),
) (*credential.Credential, error) {
	key, err := a.dir.Pending()
	if err != nil {
		return nil, err
	}
	csr, err := credential.Request(key)
	if err != nil {
		return nil, err
	}
	path, body, err := request(csr)
	if err != nil {
		return nil, err
	}
	service, err := a.dialer.Service(url, config)
	if err != nil {
		return nil, err
	}
	var answer wire.Credential
	if err := service.Post(ctx, path, body, &answer); err != nil {
		return nil, err
	}
	if skew := a.now().Sub(answer.Time); !answer.Time.IsZero() && skew.Abs() > clockSkew {
		a.log.Warn("clock differs from the service's", "by", skew.Round(time.Second))
	}
	if !answer.Waiting.IsZero() {
		a.log.Warn(waitsForApproval, "approve", "postern connectors approve "+answer.Connector, "until", answer.Waiting)
	}
	return a.dir.Accept(answer)
}

// Uninstall holds what Deregister needs.
type Uninstall struct {
	State  string
	Dialer *uplink.Dialer
	Host   wire.Host
	Force  bool // forget the credential even if the service cannot be told
}

// Deregister tells the service, by the credential's word, that this connector is no more, and removes the credential. It
// refuses while a connector runs on it. Unless forced, nothing is removed when the service cannot be told; told
// says whether it was.
func Deregister(ctx context.Context, u Uninstall) (told bool, err error) {
	dir, err := credential.Open(u.State)
	if err != nil {
		return false, err
	}
	run, err := LockRun(u.State)
	if err != nil {
		return false, err
	}
	defer run.Unlock() // the lock ends with the process at the latest
	lock, err := dir.Lock(ctx)
	if err != nil {
		return false, err
	}
	defer lock.Unlock() // as above
	cred, err := dir.Load()
	switch {
	case err == nil:
		err = deregister(ctx, u, cred)
	case !u.Force:
		return false, err
	}
	// A service that does not know the connector any more needs not be told.
	told = err == nil || cred != nil && fault.Is(err, fault.KindGone)
	if !told && !u.Force {
		return false, fmt.Errorf("deregister at %s: %w", cred.Connection.ServiceURL, err)
	}
	err = errors.Join(dir.Abandon(), dir.Remove())
	for _, name := range []string{runLock, statusSocket, askSocket, "lock"} {
		err = errors.Join(err, disk.Remove(filepath.Join(u.State, name))) // whoever waits for a lock finds no credential
	}
	return told, err
}

func deregister(ctx context.Context, u Uninstall, cred *credential.Credential) error {
	config, err := cred.AgentTLS()
	if err != nil {
		return err
	}
	service, err := u.Dialer.Service(cred.Connection.ServiceURL, config)
	if err != nil {
		return err
	}
	signed, err := cred.Sign(wire.RenewPayload{Purpose: wire.PurposeDeregister, Host: u.Host, Time: time.Now()})
	if err != nil {
		return err
	}
	return service.Post(ctx, wire.PathDeregister, signed, &struct{}{})
}
