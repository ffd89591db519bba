package control_test

import (
	"slices"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/wire"
)

const day = 24 * time.Hour

// here reports a connector's tunnels to this gateway.
func (k *kit) here(id access.ID, tunnels int) {
	k.Report(wire.Presence{Connector: string(id), Instance: "i", Gateway: string(k.cfg.Gateway.ID), Tunnels: tunnels, Echo: k.cfg.Now(), Address: "192.0.2.1:5"})
}

func (k *kit) listed(only map[string]string) (ids []access.ID) {
	k.t.Helper()
	list, _, err := k.Connectors(k.t.Context(), k.owner, access.Page{Only: only})
	must(k.t, list, err)
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

// TestArchive: what is absent for ten days of a running service is put away; it keeps its place and its certificate, and is back
// when it connects.
func TestArchive(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		there, away, off := k.enrol(), k.enrol(), k.enrol()
		k.disable(off.id())
		k.here(there.id(), 2)
		for range 9 {
			k.Miss(t.Context(), day, false)
		}
		if got := k.listed(nil); len(got) != 3 {
			t.Fatalf("after nine days: %v", got)
		}
		k.Miss(t.Context(), day, false)
		snap := k.settled()
		if got := k.listed(nil); slices.Contains(got, away.id()) || len(got) != 2 {
			t.Errorf("after ten days: %v", got)
		}
		for name, only := range map[string]map[string]string{"archived": {"archived": "true"}, "status": {"status": "archived"}} {
			if got := k.listed(only); !slices.Equal(got, []access.ID{away.id()}) {
				t.Errorf("by %s: %v", name, got)
			}
		}
		if got := k.listed(map[string]string{"archived": "any"}); len(got) != 3 {
			t.Errorf("all: %v", got)
		}
		if len(snap.Members(k.defaultGroup())) != 2 {
			t.Errorf("members: %v", snap.Members(k.defaultGroup()))
		}
		if s := k.ConnectorStatus(away.id()); s.Label != control.LabelArchived {
			t.Errorf("status %+v", s)
		}
		c, err := k.AgentConfiguration(t.Context(), away.id(), wire.AskConfiguration{})
		if err == nil && (len(c.GrantKeys) > 0 || len(c.Targets) > 0) {
			t.Errorf("it is still given %+v", c)
		}
		if a := k.lastAudit("connector.archive"); a.Object != away.id() || a.Actor.Kind != access.ActorSystem {
			t.Errorf("the audit log: %+v", a)
		}
		k.pass(100 * day) // its certificate has ended, and what is over is cleaned up
		k.CleanUp(t.Context())
		fresh := newKey(t)
		if _, err := k.Renew(t.Context(), anyone(), away.signed(t, wire.PurposeRenew, fresh, nil)); err != nil {
			t.Errorf("it cannot renew: %v", err)
		}
		k.here(away.id(), 1)
		eventually(t, "it is back", func() bool { return k.ConnectorStatus(away.id()).Label == control.LabelActive })
		if a := k.lastAudit("connector.return"); a.Object != away.id() {
			t.Errorf("the audit log: %+v", a)
		}
		k.here(away.id(), 0)
		k.Miss(t.Context(), 9*day, true) // counted from nothing again
		if got := k.listed(nil); len(got) != 3 {
			t.Errorf("it is gone again: %v", got)
		}
	})
}

func (k *kit) disable(id access.ID) {
	k.t.Helper()
	c, err := k.Connector(k.t.Context(), k.owner, id)
	must(k.t, c, err)
	c.Disabled = true
	_, err = k.UpdateConnector(k.t.Context(), k.owner, c)
	must(k.t, 0, err)
	k.settled()
}

// TestNobodyIsArchivedWrongly: neither clocks that jump, nor a service that was cut off, nor another replica's connectors count as absence.
func TestNobodyIsArchivedWrongly(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		there, away := k.enrol(), k.enrol()
		k.here(there.id(), 1)
		for _, jump := range []time.Duration{time.Hour, -time.Hour, 400 * day, -400 * day, 400 * day} {
			k.pass(jump)
			k.Miss(t.Context(), day, false)
			k.WriteBatches(t.Context())
		}
		if got := k.listed(nil); len(got) != 2 {
			t.Errorf("after jumps: %v", got)
		}
		k.pass(-400 * day)
		// The service is cut off: nobody is there, and nobody uses it.
		k.here(there.id(), 0)
		for range 20 {
			k.Miss(t.Context(), day, false)
		}
		if got := k.listed(nil); len(got) != 2 {
			t.Errorf("after the service was cut off: %v", got)
		}
		// The one was absent for five days when it was seen, whatever the clock of whoever saw it.
		k.pass(-200 * day)
		k.here(away.id(), 1)
		k.WriteBatches(t.Context())
		k.here(away.id(), 0)
		k.pass(200 * day)
		for range 9 {
			k.Miss(t.Context(), day, true)
		}
		if got := k.listed(nil); len(got) != 2 {
			t.Errorf("after it was seen: %v", got)
		}
		k.Miss(t.Context(), day, true)
		if got := k.listed(nil); len(got) != 0 {
			t.Errorf("after ten days of absence: %v", got)
		}
	})
}

// TestArchivedForLongIsDeleted: after 180 days more it must enrol again.
func TestArchivedForLongIsDeleted(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		away := k.enrol()
		k.Miss(t.Context(), 10*day, true)
		k.Miss(t.Context(), 179*day, true)
		if got := k.listed(map[string]string{"archived": "true"}); len(got) != 1 {
			t.Fatalf("before: %v", got)
		}
		k.settled()
		k.Miss(t.Context(), day, true)
		if got := k.listed(map[string]string{"archived": "any"}); len(got) != 0 {
			t.Errorf("after: %v", got)
		}
		_, err := k.Renew(t.Context(), anyone(), away.signed(t, wire.PurposeRenew, newKey(t), nil))
		wantKind(t, err, fault.KindGone)
		if a := k.lastAudit("connector.delete"); a.Object != away.id() || a.Actor.Kind != access.ActorSystem {
			t.Errorf("the audit log: %+v", a)
		}
	})
}
