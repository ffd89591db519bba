package connector

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// TestEnrolAgainAfterALostAnswer: the service has spent the token and its answer is lost. Whoever repeats the call with the same token
// asks with the same key and gets his certificate; with another token he begins anew.
func TestEnrolAgainAfterALostAnswer(t *testing.T) {
	w := newWorld(t, 1)
	w.enrol()
	w.once = true
	e := Enrolment{State: w.state, Token: w.token, Dialer: dialer(t), Host: wire.Host{MachineName: "test"}, Log: testLog(t), Again: true}
	w.losing.Store(true)
	if _, err := Enrol(t.Context(), e); err == nil {
		t.Fatal("enrolled without an answer")
	}
	cred, err := Enrol(t.Context(), e)
	if err != nil {
		t.Fatalf("the same token again: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !cred.Key.PublicKey.Equal(w.spent) {
		t.Error("it is another key")
	}
	if _, err := os.Stat(filepath.Join(w.state, "next")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}

func TestEnrolAgainWithAnotherToken(t *testing.T) {
	w := newWorld(t, 1)
	w.enrol()
	w.once = true
	e := Enrolment{State: w.state, Token: w.token, Dialer: dialer(t), Host: wire.Host{MachineName: "test"}, Log: testLog(t), Again: true}
	w.losing.Store(true)
	if _, err := Enrol(t.Context(), e); err == nil {
		t.Fatal("enrolled without an answer")
	}
	e.Token.ID = "tok_2"
	if _, err := Enrol(t.Context(), e); !fault.Is(err, fault.KindGone) {
		t.Errorf("another attempt goes on with the key of the first: %v", err)
	}
	if _, err := os.Stat(filepath.Join(w.state, "next")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an attempt that cannot succeed leaves something: %v", err)
	}
	w.mu.Lock()
	w.spent = nil // as another token is
	w.mu.Unlock()
	if _, err := Enrol(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// TestEnrolAgainAhead: the credential is had while the connector runs, so that nothing is lost when it cannot be had, and no token ends
// while a connector drains. It comes into force when the connector stands still, even with the service away.
func TestEnrolAgainAhead(t *testing.T) {
	w := newWorld(t, 1)
	r := w.start(nil)
	w.ready(r)
	w.once = true
	before := r.identity().cred
	e := Enrolment{State: w.state, Token: w.token, Dialer: dialer(t), Host: wire.Host{MachineName: "test"}, Log: testLog(t), Again: true, Ahead: true}
	ahead, err := Enrol(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if twice, err := Enrol(t.Context(), e); err != nil || twice.Serial != ahead.Serial {
		t.Errorf("ahead twice: %v", err)
	}
	if got := must(New(Config{State: w.state, Dialer: dialer(t)}))(t).identity().cred; got.Serial != before.Serial {
		t.Error("it is in force already")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	w.away.Store(true)
	e.Ahead = false
	cred, err := Enrol(t.Context(), e)
	if err != nil || cred.Serial != ahead.Serial {
		t.Fatalf("put in force: %v", err)
	}
}
