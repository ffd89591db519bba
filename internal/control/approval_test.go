package control_test

import (
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/agentview"
	"postern/internal/control"
	"postern/internal/fault"
	"postern/internal/wire"
)

// held enrols a connector with a token that holds.
func (k *kit) held(name string) (wire.EnrolRequest, access.ID) {
	k.t.Helper()
	_, text, err := k.CreateToken(k.t.Context(), k.owner, access.Token{Name: name, Hold: true})
	must(k.t, text, err)
	token, err := wire.ParseEnrolmentToken(text)
	must(k.t, token, err)
	request := enrolment(k.t, token, newKey(k.t))
	request.Name = name
	credential, err := k.Enrol(k.t.Context(), anyone(), request)
	must(k.t, credential, err)
	if credential.Waiting.IsZero() {
		k.t.Errorf("%s is not told that it waits", name)
	}
	k.settled()
	return request, access.ID(credential.Connector)
}

// opens tells whether a connector's configuration lets it do anything.
func (k *kit) opens(id access.ID) bool {
	k.t.Helper()
	snap, err := k.Snapshot(k.t.Context(), 0)
	must(k.t, snap, err)
	c, _ := agentview.Configuration(snap, id)
	return len(c.Targets) > 0 || len(c.GrantKeys) > 0
}

// TestHeldConnector: whoever enrols with a token that holds gets nothing until an administrator says so, whatever else is changed of it.
func TestHeldConnector(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		k.application("wiki")
		request, id := k.held("site")
		status := k.ConnectorStatus(id)
		if k.opens(id) || status.Label != control.LabelWaiting || !strings.Contains(status.Why, "postern connectors approve site") {
			t.Errorf("before: %+v", status)
		}
		list, _, err := k.Connectors(t.Context(), k.owner, access.Page{Only: map[string]string{"status": "waiting"}})
		if err != nil || len(list) != 1 || list[0].ID != id {
			t.Errorf("the list of those that wait: %+v, %v", list, err)
		}
		moved := list[0]
		moved.Name, moved.Waiting = "renamed", time.Time{}
		if changed, err := k.UpdateConnector(t.Context(), k.owner, moved); err != nil || changed.Waiting.IsZero() {
			t.Errorf("a change of another kind approves: %+v, %v", changed, err)
		}
		again, err := k.Enrol(t.Context(), anyone(), request)
		if err != nil || again.Waiting.IsZero() || access.ID(again.Connector) != id {
			t.Errorf("asked again: %+v, %v", again.Waiting, err)
		}
		found := false
		k.Alert(t.Context())
		for _, f := range k.Findings(t.Context()) {
			found = found || f.Code == "connector-waiting" && f.Object == id && f.Severity == control.SeverityWarning && strings.Contains(f.Cure, "postern connectors approve")
		}
		if !found {
			t.Error("health does not tell that it waits")
		}
		approved, err := k.ApproveConnector(t.Context(), k.owner, id)
		if err != nil || !approved.Waiting.IsZero() {
			t.Fatalf("%+v, %v", approved, err)
		}
		if last := k.lastAudit("connector.approve"); last.Object != id || !strings.Contains(last.Detail, "Waiting") {
			t.Errorf("audit: %+v", last)
		}
		k.settled()
		if !k.opens(id) || k.ConnectorStatus(id).Label == control.LabelWaiting {
			t.Error("approved, and it still waits")
		}
		_, err = k.ApproveConnector(t.Context(), k.owner, id)
		wantKind(t, err, fault.KindConflict)
		wantKind(t, k.RejectConnector(t.Context(), k.owner, id), fault.KindConflict) // which would delete one that works
	})
}

// TestHeldConnectorThatNobodyWants: it is deleted when it is rejected or its time is over, and its certificate with it.
func TestHeldConnectorThatNobodyWants(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		_, one := k.held("one")
		_, two := k.held("two")
		if err := k.RejectConnector(t.Context(), k.owner, one); err != nil {
			t.Fatal(err)
		}
		k.pass(access.ApprovalWithin - time.Minute)
		k.CleanUp(t.Context())
		if _, err := k.Connector(t.Context(), k.owner, two); err != nil {
			t.Fatalf("before its time: %v", err)
		}
		k.pass(2 * time.Minute)
		k.CleanUp(t.Context())
		for _, id := range []access.ID{one, two} {
			_, err := k.Connector(t.Context(), k.owner, id)
			wantKind(t, err, fault.KindNotFound)
		}
		if last := k.lastAudit("connector.reject"); last.Object != two || last.Actor.Kind != access.ActorSystem {
			t.Errorf("audit: %+v", last)
		}
		wantKind(t, k.RejectConnector(t.Context(), k.owner, two), fault.KindNotFound)
	})
}

// TestWhoApproves: nobody but those who may make tokens, and no connector for itself.
func TestWhoApproves(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		_, id := k.held("site")
		for _, by := range []access.Actor{anyone(), {Kind: access.ActorConnector, ID: id}, {Kind: access.ActorUser}} {
			if _, err := k.ApproveConnector(t.Context(), by, id); err == nil {
				t.Errorf("%s approves", by.Kind)
			}
		}
		if k.opens(id) {
			t.Error("it is approved")
		}
	})
}
