package control_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/fault"
)

// says gives an explanation in few words: its hops with their states.
func says(e control.Explanation) string {
	var words []string
	for _, h := range e.Hops {
		words = append(words, h.Name+" "+string(h.State))
	}
	return strings.Join(words, ", ")
}

func office(text string) access.Conditions {
	return access.Conditions{AllowedNetworks: []access.Network{{Prefix: netip.MustParsePrefix(text)}}, Strength: access.MultiFactor}
}

// TestExplain: each hop that can fail does, and is named with a cure.
func TestExplain(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		ada, wiki := k.user("ada"), k.application("wiki")
		inner := k.group("Inner", []access.ID{ada.ID}, nil)
		outer := k.group("Outer", nil, []access.ID{inner.ID})
		k.settled()
		ask := func(q control.Question) control.Explanation {
			t.Helper()
			q.User, q.Application = ada.ID, wiki.ID
			e, err := k.Explain(ctx, k.owner, q)
			return must(t, e, err)
		}
		fails := func(e control.Explanation, hop, reason, detail string) {
			t.Helper()
			if e.Allow || e.Failed != hop || e.Reason != reason || e.Cure == "" || e.Message == "" {
				t.Errorf("failed %q (%s), want %s (%s): %s; %q %q", e.Failed, e.Reason, hop, reason, says(e), e.Cure, e.Message)
			}
			for _, h := range e.Hops {
				if h.State == control.HopFailed && !strings.Contains(h.Detail, detail) {
					t.Errorf("%s says %q, want %q", h.Name, h.Detail, detail)
				}
			}
		}
		fails(ask(control.Question{}), "assignment", "not-assigned", "neither")
		as := must2(k.CreateAssignment(ctx, k.owner, access.Assignment{Application: wiki.ID, Group: outer.ID, Expires: time.Now().Add(time.Hour)}))(t)
		k.settled()
		e := ask(control.Question{})
		fails(e, "connectors", "no-connector", "is empty")
		if !strings.Contains(e.Hops[3].Detail, "the group Outer ← Inner, until") {
			t.Errorf("the way through groups: %q", e.Hops[3].Detail)
		}
		fails(ask(control.Question{At: time.Now().Add(2 * time.Hour)}), "assignment", "not-assigned", "which ended at")
		as.Expires = time.Time{}
		must2(k.UpdateAssignment(ctx, k.owner, as))(t)
		rule := must2(k.CreatePolicy(ctx, k.owner, access.Policy{Name: "The office", Groups: []access.ID{outer.ID}, AllApplications: true, Conditions: office("192.0.2.0/24")}))(t)
		k.settled()
		fails(ask(control.Question{}), "policy", "policy-network", "not known")
		fails(ask(control.Question{From: netip.MustParseAddr("198.51.100.1")}), "policy", "policy-network", "198.51.100.1 is in none")
		inside := control.Question{From: netip.MustParseAddr("192.0.2.1")}
		e = ask(inside)
		fails(e, "policy", "policy-strength", "multi-factor")
		if e.Decision.StepUp != access.MultiFactor || !strings.Contains(e.Hops[1].Detail, "assumed") {
			t.Errorf("the session: %+v", e.Hops[1])
		}
		inside.Strength = access.MultiFactor
		fails(ask(inside), "connectors", "no-connector", "is empty")
		inside.Strength = ""
		k.signIn("ada")
		if e = ask(inside); !strings.Contains(e.Hops[1].Detail, "signed in") || !strings.Contains(e.Hops[1].Detail, "pwd") {
			t.Errorf("a session that there is: %+v", e.Hops[1])
		}
		rule.Mode = access.ModeReportOnly
		must2(k.UpdatePolicy(ctx, k.owner, rule))(t)
		k.settled()
		if e = ask(inside); e.Failed != "connectors" || !strings.Contains(says(e), "policy note") {
			t.Errorf("only to report: %s", says(e))
		}
		ada = must2(k.User(ctx, k.owner, ada.ID))(t)
		ada.Disabled = true
		ada = must2(k.UpdateUser(ctx, k.owner, ada))(t)
		fails(ask(inside), "user", "sign-in-required", "disabled")
		wiki.Disabled = true
		must2(k.UpdateApplication(ctx, k.owner, wiki))(t)
		ada.Disabled = false
		must2(k.UpdateUser(ctx, k.owner, ada))(t)
		k.settled()
		fails(ask(inside), "application", "application-disabled", "switched off")
		_, err := k.Explain(ctx, k.actor(access.RoleLogReader), control.Question{User: ada.ID, Application: wiki.ID})
		wantKind(t, err, fault.KindForbidden)
	})
}

// TestBreakGlass: only an Owner makes and touches such a user, and each use is in the audit log.
func TestBreakGlass(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		ctx := t.Context()
		people := k.actor(access.RolePolicyAdmin)
		_, err := k.CreateUser(ctx, people, access.User{Name: "rescue", BreakGlass: true}, password)
		wantKind(t, err, fault.KindForbidden)
		rescue := must2(k.CreateUser(ctx, k.owner, access.User{Name: "rescue", BreakGlass: true}, password))(t)
		wiki := k.application("wiki")
		k.assign(wiki.ID, rescue.ID)
		_, _, link := k.CreateLink(ctx, people, rescue.ID)
		for what, err := range map[string]error{
			"update":   second(k.UpdateUser(ctx, people, rescue)),
			"delete":   k.DeleteUser(ctx, people, rescue.ID, 0),
			"password": k.SetPassword(ctx, people, rescue.ID, password+"!"),
			"sign out": k.RevokeSessions(ctx, people, rescue.ID),
			"factors":  k.ResetFactors(ctx, people, rescue.ID),
			"link":     link,
			"document": second(k.ApplyDocument(ctx, people, control.ApplyRequest{Document: access.Document{Users: []access.User{{Name: "rescue"}}}})),
		} {
			if !fault.Is(err, fault.KindForbidden) {
				t.Errorf("%s by an administrator of policies: %v", what, err)
			}
		}
		must2(k.CreatePolicy(ctx, k.owner, access.Policy{Name: "Nobody", Everyone: true, AllApplications: true,
			Conditions: access.Conditions{BlockedNetworks: []access.Network{{Prefix: netip.MustParsePrefix("0.0.0.0/0")}}}}))(t)
		k.settled()
		b := k.signIn("rescue")
		if e := k.lastAudit("session.break-glass"); e.Actor.ID != rescue.ID || e.Object != b.who.Session {
			t.Errorf("the sign-in left %+v", e)
		}
		if _, err := k.Authorize(ctx, anyone(), b.who, k.request(wiki, "/")); err != nil {
			t.Fatalf("break glass: %v", err)
		}
		if e := k.lastAudit("session.break-glass"); e.Object != wiki.ID || !strings.Contains(e.Detail, "Nobody") {
			t.Errorf("the way past a policy left %+v", e)
		}
		used := false
		k.Inspect(ctx)
		for _, f := range k.Findings(ctx) {
			used = used || f.Code == "break-glass-used" && f.Object == rescue.ID
		}
		if !used {
			t.Error("health does not tell that a break-glass user was used")
		}
		if d, err := k.Explain(ctx, k.owner, control.Question{User: rescue.ID, Application: wiki.ID}); err != nil || !strings.Contains(says(d), "policy note") {
			t.Errorf("explained: %s, %v", says(d), err)
		}
	})
}

// TestPoliciesOfNothing: one that is for nobody or for nothing is refused, as is one that names what is not there.
func TestPoliciesOfNothing(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		gone := access.ID("app_" + strings.Repeat("0", 26))
		for field, p := range map[string]access.Policy{
			"applications":               {Name: "P", Everyone: true},
			"everyone":                   {Name: "P", AllApplications: true},
			"must be ids of what exists": {Name: "P", Everyone: true, Applications: []access.ID{gone}},
		} {
			if _, err := k.CreatePolicy(t.Context(), k.owner, p); !fault.Is(err, fault.KindInvalid) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s: %v", field, err)
			}
		}
		_, err := k.CreatePolicy(t.Context(), k.owner, access.Policy{Mode: "often", Users: []access.ID{"junk"}, ExceptGroups: []access.ID{access.ID("grp_" + strings.Repeat("0", 26))}})
		var told []string
		if wrong, ok := errors.AsType[*fault.Error](err); ok {
			for _, f := range wrong.Fields {
				told = append(told, f.Name)
			}
		}
		if !slices.Equal(told, []string{"name", "mode", "users", "applications", "exceptGroups"}) { // all at once, each once
			t.Errorf("what is wrong is told of %v", told)
		}
		p := must2(k.CreatePolicy(t.Context(), k.owner, access.Policy{Name: "P", Everyone: true, AllApplications: true}))(t)
		_, err = k.CreatePolicy(t.Context(), k.owner, access.Policy{Name: "p", Everyone: true, AllApplications: true})
		wantKind(t, err, fault.KindConflict)
		p.Conditions.Strength = access.MultiFactor
		p = must2(k.UpdatePolicy(t.Context(), k.owner, p))(t)
		back := must2(k.UndoPolicy(t.Context(), k.owner, control.Undo{ID: p.ID, Version: p.Version}))(t)
		if back.Conditions.Strength != "" || back.Version != 3 {
			t.Errorf("undone: %+v", back)
		}
	})
}
