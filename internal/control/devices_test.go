package control_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/wire"
)

// machine is a device as far as the control plane sees one.
type machine struct {
	k       *kit
	key     *ecdsa.PrivateKey
	tokens  control.Tokens
	id      access.ID
	serial  string
	renewal time.Time
}

// clientTokens signs a program in for somebody, who allows it.
func (k *kit) clientTokens(who access.Principal, client, resource string) control.Tokens {
	k.t.Helper()
	in := asks()
	in.Client, in.Resource = client, resource
	to, err := k.AllowProgram(k.t.Context(), anyone(), who, in)
	if err != nil {
		k.t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		k.t.Fatal(err)
	}
	got, err := k.ProgramTokens(k.t.Context(), anyone(), control.TokenRequest{
		Type: "authorization_code", Client: client, Code: u.Query().Get("code"), Redirect: in.Redirect, Verifier: verifier,
	})
	return must(k.t, got, err)
}

// fresh gives an access token of the machine's session that is good now.
func (m *machine) fresh() string {
	m.k.t.Helper()
	got, code := m.k.tokens(control.TokenRequest{Type: "refresh_token", Client: access.ClientDevice, Refresh: m.tokens.Refresh})
	if code != "" {
		m.k.t.Fatalf("refresh: %s", code)
	}
	m.tokens = got
	return got.Access
}

func deviceRequest(t *testing.T, key *ecdsa.PrivateKey) wire.DeviceRequest {
	t.Helper()
	return wire.DeviceRequest{Version: wire.Version, CSR: csr(t, key), OSVersion: "12 (bookworm)",
		Host: wire.Host{MachineName: "ada-laptop", OS: "linux", Arch: "amd64", Program: "1.4.0"}}
}

// machine signs somebody in with postern-client and enrols their device.
func (k *kit) machine(who access.Principal) *machine {
	k.t.Helper()
	m := &machine{k: k, key: newKey(k.t), tokens: k.clientTokens(who, access.ClientDevice, "")}
	if err := m.enrol(deviceRequest(k.t, m.key)); err != nil {
		k.t.Fatal(err)
	}
	return m
}

func (m *machine) enrol(req wire.DeviceRequest) error {
	got, err := m.k.EnrolDevice(m.k.t.Context(), anyone(), m.tokens.Access, req)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(got.Certificate)
	if err != nil {
		return err
	}
	m.id, m.serial, m.renewal = access.ID(got.Connector), ca.SerialText(cert.SerialNumber), got.RenewAfter
	id, err := wire.ParseIdentity(cert.URIs[0])
	switch {
	case err != nil:
		return err
	case ca.Check(ca.ProfileClient, cert) != nil, !m.key.PublicKey.Equal(cert.PublicKey), id.Role != wire.RoleClient, id.ID != got.Connector:
		return fmt.Errorf("the certificate is not the device's: %v", id)
	case len(got.Roots) == 0 || got.ServiceURL == "" || !got.RenewAfter.After(cert.NotBefore) || !got.RenewAfter.Before(cert.NotAfter):
		return fmt.Errorf("the credential is not whole: %+v", got)
	}
	return nil
}

// shows is what the machine shows over its tunnel now.
func (m *machine) shows() access.DeviceToken {
	return access.DeviceToken{Device: m.id, Serial: m.serial, Secret: m.tokens.Access, Address: "203.0.113.5", At: m.k.cfg.Now()}
}

func (m *machine) known() (access.Principal, error) {
	who, _, err := m.k.Device(m.k.t.Context(), m.shows())
	return who, err
}

func TestDeviceEnrolsAndIsKnown(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada := k.user("ada")
		who := k.person("ada")
		m := k.machine(who)
		got, until, err := k.Device(ctx, m.shows())
		if err != nil || got.User != ada.ID || got.Device != (access.DeviceFacts{ID: m.id, Name: "ada-laptop", OS: "linux", OSVersion: "12 (bookworm)", Program: "1.4.0"}) {
			t.Fatalf("%+v, %v", got, err)
		}
		if left := until.Sub(k.cfg.Now()); left <= 0 || left > 10*time.Minute {
			t.Errorf("the token is good for %s", left)
		}
		d, err := k.DeviceByID(ctx, k.owner, m.id)
		if err != nil || d.User != ada.ID || d.Serial != m.serial || d.Arch != "amd64" || !d.Revoked.IsZero() {
			t.Errorf("%+v, %v", d, err)
		}
		entry := k.lastAudit("device.enrol")
		if entry.Outcome != "done" || entry.Object != m.id || entry.Actor.ID != ada.ID || entry.Version != 0 || !strings.Contains(entry.Detail, string(ada.ID)) {
			t.Errorf("%+v", entry)
		}
		// Asked again, it is the same certificate, and nothing is noted.
		first := m.serial
		if err := m.enrol(deviceRequest(t, m.key)); err != nil || m.serial != first {
			t.Errorf("again: %s, %v", m.serial, err)
		}
		if again := k.lastAudit("device.enrol"); again.ID != entry.ID {
			t.Error("asking again was noted as another enrolment")
		}
		// What it tells is what is known from then on, but the name is the administrators'.
		d.Name = "Ada's laptop"
		if d, err = k.UpdateDevice(ctx, k.owner, d); err != nil || d.Version != 2 {
			t.Fatal(err)
		}
		next := deviceRequest(t, m.key)
		next.Name, next.OSVersion, next.Host.Program = "other", "13", "1.5.0"
		if err := m.enrol(next); err != nil {
			t.Fatal(err)
		}
		if got, err := m.known(); err != nil || got.Device != (access.DeviceFacts{ID: m.id, Name: "Ada's laptop", OS: "linux", OSVersion: "13", Program: "1.5.0"}) {
			t.Errorf("%+v, %v", got.Device, err)
		}
		// Signed in anew on the same machine, it is the same device.
		m.tokens = k.clientTokens(who, access.ClientDevice, "")
		if err := m.enrol(deviceRequest(t, m.key)); err != nil || m.id != d.ID {
			t.Errorf("another sign-in: %s, %v", m.id, err)
		}
		if _, err := m.known(); err != nil {
			t.Error(err)
		}
		k.pass(time.Hour)
		k.stop() // writes what is batched
		if seen, err := k.DeviceByID(ctx, k.owner, m.id); err != nil || seen.LastSeen.Before(d.LastSeen) || seen.Address != "203.0.113.5" || seen.Version != 2 {
			t.Errorf("last seen %v from %s, %v", seen.LastSeen, seen.Address, err)
		}
	})
}

// TestDeviceRenews: at half of its life the same request gives the next certificate; the one before is good for as long as it is.
func TestDeviceRenews(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.stop()
		k.cfg.Settings.ProgramIdle = 30 * 24 * time.Hour // the clock leaps ahead of what is written in batches
		k.Control = k.open()
		k.run()
		k.user("ada")
		m := k.machine(k.person("ada"))
		first, at := m.serial, m.shows()
		for range 3 {
			k.pass(6 * 24 * time.Hour)
			m.fresh()
			if err := m.enrol(deviceRequest(t, m.key)); err != nil {
				t.Fatal(err)
			}
		}
		if m.serial == first {
			t.Fatal("no new certificate after eighteen days")
		}
		if _, err := m.known(); err != nil {
			t.Error(err)
		}
		second := m.serial
		m.serial = first
		if _, err := m.known(); err != nil {
			t.Errorf("by the certificate before, on a tunnel that is still open: %v", err)
		}
		// What began while a token was good goes on, for as long as its session.
		if _, _, err := k.Device(t.Context(), at); err != nil {
			t.Errorf("what began eighteen days ago: %v", err)
		}
		late := m.shows()
		late.Secret = at.Secret
		if _, _, err := k.Device(t.Context(), late); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("a token that expired: %v", err)
		}
		m.serial = ca.SerialText(ca.NewSerial())
		if _, err := m.known(); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("by a serial of nobody: %v", err)
		}
		m.serial = second
		if _, err := m.known(); err != nil {
			t.Errorf("by its own after that: %v", err)
		}
	})
}

// TestDeviceEnds: whatever ends a device or its sign-in is known at once, and told to those who must cut.
func TestDeviceEnds(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		for name, end := range map[string]func(m *machine, who access.Principal) error{
			"revoked":        func(m *machine, _ access.Principal) error { _, err := k.RevokeDevice(ctx, k.owner, m.id); return err },
			"revoked by own": func(m *machine, who access.Principal) error { return k.RevokeOwnDevice(ctx, anyone(), who, m.id) },
			"deleted":        func(m *machine, _ access.Principal) error { return k.DeleteDevice(ctx, k.owner, m.id, 0) },
			"user deleted":   func(_ *machine, who access.Principal) error { return k.DeleteUser(ctx, k.owner, who.User, 0) },
			"signed out": func(m *machine, _ access.Principal) error {
				return k.RevokeToken(ctx, anyone(), access.ClientDevice, m.tokens.Refresh)
			},
			"user disabled": func(_ *machine, who access.Principal) error {
				u, err := k.User(ctx, k.owner, who.User)
				if err != nil {
					return err
				}
				u.Disabled = true
				_, err = k.UpdateUser(ctx, k.owner, u)
				return err
			},
		} {
			t.Run(name, func(t *testing.T) {
				user := "u" + strings.ReplaceAll(name, " ", "")
				k.user(user)
				who := k.person(user)
				m := k.machine(who)
				if _, err := m.known(); err != nil {
					t.Fatal(err)
				}
				session := k.deviceSession(who.User)
				last := k.lastEnding()
				if err := end(m, who); err != nil {
					t.Fatal(err)
				}
				if _, err := m.known(); err != nil && !fault.Is(err, fault.KindUnauthenticated) {
					t.Errorf("the kind of error: %v", err)
				}
				eventually(t, "the device to be nobody's", func() bool { _, err := m.known(); return fault.Is(err, fault.KindUnauthenticated) })
				cut := name != "signed out" && name != "user disabled"
				eventually(t, "the endings", func() bool {
					told := k.endingsSince(last)
					return slices.Contains(told, "session "+string(session)) && (!cut || slices.Contains(told, "certificate "+m.serial))
				})
				if cut {
					eventually(t, "the certificate to be revoked", func() bool { return k.Certificates().Revoked(m.serial) })
				}
				if err := m.enrol(deviceRequest(t, m.key)); !fault.Is(err, fault.KindUnauthenticated) {
					t.Errorf("it asks for a certificate with the token of then: %v", err)
				}
			})
		}
		for _, action := range []string{"device.revoke", "account.revoke-device", "device.delete"} {
			if e := k.lastAudit(action); e.Outcome != "done" || !strings.HasPrefix(string(e.Object), "dev_") || !strings.Contains(e.Detail, "usr_") {
				t.Errorf("%s: %+v", action, e)
			}
		}
		if out := k.signIns(1, control.SignInFilter{Event: access.EventSignOut, Reason: access.ReasonDeviceRevoked}); out[0].Client != access.ClientDevice {
			t.Errorf("%+v", out[0])
		}
	})
}

// deviceSession gives the user's session that is bound to a device.
func (k *kit) deviceSession(user access.ID) (id access.ID) {
	k.t.Helper()
	list, err := k.UserSessions(k.t.Context(), k.owner, user)
	for _, s := range must(k.t, list, err) {
		if s.Device != "" {
			id = s.ID
		}
	}
	if id == "" {
		k.t.Fatal("no session is bound to a device")
	}
	return id
}

func (k *kit) lastEnding() (seq uint64) {
	k.t.Helper()
	err := k.store.Read(k.t.Context(), func(tx *store.Tx) (err error) { seq, err = tx.LastEnding(k.t.Context()); return err })
	return must(k.t, seq, err)
}

// endingsSince gives what ended, as "kind id".
func (k *kit) endingsSince(seq uint64) (told []string) {
	k.t.Helper()
	err := k.store.Read(k.t.Context(), func(tx *store.Tx) error {
		list, err := tx.EndingsAfter(k.t.Context(), seq, 1000)
		for _, e := range list {
			told = append(told, string(e.Kind)+" "+e.ID)
		}
		return err
	})
	return must(k.t, told, err)
}

// TestDeviceIsOneUsers: the key is the device, and one user's.
func TestDeviceIsOneUsers(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		k.user("ada")
		k.user("eve")
		ada, eve := k.person("ada"), k.person("eve")
		m := k.machine(ada)
		theirs := &machine{k: k, key: m.key, tokens: k.clientTokens(eve, access.ClientDevice, "")}
		err := theirs.enrol(deviceRequest(t, m.key))
		wantKind(t, err, fault.KindForbidden)
		if err == nil || !strings.Contains(err.Error(), "another user") {
			t.Errorf("%v", err)
		}
		if e := k.lastAudit("device.enrol"); e.Outcome != "refused" || e.Actor.ID != eve.User {
			t.Errorf("%+v", e)
		}
		other := k.machine(eve)
		for name, shown := range map[string]access.DeviceToken{
			"another user's device":         {Device: m.id, Serial: m.serial, Secret: other.tokens.Access, At: k.cfg.Now()},
			"another device's serial":       {Device: m.id, Serial: other.serial, Secret: m.tokens.Access, At: k.cfg.Now()},
			"a sign-in bound to no device":  {Device: m.id, Serial: m.serial, Secret: k.clientTokens(ada, access.ClientDevice, "").Access, At: k.cfg.Now()},
			"a device that there never was": {Device: access.NewID(access.PrefixDevice, k.cfg.Now()), Serial: m.serial, Secret: m.tokens.Access, At: k.cfg.Now()},
		} {
			if _, _, err := k.Device(ctx, shown); !fault.Is(err, fault.KindUnauthenticated) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if list := k.signIns(1, control.SignInFilter{Reason: access.ReasonWrongDevice}); list[0].Event != access.EventKey {
			t.Errorf("%+v", list[0])
		}
		// One sign-in is one device's.
		second := &machine{k: k, key: newKey(t), tokens: m.tokens}
		wantKind(t, second.enrol(deviceRequest(t, second.key)), fault.KindForbidden)
		// A revoked key is refused until the device is deleted.
		if _, err := k.RevokeDevice(ctx, k.owner, m.id); err != nil {
			t.Fatal(err)
		}
		again := &machine{k: k, key: m.key, tokens: k.clientTokens(ada, access.ClientDevice, "")}
		err = again.enrol(deviceRequest(t, m.key))
		wantKind(t, err, fault.KindForbidden)
		if _, err := k.RevokeDevice(ctx, k.owner, m.id); err != nil {
			t.Errorf("revoked twice: %v", err)
		}
		if err := k.DeleteDevice(ctx, k.owner, m.id, 0); err != nil {
			t.Fatal(err)
		}
		if err := again.enrol(deviceRequest(t, m.key)); err != nil || again.id == m.id {
			t.Errorf("deleted, and enrolled again: %s, %v", again.id, err)
		}
		wantKind(t, k.RevokeOwnDevice(ctx, anyone(), eve, again.id), fault.KindNotFound)
	})
}

// TestOnlyTheClientsTokenEnrols: no other token makes a device, and the client's opens nothing else.
func TestOnlyTheClientsTokenEnrols(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada := k.user("ada", access.RoleOwner)
		app := k.application("wiki")
		k.assign(app.ID, ada.ID)
		who := k.person("ada")
		m := k.machine(who)
		for name, token := range map[string]string{
			"none": "", "no token": "x", "an access key": access.AccessKeyPrefix + "x", "another service's": access.TokenPrefix + "a.b.c",
			"of the command line":              k.clientTokens(who, access.ClientCLI, "").Access,
			"of the client for an application": k.clientTokens(who, access.ClientDevice, app.ExternalURL).Access,
			"of an application's programs":     k.clientTokens(who, string(app.ID), "").Access,
			"a refresh token":                  m.tokens.Refresh,
		} {
			if _, err := k.EnrolDevice(ctx, anyone(), token, deviceRequest(t, newKey(t))); !fault.Is(err, fault.KindUnauthenticated) {
				t.Errorf("enrols with %s: %v", name, err)
			}
			shown := m.shows()
			shown.Secret = token
			if _, _, err := k.Device(ctx, shown); !fault.Is(err, fault.KindUnauthenticated) {
				t.Errorf("known by %s: %v", name, err)
			}
		}
		if _, err := k.TokenActor(ctx, m.tokens.Access, "203.0.113.5", "test"); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("administers: %v", err)
		}
		_, _, err := k.Credential(ctx, access.Credential{Application: app.ID, Host: "wiki.example.com", Secret: m.tokens.Access, At: k.cfg.Now()})
		wantKind(t, err, fault.KindUnauthenticated)
		for _, client := range []string{access.ClientCLI, string(app.ID)} {
			in := asks()
			in.Client, in.Resource = client, k.Issuer()
			_, err := k.CheckProgram(in)
			code, _ := errors.AsType[control.OAuthCode](err)
			wantCode(t, client+" for the service itself", code, "invalid_target")
		}
		if got := k.clientTokens(who, access.ClientDevice, k.Issuer()); got.Access == "" {
			t.Error("the client gets no token by naming the service")
		}
		expired := m.tokens.Access
		k.pass(11 * time.Minute)
		if _, err := k.EnrolDevice(ctx, anyone(), expired, deviceRequest(t, m.key)); !fault.Is(err, fault.KindUnauthenticated) {
			t.Errorf("an expired token: %v", err)
		}
	})
}

func TestDeviceRequestsThatAreRefused(t *testing.T) {
	k := newKit(t, engines[0].url(t))
	k.user("ada")
	who := k.person("ada")
	tokens := k.clientTokens(who, access.ClientDevice, "")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	byRSA, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	unproven := csr(t, newKey(t))
	unproven[len(unproven)-1] ^= 1
	for name, c := range map[string]struct {
		change func(r *wire.DeviceRequest)
		field  string
	}{
		"no request":      {func(r *wire.DeviceRequest) { r.CSR = nil }, "csr"},
		"no DER":          {func(r *wire.DeviceRequest) { r.CSR = []byte("x") }, "csr"},
		"RSA":             {func(r *wire.DeviceRequest) { r.CSR = byRSA }, "csr"},
		"P-384":           {func(r *wire.DeviceRequest) { r.CSR = csr(t, p384) }, "csr"},
		"not proven":      {func(r *wire.DeviceRequest) { r.CSR = unproven }, "csr"},
		"name of control": {func(r *wire.DeviceRequest) { r.Name = "a\x00b" }, "name"},
		"name too long":   {func(r *wire.DeviceRequest) { r.Name = strings.Repeat("a", 129) }, "name"},
		"no system":       {func(r *wire.DeviceRequest) { r.Host.OS = " " }, "host.os"},
	} {
		req := deviceRequest(t, newKey(t))
		c.change(&req)
		_, err := k.EnrolDevice(t.Context(), anyone(), tokens.Access, req)
		wantKind(t, err, fault.KindInvalid)
		if wrong, ok := errors.AsType[*fault.Error](err); !ok || len(wrong.Fields) != 1 || wrong.Fields[0].Name != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := k.OwnDevices(t.Context(), who); err != nil || len(list) != 0 {
		t.Errorf("%d devices, %v", len(list), err)
	}
	// What a device tells beside that is taken within bounds.
	req := deviceRequest(t, newKey(t))
	req.Host = wire.Host{MachineName: "\x1b[31m" + strings.Repeat("é", 200), OS: "LINUX", Arch: strings.Repeat("a", 1000), Program: "\xff"}
	req.OSVersion = strings.Repeat("9", 5000)
	if _, err := k.EnrolDevice(t.Context(), anyone(), tokens.Access, req); err != nil {
		t.Fatal(err)
	}
	list, err := k.OwnDevices(t.Context(), who)
	if d := must(t, list, err)[0]; len(d.MachineName) > 130 || strings.ContainsRune(d.MachineName, 0x1b) || len(d.OSVersion) > 130 || d.OS != "linux" || d.Program != "" {
		t.Errorf("%+v", d)
	}
}

// TestDevicesOfOneUserAreBounded: twenty, and each has a name of its own.
func TestDevicesOfOneUserAreBounded(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.user("ada")
		who := k.person("ada")
		var last *machine
		for range access.MaxDevices {
			last = k.machine(who)
		}
		more := &machine{k: k, key: newKey(t), tokens: k.clientTokens(who, access.ClientDevice, "")}
		err := more.enrol(deviceRequest(t, more.key))
		wantKind(t, err, fault.KindConflict)
		if err == nil || !strings.Contains(err.Error(), "20 devices") {
			t.Errorf("%v", err)
		}
		if _, err := k.RevokeDevice(t.Context(), k.owner, last.id); err != nil {
			t.Fatal(err)
		}
		if err := more.enrol(deviceRequest(t, more.key)); err != nil {
			t.Error(err)
		}
		list, err := k.OwnDevices(t.Context(), who)
		names := map[string]bool{}
		for _, d := range must(t, list, err) {
			names[d.Name] = true
		}
		if len(names) != access.MaxDevices+1 || !names["ada-laptop"] || !names["ada-laptop 21"] {
			t.Errorf("names %v", names)
		}
	})
}

// TestDeviceIsKnownWhileTheDatabaseIsAway: from memory, as cookies are.
func TestDeviceIsKnownWhileTheDatabaseIsAway(t *testing.T) {
	k := newKit(t, engines[0].url(t))
	k.user("ada")
	m, other := k.machine(k.person("ada")), k.machine(k.person("ada"))
	if _, err := m.known(); err != nil {
		t.Fatal(err)
	}
	k.stop()
	if err := k.store.Close(); err != nil {
		t.Fatal(err)
	}
	if who, err := m.known(); err != nil || who.Device.ID != m.id {
		t.Errorf("one that is remembered: %v", err)
	}
	if _, err := other.known(); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("one that is not: %v", err)
	}
	foreign := m.shows()
	foreign.Device = other.id
	if _, _, err := k.Device(t.Context(), foreign); !fault.Is(err, fault.KindUnavailable) {
		t.Errorf("what does not fit is not decided from memory: %v", err)
	}
	if _, err := m.known(); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// TestDevicesFollowAnExchangeOfTheRoot: with their next request, and nobody finishes it over their heads.
func TestDevicesFollowAnExchangeOfTheRoot(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		k.user("ada")
		m := k.machine(k.person("ada"))
		before := m.serial
		k.pass(time.Second)
		if err := k.ExchangeRoot(ctx, k.owner); err != nil {
			t.Fatal(err)
		}
		k.settled()
		k.exchanged(5)
		if a, err := k.Authority(ctx, k.owner); err != nil || a.Devices != 1 {
			t.Errorf("%d devices wait, %v", a.Devices, err)
		}
		err := k.FinishExchange(ctx, k.owner, false)
		wantKind(t, err, fault.KindConflict)
		if err == nil || !strings.Contains(err.Error(), "1 devices") {
			t.Errorf("%v", err)
		}
		if err := m.enrol(deviceRequest(t, m.key)); err != nil || m.serial == before {
			t.Fatalf("its next request: %s, %v", m.serial, err)
		}
		if _, err := m.known(); err != nil {
			t.Error(err)
		}
		if err := k.FinishExchange(ctx, k.owner, false); err != nil {
			t.Errorf("after everybody has followed: %v", err)
		}
		k.settled()
		if _, err := m.known(); err != nil {
			t.Error(err)
		}
	})
}

// TestDevicesAtAllServices: what one service did, the others know.
func TestDevicesAtAllServices(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	one.user("ada")
	m := one.machine(one.person("ada"))
	there := func() error { _, _, err := other.Device(t.Context(), m.shows()); return err }
	if err := there(); err != nil { // at once: what does not fit is looked up anew
		t.Errorf("enrolled at another service: %v", err)
	}
	m.tokens = one.clientTokens(one.person("ada"), access.ClientDevice, "")
	if err := there(); !fault.Is(err, fault.KindUnauthenticated) {
		t.Errorf("a sign-in that is bound to no device: %v", err)
	}
	m.k = other
	if err := m.enrol(deviceRequest(t, m.key)); err != nil {
		t.Fatal(err)
	}
	m.k = one
	if _, err := m.known(); err != nil {
		t.Errorf("bound at another service: %v", err)
	}
	if _, err := other.RevokeDevice(t.Context(), one.owner, m.id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revocation to be known", func() bool {
		_, err := m.known()
		return fault.Is(err, fault.KindUnauthenticated) && one.Certificates().Revoked(m.serial)
	})
	// The same first request at both, at the same moment, makes one device.
	who := one.person("ada")
	key := newKey(t)
	req := deviceRequest(t, key)
	var all sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		k := []*kit{one, other}[i%2]
		token := one.clientTokens(who, access.ClientDevice, "").Access
		all.Go(func() {
			got, err := k.EnrolDevice(t.Context(), anyone(), token, req)
			if err != nil {
				t.Error(err)
			}
			ids[i] = got.Connector
		})
	}
	all.Wait()
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) != 1 {
		t.Errorf("devices %v", ids)
	}
}

// TestDeviceRequestsAreBounded: whoever asks without end is told to wait, and nobody else is.
func TestDeviceRequestsAreBounded(t *testing.T) {
	k := newKit(t, engines[0].url(t))
	k.user("ada")
	k.user("eve")
	tokens := k.clientTokens(k.person("ada"), access.ClientDevice, "")
	bad := wire.DeviceRequest{Version: wire.Version, CSR: []byte("x")}
	var err error
	for range 200 {
		if _, err = k.EnrolDevice(t.Context(), anyone(), tokens.Access, bad); fault.Is(err, fault.KindLimited) {
			break
		}
		wantKind(t, err, fault.KindInvalid)
	}
	if limited, ok := errors.AsType[*fault.Error](err); !ok || limited.Kind != fault.KindLimited || limited.RetryAfter <= 0 {
		t.Errorf("two hundred requests: %v", err)
	}
	k.machine(k.person("eve")) // from the same network
}
