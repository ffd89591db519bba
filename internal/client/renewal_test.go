package client_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/client"
	"postern/internal/client/flow"
	"postern/internal/posterntest"
	"postern/internal/service"
)

// living has machines' certificates live so long.
func living(d time.Duration) posterntest.Option {
	return posterntest.With(func(c *service.Config) { c.Certificate = d })
}

// TestRenewalCutsNothing: the certificate is renewed at half of its life by the client that runs, what is open goes on over the tunnel of before,
// which ends with it, and what begins goes over the new one.
func TestRenewalCutsNothing(t *testing.T) {
	w := newWorld(t, living(16*time.Second))
	w.tcp.echo()
	d := w.Device("ada", func(c *client.Config) { c.Replace = time.Millisecond })
	w.ready(d, 1)
	before := d.Status().Certificate
	f := must(d.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port)))(t)
	w.Await("another certificate", func() bool { return d.Status().Certificate.Serial != before.Serial })
	if now := time.Now(); now.Before(before.RenewAfter) || !now.Before(before.NotAfter) {
		t.Errorf("renewed at %s a certificate that was due at %s", now, before.RenewAfter)
	}
	going := func() (list []bool) {
		for _, l := range d.Status().Tunnels {
			list = append(list, l.Draining)
		}
		return list
	}
	w.Await("another tunnel beside the old one", func() bool { return slices.Equal(going(), []bool{true, false}) })
	_ = f.Stream.SetDeadline(time.Now().Add(patience))
	since, one := time.Now(), make([]byte, 1)
	for time.Since(since) < time.Second/2 { // many times Replace
		if _, err := f.Stream.Write(one); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(f.Stream, one); err != nil {
			t.Fatal(err)
		}
	}
	must(d.Open(t.Context(), f.To))(t).Close()
	f.Close()
	w.Await("the old tunnel to end", func() bool { return slices.Equal(going(), []bool{false}) })
	if s := d.Status(); s.State != client.StateConnected || s.Device != d.ID {
		t.Errorf("%+v", s)
	}
}

// TestExpiredCertificate: that of a machine that slept too long is renewed with the sign-in; while that cannot be, the status says so, and when
// the sign-in is over, too, it says who has to do something.
func TestExpiredCertificate(t *testing.T) {
	w := newWorld(t, living(8*time.Second))
	d := w.Device("ada")
	w.ready(d, 1)
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	before := d.Status().Certificate
	w.Await("its end", func() bool { return time.Now().After(before.NotAfter) })
	w.Stop()
	w.RunDevice(d)
	w.Await("the client to see that nobody is there", func() bool { return d.Status().LastError != nil })
	if s := d.Status(); s.Certificate.State != client.CertificateExpired || !strings.Contains(strings.Join(s.Why, "; "), "as soon as the service is reached") {
		t.Errorf("%+v", s)
	}
	w.Restart(living(time.Hour))
	w.ready(d, 1)
	if c := d.Status().Certificate; c.State != client.CertificateValid || c.Serial == before.Serial {
		t.Errorf("%+v", c)
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.API.Users.RevokeSessions(t.Context(), w.ada.ID); err != nil {
		t.Fatal(err)
	}
	w.RunDevice(d)
	w.Await("the client to be signed out", func() bool { return d.Status().State == client.StateSignedOut })
	if why := strings.Join(d.Status().Why, "; "); !strings.Contains(why, "postern-client login") {
		t.Errorf("signed out: %s", why)
	}
}

// TestFollowsAnExchangeOfTheRoot: a device gets a certificate of the new authority within half a minute, so that nobody waits for it.
func TestFollowsAnExchangeOfTheRoot(t *testing.T) {
	w := newWorld(t)
	w.tcp.echo()
	d := w.Device("ada")
	w.ready(d, 1)
	f := must(d.Open(t.Context(), to(t, flow.TCP, "127.0.0.1", w.tcp.port)))(t)
	before := d.Status().Certificate.Serial
	must(w.API.ExchangeRoot(t.Context()))(t)
	// It follows when it likes within twenty seconds.
	w.AwaitFor(2*posterntest.Patience, "another certificate", func() bool { return d.Status().Certificate.Serial != before })
	w.Await("everybody to have followed", func() bool {
		_, err := w.API.FinishExchange(t.Context(), api.AuthorityFinish{})
		return err == nil
	})
	w.ready(d, 1)
	_ = f.Stream.SetDeadline(time.Now().Add(patience))
	if _, err := f.Stream.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(f.Stream, make([]byte, 1)); err != nil {
		t.Errorf("what was open: %v", err)
	}
	f.Close()
	must(d.Open(t.Context(), f.To))(t).Close()
}
