package wire

import (
	"crypto/ed25519"
	"testing"
	"time"
)

// TestTrialsAreVerified: a connector tries only what the control plane signed, for it, just now.
func TestTrialsAreVerified(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	good := Trial{KeyID: "k", TrustDomain: "d", Connector: "con_1", Path: "/", Host: "x", Target: Target{Host: "10.0.0.1", Port: 80}, Issued: now, Expires: now.Add(time.Minute)}
	v := Verifier{TrustDomain: "d", Keys: map[string][]byte{"k": public}}
	tests := []struct {
		name   string
		change func(*Trial)
		key    ed25519.PrivateKey
		at     time.Time
		want   bool
	}{
		{"good", func(*Trial) {}, key, now, true},
		{"by a clock that is a little ahead", func(*Trial) {}, key, now.Add(2 * time.Minute), true},
		{"of another key", func(*Trial) {}, other, now, false},
		{"of a key that nobody knows", func(t *Trial) { t.KeyID = "other" }, key, now, false},
		{"of another service", func(t *Trial) { t.TrustDomain = "e" }, key, now, false},
		{"for another connector", func(t *Trial) { t.Connector = "con_2" }, key, now, false},
		{"late", func(*Trial) {}, key, now.Add(4 * time.Minute), false},
		{"early", func(*Trial) {}, key, now.Add(-3 * time.Minute), false},
		{"for long", func(t *Trial) { t.Expires = now.Add(time.Hour) }, key, now, false},
	}
	for _, test := range tests {
		trial := good
		test.change(&trial)
		signed, err := trial.Sign(test.key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.VerifyTrial(signed, "con_1", test.at)
		if (err == nil) != test.want || err == nil && got.Target.Host != "10.0.0.1" {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
	signed, err := good.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	grant := append([]byte(nil), signed.Payload...)
	for name, forged := range map[string]SignedTrial{
		"another target": {Payload: []byte(string(grant[:len(grant)-1]) + `,"host":"y"}`), Signature: signed.Signature},
		"of a grant":     {Payload: grant, Signature: ed25519.Sign(key, append([]byte(grantPrefix), grant...))},
		"nothing":        {}, "rubbish": {Payload: []byte("x"), Signature: []byte("y")},
	} {
		if got, err := v.VerifyTrial(forged, "con_1", now); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
