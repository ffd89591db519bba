package control_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/store"
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
		_, err = k.Rollout(t.Context(), k.owner, ask().Newest+1)
		if wantKind(t, err, fault.KindNotFound); err == nil || !strings.Contains(err.Error(), "the last is ") {
			t.Errorf("a change that is not there yet: %v", err)
		}
		_, err = k.Rollout(t.Context(), access.Actor{Kind: access.ActorUser, Roles: []access.Role{access.RoleLogReader}}, 0)
		wantKind(t, err, fault.KindForbidden)
	})
}

// TestRolloutAsksOtherServices: a connector that speaks with another service is late or not as that one says.
func TestRolloutAsksOtherServices(t *testing.T) {
	k := newKit(t, engines[1].url(t)) // services share a PostgreSQL
	con := k.enrol().id()
	other := access.Gateway{ID: access.NewID(access.PrefixGateway, time.Now()), Address: "other.example.com:443"}
	k.stop()
	var said atomic.Pointer[map[string]string]
	say := func(hashes map[string]string) { said.Store(&hashes) }
	say(map[string]string{})
	k.cfg.AskGateway = func(_ context.Context, gateway, question string, body []byte) ([]byte, error) {
		if gateway != string(other.ID) || question != wire.QuestionHaving {
			return nil, fault.NotFound("no")
		}
		if *said.Load() == nil {
			return nil, fault.Unavailable("away")
		}
		return wire.Encode(wire.Having{Hashes: *said.Load()}), nil
	}
	k.Control = k.open()
	k.run()
	k.Report(wire.Presence{Connector: string(con), Gateway: string(other.ID), Instance: "one", Tunnels: 1})
	told := func(what string, ok func(control.Rollout) bool) {
		t.Helper()
		eventually(t, what, func() bool {
			if err := k.store.Write(t.Context(), func(tx *store.Tx) error { return tx.BeatGateway(t.Context(), other) }); err != nil {
				t.Fatal(err)
			}
			r, err := k.Rollout(t.Context(), k.owner, 0)
			return ok(must(t, r, err)) && r.Gateways == 2 && r.Connectors == 1
		})
	}
	told("nobody knows", func(r control.Rollout) bool { return r.UnknownConnectors == 1 })
	say(map[string]string{string(con): "older"})
	told("it has an older one", func(r control.Rollout) bool { return len(r.LateConnectors) == 1 && r.UnknownConnectors == 0 })
	has := func() wire.Configuration {
		t.Helper()
		c, err := k.AgentConfiguration(t.Context(), con, wire.AskConfiguration{})
		return must(t, c, err)
	}
	told("it has it", func(r control.Rollout) bool {
		say(map[string]string{string(con): has().Hash}) // the next look is asked with it
		return len(r.LateConnectors)+r.UnknownConnectors == 0
	})
	say(nil)
	told("the other one does not answer", func(r control.Rollout) bool { return r.UnknownConnectors == 1 })
	must(t, 0, k.ReportConnector(t.Context(), con, wire.Report{Hash: "mine"}))
	answer, err := k.AnswerGateway(t.Context(), wire.QuestionHaving, []byte("{}"))
	if got, err2 := wire.Decode[wire.Having](must(t, answer, err)); err2 != nil || got.Hashes[string(con)] != "mine" {
		t.Errorf("what this one answers: %+v, %v", got, err2)
	}
}
