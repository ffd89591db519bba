package control_test

import (
	"bytes"
	"testing"
	"time"

	"postern/internal/posterntest/pg"
)

// idle gives another control plane on the database, which started and does nothing of its own accord.
func (k *kit) idle(url string) *kit {
	k.t.Helper()
	other := &kit{t: k.t, owner: k.owner, keyFile: k.keyFile, store: openStore(k.t, url, k.keyFile)}
	other.cfg = testConfig(other)
	other.Control = other.open()
	return other
}

// TestHostsHaveCertificatesBeforeAnybodyAsks: a database that goes away right after a start, or right after
// something was published, costs no handshake, also at a replica that nobody has asked yet.
func TestHostsHaveCertificatesBeforeAnybodyAsks(t *testing.T) {
	t.Parallel()
	database := pg.New(t)
	url := database.Database(t)
	running := newKit(t, url)
	started := running.idle(url)
	running.application("wiki")
	running.settled()
	eventually(t, "the application's certificate", func() bool { return running.Certificates().Has("wiki.example.com") })
	database.Stop(t)
	for name, k := range map[string]*kit{"running": running, "just started": started} {
		for _, host := range []string{"access.example.com", "admin.example.com"} {
			if _, err := k.Certificates().PublicCertificate(host); err != nil {
				t.Errorf("%s, %s: %v", name, host, err)
			}
		}
	}
	if _, err := running.Certificates().PublicCertificate("wiki.example.com"); err != nil {
		t.Errorf("the application: %v", err)
	}
}

// TestExchangeKeepsHostsUntilTheyHaveANewCertificate: the root is exchanged, and the database gone before hosts
// got new certificates: the ones before are still shown, and make way when it is back.
func TestExchangeKeepsHostsUntilTheyHaveANewCertificate(t *testing.T) {
	t.Parallel()
	database := pg.New(t)
	url := database.Database(t)
	k := newKit(t, url).idle(url)
	shown := func() ([]byte, error) {
		cert, err := k.Certificates().PublicCertificate("access.example.com")
		if err != nil {
			return nil, err
		}
		return cert.Certificate[0], nil
	}
	before, err := shown()
	before = must(t, before, err)
	if err := k.ExchangeRoot(t.Context(), k.owner); err != nil {
		t.Fatal(err)
	}
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	database.Stop(t)
	if after, err := shown(); err != nil || !bytes.Equal(after, before) {
		t.Fatalf("without a database: another one, or %v", err)
	}
	database.Start(t)
	eventually(t, "a certificate of the new authority", func() bool {
		k.pass(time.Minute) // it is not tried each time
		after, err := shown()
		return err == nil && !bytes.Equal(after, before)
	})
}
