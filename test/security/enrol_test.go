package security

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/credential"
	"postern/internal/fault"
	"postern/internal/posterntest"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// enrol does what `postern-connector enrol` does.
func enrol(t testing.TB, ctx context.Context, token wire.EnrolmentToken, name string) (*credential.Credential, error) {
	t.Helper()
	return connector.Enrol(ctx, connector.Enrolment{
		State: filepath.Join(t.TempDir(), "state"), Token: token, Name: name, Log: slog.New(slog.DiscardHandler),
		Dialer: must(uplink.New(uplink.Config{Proxy: uplink.Direct, Timeout: posterntest.Patience}))(t), Host: wire.Host{MachineName: "test"},
	})
}

func newToken(t testing.TB, s *posterntest.System, name string) wire.EnrolmentToken {
	t.Helper()
	return must(wire.ParseEnrolmentToken(s.Token(name)))(t)
}

// execute changes the database behind the service's back: only so can time pass for it.
func execute(t testing.TB, s *posterntest.System, statement string, args ...any) {
	t.Helper()
	db := must(sql.Open("sqlite", filepath.Join(s.Dir, "service", "postern.db")+"?_pragma=busy_timeout(10000)"))(t)
	defer db.Close()
	result := must(db.ExecContext(t.Context(), statement, args...))(t)
	if n := must(result.RowsAffected())(t); n == 0 {
		t.Fatalf("%s: nothing changed", statement)
	}
}

// noted lists what a query finds in one column of the sign-in log, once there is something.
func noted(t testing.TB, s *posterntest.System, query string) (list []string) {
	t.Helper()
	s.Await("the sign-in log tells of it", func() bool {
		list = found(t, s, query)
		return len(list) > 0
	})
	return list
}

// found lists what a query finds in one column.
func found(t testing.TB, s *posterntest.System, query string) (list []string) {
	t.Helper()
	db := must(sql.Open("sqlite", filepath.Join(s.Dir, "service", "postern.db")+"?_pragma=busy_timeout(10000)"))(t)
	defer db.Close()
	rows := must(db.QueryContext(t.Context(), query))(t)
	defer rows.Close()
	for rows.Next() {
		var text string
		check(t, rows.Scan(&text))
		list = append(list, text)
	}
	check(t, rows.Err())
	return list
}

// refusals lists the refused entries of the audit log for an action, the newest first.
func refusals(t testing.TB, s *posterntest.System, action string) (list []api.AuditEntry) {
	t.Helper()
	for entry, err := range s.API.Audit.All(t.Context(), api.AuditOptions{Action: action}.Options()) {
		check(t, err)
		if entry.Outcome == "refused" {
			list = append(list, entry)
		}
	}
	return list
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestABadTokenEnrolsNobody uses enrolment tokens in every way that is not meant. Each is refused in words that say
// why, what reached the service is in its audit log, and no connector comes of it.
func TestABadTokenEnrolsNobody(t *testing.T) {
	s, other := posterntest.New(t), posterntest.New(t)
	tests := []struct {
		name    string
		token   func(t *testing.T) wire.EnrolmentToken
		words   string // of what the person who enrols reads
		reaches bool   // the service, whose audit log then has it
	}{
		{"used", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "used")
			must(enrol(t, t.Context(), token, "first"))(t)
			return token
		}, "was used at", true},
		{"expired", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "expired")
			execute(t, s, "UPDATE tokens SET expires = $1 WHERE id = $2", time.Now().Add(-time.Second).UnixMicro(), token.ID)
			return token
		}, "expired at", true},
		{"deleted", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "deleted")
			check(t, s.API.Tokens.Delete(t.Context(), token.ID, 0))
			return token
		}, "does not know the enrolment token", true},
		{"of another service", func(t *testing.T) wire.EnrolmentToken {
			token, foreign := newToken(t, s, "wrong service"), newToken(t, other, "wrong service")
			token.ID, token.Secret = foreign.ID, foreign.Secret
			return token
		}, "does not know the enrolment token", true},
		{"tampered secret", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "secret")
			token.Secret = strings.ToUpper(token.Secret) + "A"
			return token
		}, "does not know the enrolment token", true},
		{"secret of another token", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "one")
			token.Secret = newToken(t, s, "two").Secret
			return token
		}, "does not know the enrolment token", true},
		{"tampered id", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "id")
			token.ID = newToken(t, s, "another id").ID
			return token
		}, "does not know the enrolment token", true},
		{"id of another kind", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "kind")
			token.ID = strings.Replace(token.ID, "tok_", "con_", 1)
			return token
		}, "does not know the enrolment token", true},
		{"tampered fingerprint", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "fingerprint")
			token.Fingerprint = strings.Repeat("ab", 32)
			return token
		}, "", false},
		{"tampered URL leads to another service", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "url")
			token.ServiceURL = other.PortalURL
			return token
		}, "", false},
		{"tampered trust domain", func(t *testing.T) wire.EnrolmentToken {
			token := newToken(t, s, "domain")
			token.TrustDomain = newToken(t, other, "domain").TrustDomain
			return token
		}, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			token := test.token(t)
			connectors, audited := countConnectors(t, s), len(refusals(t, s, "connector.enrol"))
			_, err := enrol(t, t.Context(), token, test.name)
			if err == nil {
				t.Fatal("enrolled")
			}
			if !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), token.Secret) {
				t.Errorf("says: %v", err)
			}
			if !test.reaches && !intercepted(err) {
				t.Errorf("does not say that another authority answered: %v", err)
			}
			if n := len(refusals(t, s, "connector.enrol")) - audited; n != btoi(test.reaches) {
				t.Errorf("%d new entries in the audit log", n)
			}
			if n := countConnectors(t, s) + countConnectors(t, other) - connectors; n != 0 {
				t.Errorf("%d new connectors", n)
			}
		})
	}
}

// intercepted reports whether an error tells of a service that is not the one of the token.
func intercepted(err error) bool {
	_, ok := errors.AsType[*uplink.Intercepted](err)
	return ok || fault.Is(err, fault.KindUnauthenticated)
}

func countConnectors(t testing.TB, s *posterntest.System) (n int) {
	t.Helper()
	for _, err := range s.API.Connectors.All(t.Context(), api.ListOptions{}) {
		check(t, err)
		n++
	}
	return n
}

// TestFiftyRaceForOneToken has 50 machines use one token at the same moment: exactly one becomes a connector
// (TS-2025-007).
func TestFiftyRaceForOneToken(t *testing.T) {
	s := posterntest.New(t)
	token := newToken(t, s, "race")
	var all sync.WaitGroup
	results := make(chan error, 50)
	start := make(chan struct{})
	for i := range 50 {
		all.Go(func() {
			<-start
			_, err := enrol(t, t.Context(), token, fmt.Sprintf("racer %d", i))
			results <- err
		})
	}
	close(start)
	all.Wait()
	close(results)
	won := 0
	for err := range results {
		switch {
		case err == nil:
			won++
		case !strings.Contains(err.Error(), "was used"):
			t.Errorf("lost with: %v", err)
		}
	}
	if won != 1 || countConnectors(t, s) != 1 {
		t.Errorf("%d won, there are %d connectors", won, countConnectors(t, s))
	}
}

// renew asks for a certificate with a credential's key, for a new key if none is given.
func renew(t testing.TB, cred *credential.Credential, key *ecdsa.PrivateKey) (wire.Credential, error) {
	t.Helper()
	if key == nil {
		key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	}
	signed := must(cred.Sign(wire.RenewPayload{Purpose: wire.PurposeRenew, CSR: must(credential.Request(key))(t), Time: time.Now()}))(t)
	var answer wire.Credential
	err := agentFace(t, cred).Post(t.Context(), wire.PathRenew, signed, &answer)
	return answer, err
}

func agentFace(t testing.TB, cred *credential.Credential) *uplink.Service {
	t.Helper()
	dialer := must(uplink.New(uplink.Config{Proxy: uplink.Direct, Timeout: posterntest.Patience}))(t)
	return must(dialer.Service(cred.Connection.ServiceURL, must(cred.AgentTLS())(t)))(t)
}

// TestACopiedCredentialIsFoundOut renews a credential, and later asks with the key from before, of which somebody
// must have made a copy.
func TestACopiedCredentialIsFoundOut(t *testing.T) {
	s := posterntest.New(t)
	cred := must(enrol(t, t.Context(), newToken(t, s, "site"), "site"))(t)
	if _, err := renew(t, cred, nil); err != nil {
		t.Fatalf("renew: %v", err)
	}
	if _, err := renew(t, cred, cred.Key); err == nil {
		t.Error("renewed for the same key")
	}
	execute(t, s, "UPDATE issued_certificates SET replaced = replaced - $1 WHERE serial = $2", (25 * time.Hour).Microseconds(), cred.Serial)
	before := len(refusals(t, s, "connector.renew"))
	_, err := renew(t, cred, nil)
	if !fault.Is(err, fault.KindForbidden) || !strings.Contains(err.Error(), "cloned credential") {
		t.Errorf("the copy: %v", err)
	}
	list := refusals(t, s, "connector.renew")
	if len(list) != before+1 || list[0].Object != cred.Identity.ID || !strings.Contains(string(list[0].Detail), "cloned credential") {
		t.Errorf("the audit log has %d new entries, the last one %+v", len(list)-before, list[:1])
	}
	signed := must(cred.Sign(wire.RenewPayload{Purpose: wire.PurposeDeregister, Time: time.Now()}))(t)
	if err := agentFace(t, cred).Post(t.Context(), wire.PathDeregister, signed, &struct{}{}); !fault.Is(err, fault.KindForbidden) {
		t.Errorf("the copy deregisters the connector: %v", err)
	}
	if countConnectors(t, s) != 1 {
		t.Error("the connector is gone")
	}
}

// TestNobodyRenewsForSomebodyElse signs requests for another connector, for another purpose, and with a key that
// no certificate has.
func TestNobodyRenewsForSomebodyElse(t *testing.T) {
	s := posterntest.New(t)
	mine := must(enrol(t, t.Context(), newToken(t, s, "mine"), "mine"))(t)
	victim := must(enrol(t, t.Context(), newToken(t, s, "victim"), "victim"))(t)
	csr := must(credential.Request(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)))(t)
	sign := func(change func(*credential.Credential), purpose string) wire.SignedRequest {
		as := *mine
		change(&as)
		return must(as.Sign(wire.RenewPayload{Purpose: purpose, CSR: csr, Time: time.Now()}))(t)
	}
	genuine := sign(func(*credential.Credential) {}, wire.PurposeRenew)
	tests := []struct {
		name string
		path string
		req  wire.SignedRequest
	}{
		{"another connector's id", wire.PathRenew, sign(func(c *credential.Credential) { c.Identity = victim.Identity }, wire.PurposeRenew)},
		{"another connector's serial", wire.PathRenew, sign(func(c *credential.Credential) { c.Serial = victim.Serial }, wire.PurposeRenew)},
		{"another connector's id and serial", wire.PathDeregister, sign(func(c *credential.Credential) { c.Identity, c.Serial = victim.Identity, victim.Serial }, wire.PurposeDeregister)},
		{"a serial that does not exist", wire.PathRenew, sign(func(c *credential.Credential) { c.Serial = "01" }, wire.PurposeRenew)},
		{"a renewal as deregistration", wire.PathDeregister, genuine},
		{"a deregistration as renewal", wire.PathRenew, sign(func(*credential.Credential) {}, wire.PurposeDeregister)},
		{"no signature", wire.PathRenew, wire.SignedRequest{Payload: genuine.Payload}},
		{"another signature", wire.PathRenew, wire.SignedRequest{Payload: genuine.Payload, Signature: sign(func(c *credential.Credential) { c.Key = victim.Key }, wire.PurposeRenew).Signature}},
		{"nothing", wire.PathRenew, wire.SignedRequest{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var answer wire.Credential
			if err := agentFace(t, mine).Post(t.Context(), test.path, test.req, &answer); err == nil {
				t.Errorf("answered with a certificate for %s", answer.Connector)
			} else if kind := fault.KindOf(err); kind != fault.KindUnauthenticated && kind != fault.KindInvalid {
				t.Errorf("refused as %v: %v", kind, err)
			}
		})
	}
	if n := countConnectors(t, s); n != 2 {
		t.Errorf("there are %d connectors", n)
	}
}
