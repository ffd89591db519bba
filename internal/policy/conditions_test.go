package policy_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/policy"
)

// under publishes wiki, assigned to everybody of the group staff, and open (passthrough) under the policies.
func under(policies ...*access.Policy) *access.Snapshot {
	for i, p := range policies {
		p.ID, p.AllApplications = access.ID([]string{"pol_a", "pol_b", "pol_c"}[i]), len(p.Applications) == 0
		p.Name = string(p.ID)
		p.Defaults()
	}
	return access.NewSnapshot(access.Content{
		Applications: []*access.Application{
			{Meta: access.Meta{ID: "wiki"}, PreAuthentication: access.SignIn}, {Meta: access.Meta{ID: "open"}, PreAuthentication: access.Passthrough},
		},
		Assignments: []*access.Assignment{{Application: "wiki", Group: "staff", Expires: now.Add(48 * time.Hour)}},
		Policies:    policies,
	})
}

func window(t *testing.T, text string) []access.Window {
	t.Helper()
	w, err := access.ParseWindow(text)
	if err != nil {
		t.Fatal(err)
	}
	return []access.Window{w}
}

func nets(list ...string) (found []access.Network) {
	for _, text := range list {
		found = append(found, access.Network{Prefix: netip.MustParsePrefix(text)})
	}
	return found
}

var (
	pwd     = []string{access.MethodPassword}
	otp     = []string{access.MethodPassword, access.MethodTOTP}
	passkey = []string{access.MethodPasskey, access.MethodVerified}
)

// TestConditions: now is a Sunday, 12:00 UTC.
func TestConditions(t *testing.T) {
	type conditions = access.Conditions
	tests := []struct {
		name    string
		c       conditions
		methods []string
		age     time.Duration
		from    string
		reason  string
		stepUp  access.Strength
		until   time.Duration // from now; 48h is the end of the assignment
	}{
		{"none", conditions{}, pwd, time.Hour, "192.0.2.1", "", "", 48 * time.Hour},
		{"any sign-in", conditions{Strength: access.SingleFactor}, pwd, time.Hour, "", "", "", 48 * time.Hour},
		{"second factor missing", conditions{Strength: access.MultiFactor}, pwd, time.Hour, "", "policy-strength", access.MultiFactor, 0},
		{"second factor there", conditions{Strength: access.MultiFactor}, otp, time.Hour, "", "", "", 48 * time.Hour},
		{"a verified passkey is two factors", conditions{Strength: access.MultiFactor}, passkey, time.Hour, "", "", "", 48 * time.Hour},
		{"an upstream's two factors", conditions{Strength: access.MultiFactor}, []string{"mfa"}, time.Hour, "", "", "", 48 * time.Hour},
		{"no methods at all", conditions{Strength: access.MultiFactor}, nil, time.Hour, "", "policy-strength", access.MultiFactor, 0},
		{"a code can be phished", conditions{Strength: access.PhishingResistant}, otp, time.Hour, "", "policy-strength", access.PhishingResistant, 0},
		{"a passkey that verified nobody", conditions{Strength: access.PhishingResistant}, []string{"pwd", "pop"}, time.Hour, "", "policy-strength", access.PhishingResistant, 0},
		{"a passkey", conditions{Strength: access.PhishingResistant}, passkey, time.Hour, "", "", "", 48 * time.Hour},
		{"an upstream's passkey", conditions{Strength: access.PhishingResistant}, []string{"phr"}, time.Hour, "", "", "", 48 * time.Hour},
		{"a strength of a later build", conditions{Strength: "retina"}, passkey, time.Hour, "", "policy-strength", "retina", 0},
		{"fresh", conditions{MaxAge: 2 * time.Hour}, pwd, time.Hour, "", "", "", time.Hour},
		{"just too old", conditions{MaxAge: time.Hour}, pwd, time.Hour, "", "policy-age", access.SingleFactor, 0},
		{"just not", conditions{MaxAge: time.Hour}, pwd, time.Hour - 1, "", "", "", 1},
		{"in the network", conditions{AllowedNetworks: nets("192.0.2.0/24", "2001:db8::/32")}, pwd, 0, "192.0.2.77", "", "", 48 * time.Hour},
		{"in the other one", conditions{AllowedNetworks: nets("192.0.2.0/24", "2001:db8::/32")}, pwd, 0, "2001:db8::1", "", "", 48 * time.Hour},
		{"IPv4 in IPv6 is IPv4", conditions{AllowedNetworks: nets("192.0.2.0/24")}, pwd, 0, "::ffff:192.0.2.77", "", "", 48 * time.Hour},
		{"with a zone", conditions{AllowedNetworks: nets("fe80::/10")}, pwd, 0, "fe80::1%eth0", "", "", 48 * time.Hour},
		{"outside", conditions{AllowedNetworks: nets("192.0.2.0/24")}, pwd, 0, "198.51.100.1", "policy-network", "", 0},
		{"blocked", conditions{BlockedNetworks: nets("198.51.100.0/24")}, pwd, 0, "198.51.100.1", "policy-network", "", 0},
		{"not blocked", conditions{BlockedNetworks: nets("198.51.100.0/24")}, pwd, 0, "192.0.2.1", "", "", 48 * time.Hour},
		{"allowed and blocked", conditions{AllowedNetworks: nets("192.0.2.0/24"), BlockedNetworks: nets("192.0.2.128/25")}, pwd, 0, "192.0.2.200", "policy-network", "", 0},
		{"blocked IPv4 in IPv6", conditions{BlockedNetworks: nets("192.0.2.0/24")}, pwd, 0, "::ffff:192.0.2.1", "policy-network", "", 0},
		{"no address", conditions{BlockedNetworks: nets("198.51.100.0/24")}, pwd, 0, "", "policy-network", "", 0},
		{"open", conditions{Windows: window(t, "sun 08:00-18:00 UTC")}, pwd, 0, "", "", "", 6 * time.Hour},
		{"closed", conditions{Windows: window(t, "mon-sat 00:00-24:00 UTC")}, pwd, 0, "", "policy-time", "", 0},
		{"closing now", conditions{Windows: window(t, "sun 08:00-12:00 UTC")}, pwd, 0, "", "policy-time", "", 0},
		{"opening now", conditions{Windows: window(t, "sun 12:00-13:00 UTC")}, pwd, 0, "", "", "", time.Hour},
		{"one of two, the longer one counts", conditions{Windows: slices.Concat(window(t, "sun 11:00-13:00 UTC"), window(t, "sun 11:00-14:00 UTC"))}, pwd, 0, "", "", "", 2 * time.Hour},
		{"a zone of a later build", conditions{Windows: []access.Window{{Days: 1<<7 - 1, From: 0, To: 24 * 60, Zone: "Mars/Olympus"}}}, pwd, 0, "", "policy-time", "", 0},
		{"a condition of a later build", conditions{Unknown: true}, passkey, 0, "192.0.2.1", "unknown-policy", "", 0},
		{"what nobody can help comes first", conditions{Strength: access.MultiFactor, MaxAge: time.Minute, AllowedNetworks: nets("10.0.0.0/8")}, pwd, time.Hour, "192.0.2.1", "policy-network", "", 0},
		{"a second factor renews the age, too", conditions{Strength: access.MultiFactor, MaxAge: time.Minute}, pwd, time.Hour, "", "policy-strength", access.MultiFactor, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			who := &access.Principal{User: "ada", Groups: []access.ID{"staff"}, Authenticated: now.Add(-test.age), Methods: test.methods}
			r := policy.Request{Who: who, Now: now}
			if test.from != "" {
				r.Address = netip.MustParseAddr(test.from)
			}
			app := &access.Application{Meta: access.Meta{ID: "wiki"}}
			got := policy.Decide(under(&access.Policy{Everyone: true, Conditions: test.c}), app, r)
			if got.Allow != (test.reason == "") || got.Reason != test.reason || got.StepUp != test.stepUp {
				t.Errorf("got %+v", got)
			}
			if !got.Allow && (got.Finding == nil || got.Finding.Name != "pol_a" || got.Finding.Detail == "" || got.Message == "") {
				t.Errorf("the denial does not say why: %+v %+v", got, got.Finding)
			}
			if want := now.Add(test.until); got.Allow && !got.Until.Equal(want) {
				t.Errorf("to be decided again at %v, want %v", got.Until, want)
			}
			report := policy.Decide(under(&access.Policy{Everyone: true, Mode: access.ModeReportOnly, Conditions: test.c}), app, r)
			if !report.Allow || (len(report.Reports) == 1) != (test.reason != "") || !report.Until.Equal(now.Add(48*time.Hour)) {
				t.Errorf("only to report: %+v", report)
			}
			off := policy.Decide(under(&access.Policy{Everyone: true, Mode: access.ModeOff, Conditions: test.c}), app, r)
			if !off.Allow || len(off.Reports) > 0 {
				t.Errorf("off: %+v", off)
			}
			later := policy.Decide(under(&access.Policy{Everyone: true, Mode: "shadow", Conditions: test.c}), app, r)
			if later.Allow {
				t.Errorf("a mode of a later build: %+v", later)
			}
			who.BreakGlass = true
			glass := policy.Decide(under(&access.Policy{Everyone: true, Conditions: test.c}), app, r)
			if !glass.Allow || (glass.Exempt != nil) != (test.reason != "") {
				t.Errorf("break glass: %+v", glass)
			}
		})
	}
}

// TestDevices: which device meets a condition, and what its user is told.
func TestDevices(t *testing.T) {
	type condition = access.DeviceCondition
	linux := access.DeviceFacts{ID: "dev_a", Name: "laptop", OS: "linux", OSVersion: "12", Program: "1.4.0"}
	from := func(os, program string) access.DeviceFacts {
		return access.DeviceFacts{ID: "dev_b", Name: "desk", OS: os, Program: program}
	}
	clients := func(list ...string) (found []access.ClientVersion) {
		for _, text := range list {
			v, err := access.ParseClientVersion(text)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, v)
		}
		return found
	}
	tests := []struct {
		name string
		c    condition
		d    access.DeviceFacts
		told string // a part of it; empty: allowed
	}{
		{"nothing asked", condition{}, access.DeviceFacts{}, ""},
		{"enrolled", condition{Enrolled: true}, linux, ""},
		{"a browser", condition{Enrolled: true}, access.DeviceFacts{}, "Postern client"},
		{"a browser that says what it runs on", condition{Systems: []string{"linux"}}, access.DeviceFacts{OS: "linux"}, "Postern client"},
		{"the system", condition{Systems: []string{"windows", "linux"}}, linux, ""},
		{"another system", condition{Systems: []string{"windows", "darwin"}}, linux, "Use one with Windows or macOS"},
		{"a system that nobody knows", condition{Systems: []string{"linux"}}, from("plan9", "1.4.0"), "an unknown system"},
		{"the version", condition{Clients: clients("1.4.0")}, linux, ""},
		{"newer", condition{Clients: clients("1.3")}, linux, ""},
		{"older", condition{Clients: clients("1.4.1")}, linux, "Update it to 1.4.1"},
		{"older, by number and not by letter", condition{Clients: clients("1.10")}, linux, "Update it to 1.10"},
		{"of its own system", condition{Clients: clients("linux=1.4", "2.0")}, linux, ""},
		{"of all other systems", condition{Clients: clients("linux=1.4", "2.0")}, from("windows", "1.9"), "Update it to 2.0"},
		{"of another system", condition{Clients: clients("windows=2.0")}, linux, ""},
		{"a browser, of another system", condition{Clients: clients("windows=2.0")}, access.DeviceFacts{}, "Postern client"},
		{"no version", condition{Clients: clients("1.0")}, from("linux", "dev"), "Update it to 1.0"},
		{"before its release", condition{Clients: clients("1.4.0")}, from("linux", "1.4.0-rc1"), "Update it to 1.4.0"},
		{"a build", condition{Clients: clients("1.4.0")}, from("linux", "v1.4.0+abc"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			who := &access.Principal{User: "ada", Groups: []access.ID{"staff"}, Authenticated: now, Methods: pwd, Device: test.d}
			snap := under(&access.Policy{Everyone: true, Conditions: access.Conditions{Device: test.c}})
			got := policy.Decide(snap, &access.Application{Meta: access.Meta{ID: "wiki"}}, policy.Request{Who: who, Now: now})
			if got.Allow != (test.told == "") || !strings.Contains(got.Message, test.told) || got.StepUp != "" {
				t.Errorf("%+v", got)
			}
			if !got.Allow && (got.Reason != "policy-device" || got.Finding.Condition != policy.ConditionDevice || got.Finding.Detail == "") {
				t.Errorf("%+v %+v", got, got.Finding)
			}
			if open := policy.Decide(snap, &access.Application{Meta: access.Meta{ID: "open"}}, policy.Request{Now: now}); !open.Allow {
				t.Errorf("where nobody is asked who they are, a device is asked for: %+v", open)
			}
		})
	}
}

// TestConcerns: whom and what a policy is for.
func TestConcerns(t *testing.T) {
	never := access.Conditions{BlockedNetworks: nets("0.0.0.0/0")}
	tests := []struct {
		name string
		p    access.Policy
		want []string // who is denied, of ada (staff, admins), bob (staff) and nobody, who uses the open application
	}{
		{"everyone", access.Policy{Everyone: true}, []string{"ada", "bob", "nobody"}},
		{"a user", access.Policy{Users: []access.ID{"ada"}}, []string{"ada"}},
		{"a group", access.Policy{Groups: []access.ID{"admins"}}, []string{"ada"}},
		{"nobody", access.Policy{}, nil},
		{"everyone but a user", access.Policy{Everyone: true, ExceptUsers: []access.ID{"ada"}}, []string{"bob", "nobody"}},
		{"everyone but a group", access.Policy{Everyone: true, ExceptGroups: []access.ID{"admins"}}, []string{"bob", "nobody"}},
		{"a group but a user of it", access.Policy{Groups: []access.ID{"staff"}, ExceptUsers: []access.ID{"bob"}}, []string{"ada"}},
		{"named, and left out by a group", access.Policy{Users: []access.ID{"ada", "bob"}, ExceptGroups: []access.ID{"admins"}}, []string{"bob"}},
		{"another application", access.Policy{Everyone: true, Applications: []access.ID{"other"}}, nil},
		{"one application", access.Policy{Everyone: true, Applications: []access.ID{"wiki"}}, []string{"ada", "bob"}},
		{"the open one", access.Policy{Everyone: true, Applications: []access.ID{"open"}}, []string{"nobody"}},
	}
	who := map[string]*access.Principal{
		"ada": {User: "ada", Groups: []access.ID{"staff", "admins"}, Authenticated: now}, "bob": {User: "bob", Groups: []access.ID{"staff"}, Authenticated: now}, "nobody": nil,
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.p.Conditions = never
			snap := under(&test.p)
			var denied []string
			for _, name := range []string{"ada", "bob", "nobody"} {
				app := &access.Application{Meta: access.Meta{ID: "wiki"}}
				if who[name] == nil {
					app.ID = "open"
				}
				if !policy.Decide(snap, app, policy.Request{Who: who[name], Address: netip.MustParseAddr("192.0.2.1"), Now: now}).Allow {
					denied = append(denied, name)
				}
			}
			if diff := cmp.Diff(test.want, denied); diff != "" {
				t.Errorf("denied (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPassthroughAsksNobody: of an application without sign-in, policies decide where and when, not who.
func TestPassthroughAsksNobody(t *testing.T) {
	app := &access.Application{Meta: access.Meta{ID: "open"}}
	strict := under(&access.Policy{Everyone: true, Conditions: access.Conditions{Strength: access.PhishingResistant, MaxAge: time.Minute, Windows: window(t, "sun 11:00-13:00 UTC")}})
	d := policy.Decide(strict, app, policy.Request{Who: &access.Principal{User: "ada"}, Now: now})
	if !d.Allow || !d.Until.Equal(now.Add(time.Hour)) {
		t.Errorf("within the times: %+v", d)
	}
	if d := policy.Decide(strict, app, policy.Request{Now: now.Add(time.Hour)}); d.Allow || d.Reason != "policy-time" {
		t.Errorf("after them: %+v", d)
	}
	if d := policy.Published(strict, app); !d.Allow {
		t.Errorf("the application itself: %+v", d)
	}
}

// TestAllPoliciesHold: each that is for a request must be met, and the gravest speaks.
func TestAllPoliciesHold(t *testing.T) {
	snap := under(
		&access.Policy{Everyone: true, Conditions: access.Conditions{MaxAge: time.Minute}},
		&access.Policy{Groups: []access.ID{"staff"}, Conditions: access.Conditions{Strength: access.PhishingResistant}},
		&access.Policy{Everyone: true, Conditions: access.Conditions{Strength: access.MultiFactor}},
	)
	app := &access.Application{Meta: access.Meta{ID: "wiki"}}
	who := &access.Principal{User: "ada", Groups: []access.ID{"staff"}, Authenticated: now.Add(-time.Hour), Methods: pwd}
	if d := policy.Decide(snap, app, policy.Request{Who: who, Now: now}); d.Finding == nil || d.Finding.Policy != "pol_b" || d.StepUp != access.PhishingResistant {
		t.Errorf("%+v", d)
	}
	who.Methods = passkey
	if d := policy.Decide(snap, app, policy.Request{Who: who, Now: now}); d.Reason != "policy-age" || d.Finding.Policy != "pol_a" {
		t.Errorf("%+v", d)
	}
	who.Authenticated = now
	if d := policy.Decide(snap, app, policy.Request{Who: who, Now: now}); !d.Allow || !d.Until.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v", d)
	}
}

func BenchmarkDecide(b *testing.B) {
	w, _ := access.ParseWindow("mon-sun 00:00-24:00 Europe/Berlin")
	for name, snap := range map[string]*access.Snapshot{
		"no policy": under(),
		"policy":    under(&access.Policy{Everyone: true, Conditions: access.Conditions{Strength: access.MultiFactor, MaxAge: time.Hour, AllowedNetworks: nets("192.0.2.0/24")}}),
		"window":    under(&access.Policy{Everyone: true, Conditions: access.Conditions{Windows: []access.Window{w}}}),
	} {
		app, _ := snap.Application("wiki")
		r := policy.Request{Who: &access.Principal{User: "ada", Groups: []access.ID{"staff"}, Authenticated: now, Methods: otp}, Address: netip.MustParseAddr("192.0.2.1"), Now: now}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !policy.Decide(snap, app, r).Allow {
					b.Fatal("denied")
				}
			}
		})
	}
}
