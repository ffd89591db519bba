package control_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/wire"
)

func selfSigned(t *testing.T, names ...string) (chain, key string) {
	t.Helper()
	k := newKey(t)
	return certify(t, k.Public(), k, time.Now().Add(time.Hour), names...), keyPEM(t, k)
}

func certify(t *testing.T, public, signer any, end time.Time, names ...string) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: end.Add(-2 * time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, signer)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: must(t, der, err)}))
}

func keyPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(t, der, err)}))
}

func TestSetUpWorksOnce(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		if code, pending, err := k.SetupCode(t.Context()); err != nil || pending || code != "" {
			t.Errorf("a claimed service gives a code: %q %v %v", code, pending, err)
		}
		_, err := k.Setup(t.Context(), anyone(), control.SetupRequest{Code: "x", User: access.User{Name: "eve"}, Password: password})
		wantKind(t, err, fault.KindGone)
	})
}

func TestSetUpRefused(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			k := &kit{t: t, store: openStore(t, engine.url(t), filepath.Join(t.TempDir(), "key"))}
			k.cfg = testConfig(k)
			k.Control = k.open()
			void, _, err := k.SetupCode(t.Context())
			void = must(t, void, err)
			code, pending, err := k.SetupCode(t.Context())
			if err != nil || !pending || len(code) < 22 {
				t.Fatalf("%q %v %v", code, pending, err)
			}
			ada := access.User{Name: "ada"}
			for name, test := range map[string]struct {
				r    control.SetupRequest
				kind fault.Kind
			}{
				"the code before": {control.SetupRequest{Code: void, User: ada, Password: password}, fault.KindUnauthenticated},
				"no code":         {control.SetupRequest{User: ada, Password: password}, fault.KindUnauthenticated},
				"short password":  {control.SetupRequest{Code: code, User: ada, Password: "short"}, fault.KindInvalid},
				"no name":         {control.SetupRequest{Code: code, Password: password}, fault.KindInvalid},
			} {
				if _, err := k.Setup(t.Context(), anyone(), test.r); fault.KindOf(err) != test.kind || err == nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			won := make(chan error, 10)
			var wg sync.WaitGroup
			for range cap(won) {
				wg.Go(func() {
					_, err := k.Setup(t.Context(), anyone(), control.SetupRequest{Code: code, User: access.User{Name: unique()}, Password: password})
					won <- err
				})
			}
			wg.Wait()
			close(won)
			n := 0
			for err := range won {
				if err == nil {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%d claimed it", n)
			}
		})
	}
}

// Two replicas that start on one empty database are one instance.
func TestFirstStartRaces(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			url, key := engine.url(t), filepath.Join(t.TempDir(), "key")
			var kits []*kit
			for range 4 {
				k := &kit{t: t, store: openStore(t, url, key)}
				k.cfg = testConfig(k)
				kits = append(kits, k)
			}
			var wg sync.WaitGroup
			for _, k := range kits {
				wg.Go(func() {
					c, err := control.New(t.Context(), k.cfg)
					if err != nil {
						t.Error(err)
					}
					k.Control = c
				})
			}
			wg.Wait()
			if t.Failed() {
				t.FailNow()
			}
			first, err := kits[0].Snapshot(t.Context(), 0)
			first = must(t, first, err)
			for _, k := range kits {
				snap, err := k.Snapshot(t.Context(), 0)
				snap = must(t, snap, err)
				if snap.TrustDomain != first.TrustDomain || string(snap.Roots) != string(first.Roots) || len(snap.Groups) != 1 || len(snap.GrantKeys) != 1 {
					t.Errorf("another instance: %+v", snap.Content)
				}
				for id := range first.GrantKeys {
					if snap.GrantKeys[id] == nil {
						t.Error("another grant key")
					}
				}
			}
		})
	}
}

// What one replica changes, another serves within about a second.
func TestReplicasSeeEachOther(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			url := engine.url(t)
			k := newKit(t, url)
			other := *k
			other.Control = k.open()
			other.run()
			app := k.application("wiki")
			eventually(t, "the application arrives", func() bool {
				snap, err := other.Snapshot(t.Context(), 0)
				if err != nil {
					return false
				}
				_, ok := snap.Application(app.ID)
				return ok
			})
			ada := k.user("ada")
			b := k.signIn("ada")
			if who, err := other.PortalSession(t.Context(), b.cookie); err != nil || who.User != ada.ID {
				t.Fatalf("%v", err)
			}
			must(t, 0, k.SignOut(t.Context(), control.PortalActor(b.who, "", ""), b.who.Session))
			eventually(t, "the sign-out arrives", func() bool {
				_, err := other.PortalSession(t.Context(), b.cookie)
				return fault.Is(err, fault.KindUnauthenticated)
			})
		})
	}
}

func TestKeyActor(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		key, secret, err := k.CreateKey(t.Context(), k.owner, access.Key{Name: "robot", Roles: []access.Role{access.RoleReader}, Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if by, err := k.KeyActor(t.Context(), secret, "192.0.2.9", "r1"); err != nil || by.ID != key.ID || by.Kind != access.ActorKey || by.Address != "192.0.2.9" {
			t.Errorf("%+v %v", by, err)
		}
		for _, bad := range []string{"", "x", secret[:len(secret)-1], secret + "x", "postern-key-1." + session.Secret(), string(key.Hash)} {
			_, err := k.KeyActor(t.Context(), bad, "", "")
			wantKind(t, err, fault.KindUnauthenticated)
		}
		k.pass(time.Hour)
		_, err = k.KeyActor(t.Context(), secret, "", "")
		wantKind(t, err, fault.KindUnauthenticated)
		_, err = k.CreateUser(t.Context(), access.Actor{Kind: access.ActorKey, ID: key.ID, Roles: key.Roles}, access.User{Name: "x"}, "")
		wantKind(t, err, fault.KindUnauthenticated)
	})
}

func TestConnectorStatus(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		want := func(label control.Label) {
			t.Helper()
			if s := k.ConnectorStatus(a.id()); s.Label != label || (s.Why == "") != (label == control.LabelActive) {
				t.Errorf("got %+v, want %s", s, label)
			}
		}
		tell := func(tunnels int, echo time.Time) {
			k.Report(wire.Presence{Connector: a.credential.Connector, Instance: "i", Gateway: "g", Tunnels: tunnels, Echo: echo, Address: "192.0.2.1:5"})
		}
		want(control.LabelInactive)
		tell(2, time.Time{})
		want(control.LabelDegraded)
		tell(2, k.cfg.Now())
		want(control.LabelActive)
		k.pass(31 * time.Second)
		want(control.LabelDegraded)
		tell(1, k.cfg.Now())
		want(control.LabelActive)
		tell(0, k.cfg.Now())
		want(control.LabelDegraded)
		k.pass(61 * time.Second)
		want(control.LabelInactive)
		c, err := k.Connector(t.Context(), k.owner, a.id())
		c = must(t, c, err)
		c.Disabled = true
		must(t, 0, second(k.UpdateConnector(t.Context(), k.owner, c)))
		k.settled()
		tell(1, k.cfg.Now())
		want(control.LabelDisabled)
		if s := k.ConnectorStatus("con_unknown"); s.Label != control.LabelInactive {
			t.Errorf("unknown: %+v", s)
		}
		must(t, 0, k.ReportConnector(t.Context(), a.id(), wire.Report{Host: wire.Host{MachineName: "renamed", Program: "9"}}))
		k.stop() // writes what is batched
		c, err = k.Connector(t.Context(), k.owner, a.id())
		if err != nil || c.Host.Program != "9" || c.LastSeen.IsZero() || c.Version != 2 {
			t.Errorf("%+v %v", c, err)
		}
	})
}

func TestDeletedConnectorIsRevoked(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		start, err := k.Ended(t.Context(), 0)
		start = must(t, start, err)
		must(t, 0, k.DeleteConnector(t.Context(), k.owner, a.id(), 0))
		k.waitEnding(start[0].Seq, access.EndingConnector, string(a.id()))
		if !k.Certificates().Revoked(a.serial) {
			t.Error("not revoked when the ending was told")
		}
		der, err := k.CRL(t.Context())
		list, err2 := x509.ParseRevocationList(must(t, der, err))
		if err2 != nil || len(list.RevokedCertificateEntries) != 1 || ca.SerialText(list.RevokedCertificateEntries[0].SerialNumber) != a.serial {
			t.Errorf("CRL %+v %v", list, err2)
		}
		configuration, err := k.AgentConfiguration(t.Context(), a.id(), wire.AskConfiguration{})
		if err != nil || len(configuration.Targets) != 0 || len(configuration.GrantKeys) != 0 {
			t.Errorf("configuration of a deleted connector: %+v %v", configuration, err)
		}
	})
}

func TestAgentConfiguration(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		first, err := k.AgentConfiguration(t.Context(), a.id(), wire.AskConfiguration{Wait: time.Hour})
		first = must(t, first, err)
		same, err := k.AgentConfiguration(t.Context(), a.id(), wire.AskConfiguration{Hash: first.Hash, Wait: time.Millisecond})
		if err != nil || same.Hash != first.Hash {
			t.Errorf("unchanged: %v", err)
		}
		got := make(chan wire.Configuration, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			c, _ := k.AgentConfiguration(ctx, a.id(), wire.AskConfiguration{Hash: first.Hash, Wait: time.Minute})
			got <- c
		}()
		k.user("nobody-of-its-business")
		app := k.application("wiki")
		if c := <-got; len(c.Targets) != 1 || c.Targets[0].Application != string(app.ID) {
			t.Errorf("pushed %+v", c)
		}
	})
}

func TestGrant(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		app, ada := k.application("wiki"), k.user("ada")
		who := &access.Principal{User: ada.ID, Session: "ses_1", Authenticated: time.Now()}
		snap := k.settled()
		_, _, err := k.Grant(t.Context(), app.ID, who)
		wantKind(t, err, fault.KindForbidden)
		k.assign(app.ID, ada.ID)
		verifier := wire.Verifier{TrustDomain: snap.TrustDomain, Keys: map[string][]byte{}}
		for id, key := range snap.GrantKeys {
			verifier.Keys[id] = key
		}
		text, expires, err := k.Grant(t.Context(), app.ID, who)
		if err != nil || time.Until(expires) > time.Hour {
			t.Fatalf("%v %v", expires, err)
		}
		if g, err := verifier.Verify(text, string(app.ID), time.Now()); err != nil || g.Kind != wire.GrantUser || g.User != string(ada.ID) {
			t.Errorf("%+v %v", g, err)
		}
		shared, _, err := k.Grant(t.Context(), app.ID, nil)
		if g, err2 := verifier.Verify(must(t, shared, err), string(app.ID), time.Now()); err2 != nil || g.Kind != wire.GrantApplication || g.User != "" {
			t.Errorf("%+v %v", g, err2)
		}
		if again, _, _ := k.Grant(t.Context(), app.ID, nil); again != shared {
			t.Error("an application grant is not shared")
		}
		k.pass(31 * time.Minute)
		if later, _, _ := k.Grant(t.Context(), app.ID, nil); later == shared {
			t.Error("not renewed ahead")
		}
		app.Disabled = true
		must(t, 0, second(k.UpdateApplication(t.Context(), k.owner, app)))
		k.settled()
		_, _, err = k.Grant(t.Context(), app.ID, nil)
		wantKind(t, err, fault.KindForbidden)
		_, _, err = k.Grant(t.Context(), "app_unknown", nil)
		wantKind(t, err, fault.KindForbidden)
	})
}

func TestPublicCertificates(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.application("wiki")
		k.settled()
		keys := k.Certificates()
		own, err := keys.PublicCertificate("wiki.example.com")
		own = must(t, own, err)
		if again, _ := keys.PublicCertificate("WIKI.example.com."); again != own {
			t.Error("issued twice")
		}
		if own.Leaf.VerifyHostname("wiki.example.com") != nil || len(own.Leaf.DNSNames) != 1 || len(own.Leaf.URIs) != 0 {
			t.Errorf("names %v %v", own.Leaf.DNSNames, own.Leaf.URIs)
		}
		for _, host := range []string{"access.example.com", "admin.example.com"} {
			if _, err := keys.PublicCertificate(host); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
		for _, host := range []string{"", "other.example.com", "example.com", strings.Repeat("a", 300)} {
			if _, err := keys.PublicCertificate(host); !fault.Is(err, fault.KindNotFound) {
				t.Errorf("%.20q: %v", host, err)
			}
		}
		presented := func(domain string) bool {
			cert, err := keys.PublicCertificate("wiki.example.com")
			return err == nil && cert.Leaf.Subject.CommonName == domain
		}
		for _, domain := range []string{"*.example.com", "wiki.example.com"} { // exact before wildcard
			chain, key := selfSigned(t, domain)
			must(t, 0, second(k.PutPublicCertificate(t.Context(), k.owner, domain, chain, key)))
			eventually(t, domain+" is presented", func() bool { return presented(domain) })
		}
		first, _ := keys.PublicCertificate("wiki.example.com")
		chain, key := selfSigned(t, "wiki.example.com")
		cert, err := k.PutPublicCertificate(t.Context(), k.owner, "Wiki.Example.com", chain, key)
		cert = must(t, cert, err)
		eventually(t, "the replacement is presented", func() bool {
			now, err := keys.PublicCertificate("wiki.example.com")
			return err == nil && string(now.Certificate[0]) != string(first.Certificate[0])
		})
		must(t, 0, k.DeletePublicCertificate(t.Context(), k.owner, cert.ID, 0))
		eventually(t, "the wildcard is back", func() bool { return presented("*.example.com") })
	})
}

func TestPublicCertificateRefused(t *testing.T) {
	good := func(t *testing.T) (string, string) { return selfSigned(t, "a.example.com") }
	weak := func(t *testing.T) (string, string) {
		key, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		return certify(t, key.Public(), key, time.Now().Add(time.Hour), "a.example.com"), keyPEM(t, key)
	}
	curve := func(t *testing.T) (string, string) {
		key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
		key = must(t, key, err)
		return certify(t, key.Public(), key, time.Now().Add(time.Hour), "a.example.com"), keyPEM(t, key)
	}
	tests := []struct {
		name, domain string
		pair         func(t *testing.T) (string, string)
	}{
		{"other key", "a.example.com", func(t *testing.T) (string, string) { c, _ := good(t); _, k := good(t); return c, k }},
		{"expired", "a.example.com", func(t *testing.T) (string, string) {
			k := newKey(t)
			return certify(t, k.Public(), k, time.Now().Add(-time.Minute), "a.example.com"), keyPEM(t, k)
		}},
		{"weak RSA", "a.example.com", weak},
		{"P-521", "a.example.com", curve},
		{"another domain", "b.example.com", good},
		{"a wildcard from an exact one", "*.example.com", good},
		{"no PEM", "a.example.com", func(*testing.T) (string, string) { return "x", "y" }},
		{"no domain", "", good},
		{"top-level wildcard", "*.com", func(t *testing.T) (string, string) { return selfSigned(t, "*.com") }},
	}
	both(t, func(t *testing.T, k *kit) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				chain, key := test.pair(t)
				_, err := k.PutPublicCertificate(t.Context(), k.owner, test.domain, chain, key)
				wantKind(t, err, fault.KindInvalid)
				if strings.Contains(k.lastAudit("certificate.put").Detail, "PRIVATE") {
					t.Error("a key is in the audit log")
				}
			})
		}
	})
}

// The issuing certificate is renewed by itself, also when it ended while nothing ran.
func TestIssuingCertificateIsRenewed(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		before, err := k.Certificates().GatewayCertificate()
		before = must(t, before, err)
		old := k.enrol()
		k.stop()
		k.pass(2 * 365 * 24 * time.Hour)
		k.Control = k.open()
		k.run()
		after, err := k.Certificates().GatewayCertificate()
		after = must(t, after, err)
		if string(before.Certificate[1]) == string(after.Certificate[1]) || string(before.Certificate[2]) != string(after.Certificate[2]) {
			t.Error("want another issuing certificate of the same root")
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(old.credential.Roots)
		issuing, err := x509.ParseCertificate(after.Certificate[1])
		between := x509.NewCertPool()
		between.AddCert(must(t, issuing, err))
		if _, err := after.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: "access.example.com", CurrentTime: k.cfg.Now()}); err != nil {
			t.Error(err)
		}
		next := newKey(t)
		credential, err := k.Renew(t.Context(), anyone(), old.signed(t, wire.PurposeRenew, next, nil))
		old.take(t, must(t, credential, err), next)
	})
}
