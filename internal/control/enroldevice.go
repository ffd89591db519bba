package control

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/wire"
)

// enrolThrottle gives the bounds on devices that ask for certificates: one of a user's asks a few times a month, and many of one network
// when a working week begins.
func enrolThrottle(cfg identity.ThrottleConfig) identity.ThrottleConfig {
	cfg.Pair = identity.Rate{Burst: 30, Every: 20 * time.Second}
	cfg.Account = identity.Rate{Burst: 60, Every: 20 * time.Second}
	cfg.Network = identity.Rate{Burst: 2000, Every: 50 * time.Millisecond}
	return cfg
}

// deviceBearer gives the session of an access token for the service itself that was good at that time.
func (c *Control) deviceBearer(ctx context.Context, by access.Actor, token string, at time.Time) (session.Entry, session.AccessToken, error) {
	entry, shown, err := c.bearer(ctx, token, at)
	if err != nil {
		return entry, shown, err
	}
	if shown.Client != access.ClientDevice || shown.Application != "" || shown.Audience != c.serviceAudience().url {
		err := fault.Unauthenticated("the token is for %s, not for devices; sign in with postern-client", shown.Audience)
		tried := deviceShown(by, &entry)
		tried.Reason = access.ReasonWrongAudience
		c.shown(ctx, tried, err)
		return entry, shown, err
	}
	return entry, shown, nil
}

// deviceShown begins the entry of a token that a device showed.
func deviceShown(by access.Actor, entry *session.Entry) access.SignInEntry {
	e := attempt(access.EventKey, access.Actor{Address: by.Address, Request: by.Request}, "")
	e.User, e.UserName, e.Session, e.Client = entry.Principal.User, entry.Principal.Name, entry.Session.ID, entry.Session.Client
	e.Methods = entry.Session.Methods
	return e
}

// enrolling is a device's request for a certificate under way.
type enrolling struct {
	by      access.Actor
	session access.ID
	told    access.Device
	issue   ca.Request
	device  access.Device
	row     store.IssuedCertificate
	changed bool // something that is remembered elsewhere
}

// EnrolDevice gives a device its certificate: its first, or the next one when half of the life of the one before is over. The key is the
// device: the same key of the same user is the same device, which from then on is used by the session of the token.
func (c *Control) EnrolDevice(ctx context.Context, by access.Actor, token string, req wire.DeviceRequest) (wire.Credential, error) {
	entry, _, err := c.deviceBearer(ctx, by, token, c.now())
	if err != nil {
		return wire.Credential{}, err
	}
	who := entry.Principal
	by.Kind, by.ID, by.Name = access.ActorUser, who.User, who.Name
	r := request{by: by, perm: enrolDevice, name: req.Name}
	e, err := c.askedDevice(by, req)
	if err == nil {
		e.session = entry.Session.ID
		err = c.store.Write(ctx, func(tx *store.Tx) error { return c.enrolDevice(ctx, tx, e) })
		if fault.Is(err, fault.KindConflict) { // perhaps the same request, at the same moment: now there is such a device
			err = c.store.Write(ctx, func(tx *store.Tx) error { return c.enrolDevice(ctx, tx, e) })
		}
	}
	if err != nil {
		c.refused(ctx, r, err)
		return wire.Credential{}, err
	}
	if e.changed {
		c.sessions.Ended(access.Ending{Kind: access.EndingUser, ID: string(who.User)}) // here at once, elsewhere when told
		c.announce()
	}
	return c.deviceCredential(ctx, e)
}

// askedDevice checks a request as far as that needs no database.
func (c *Control) askedDevice(by access.Actor, req wire.DeviceRequest) (*enrolling, error) {
	if _, err := c.enrolling.Begin(string(by.ID), addressOf(by)); err != nil {
		return nil, fault.New(fault.KindLimited, "your devices ask for certificates too often; try again in a minute").After(time.Minute)
	}
	public, err := ca.ParseCSR(req.CSR)
	if err != nil {
		return nil, err
	}
	host := hostFacts(req.Host)
	e := &enrolling{by: by, issue: ca.Request{Profile: ca.ProfileClient, Public: public, Lifetime: c.cfg.Settings.Certificate}}
	e.told = access.Device{
		User: by.ID, Name: req.Name, MachineName: host.MachineName, OS: strings.ToLower(host.OS), OSVersion: told(req.OSVersion), Arch: host.Arch, Program: host.Program,
	}
	if e.told.KeyHash, err = ca.KeyHash(public); err != nil {
		return nil, err
	}
	var p fault.Problems
	if req.Name != "" {
		p.Check("name", access.CheckName(req.Name))
	}
	if e.told.OS == "" {
		p.Add("host.os", "must be the operating system, such as linux")
	}
	return e, p.Err()
}

// enrolDevice finds or makes the device of the key, binds the session to it and reserves its certificate, in one transaction.
func (c *Control) enrolDevice(ctx context.Context, tx *store.Tx, e *enrolling) error {
	over := fault.Unauthenticated("you are signed out; sign in again with postern-client")
	e.changed = false
	row, err := tx.SessionByID(ctx, e.session)
	if err != nil {
		return orElse(err, fault.KindNotFound, over)
	}
	user, err := tx.User(ctx, e.by.ID)
	if err != nil || user.Disabled || row.User != user.ID {
		return orElse(cmpErr(err, over), fault.KindNotFound, over)
	}
	known, err := tx.DeviceByKey(ctx, e.told.KeyHash)
	switch {
	case fault.Is(err, fault.KindNotFound):
		err = c.newDevice(ctx, tx, e)
	case err != nil:
	case known.User != user.ID:
		err = fault.Forbidden("this device is enrolled for another user; have an administrator delete it there, or make a new key: postern-client login --new-device")
	case !known.Revoked.IsZero():
		err = fault.Forbidden("this device was revoked at %s; have an administrator delete it, or make a new key: postern-client login --new-device", stamp(known.Revoked))
	default:
		err = c.sameDevice(ctx, tx, e, known)
	}
	if err != nil {
		return err
	}
	if row.Device != e.device.ID {
		e.changed = true
		if err := tx.BindSession(ctx, row.ID, e.device.ID); err != nil {
			return orElse(err, fault.KindNotFound, fault.Forbidden("this sign-in belongs to another device; sign in anew on this one"))
		}
	}
	if !e.changed {
		return nil
	}
	return tx.AppendEnding(ctx, &access.Ending{Kind: access.EndingUser, ID: string(user.ID), Time: c.now()})
}

// newDevice makes the device of a key that nobody has.
func (c *Control) newDevice(ctx context.Context, tx *store.Tx, e *enrolling) error {
	if err := tx.HoldEndings(ctx); err != nil {
		return err
	}
	if err := tx.HoldUser(ctx, e.by.ID); err != nil { // who enrols another at the same moment counts this one
		return err
	}
	list, err := tx.UserDevices(ctx, e.by.ID)
	if err != nil {
		return err
	}
	taken, live := map[string]bool{}, 0
	for i := range list {
		taken[strings.ToLower(list[i].Name)] = true
		if list[i].Revoked.IsZero() {
			live++
		}
	}
	if live >= access.MaxDevices || len(list) >= access.MaxDeviceRows {
		return fault.Conflict("you have %d devices already (%d with those that were revoked), which is as many as one user may have; revoke one on the page of your account, or have an administrator delete some", live, len(list))
	}
	now := c.now()
	d := e.told
	d.Meta = access.Meta{ID: access.NewID(access.PrefixDevice, now), Version: 1, Created: now, Updated: now}
	for _, name := range []string{d.Name, d.MachineName, "device"} {
		if access.CheckName(name) == nil {
			d.Name = freeName(name, taken)
			break
		}
	}
	d.LastSeen, d.Address = now, e.by.Address
	if e.row, err = c.reserved(e.issue, c.deviceIdentity(d.ID).String()); err != nil {
		return err
	}
	d.Serial, d.NotAfter = e.row.Serial, e.row.NotAfter
	if err := tx.InsertDevice(ctx, &d); err != nil {
		return err
	}
	e.device, e.changed = d, true
	entry := c.deviceEntry(e.by, enrolDevice, &d, map[string]any{"OSVersion": d.OSVersion, "Program": d.Program, "Session": e.session})
	if err := tx.AppendAudit(ctx, &entry); err != nil {
		return err
	}
	return tx.ReserveSerial(ctx, &e.row)
}

// sameDevice notes what a device tells now, and gives it the next certificate when that is due.
func (c *Control) sameDevice(ctx context.Context, tx *store.Tx, e *enrolling, d access.Device) error {
	was := d
	d.MachineName, d.OS, d.OSVersion, d.Arch, d.Program = e.told.MachineName, e.told.OS, e.told.OSVersion, e.told.Arch, e.told.Program
	d.LastSeen, d.Address = c.now(), e.by.Address
	row, err := tx.IssuedBySerial(ctx, d.Serial)
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return err
	}
	fresh := err == nil && c.stillFresh(&row)
	if !fresh {
		if row, err = c.reserved(e.issue, c.deviceIdentity(d.ID).String()); err != nil {
			return err
		}
		d.Previous, d.PreviousEnd = d.Serial, d.NotAfter
		d.Serial, d.NotAfter = row.Serial, row.NotAfter
	}
	// The device first: whoever revokes it at the same moment comes before or after all of this.
	if err := tx.RefreshDevice(ctx, &d); err != nil {
		return orElse(err, fault.KindNotFound, fault.Forbidden("this device has just been revoked"))
	}
	if !fresh {
		if err := tx.ReserveSerial(ctx, &row); err != nil {
			return err
		}
	}
	e.device, e.row = d, row
	e.changed = e.changed || !fresh || was.Facts() != d.Facts()
	return nil
}

// stillFresh reports whether a certificate needs no successor yet: less than half of its life is over, and it leads to every root there is.
func (c *Control) stillFresh(row *store.IssuedCertificate) bool {
	if row.State != store.CertificateReserved && row.State != store.CertificateIssued || c.now().After(renewAfter(row)) {
		return false
	}
	if len(row.DER) == 0 {
		return true // it is signed now, by whoever signs
	}
	leaf, err := x509.ParseCertificate(row.DER)
	return err == nil && !c.certs.outdated(&tls.Certificate{Leaf: leaf})
}

// renewAfter is when half of a certificate's life is over.
func renewAfter(row *store.IssuedCertificate) time.Time {
	return row.NotBefore.Add(row.NotAfter.Sub(row.NotBefore) / 2)
}

// deviceCredential signs what was reserved and gives the device all that it needs.
func (c *Control) deviceCredential(ctx context.Context, e *enrolling) (wire.Credential, error) {
	e.issue.Identity = c.deviceIdentity(e.device.ID)
	der, err := c.certify(ctx, e.row, e.issue)
	if err != nil {
		return wire.Credential{}, err
	}
	return c.credentialOf(e.device.ID, e.row, der), nil
}

// boundTo gives the device that a session is bound to. Without it the session is over.
func boundTo(ctx context.Context, tx *store.Tx, s *access.Session) (access.Device, error) {
	d, err := tx.Device(ctx, s.Device)
	if err == nil && (d.User != s.User || !d.Revoked.IsZero()) {
		err = fault.NotFound("the device was revoked")
	}
	return d, err
}

// Device gives who shows an access token on a device that has proven its certificate, and until when the token is good. What began while it
// was goes on for as long as the session does.
func (c *Control) Device(ctx context.Context, in access.DeviceToken) (access.Principal, time.Time, error) {
	by := access.Actor{Kind: access.ActorAnyone, Address: in.Address}
	entry, shown, err := c.deviceBearer(ctx, by, in.Secret, in.At)
	if err != nil {
		return access.Principal{}, time.Time{}, err
	}
	if c.shownOn(&entry, in) != nil { // it may have been bound, or have renewed, elsewhere a moment ago
		if entry, err = c.lookUpSession(ctx, shown.Session); err != nil {
			return access.Principal{}, time.Time{}, err
		}
		c.sessions.Ended(access.Ending{Kind: access.EndingSession, ID: string(shown.Session)}) // only forgets what is remembered
	}
	if err := c.shownOn(&entry, in); err != nil {
		tried := deviceShown(by, &entry)
		tried.Reason = access.ReasonWrongDevice
		c.shown(ctx, tried, err)
		return access.Principal{}, time.Time{}, err
	}
	c.devicesSeen.note(entry.Device.ID, in.Address, c.now())
	who := entry.Principal
	who.Device = entry.Device.Facts()
	return who, time.Unix(shown.Expires, 0), nil
}

// shownOn says whether a session's token may be shown on a device.
func (c *Control) shownOn(entry *session.Entry, in access.DeviceToken) error {
	d := &entry.Device
	switch {
	case d.ID == "":
		return fault.Unauthenticated("this sign-in is bound to no device yet; ask for the device's certificate with it")
	case d.ID != in.Device:
		return fault.Unauthenticated("this sign-in belongs to another device; sign in anew on this one")
	case c.certs.Revoked(in.Serial):
		return fault.Unauthenticated("this device's certificate was revoked")
	case d.Serial == in.Serial && in.At.Before(d.NotAfter), d.Previous == in.Serial && in.At.Before(d.PreviousEnd):
		return nil
	}
	return fault.Unauthenticated("this device's certificate is over; renew it")
}
