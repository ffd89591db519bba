package connector

import (
	"strings"
	"testing"

	"postern/internal/fault"
	"postern/internal/wire"
)

// TestEnrolAgain: a machine whose connector was deleted gets another credential in place; one that cannot be had leaves the old
// one as it was, and so does a connector that runs.
func TestEnrolAgain(t *testing.T) {
	w := newWorld(t, 1)
	r := w.start(nil)
	w.ready(r)
	before := r.identity().cred
	e := Enrolment{State: w.state, Token: w.token, Dialer: dialer(t), Host: wire.Host{MachineName: "test"}, Log: testLog(t), Again: true}
	if _, err := Enrol(t.Context(), e); !fault.Is(err, fault.KindConflict) || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("while it runs: %v", err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	bad := e
	bad.Token.Secret = "another"
	if _, err := Enrol(t.Context(), bad); !fault.Is(err, fault.KindGone) {
		t.Errorf("wrong token: %v", err)
	}
	c, err := New(Config{State: w.state, Dialer: dialer(t)})
	if err != nil || c.identity().cred.Serial != before.Serial {
		t.Fatalf("the old credential is not in force: %v", err)
	}
	cred, err := Enrol(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if cred.Serial == before.Serial || cred.Key.Equal(before.Key) {
		t.Error("it is the old credential")
	}
	if !w.deleted {
		t.Error("the service was not told that the old connector is no more")
	}
	w.mu.Lock()
	w.deleted = false // in this small world both are the same connector
	w.mu.Unlock()
	again := w.start(nil)
	w.ready(again)
	if got := again.Status().Certificate; got.State != CertificateValid || got.Serial != cred.Serial || len(got.SHA256) != 64 || got.Issuer == "" || got.NotBefore.IsZero() ||
		!strings.HasPrefix(got.File, w.state) {
		t.Errorf("certificate: %+v", got)
	}
}
