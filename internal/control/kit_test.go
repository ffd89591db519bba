package control_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/identity"
	"postern/internal/store"
	"postern/internal/wire"
)

// kit is a control plane on a real store, claimed by an Owner.
type kit struct {
	*control.Control
	t       *testing.T
	store   *store.Store
	cfg     control.Config
	skew    *atomic.Int64 // nanoseconds that the clock is ahead
	owner   access.Actor  // the first API key
	keyFile string        // the master key
	url     string        // of the database
	stop    func()        // ends Run
}

// both runs a test on both databases.
func both(t *testing.T, test func(t *testing.T, k *kit)) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			test(t, newKit(t, engine.url(t)))
		})
	}
}

// inTurn runs a test on both databases, one after the other, for what is measured.
func inTurn(t *testing.T, test func(t *testing.T, k *kit)) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) { test(t, newKit(t, engine.url(t))) })
	}
}

func openStore(t *testing.T, url, keyFile string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{URL: url, KeyFile: keyFile, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newKit(t *testing.T, url string) *kit {
	t.Helper()
	k := &kit{t: t, url: url}
	k.keyFile = filepath.Join(t.TempDir(), "master.key")
	k.store = openStore(t, url, k.keyFile)
	k.cfg = testConfig(k)
	k.Control = k.open()
	k.run()
	code, pending, err := k.SetupCode(t.Context())
	if err != nil || !pending {
		t.Fatalf("set-up code: pending=%v, %v", pending, err)
	}
	key, err := k.Setup(t.Context(), anyone(), control.SetupRequest{Code: code, User: access.User{Name: "root"}, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if k.owner, err = k.KeyActor(t.Context(), key, "192.0.2.1", "test"); err != nil {
		t.Fatal(err)
	}
	return k
}

func testConfig(k *kit) control.Config {
	if k.skew == nil {
		k.skew = &atomic.Int64{}
	}
	return control.Config{
		Store:     k.store,
		Log:       slog.New(slog.DiscardHandler),
		Names:     access.Names{PortalURL: "https://access.example.com", AdminURL: "https://admin.example.com"},
		Gateway:   access.Gateway{ID: access.NewID(access.PrefixGateway, time.Now()), Address: "gateway.example.com:443"},
		Passwords: identity.PasswordConfig{Cost: identity.Cost{Memory: 64, Time: 1, Lanes: 1}},
		Now:       func() time.Time { return time.Now().Add(time.Duration(k.skew.Load())) },
	}
}

func (k *kit) open() *control.Control {
	k.t.Helper()
	c, err := control.New(k.t.Context(), k.cfg)
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}

// run starts Run, which ends with the test or with k.stop.
func (k *kit) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = k.Run(ctx) }()
	k.stop = func() { cancel(); <-done }
	k.t.Cleanup(k.stop)
}

func (k *kit) pass(d time.Duration) { k.skew.Add(int64(d)) }

const password = "correct horse battery"

func anyone() access.Actor {
	return access.Actor{Kind: access.ActorAnyone, Address: "203.0.113.5:1234"}
}

func must[T any](t *testing.T, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Errorf("got %v (%v), want %v", err, fault.KindOf(err), kind)
	}
}

// eventually waits for what another goroutine of the control plane does soon.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within two minutes", what)
		}
	}
}

// settled waits until the snapshot is of the store's version.
func (k *kit) settled() *access.Snapshot {
	k.t.Helper()
	var want uint64
	err := k.store.Read(k.t.Context(), func(tx *store.Tx) (err error) { want, err = tx.Version(k.t.Context()); return err })
	if err != nil {
		k.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(k.t.Context(), 30*time.Second)
	defer cancel()
	snap, err := k.Snapshot(ctx, want-1)
	return must(k.t, snap, err)
}

func (k *kit) user(name string, roles ...access.Role) access.User {
	k.t.Helper()
	u, err := k.CreateUser(k.t.Context(), k.owner, access.User{Name: name, Roles: roles}, password)
	return must(k.t, u, err)
}

// actor gives a user with the roles as an actor.
func (k *kit) actor(roles ...access.Role) access.Actor {
	k.t.Helper()
	u := k.user("u"+strings.ToLower(rand.Text()[:10]), roles...)
	return access.Actor{Kind: access.ActorUser, ID: u.ID, Name: u.Name, Roles: u.Roles}
}

func (k *kit) defaultGroup() access.ID {
	k.t.Helper()
	groups, _, err := k.ConnectorGroups(k.t.Context(), k.owner, access.Page{})
	if err != nil {
		k.t.Fatal(err)
	}
	for _, g := range groups {
		if g.Default {
			return g.ID
		}
	}
	k.t.Fatal("there is no default group")
	return ""
}

func (k *kit) application(name string) access.Application {
	k.t.Helper()
	a, err := k.CreateApplication(k.t.Context(), k.owner, access.Application{
		Name: name, GroupID: k.defaultGroup(), ExternalURL: "https://" + name + ".example.com/", InternalURL: "http://" + name + ".lan/",
	})
	return must(k.t, a, err)
}

func (k *kit) assign(app, user access.ID) {
	k.t.Helper()
	if _, err := k.CreateAssignment(k.t.Context(), k.owner, access.Assignment{Application: app, User: user}); err != nil {
		k.t.Fatal(err)
	}
	k.settled()
}

// lastAudit gives the newest entry of an action.
func (k *kit) lastAudit(action string) access.AuditEntry {
	k.t.Helper()
	list, _, err := k.Audits(k.t.Context(), k.owner, control.AuditFilter{Action: action, Page: access.Page{Limit: 1}})
	if err != nil {
		k.t.Fatal(err)
	}
	if len(list) == 0 {
		k.t.Fatalf("no audit entry of %s", action)
	}
	return list[0]
}

// signIns waits until the sign-in log has so many entries that the filter finds, and gives them, the newest first.
func (k *kit) signIns(count int, f control.SignInFilter) []access.SignInEntry {
	k.t.Helper()
	late := time.After(30 * time.Second)
	for {
		list, _, err := k.SignInLog(k.t.Context(), k.owner, f)
		if err != nil {
			k.t.Fatal(err)
		}
		if len(list) >= count {
			return list
		}
		select {
		case <-late:
			k.t.Fatalf("the sign-in log has %d entries, want %d", len(list), count)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// agent is a connector as far as enrolment and renewal see one.
type agent struct {
	key        *ecdsa.PrivateKey
	credential wire.Credential
	serial     string
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return must(t, key, err)
}

func csr(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	return must(t, der, err)
}

func (k *kit) token() wire.EnrolmentToken {
	k.t.Helper()
	_, text, err := k.CreateToken(k.t.Context(), k.owner, access.Token{Name: "token"})
	if err != nil {
		k.t.Fatal(err)
	}
	token, err := wire.ParseEnrolmentToken(text)
	return must(k.t, token, err)
}

func enrolment(t *testing.T, token wire.EnrolmentToken, key *ecdsa.PrivateKey) wire.EnrolRequest {
	t.Helper()
	return wire.EnrolRequest{Version: wire.Version, TokenID: token.ID, Secret: token.Secret, CSR: csr(t, key),
		Host: wire.Host{MachineName: "machine", OS: "linux", Arch: "amd64", Program: "1"}}
}

func (k *kit) enrol() *agent {
	k.t.Helper()
	a := &agent{key: newKey(k.t)}
	credential, err := k.Enrol(k.t.Context(), anyone(), enrolment(k.t, k.token(), a.key))
	a.take(k.t, must(k.t, credential, err), a.key)
	k.settled()
	return a
}

func (a *agent) take(t *testing.T, c wire.Credential, key *ecdsa.PrivateKey) {
	t.Helper()
	cert, err := x509.ParseCertificate(c.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		t.Fatal("the certificate is for another key")
	}
	a.key, a.credential, a.serial = key, c, ca.SerialText(cert.SerialNumber)
}

func (a *agent) id() access.ID { return access.ID(a.credential.Connector) }

// signed makes a signed request, change may alter what is signed.
func (a *agent) signed(t *testing.T, purpose string, next *ecdsa.PrivateKey, change func(p *wire.RenewPayload)) wire.SignedRequest {
	t.Helper()
	p := wire.RenewPayload{Purpose: purpose, Connector: a.credential.Connector, Serial: a.serial, Time: time.Now(),
		Host: wire.Host{MachineName: "machine", OS: "linux", Arch: "amd64", Program: "2"}}
	if next != nil {
		p.CSR = csr(t, next)
	}
	if change != nil {
		change(&p)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return wire.SignedRequest{Payload: data, Signature: sign(t, a.key, data)}
}

func sign(t *testing.T, key *ecdsa.PrivateKey, payload []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(append([]byte(wire.SignaturePrefix), payload...))
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	return must(t, signature, err)
}
