package control_test

import (
	"slices"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/wire"
)

// states gives how the alerts of a code came to a destination, in order, copies aside.
func (r *receiver) states(code string) (list []string) {
	var last uint64
	for _, e := range r.of("alerts") {
		if e.Code == code && e.Seq > last {
			list, last = append(list, e.State), e.Seq
		}
	}
	return list
}

func (k *kit) alerts(code, state string) (list []access.Alert) {
	k.t.Helper()
	only := map[string]string{}
	if state != "" {
		only["state"] = state
	}
	all, _, err := k.Alerts(k.t.Context(), k.owner, access.Page{Only: only})
	must(k.t, all, err)
	return slices.DeleteFunc(all, func(a access.Alert) bool { return a.Code != code })
}

// TestAlerts: what lasts is told once, and once more when it is over; what passes is not told.
func TestAlerts(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		r := newReceiver(t)
		k.export("Pager", r.address, access.StreamAlerts)
		one, two := k.enrol(), k.enrol()
		k.application("wiki")
		k.settled()
		k.here(one.id(), 2)
		look := func(times int) {
			for range times {
				k.here(two.id(), 2) // whose echo is fresh
				k.Alert(t.Context())
			}
		}
		k.here(one.id(), 0)
		k.pass(2 * time.Minute)
		look(1)
		k.here(one.id(), 2) // it was back at once
		look(2)
		if got := k.alerts("group-down-to-one", ""); len(got) != 0 {
			t.Fatalf("a restart is told: %+v", got)
		}
		k.here(one.id(), 0)
		k.pass(2 * time.Minute)
		look(5)
		got := k.alerts("group-down-to-one", "open")
		if len(got) != 1 || got[0].Object != k.defaultGroup() || got[0].Severity != "warning" || got[0].Cure == "" {
			t.Fatalf("open: %+v", got)
		}
		eventually(t, "it is told", func() bool { return slices.Equal(r.states("group-down-to-one"), []string{"open"}) })
		k.here(one.id(), 2)
		look(5)
		if got := k.alerts("group-down-to-one", "resolved"); len(got) != 1 || got[0].Resolved.IsZero() {
			t.Errorf("resolved: %+v", got)
		}
		eventually(t, "that it is over is told", func() bool { return slices.Equal(r.states("group-down-to-one"), []string{"open", "resolved"}) })
		k.pass(91 * day)
		k.CleanUp(t.Context())
		if got := k.alerts("group-down-to-one", ""); len(got) != 0 {
			t.Errorf("it is kept for ever: %+v", got)
		}
	})
}

// TestEventsAreTold: a copied key that is used, and a connector that returns.
func TestEventsAreTold(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		r := newReceiver(t)
		k.export("Pager", r.address, access.StreamAlerts)
		a := k.enrol()
		must(t, 0, second(k.Renew(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, newKey(t), nil))))
		k.pass(25 * time.Hour)
		for range 3 { // whoever has the copy tries again and again
			if _, err := k.Renew(t.Context(), anyone(), a.signed(t, wire.PurposeRenew, newKey(t), nil)); err == nil {
				t.Fatal("the copy is good")
			}
		}
		eventually(t, "the copy is told of", func() bool { return slices.Equal(r.states("credential-cloned"), []string{"event"}) })
		k.Miss(t.Context(), 10*day, true)
		k.settled()
		k.here(a.id(), 1)
		eventually(t, "the return is told", func() bool {
			return slices.Equal(r.states("connector-archived"), []string{"event"}) && slices.Equal(r.states("connector-returned"), []string{"event"})
		})
	})
}

// TestFleetFindings: what is wrong with connectors that are connected.
func TestFleetFindings(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		a := k.enrol()
		wiki := k.application("wiki")
		k.settled()
		k.Report(wire.Presence{Connector: string(a.id()), Instance: "i", Gateway: string(k.cfg.Gateway.ID), Tunnels: 1, Echo: k.cfg.Now(), Address: "192.0.2.1:5",
			Unreached: []wire.Unreached{{Application: string(wiki.ID), Phase: wire.PhaseConnect, Code: "connection-refused", Message: "refused", Since: k.cfg.Now()}}})
		must(t, 0, k.ReportConnector(t.Context(), a.id(), wire.Report{Time: k.cfg.Now().Add(-10 * time.Minute)}))
		k.pass(2 * time.Minute)
		k.Alert(t.Context())
		codes := map[string]access.ID{}
		for _, f := range k.Findings(t.Context()) {
			codes[f.Code] = f.Object
		}
		for _, code := range []string{"application-unreached", "connector-clock-skew"} {
			if codes[code] != a.id() {
				t.Errorf("%s is missing: %v", code, codes)
			}
		}
	})
}
