package security

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"postern/internal/posterntest"
	"postern/internal/wire"
)

// TestARogueGatewayGivesNoConfiguration: a gateway with a genuine certificate carries the answers of the control
// plane and cannot write one. Configurations with a grant key and a target of its own, signed with the gateway's key
// or not at all, change nothing, and its own grants stay worthless.
func TestARogueGatewayGivesNoConfiguration(t *testing.T) {
	g := newRogue(t)
	backend := posterntest.NewBackend(t, http.HandlerFunc(page))
	wiki := g.Publish("wiki", backend.URL)
	site := g.Connector("site")
	g.Await("the genuine configuration", func() bool { return len(site.Status().Targets) == 1 })
	before := site.Status().Configuration.Version

	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	own := must(g.control().Certificates().GatewayCertificate())(t)
	leaf := must(x509.ParseCertificate(own.Certificate[0]))(t)
	issuing := must(x509.ParseCertificate(own.Certificate[1]))(t)
	ways := []func(wire.Configuration) wire.SignedConfiguration{
		func(c wire.Configuration) wire.SignedConfiguration { // as itself
			return must(wire.SignConfiguration(c, time.Now(), leaf, own.PrivateKey.(crypto.Signer)))(t)
		},
		func(c wire.Configuration) wire.SignedConfiguration { // as the issuer, with its own key
			return must(wire.SignConfiguration(c, time.Now(), issuing, own.PrivateKey.(crypto.Signer)))(t)
		},
		func(c wire.Configuration) wire.SignedConfiguration { // unsigned
			return wire.SignedConfiguration{Payload: wire.Encode(wire.StatedConfiguration{Configuration: c, Time: time.Now()}), Issuer: issuing.Raw}
		},
	}
	turn := 0
	g.mu.Lock()
	g.alter = func(c wire.Configuration) wire.SignedConfiguration {
		turn++
		c.Version, c.Hash = c.Version+1000, "rogue"
		c.GrantKeys = map[string][]byte{"mine": public}
		return ways[turn%len(ways)](c)
	}
	g.mu.Unlock()
	forged := must(wire.Grant{
		KeyID: "mine", TrustDomain: leaf.URIs[0].Host, Kind: wire.GrantApplication, Application: wiki.ID,
		Issued: time.Now(), Expires: time.Now().Add(time.Hour),
	}.Sign(private))(t)
	message := wire.Encode(wire.Open{Kind: wire.KindDial, Application: wiki.ID, Version: wiki.Version + 1, Grant: forged})
	g.Await("some lies", func() bool {
		// A stream that is ahead of the connector makes it ask at once.
		if r := g.open(t, g.session(), message); r == nil {
			t.Fatal("the connector opened the stream")
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.lies >= 2*len(ways)
	})
	if after := site.Status().Configuration.Version; after != before {
		t.Errorf("version %d is in force, it was %d", after, before)
	}
	untouched(t, backend)
}
