package control_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/control"
	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/wire"
)

// trusts says whether somebody who trusts these roots accepts a gateway that shows this chain.
func trusts(roots *x509.CertPool, domain string, chain *tls.Certificate, now time.Time) error {
	var certs []*x509.Certificate
	for _, der := range chain.Certificate {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		certs = append(certs, cert)
	}
	return credential.VerifyPeer(credential.Peer{
		TrustDomain: domain, Roots: roots, Roles: []wire.Role{wire.RoleGateway}, Usage: x509.ExtKeyUsageServerAuth, Now: func() time.Time { return now },
	})(tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: certs})
}

// token's check, as EnrolTLS makes it.
func enrols(t *testing.T, token wire.EnrolmentToken, chain *tls.Certificate) error {
	t.Helper()
	config, err := credential.EnrolTLS(token)
	if err != nil {
		t.Fatal(err)
	}
	var certs []*x509.Certificate
	for _, der := range chain.Certificate {
		certs = append(certs, good(x509.ParseCertificate(der)))
	}
	return config.VerifyConnection(tls.ConnectionState{Version: tls.VersionTLS13, NegotiatedProtocol: wire.ProtocolAgent, PeerCertificates: certs})
}

// good gives the value of a call that cannot go wrong in a good test.
func good[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func pool(pem []byte) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(pem)
	return p
}

// exchanged waits until this gateway shows chains of the new issuer.
func (k *kit) exchanged(fingerprints int) *tls.Certificate {
	k.t.Helper()
	var chain *tls.Certificate
	eventually(k.t, "the gateway to show the new chain", func() bool {
		var err error
		chain, err = k.Certificates().GatewayCertificate()
		return err == nil && len(chain.Certificate) == fingerprints
	})
	return chain
}

// TestExchangeOfTheRoot goes through a whole exchange as connectors of all kinds see it.
func TestExchangeOfTheRoot(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		a, b := k.enrol(), k.enrol()
		before := k.settled()
		domain, oldToken := before.TrustDomain, k.token()
		if err := k.ExchangeRoot(ctx, k.owner); err != nil {
			t.Fatal(err)
		}
		wantKind(t, k.ExchangeRoot(ctx, k.owner), fault.KindConflict)
		during := k.settled()
		chain := k.exchanged(5)
		now := time.Now()

		// Who trusts the root before, or the next one, or both, accepts the gateway; so do both kinds of token.
		newToken := k.token()
		if oldToken.Fingerprint == newToken.Fingerprint {
			t.Error("a new token names the root before")
		}
		next := pool(during.Roots[len(before.Roots):])
		for name, roots := range map[string]*x509.CertPool{"before": pool(before.Roots), "next": next, "both": pool(during.Roots)} {
			if err := trusts(roots, domain, chain, now); err != nil {
				t.Errorf("who trusts %s: %v", name, err)
			}
		}
		for name, token := range map[string]wire.EnrolmentToken{"old": oldToken, "new": newToken} {
			if err := enrols(t, token, chain); err != nil {
				t.Errorf("%s token: %v", name, err)
			}
		}
		// A configuration is believed by connectors of before, and asks them to renew.
		configuration, err := k.AgentConfiguration(ctx, a.id(), wire.AskConfiguration{})
		if err != nil {
			t.Fatal(err)
		}
		signed := good(k.SignConfiguration(configuration))
		if _, err := signed.Open(pool(before.Roots), now); err != nil {
			t.Error(err)
		}
		leaf := good(x509.ParseCertificate(a.credential.Certificate))
		if len(configuration.Issuer) == 0 || string(configuration.Issuer) == string(leaf.AuthorityKeyId) {
			t.Error("nobody is asked to renew")
		}
		// Their certificates are good until they have.
		roots, _ := k.Certificates().AgentRoots()
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Error(err)
		}
		state := good(k.Authority(ctx, k.owner))
		if len(state.Waiting) != 2 || len(state.Tokens) != 1 || len(state.Roots) != 2 || state.Started.IsZero() {
			t.Errorf("%+v", state)
		}
		renewed(t, k, a, configuration.Issuer)
		err = k.FinishExchange(ctx, k.owner, false)
		wantKind(t, err, fault.KindConflict)
		for _, words := range []string{"1 connector that has not renewed under the new root", "1 enrolment tokens", "enrolled again with a new token"} {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%v: want %q", err, words)
			}
		}
		// One that is disabled cannot follow: nobody waits for it, and nobody forgets it.
		disabled := good(k.Connector(ctx, k.owner, b.id()))
		disabled.Disabled = true
		disabled = good(k.UpdateConnector(ctx, k.owner, disabled))
		if err := k.FinishExchange(ctx, k.owner, false); err == nil || !strings.Contains(err.Error(), "1 disabled connector, which cannot renew ("+disabled.Name+"): enable") {
			t.Errorf("with a disabled connector: %v", err)
		}
		disabled.Disabled = false
		good(k.UpdateConnector(ctx, k.owner, disabled))
		renewed(t, k, b, configuration.Issuer)
		for _, token := range state.Tokens {
			if err := k.DeleteToken(ctx, k.owner, token.ID, 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.FinishExchange(ctx, k.owner, false); err != nil {
			t.Fatal(err)
		}
		after := k.settled()
		chain = k.exchanged(3)
		if err := trusts(next, domain, chain, now); err != nil {
			t.Error(err)
		}
		if err := trusts(pool(before.Roots), domain, chain, now); err == nil {
			t.Error("the root before is still shown")
		}
		if err := enrols(t, oldToken, chain); err == nil {
			t.Error("a token of the root before still enrols")
		}
		if strings.Contains(string(after.Roots), string(before.Roots)) || len(after.Issuer) > 0 {
			t.Error("the root before is still told")
		}
		wantKind(t, k.FinishExchange(ctx, k.owner, false), fault.KindConflict)
		// And again, with a control plane that starts on it. Both connectors renewed, and one more comes that will not.
		late := k.enrol()
		k.stop()
		k.Control = k.open()
		k.run()
		if err := k.ExchangeRoot(ctx, k.owner); err != nil {
			t.Fatal(err)
		}
		k.exchanged(5)
		if err := k.FinishExchange(ctx, k.owner, true); err != nil {
			t.Fatal(err)
		}
		k.exchanged(3)
		// Who was cut off by force loses what it has open, too.
		for _, each := range []*agent{late, a, b} {
			if !k.Certificates().Revoked(each.serial) {
				t.Error("a connector that did not follow keeps its tunnels")
			}
		}
		if state := good(k.Authority(ctx, k.owner)); len(state.Roots) != 1 {
			t.Errorf("%+v", state)
		}
	})
}

// renewed renews a connector and checks that the answer is of the issuer and brings both roots.
func renewed(t *testing.T, k *kit, a *agent, issuer []byte) {
	t.Helper()
	next := newKey(t)
	got, err := k.Renew(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, next, nil))
	a.take(t, must(t, got, err), next)
	leaf := good(x509.ParseCertificate(got.Certificate))
	if string(leaf.AuthorityKeyId) != string(issuer) || strings.Count(string(got.Roots), "BEGIN") != 2 {
		t.Errorf("certificate of %x with %d roots", leaf.AuthorityKeyId, strings.Count(string(got.Roots), "BEGIN"))
	}
}

// TestReplicaFollowsExchange changes the root on one replica and looks at another.
func TestReplicaFollowsExchange(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		cfg := k.cfg
		cfg.Gateway.ID = access.NewID(access.PrefixGateway, time.Now())
		other := &kit{t: t, store: k.store, cfg: cfg, skew: k.skew, owner: k.owner}
		other.Control = other.open()
		other.run()
		if err := k.ExchangeRoot(t.Context(), k.owner); err != nil {
			t.Fatal(err)
		}
		other.exchanged(5)
		host := good(other.Certificates().PublicCertificate("access.example.com"))
		if len(host.Certificate) != 5 {
			t.Errorf("a host shows %d certificates", len(host.Certificate))
		}
		if err := k.FinishExchange(t.Context(), k.owner, true); err != nil {
			t.Fatal(err)
		}
		other.exchanged(3)
		eventually(t, "the host to show the new chain", func() bool {
			host, err := other.Certificates().PublicCertificate("access.example.com")
			return err == nil && len(host.Certificate) == 3
		})
	})
}

// TestRotateGrantKey turns the key that signs grants: known first, used later, forgotten in the end.
func TestRotateGrantKey(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		app := k.application("wiki")
		before := k.settled()
		verify := func(snap *access.Snapshot, text string) error {
			keys := map[string][]byte{}
			for id, key := range snap.GrantKeys {
				keys[id] = key
			}
			_, err := wire.Verifier{TrustDomain: snap.TrustDomain, Keys: keys}.Verify(text, string(app.ID), k.cfg.Now())
			return err
		}
		grant := func() string {
			text, _, err := k.Grant(ctx, app.ID, nil)
			return must(t, text, err)
		}
		key, err := k.RotateKey(ctx, k.owner, control.KeyGrants)
		if err != nil {
			t.Fatal(err)
		}
		known := k.settled()
		if len(known.GrantKeys) != 2 || known.GrantKeys[key.ID] == nil {
			t.Fatalf("connectors know %d keys", len(known.GrantKeys))
		}
		first := grant()
		if err := verify(before, first); err != nil {
			t.Errorf("a connector that has not heard yet refuses: %v", err)
		}
		k.pass(35 * time.Minute) // beyond half of the grant's life
		second := grant()
		if verify(before, second) == nil {
			t.Error("the new key does not sign")
		}
		if err := verify(known, second); err != nil {
			t.Error(err)
		}
		if err := verify(known, first); err != nil {
			t.Errorf("a grant of the key before: %v", err)
		}
		k.pass(2 * time.Hour)
		k.RetireKeys(ctx)
		if over := k.settled(); len(over.GrantKeys) != 1 || over.GrantKeys[key.ID] == nil {
			t.Errorf("connectors know %d keys", len(over.GrantKeys))
		}
		k.lastAudit("signing-key.retire")
		_, err = k.RotateKey(ctx, k.owner, "unknown")
		wantKind(t, err, fault.KindInvalid)
	})
}

// TestRotateSessionKey signs nobody out, and never makes a cookie that another replica does not know.
func TestRotateSessionKey(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ring := func() (r struct {
			Active string
			Keys   map[string][]byte
		}) {
			err := k.store.Read(t.Context(), func(tx *store.Tx) error {
				data, err := tx.Secret(t.Context(), "session-keys")
				if err == nil {
					err = json.Unmarshal(data, &r)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		before := ring().Active
		scope := session.Scope{Kind: access.SessionPortal}
		made := func() string { return strings.Split(k.Cookie(scope), ".")[1] }
		first := k.Cookie(scope)
		key, err := k.RotateKey(t.Context(), k.owner, control.KeySessions)
		if err != nil {
			t.Fatal(err)
		}
		k.settled()
		if made() != before || len(ring().Keys) != 2 || ring().Active != before {
			t.Error("the new key is used before everybody knows it")
		}
		k.pass(3 * time.Minute)
		eventually(t, "the new key to be used", func() bool { return made() == key.ID })
		if !k.Knows(scope, first) {
			t.Error("a cookie of the key before is not known any more")
		}
		k.pass(23 * time.Hour)
		if !k.Knows(scope, first) {
			t.Error("a cookie of the key before is not known any more")
		}
		for range 7 { // more than fit at once
			if _, err = k.RotateKey(t.Context(), k.owner, control.KeySessions); err != nil {
				break
			}
		}
		wantKind(t, err, fault.KindConflict)
		k.pass(40 * 24 * time.Hour)
		eventually(t, "the old keys to be over", func() bool { return !k.Knows(scope, first) })
		if _, err := k.RotateKey(t.Context(), k.owner, control.KeySessions); err != nil {
			t.Error(err)
		}
	})
}

// TestRotateIDTokenKey never signs with a key that a program cannot have seen, and keeps the one before as long as what it
// signed.
func TestRotateIDTokenKey(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		signed := func() string {
			id, known, err := k.IDTokenKey()
			if err != nil || !known {
				t.Errorf("a token signed by %s is not accepted: %v", id, err)
			}
			return id
		}
		ids := func() (list []string) {
			for _, key := range k.OAuthKeys() {
				list = append(list, key.ID)
			}
			return list
		}
		before := signed()
		key, err := k.RotateKey(t.Context(), k.owner, control.KeyIDTokens)
		if err != nil {
			t.Fatal(err)
		}
		k.settled()
		if got, want := ids(), []string{key.ID, before}; !slices.Equal(got, want) || signed() != before {
			t.Errorf("keys %v, want %v; the first still signs", got, want)
		}
		k.pass(3 * time.Minute)
		if signed() != key.ID || len(ids()) != 2 {
			t.Errorf("it is not the new key that signs, or the old one is not accepted: %v", ids())
		}
		k.pass(time.Hour)
		if got := ids(); !slices.Equal(got, []string{key.ID}) {
			t.Errorf("keys %v, want only the new one", got)
		}
		again := k.open() // a start later finds the same
		if id, known, err := again.IDTokenKey(); err != nil || !known || id != key.ID {
			t.Errorf("after a start: %s %v %v", id, known, err)
		}
	})
}

// TestCrossIssuing makes a twin that differs in nothing but who signed it.
func TestCrossIssuing(t *testing.T) {
	now := time.Now()
	one := good(ca.CreateRoot("one.example", now))
	other := good(ca.CreateRoot("other.example", now))
	issuer := good(ca.CreateIssuing(one, now))
	_, err := ca.CrossIssuing(other, issuer, now)
	wantKind(t, err, fault.KindConflict)
	next := good(ca.CreateRoot("one.example", now))
	twin := good(ca.CrossIssuing(next, issuer, now))
	if twin.Cert.CheckSignatureFrom(next.Cert) != nil || twin.Cert.SerialNumber.Cmp(issuer.Cert.SerialNumber) == 0 ||
		string(twin.Cert.SubjectKeyId) != string(issuer.Cert.SubjectKeyId) || twin.Cert.MaxPathLen != 0 || !twin.Cert.PermittedDNSDomainsCritical {
		t.Errorf("%+v", twin.Cert)
	}
	if _, err := ca.ParseIssuer(good(twin.Marshal())); err != nil {
		t.Error(err)
	}
}
