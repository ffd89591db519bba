package control_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/wire"
)

func TestEnrol(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		snap := k.settled()
		connector, ok := snap.Connector(a.id())
		if !ok || connector.GroupID != k.defaultGroup() || connector.Serial != a.serial || connector.Name != "machine" {
			t.Fatalf("connector %+v", connector)
		}
		root := x509.NewCertPool()
		root.AppendCertsFromPEM(a.credential.Roots)
		issuing, domain := k.Certificates().AgentRoots()
		leaf, _ := x509.ParseCertificate(a.credential.Certificate)
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: issuing, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Error(err)
		}
		want := wire.Identity{TrustDomain: domain, Role: wire.RoleConnector, ID: a.credential.Connector}
		if len(leaf.URIs) != 1 || leaf.URIs[0].String() != want.String() || len(leaf.DNSNames) != 0 {
			t.Errorf("identity %v", leaf.URIs)
		}
		half := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
		if d := a.credential.RenewAfter.Sub(half); d < -time.Hour || d > time.Hour {
			t.Errorf("renew after %v, half of the life is at %v", a.credential.RenewAfter, half)
		}
		if !connector.NotAfter.Equal(leaf.NotAfter) {
			t.Errorf("stored end %v, certificate's %v", connector.NotAfter, leaf.NotAfter)
		}
		if e := k.lastAudit("connector.enrol"); e.Outcome != "done" || e.Object != a.id() || e.Version == 0 {
			t.Errorf("audit %+v", e)
		}
		again := k.enrol()
		if c, _ := k.settled().Connector(again.id()); c.Name != "machine 2" {
			t.Errorf("a second machine of the same name is %q", c.Name)
		}
	})
}

// Issue 2, item 7: used, expired, of another service, tampered with: refused and audited.
func TestEnrolRefused(t *testing.T) {
	p384 := func(t *testing.T) []byte {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		return csr(t, must(t, key, err))
	}
	tests := []struct {
		name   string
		change func(t *testing.T, k *kit, r *wire.EnrolRequest)
		kind   fault.Kind
	}{
		{"used by another key", func(t *testing.T, k *kit, r *wire.EnrolRequest) {
			must(t, 0, second(k.Enrol(t.Context(), anyone(), *r)))
			r.CSR = csr(t, newKey(t))
		}, fault.KindGone},
		{"used by the same key too long ago", func(t *testing.T, k *kit, r *wire.EnrolRequest) {
			must(t, 0, second(k.Enrol(t.Context(), anyone(), *r)))
			k.pass(11 * time.Minute)
		}, fault.KindGone},
		{"expired", func(_ *testing.T, k *kit, _ *wire.EnrolRequest) { k.pass(access.TokenLifetime) }, fault.KindGone},
		{"deleted", func(t *testing.T, k *kit, r *wire.EnrolRequest) {
			must(t, 0, k.DeleteToken(t.Context(), k.owner, access.ID(r.TokenID), 0))
		}, fault.KindUnauthenticated},
		{"of another service", func(_ *testing.T, _ *kit, r *wire.EnrolRequest) {
			r.TokenID = string(access.NewID(access.PrefixToken, time.Now()))
		}, fault.KindUnauthenticated},
		{"secret of another token", func(_ *testing.T, k *kit, r *wire.EnrolRequest) { r.Secret = k.token().Secret }, fault.KindUnauthenticated},
		{"secret with a flipped bit", func(_ *testing.T, _ *kit, r *wire.EnrolRequest) {
			r.Secret = string(r.Secret[0]^1) + r.Secret[1:]
		}, fault.KindUnauthenticated},
		{"no secret", func(_ *testing.T, _ *kit, r *wire.EnrolRequest) { r.Secret = "" }, fault.KindUnauthenticated},
		{"its hash as secret", func(_ *testing.T, _ *kit, r *wire.EnrolRequest) { r.Secret = string(session.Hash(r.Secret)) }, fault.KindUnauthenticated},
		{"huge secret", func(_ *testing.T, _ *kit, r *wire.EnrolRequest) { r.Secret = strings.Repeat("a", 1<<20) }, fault.KindUnauthenticated},
		{"nonsense as id", func(_ *testing.T, _ *kit, r *wire.EnrolRequest) { r.TokenID = "' OR 1=1 --" }, fault.KindUnauthenticated},
		{"no CSR", func(_ *testing.T, _ *kit, r *wire.EnrolRequest) { r.CSR = nil }, fault.KindInvalid},
		{"CSR of another curve", func(t *testing.T, _ *kit, r *wire.EnrolRequest) { r.CSR = p384(t) }, fault.KindInvalid},
		{"CSR tampered with", func(_ *testing.T, _ *kit, r *wire.EnrolRequest) { r.CSR[len(r.CSR)-1] ^= 1 }, fault.KindInvalid},
		{"bad name", func(_ *testing.T, _ *kit, r *wire.EnrolRequest) { r.Name = "a\nb" }, fault.KindInvalid},
	}
	both(t, func(t *testing.T, k *kit) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				token := k.token()
				r := enrolment(t, token, newKey(t))
				test.change(t, k, &r)
				before := len(k.settled().Connectors)
				_, err := k.Enrol(t.Context(), anyone(), r)
				wantKind(t, err, test.kind)
				if after := len(k.settled().Connectors); after != before {
					t.Errorf("%d connectors, before %d", after, before)
				}
				if e := k.lastAudit("connector.enrol"); e.Outcome != "refused" || strings.Contains(e.Detail, token.Secret) {
					t.Errorf("audit %+v", e)
				}
			})
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestEnrolAgainWithTheSameKey(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		key := newKey(t)
		r := enrolment(t, k.token(), key)
		first, err := k.Enrol(t.Context(), anyone(), r)
		if err != nil {
			t.Fatal(err)
		}
		k.pass(9 * time.Minute)
		r.CSR = csr(t, key) // the same key, another request
		again, err := k.Enrol(t.Context(), anyone(), r)
		if err != nil {
			t.Fatal(err)
		}
		first.Time, again.Time = time.Time{}, time.Time{}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("another answer:\n%s", diff)
		}
	})
}

// TS-2025-007: a one-use key was checked in one transaction and spent in another. Here fifty
// connectors race for one token, and exactly one wins.
func TestEnrolmentTokenIsSpentOnce_TS2025007(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		token := k.token()
		var requests []wire.EnrolRequest
		for range 50 {
			requests = append(requests, enrolment(t, token, newKey(t)))
		}
		start := make(chan struct{})
		results := make(chan error, len(requests))
		var wg sync.WaitGroup
		for _, r := range requests {
			wg.Go(func() {
				<-start
				_, err := k.Enrol(t.Context(), anyone(), r)
				results <- err
			})
		}
		close(start)
		wg.Wait()
		close(results)
		won := 0
		for err := range results {
			if err == nil {
				won++
				continue
			}
			wantKind(t, err, fault.KindGone)
		}
		if won != 1 || len(k.settled().Connectors) != 1 {
			t.Errorf("%d won, %d connectors", won, len(k.settled().Connectors))
		}
	})
}

// One key that asks many times at once, because answers are slow, is one connector.
func TestEnrolSameKeyRaces(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		r := enrolment(t, k.token(), newKey(t))
		var mu sync.Mutex
		answers := map[string]int{}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				c, err := k.Enrol(t.Context(), anyone(), r)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				answers[c.Connector+string(c.Certificate)]++
			})
		}
		wg.Wait()
		if len(answers) != 1 {
			t.Errorf("%d different answers", len(answers))
		}
	})
}

// TS-2025-003: a secret was not compared in constant time. Secrets are compared as hashes, by a
// function that takes as long for any two, and what is said of a wrong secret and of an unknown
// token is the same.
func TestUnknownTokenAndWrongSecretLookAlike_TS2025003(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		wrong := enrolment(t, k.token(), newKey(t))
		wrong.Secret = session.Secret()
		unknown := wrong
		unknown.TokenID = string(access.NewID(access.PrefixToken, time.Now()))
		_, err1 := k.Enrol(t.Context(), anyone(), wrong)
		_, err2 := k.Enrol(t.Context(), anyone(), unknown)
		if err1 == nil || err2 == nil || err1.Error() != err2.Error() {
			t.Errorf("%v / %v", err1, err2)
		}
	})
}

// A stranger who keeps knocking must not fill the audit log.
func TestRefusalsAreBounded(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		for range 400 {
			_, _ = k.Enrol(t.Context(), anyone(), wire.EnrolRequest{TokenID: "x", CSR: []byte("x")})
		}
		n := 0
		for cursor := ""; ; {
			list, next, err := k.Audits(t.Context(), k.owner, auditsOf("connector.enrol", cursor))
			if err != nil {
				t.Fatal(err)
			}
			n += len(list)
			if cursor = next; next == "" {
				break
			}
		}
		if n < 50 || n > 150 {
			t.Errorf("%d entries of 400 refusals, want about 100", n)
		}
	})
}
