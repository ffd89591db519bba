package control_test

import (
	"bytes"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/wire"
)

func TestRenew(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		old, next := *a, newKey(t)
		k.pass(16 * 24 * time.Hour)
		first, err := k.Renew(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, next, nil))
		if err != nil {
			t.Fatal(err)
		}
		again, err := k.Renew(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, next, nil))
		if err != nil || !bytes.Equal(first.Certificate, again.Certificate) {
			t.Fatalf("asked again: another certificate (%v)", err)
		}
		a.take(t, first, next)
		connector, _ := k.settled().Connector(a.id())
		if a.id() != old.id() || connector.Serial != a.serial || connector.Host.Program != "2" {
			t.Errorf("connector %+v", connector)
		}
		if k.Certificates().Revoked(old.serial) || k.Certificates().Revoked(a.serial) {
			t.Error("a renewal revoked something: old and new are valid side by side")
		}
		// A lost answer and a lost pending key: within the overlap the old key may ask for another.
		third := newKey(t)
		if _, err := k.Renew(t.Context(), anyone(), old.signed(t, wire.PurposeRenew, third, nil)); err != nil {
			t.Errorf("old key within the overlap: %v", err)
		}
	})
}

func TestRenewExpiredKeyStillMay(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		k.pass(60 * 24 * time.Hour)
		if _, err := k.Renew(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, newKey(t), nil)); err != nil {
			t.Error(err)
		}
	})
}

func TestRenewRefused(t *testing.T) {
	tests := []struct {
		name string
		ask  func(t *testing.T, k *kit, a *agent) wire.SignedRequest
		kind fault.Kind
	}{
		{"replaced beyond the overlap: a clone", func(t *testing.T, k *kit, a *agent) wire.SignedRequest {
			must(t, 0, second(k.Renew(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, newKey(t), nil))))
			k.pass(25 * time.Hour)
			return a.signed(t, wire.PurposeRenew, newKey(t), nil)
		}, fault.KindForbidden},
		{"disabled", func(t *testing.T, k *kit, a *agent) wire.SignedRequest {
			c, err := k.Connector(t.Context(), k.owner, a.id())
			c = must(t, c, err)
			c.Disabled = true
			must(t, 0, second(k.UpdateConnector(t.Context(), k.owner, c)))
			return a.signed(t, wire.PurposeRenew, newKey(t), nil)
		}, fault.KindForbidden},
		{"deleted", func(t *testing.T, k *kit, a *agent) wire.SignedRequest {
			must(t, 0, k.DeleteConnector(t.Context(), k.owner, a.id(), 0))
			return a.signed(t, wire.PurposeRenew, newKey(t), nil)
		}, fault.KindGone},
		{"the same key", func(t *testing.T, _ *kit, a *agent) wire.SignedRequest {
			return a.signed(t, wire.PurposeRenew, a.key, nil)
		}, fault.KindInvalid},
		{"no CSR", func(t *testing.T, _ *kit, a *agent) wire.SignedRequest {
			return a.signed(t, wire.PurposeRenew, nil, nil)
		}, fault.KindInvalid},
		{"signed by another key", func(t *testing.T, _ *kit, a *agent) wire.SignedRequest {
			r := a.signed(t, wire.PurposeRenew, newKey(t), nil)
			r.Signature = sign(t, newKey(t), r.Payload)
			return r
		}, fault.KindUnauthenticated},
		{"signed by another connector", func(t *testing.T, k *kit, a *agent) wire.SignedRequest {
			other := k.enrol()
			return other.signed(t, wire.PurposeRenew, newKey(t), func(p *wire.RenewPayload) { p.Connector = a.credential.Connector })
		}, fault.KindUnauthenticated},
		{"another connector's serial", func(t *testing.T, k *kit, a *agent) wire.SignedRequest {
			other := k.enrol()
			return a.signed(t, wire.PurposeRenew, newKey(t), func(p *wire.RenewPayload) { p.Serial = other.serial })
		}, fault.KindUnauthenticated},
		{"a gateway's serial", func(t *testing.T, k *kit, a *agent) wire.SignedRequest {
			cert, err := k.Certificates().GatewayCertificate()
			cert = must(t, cert, err)
			return a.signed(t, wire.PurposeRenew, newKey(t), func(p *wire.RenewPayload) { p.Serial = ca.SerialText(cert.Leaf.SerialNumber) })
		}, fault.KindUnauthenticated},
		{"unknown serial", func(t *testing.T, _ *kit, a *agent) wire.SignedRequest {
			return a.signed(t, wire.PurposeRenew, newKey(t), func(p *wire.RenewPayload) { p.Serial = "abc" })
		}, fault.KindUnauthenticated},
		{"a deregistration's signature", func(t *testing.T, _ *kit, a *agent) wire.SignedRequest {
			return a.signed(t, wire.PurposeDeregister, newKey(t), nil)
		}, fault.KindUnauthenticated},
		{"changed after signing", func(t *testing.T, _ *kit, a *agent) wire.SignedRequest {
			r := a.signed(t, wire.PurposeRenew, newKey(t), nil)
			r.Payload = bytes.Replace(r.Payload, []byte("machine"), []byte("MACHINE"), 1)
			return r
		}, fault.KindUnauthenticated},
		{"nothing", func(*testing.T, *kit, *agent) wire.SignedRequest { return wire.SignedRequest{} }, fault.KindUnauthenticated},
	}
	both(t, func(t *testing.T, k *kit) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				r := test.ask(t, k, k.enrol())
				_, err := k.Renew(t.Context(), anyone(), r)
				wantKind(t, err, test.kind)
				if e := k.lastAudit("connector.renew"); e.Outcome != "refused" {
					t.Errorf("audit %+v", e)
				}
			})
		}
	})
}

func TestDeregister(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		wantKind(t, k.Deregister(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, nil, nil)), fault.KindUnauthenticated)
		if err := k.Deregister(t.Context(), anyone(), a.signed(t, wire.PurposeDeregister, nil, nil)); err != nil {
			t.Fatal(err)
		}
		if _, there := k.settled().Connector(a.id()); there {
			t.Error("the connector is still there")
		}
		if !k.Certificates().Revoked(a.serial) {
			t.Error("its certificate is not revoked")
		}
		if e := k.lastAudit("connector.deregister"); e.Actor.Kind != access.ActorConnector || e.Actor.ID != a.id() {
			t.Errorf("audit %+v", e)
		}
	})
}
