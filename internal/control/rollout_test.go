package control_test

import (
	"context"
	"testing"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/wire"
)

// TestRollout: who runs a change is told from what gateways and connectors said last that they have.
func TestRollout(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		con := k.enrol().id()
		k.Report(wire.Presence{Connector: string(con), Gateway: "gtw_here", Instance: "one", Tunnels: 1})
		ask := func() control.Rollout {
			t.Helper()
			r, err := k.Rollout(t.Context(), k.owner, 0)
			return must(t, r, err)
		}
		if r := ask(); r.Connectors != 1 || r.UnknownConnectors != 1 || len(r.LateConnectors) != 0 || r.AwayConnectors != 0 {
			t.Errorf("before it said anything: %+v", r)
		}
		said := func() wire.Configuration {
			t.Helper()
			k.settled()
			c, err := k.AgentConfiguration(t.Context(), con, wire.AskConfiguration{})
			return must(t, c, err)
		}
		before := said()
		must(t, 0, k.ReportConnector(t.Context(), con, wire.Report{Hash: before.Hash}))
		if r := ask(); r.UnknownConnectors != 0 || len(r.LateConnectors) != 0 {
			t.Errorf("it has what is in force: %+v", r)
		}

		ctx, change := control.Noting(t.Context())
		_, err := k.CreateApplication(ctx, k.owner, access.Application{Name: "wiki", GroupID: k.defaultGroup(), ExternalURL: "https://wiki.example.com/", InternalURL: "http://wiki.lan/"})
		if r := ask(); err != nil || *change == 0 || r.Newest != *change || len(r.LateConnectors) != 1 || r.LateConnectors[0].ID != con {
			t.Errorf("a change %d that it does not have: %+v, %v", *change, r, err)
		}
		after := said()
		ended, stop := context.WithCancel(t.Context())
		stop() // it asks for what comes after, and nobody waits for the answer
		_, _ = k.AgentConfiguration(ended, con, wire.AskConfiguration{Hash: after.Hash})
		if r := ask(); len(r.LateConnectors) != 0 {
			t.Errorf("it asked with the new one: %+v", r)
		}
		k.group("Staff", nil, nil)
		if r := ask(); len(r.LateConnectors) != 0 {
			t.Errorf("what is not meant for it: %+v", r)
		}
		ctx, change = control.Noting(t.Context())
		if _, err := k.CreateApplication(ctx, k.owner, access.Application{}); err == nil || *change != 0 {
			t.Errorf("a refusal is no change: %d, %v", *change, err)
		}
		_, err = k.Rollout(t.Context(), access.Actor{Kind: access.ActorUser, Roles: []access.Role{access.RoleLogReader}}, 0)
		wantKind(t, err, fault.KindForbidden)
	})
}
