package policy_test

import (
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/policy"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// snapshot publishes wiki (alice, group staff), open (passthrough), shut (disabled) and odd (a
// pre-authentication of a later build).
func snapshot() *access.Snapshot {
	app := func(id access.ID, pre access.PreAuthentication, disabled bool) *access.Application {
		return &access.Application{Meta: access.Meta{ID: id}, ExternalURL: "https://" + string(id) + ".example.com/",
			InternalURL: "http://10.0.0.1/", PreAuthentication: pre, Disabled: disabled}
	}
	return access.NewSnapshot(access.Content{
		Applications: []*access.Application{
			app("wiki", access.SignIn, false), app("open", access.Passthrough, false), app("lonely", access.SignIn, false),
			app("shut", access.SignIn, true), app("shutopen", access.Passthrough, true), app("odd", "certificate", false), app("none", "", false),
		},
		Assignments: []*access.Assignment{
			{Application: "wiki", User: "alice"}, {Application: "wiki", Group: "staff"},
			{Application: "shut", User: "alice"}, {Application: "odd", User: "alice"}, {Application: "none", User: "alice"},
		},
	})
}

func TestDecide(t *testing.T) {
	snap := snapshot()
	user := func(id access.ID, groups ...access.ID) *access.Principal {
		return &access.Principal{User: id, Groups: groups, Authenticated: now.Add(-time.Hour)}
	}
	tests := []struct {
		name   string
		app    access.ID
		who    *access.Principal
		allow  bool
		signIn bool
		reason string
	}{
		{"assigned user", "wiki", user("alice"), true, false, ""},
		{"assigned group", "wiki", user("bob", "guests", "staff"), true, false, ""},
		{"other group", "wiki", user("bob", "guests"), false, false, "not-assigned"},
		{"nobody signed in", "wiki", nil, false, true, "sign-in-required"},
		{"principal without a user", "wiki", user(""), false, true, "sign-in-required"},
		{"empty group name is no group", "wiki", user("bob", ""), false, false, "not-assigned"},
		{"signed in in the future", "wiki", &access.Principal{User: "alice", Authenticated: now.Add(time.Hour)}, false, true, "sign-in-required"},
		{"group id used as user id", "wiki", user("bob", "alice2"), false, false, "not-assigned"},
		{"no assignment at all", "lonely", user("alice"), false, false, "not-assigned"},
		{"owner without assignment", "lonely", &access.Principal{User: "root", Roles: []access.Role{access.RoleOwner}}, false, false, "not-assigned"},
		{"vouched for until later", "wiki", &access.Principal{User: "alice", Reprove: now.Add(-time.Minute), Ends: now.Add(time.Minute)}, true, false, ""},
		{"vouched for until now", "wiki", &access.Principal{User: "alice", Ends: now}, false, true, "proof-due"},
		{"break-glass, vouched for until now", "wiki", &access.Principal{User: "alice", Ends: now, BreakGlass: true}, false, true, "proof-due"},
		{"passthrough, nobody", "open", nil, true, false, ""},
		{"passthrough, somebody", "open", user("bob"), true, false, ""},
		{"disabled", "shut", user("alice"), false, false, "application-disabled"},
		{"disabled passthrough", "shutopen", nil, false, false, "application-disabled"},
		{"unknown pre-authentication", "odd", user("alice"), false, false, "unknown-policy"},
		{"empty pre-authentication", "none", user("alice"), false, false, "unknown-policy"},
		{"deleted application", "gone", user("alice"), false, false, "unknown-application"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := policy.Decide(snap, &access.Application{Meta: access.Meta{ID: test.app}, PreAuthentication: access.Passthrough}, policy.Request{Who: test.who, Now: now})
			if got.Allow != test.allow || got.SignIn != test.signIn || got.Reason != test.reason {
				t.Errorf("got %+v", got)
			}
			if !got.Allow && got.Message == "" {
				t.Error("a denial without a sentence")
			}
		})
	}
}

// TestDecideUntilTheProofEnds: what is open when nobody vouches for its user any more is decided again then.
func TestDecideUntilTheProofEnds(t *testing.T) {
	for _, ends := range []time.Time{{}, now.Add(time.Minute)} {
		app := &access.Application{Meta: access.Meta{ID: "wiki"}}
		if d := policy.Decide(snapshot(), app, policy.Request{Who: &access.Principal{User: "alice", Ends: ends}, Now: now}); !d.Allow || !d.Until.Equal(ends) {
			t.Errorf("until %v, want %v", d.Until, ends)
		}
	}
}

// NetBird's proxy serves a host openly when no authentication is registered for it; here what is
// missing denies.
func TestDecideFailsClosedOnNothing(t *testing.T) {
	snap := snapshot()
	app, _ := snap.Application("open")
	for name, got := range map[string]policy.Decision{
		"no snapshot":    policy.Decide(nil, app, policy.Request{Now: now}),
		"no application": policy.Decide(snap, nil, policy.Request{Now: now}),
		"zero decision":  {},
		"empty snapshot": policy.Decide(access.NewSnapshot(access.Content{}), app, policy.Request{Now: now}),
	} {
		if got.Allow {
			t.Errorf("%s: allowed", name)
		}
	}
}
