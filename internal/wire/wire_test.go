package wire_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/internal/wire"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func grant() wire.Grant {
	return wire.Grant{
		KeyID: "k1", TrustDomain: "here", Kind: wire.GrantApplication, Application: "app_1",
		Issued: now, Expires: now.Add(time.Hour),
	}
}

func TestVerifyGrant(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(nil)
	_, stranger, _ := ed25519.GenerateKey(nil)
	verifier := wire.Verifier{TrustDomain: "here", Keys: map[string][]byte{"k1": public}}
	with := func(change func(*wire.Grant)) wire.Grant { g := grant(); change(&g); return g }
	tests := []struct {
		name string
		in   wire.Grant
		key  ed25519.PrivateKey
		want string // part of the error; empty: good
	}{
		{"good", grant(), private, ""},
		{"user grant", with(func(g *wire.Grant) { g.Kind, g.User = wire.GrantUser, "usr_1" }), private, ""},
		{"forged", grant(), stranger, "signature is wrong"},
		{"unknown key", with(func(g *wire.Grant) { g.KeyID = "k2" }), private, "does not know"},
		{"other service", with(func(g *wire.Grant) { g.TrustDomain = "there" }), private, "another service"},
		{"other application", with(func(g *wire.Grant) { g.Application = "app_2" }), private, "another application"},
		{"unknown kind", with(func(g *wire.Grant) { g.Kind = "site" }), private, "of a kind"},
		{"user grant without user", with(func(g *wire.Grant) { g.Kind = wire.GrantUser }), private, "of a kind"},
		{"too long a life", with(func(g *wire.Grant) { g.Expires = now.Add(2 * time.Hour) }), private, "more than an hour"},
		{"future", with(func(g *wire.Grant) { g.Issued = now.Add(3 * time.Minute) }), private, "not in force yet"},
		{"expired", with(func(g *wire.Grant) { g.Issued, g.Expires = now.Add(-time.Hour), now.Add(-3*time.Minute) }), private, "expired"},
		{"no expiry", with(func(g *wire.Grant) { g.Expires = time.Time{} }), private, "expired"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text, err := test.in.Sign(test.key)
			if err != nil {
				t.Fatal(err)
			}
			_, err = verifier.Verify(text, "app_1", now)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("Verify = %v, want %q", err, test.want)
			}
		})
	}
}

func TestEveryFlippedBitOfAGrantIsRefused(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(nil)
	verifier := wire.Verifier{TrustDomain: "here", Keys: map[string][]byte{"k1": public}}
	text, _ := grant().Sign(private)
	for i := range len(text) {
		for bit := range 7 {
			bad := []byte(text)
			bad[i] ^= 1 << bit
			if _, err := verifier.Verify(string(bad), "app_1", now); err == nil {
				t.Fatalf("bit %d of character %d flipped: accepted", bit, i)
			}
		}
	}
}

func TestEnrolmentToken(t *testing.T) {
	good := wire.EnrolmentToken{
		TrustDomain: "postern-1", ServiceURL: "https://portal.example.com", Fingerprint: strings.Repeat("ab", 32),
		ID: "tok_1", Secret: "s",
	}
	got, err := wire.ParseEnrolmentToken("\n " + good.String() + "\r\n")
	if err != nil || got != good {
		t.Fatalf("ParseEnrolmentToken = %+v, %v", got, err)
	}
	with := func(change func(*wire.EnrolmentToken)) string { g := good; change(&g); return g.String() }
	tests := []struct{ name, text, want string }{
		{"empty", "  ", "is empty"},
		{"something else", "hello", "is not an enrolment token"},
		{"cut", good.String()[:60], "damaged"},
		{"not JSON", "postern-enrol-1." + base64.RawURLEncoding.EncodeToString([]byte("hello")), "damaged"},
		{"plain http", with(func(t *wire.EnrolmentToken) { t.ServiceURL = "http://portal.example.com" }), "names no service URL"},
		{"no pin", with(func(t *wire.EnrolmentToken) { t.Fingerprint = "" }), "names no certificate authority"},
		{"no secret", with(func(t *wire.EnrolmentToken) { t.Secret = "" }), "incomplete"},
	}
	for _, test := range tests {
		if _, err := wire.ParseEnrolmentToken(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestParseIdentity(t *testing.T) {
	for _, text := range []string{
		"https://here/connector/c1", "spiffe://here/admin/c1", "spiffe://here/connector/", "spiffe://here/connector/c1/x",
		"spiffe:///connector/c1", "spiffe://here/connector/c1?x=1", "spiffe://u@here/connector/c1", "spiffe://here/connector/c1#f",
		"spiffe://here//connector/c1", "spiffe://here/connector/%2e",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := wire.ParseIdentity(u); err == nil {
			t.Errorf("%s accepted as %+v", text, id)
		}
	}
	want := wire.Identity{TrustDomain: "here", Role: wire.RoleConnector, ID: "con_1"}
	if got, err := wire.ParseIdentity(want.URL()); err != nil || got != want {
		t.Errorf("ParseIdentity = %+v, %v", got, err)
	}
}
