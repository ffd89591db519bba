package credential_test

import (
	"path/filepath"
	"testing"
	"time"

	"postern/internal/ca"
	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/wire"
)

// deviceAnswer is what the service answers a device for its request: each time another certificate.
func deviceAnswer(t *testing.T, w world, csr []byte, id string) wire.Credential {
	t.Helper()
	public, err := ca.ParseCSR(csr)
	if err != nil {
		t.Fatal(err)
	}
	der, err := w.issuer.Issue(ca.Request{Profile: ca.ProfileClient, Serial: ca.NewSerial(), Public: public, Now: time.Now(),
		Identity: wire.Identity{TrustDomain: domain, Role: wire.RoleClient, ID: id}})
	if err != nil {
		t.Fatal(err)
	}
	return wire.Credential{Connector: id, TrustDomain: domain, Certificate: der, Roots: w.rootsPEM(), ServiceURL: "https://portal.example.com",
		Gateways: []wire.Gateway{{ID: "gtw_1", Address: "portal.example.com:443"}}, RenewAfter: time.Now().Add(time.Hour).UTC()}
}

// TestDevicesKeepTheirKey: a device renews with the key that it is known by, and is not taken for a connector, nor a connector for it.
func TestDevicesKeepTheirKey(t *testing.T) {
	w := newWorld(t, domain)
	path := filepath.Join(t.TempDir(), "device")
	d, err := credential.OpenDevice(path)
	if err != nil {
		t.Fatal(err)
	}
	var before *credential.Credential
	for range 3 {
		key, err := d.Pending()
		if err != nil {
			t.Fatal(err)
		}
		csr, err := credential.Request(key)
		if err != nil {
			t.Fatal(err)
		}
		cred, err := d.Accept(deviceAnswer(t, w, csr, "dev_1"))
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && (!cred.Key.Equal(before.Key) || cred.Serial == before.Serial) {
			t.Errorf("renewed with another key (%t) or not at all (serial %s)", !cred.Key.Equal(before.Key), cred.Serial)
		}
		before = cred
	}
	key, err := d.Pending()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := credential.Request(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Accept(deviceAnswer(t, w, csr, "dev_2")); !fault.Is(err, fault.KindUpstream) {
		t.Errorf("another device's certificate: %v", err)
	}
	if now, err := d.Load(); err != nil || now.Serial != before.Serial {
		t.Errorf("after that: %v", err)
	}
	if _, err := load(t, path); err == nil {
		t.Error("a connector runs with a device's certificate")
	}
}
