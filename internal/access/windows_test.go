package access_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/internal/access"
)

func TestParseWindow(t *testing.T) {
	for text, want := range map[string]string{
		"mon-fri 08:00-18:00 Europe/Berlin":      "mon-fri 08:00-18:00 Europe/Berlin",
		"  MON-Fri   08:00-18:00 Europe/Berlin ": "mon-fri 08:00-18:00 Europe/Berlin",
		"daily 00:00-24:00 UTC":                  "daily 00:00-24:00 UTC",
		"mon-sun 22:00-06:00 UTC":                "daily 22:00-06:00 UTC",
		"sun 00:00-24:00 UTC":                    "sun 00:00-24:00 UTC",
		"sun,mon 00:00-01:00 UTC":                "mon,sun 00:00-01:00 UTC",
		"fri-mon 00:00-01:00 UTC":                "mon,fri-sun 00:00-01:00 UTC",
		"mon,tue,wed,fri 00:00-01:00 UTC":        "mon-wed,fri 00:00-01:00 UTC",
		"sat,sat 00:00-01:00 Asia/Kathmandu":     "sat 00:00-01:00 Asia/Kathmandu",
	} {
		w, err := access.ParseWindow(text)
		if err != nil || w.String() != want {
			t.Errorf("%q: %q, %v; want %q", text, w, err, want)
			continue
		}
		if again, err := access.ParseWindow(w.String()); err != nil || again != w {
			t.Errorf("%q does not come back: %v, %v", w, again, err)
		}
	}
	for _, text := range []string{
		"", "mon", "mon 08:00-18:00", "08:00-18:00 UTC", "monday 08:00-18:00 UTC", "mon 8:00-18:00 UTC", "mon 08:00 18:00 UTC", "mon 08:00-08:00 UTC",
		"mon 24:00-08:00 UTC", "mon 08:00-24:01 UTC", "mon 08:00-25:00 UTC", "mon 08:00-18:00 Mars/Olympus", "mon 08:00-18:00 Local", "mon 08:00-18:00 ../../etc/passwd",
		"mon- 08:00-18:00 UTC", ",mon 08:00-18:00 UTC", "mon 08:00-18:00-19:00 UTC", "mon 08:60-18:00 UTC", "mon 08:00-18:00 UTC UTC", "mon 08:00-18:00 " + strings.Repeat("U", 200),
	} {
		if w, err := access.ParseWindow(text); err == nil {
			t.Errorf("%q was read as %q", text, w)
		} else if !strings.Contains(err.Error(), "such as") && !strings.Contains(err.Error(), "must") {
			t.Errorf("%q: the error says not what is wanted: %v", text, err)
		}
	}
}

// opens gives a rule with one window.
func opens(t *testing.T, text string) *access.Rule {
	t.Helper()
	w, err := access.ParseWindow(text)
	if err != nil {
		t.Fatal(err)
	}
	snap := access.NewSnapshot(access.Content{
		Applications: []*access.Application{{Meta: access.Meta{ID: "app"}}},
		Policies:     []*access.Policy{{AllApplications: true, Mode: access.ModeEnforce, Conditions: access.Conditions{Windows: []access.Window{w}}}},
	})
	return snap.Rules("app")[0]
}

// TestWindowsOpen: moments around the edges, also where clocks are set. In 2026 Berlin's clocks go
// from 2:00 to 3:00 on 29 March (01:00 UTC) and from 3:00 to 2:00 on 25 October (01:00 UTC).
func TestWindowsOpen(t *testing.T) {
	tests := []struct {
		window, from, to string // in UTC
	}{
		{"mon 08:00-18:00 UTC", "2026-03-02 08:00", "2026-03-02 18:00"},
		{"mon 08:00-24:00 UTC", "2026-03-02 08:00", "2026-03-03 00:00"},
		{"mon 22:00-06:00 UTC", "2026-03-02 22:00", "2026-03-03 06:00"},
		{"mon 08:00-18:00 Europe/Berlin", "2026-03-02 07:00", "2026-03-02 17:00"},
		{"mon 08:00-18:00 Europe/Berlin", "2026-07-06 06:00", "2026-07-06 16:00"},
		{"mon 00:00-01:00 Asia/Kathmandu", "2026-03-01 18:15", "2026-03-01 19:15"},
		{"mon 00:00-01:00 Pacific/Kiritimati", "2026-03-01 10:00", "2026-03-01 11:00"},
		{"mon 23:00-24:00 Pacific/Pago_Pago", "2026-03-03 10:00", "2026-03-03 11:00"},
		{"sun 00:00-24:00 Europe/Berlin", "2026-03-28 23:00", "2026-03-29 22:00"}, // of 23 hours
		{"sun 00:00-24:00 Europe/Berlin", "2026-10-24 22:00", "2026-10-25 23:00"}, // of 25 hours
		{"sun 01:00-02:30 Europe/Berlin", "2026-03-29 00:00", "2026-03-29 01:00"}, // 2:30 does not come: it ends when the clocks are set
		{"sun 02:30-04:00 Europe/Berlin", "2026-03-29 01:00", "2026-03-29 02:00"}, // it begins then
		{"sun 01:00-02:30 Europe/Berlin", "2026-10-24 23:00", "2026-10-25 00:30"}, // 2:30 comes twice: the first one
		{"sun 02:30-03:30 Europe/Berlin", "2026-10-25 00:30", "2026-10-25 02:30"},
		{"sat 22:00-03:00 Europe/Berlin", "2026-03-28 21:00", "2026-03-29 01:00"},
		{"sat 22:00-03:00 Europe/Berlin", "2026-10-24 20:00", "2026-10-25 02:00"},
	}
	moment := func(text string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range tests {
		rule := opens(t, test.window)
		from, to := moment(test.from), moment(test.to)
		for at := from; at.Before(to); at = at.Add(5 * time.Minute) {
			if until, ok := rule.Open(at); !ok || !until.Equal(to) {
				t.Errorf("%s at %v: open %v until %v, want until %v", test.window, at, ok, until, to)
				break
			}
		}
		for _, at := range []time.Time{from.Add(-1), to, from.Add(-30 * time.Minute), to.Add(30 * time.Minute)} {
			if _, ok := rule.Open(at); ok {
				t.Errorf("%s is open at %v", test.window, at)
			}
		}
	}
}

// TestUntilIsTheEnd: whatever the window and the zone, it stays open until the moment that it tells,
// and is decided anew then.
func TestUntilIsTheEnd(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tehran", "Africa/Casablanca", "America/Havana"}
	rapid.Check(t, func(rt *rapid.T) {
		w := access.Window{
			Days: access.Days(rapid.IntRange(1, 127).Draw(rt, "days")), Zone: rapid.SampledFrom(zones).Draw(rt, "zone"),
			From: access.Clock(rapid.IntRange(0, 24*60-1).Draw(rt, "from")), To: access.Clock(rapid.IntRange(0, 24*60).Draw(rt, "to")),
		}
		if w.From == w.To {
			return
		}
		rule := opens(t, w.String())
		at := time.Unix(rapid.Int64Range(1_262_304_000, 1_893_456_000).Draw(rt, "at"), 0) // 2010 to 2030
		until, ok := rule.Open(at)
		if !ok {
			return
		}
		if !until.After(at) || until.Sub(at) > 26*time.Hour {
			rt.Fatalf("%s at %v is open until %v", w, at, until)
		}
		for _, share := range []time.Duration{1, 2, 5, 9} {
			between := at.Add(until.Sub(at) * share / 10)
			if _, ok := rule.Open(between); !ok {
				rt.Fatalf("%s at %v is open until %v, but not at %v", w, at, until, between)
			}
		}
		if later, ok := rule.Open(until); ok && !later.After(until) {
			rt.Fatalf("%s opens again at its end and ends at once", w)
		}
	})
}

func TestNetworks(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.0/24": "192.0.2.0/24", "192.0.2.7": "192.0.2.7/32", "2001:db8::/32": "2001:db8::/32", "::1": "::1/128",
		"::ffff:192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.0/120": "192.0.2.0/24", "0.0.0.0/0": "0.0.0.0/0",
	} {
		if n, err := access.ParseNetwork(text); err != nil || n.String() != want {
			t.Errorf("%s: %s, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "192.0.2", "192.0.2.0/33", "fe80::1%eth0", "office", "192.0.2.0-192.0.2.9", "::ffff:0.0.0.0/90", "010.0.0.0/8"} {
		if n, err := access.ParseNetwork(text); err == nil {
			t.Errorf("%q was read as %s", text, n)
		}
	}
}

func TestValidatePolicy(t *testing.T) {
	good := access.Policy{Name: "P", Mode: access.ModeEnforce, AllApplications: true, Everyone: true}
	group := access.NewID(access.PrefixGroup, time.Now())
	for name, test := range map[string]struct {
		change func(*access.Policy)
		field  string
	}{
		"good":                  {func(*access.Policy) {}, ""},
		"no name":               {func(p *access.Policy) { p.Name = "" }, "name"},
		"mode of a later build": {func(p *access.Policy) { p.Mode = "shadow" }, "mode"},
		"all and some applications": {func(p *access.Policy) {
			p.Applications = []access.ID{access.NewID(access.PrefixApplication, time.Now())}
		}, "applications"},
		"everyone and some":         {func(p *access.Policy) { p.Groups = []access.ID{group} }, "everyone"},
		"a group as user":           {func(p *access.Policy) { p.ExceptUsers = []access.ID{group} }, "exceptUsers"},
		"twice":                     {func(p *access.Policy) { p.ExceptGroups = []access.ID{group, group} }, "exceptGroups"},
		"strength of a later build": {func(p *access.Policy) { p.Conditions.Strength = "retina" }, "strength"},
		"age too small":             {func(p *access.Policy) { p.Conditions.MaxAge = time.Second }, "maxAge"},
		"negative age":              {func(p *access.Policy) { p.Conditions.MaxAge = -time.Hour }, "maxAge"},
		"an address with a prefix": {func(p *access.Policy) {
			n, _ := access.ParseNetwork("192.0.2.1/24")
			p.Conditions.AllowedNetworks = []access.Network{n}
		}, "allowedNetworks"},
		"no network":                    {func(p *access.Policy) { p.Conditions.BlockedNetworks = []access.Network{{}} }, "blockedNetworks"},
		"a window without days":         {func(p *access.Policy) { p.Conditions.Windows = []access.Window{{From: 1, To: 2, Zone: "UTC"}} }, "windows"},
		"conditions of a later program": {func(p *access.Policy) { p.Conditions.Unknown = true }, "conditions"},
	} {
		p := good
		test.change(&p)
		err := p.Validate()
		if (err == nil) != (test.field == "") || err != nil && !strings.HasPrefix(err.Error(), test.field+" ") {
			t.Errorf("%s: %v, want an error about %q", name, err, test.field)
		}
	}
}

func TestNesting(t *testing.T) {
	n := access.Nesting{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "x": {"y"}, "y": {"x"}}
	name := func(id access.ID) string { return strings.ToUpper(string(id)) }
	for _, g := range []access.ID{"a", "b", "c", "d", "nobody"} {
		if err := n.Check(g, name); err != nil {
			t.Errorf("%s: %v", g, err)
		}
	}
	if err := n.Check("y", name); err == nil || !strings.Contains(err.Error(), "Y → X → Y") {
		t.Errorf("a ring: %v", err)
	}
	n["z"] = []access.ID{"x"} // a ring below, not around it: it ends, and is refused where it is made
	_ = n.Check("z", name)
	n = access.Nesting{}
	for i := range access.MaxGroupDepth - 1 {
		n[access.ID('a'+rune(i))] = []access.ID{access.ID('a' + rune(i) + 1)}
	}
	if err := n.Check("e", name); err != nil {
		t.Errorf("as deep as may be: %v", err)
	}
	n["top"] = []access.ID{"a"}
	if err := n.Check("e", name); err == nil || !strings.Contains(err.Error(), "11 deep") {
		t.Errorf("one deeper: %v", err)
	}
}
