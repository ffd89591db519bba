package access_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/fault"
)

func TestVersionAtLeast(t *testing.T) {
	tests := []struct {
		version, least string
		want           bool
	}{
		{"1.4.0", "1.4.0", true}, {"1.4", "1.4.0", true}, {"1.4.0", "1.4", true}, {"2", "1.99.99", true}, {"1.10.0", "1.9.9", true},
		{"1.9.9", "1.10.0", false}, {"1.3.9", "1.4", false}, {"v1.4.0", "1.4.0", true}, {"1.4.0+build.7", "1.4.0", true},
		{"1.4.0-rc1", "1.4.0", false}, {"1.4.0", "1.4.0-rc1", true}, {"1.4.0-rc2", "1.4.0-rc1", true}, {"1.4.0-rc1", "1.4.0-rc2", false}, {"1.4.1-rc1", "1.4.0", true},
		{"", "0", false}, {"dev", "0", false}, {"1.x", "0", false}, {"1.2.3.4", "0", false}, {"-1", "0", false}, {"+1", "0", false}, {"1.-2", "0", false},
		{"99999999999999999999", "0", false}, {"1.4.0-", "0", false}, {"1.4.0-\x00", "0", false}, {"1.4.0", "", false}, {"٣", "0", false},
	}
	for _, test := range tests {
		if got := access.VersionAtLeast(test.version, test.least); got != test.want {
			t.Errorf("%q is at least %q: %v", test.version, test.least, got)
		}
	}
}

func TestClientVersions(t *testing.T) {
	for text, want := range map[string]access.ClientVersion{
		"1.4.0": {Version: "1.4.0"}, "linux=2": {System: "linux", Version: "2"}, "darwin=1.0-rc1": {System: "darwin", Version: "1.0-rc1"},
	} {
		got, err := access.ParseClientVersion(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "v1.4", "=1", "linux=", "plan9=1.0", "linux=1=2", "1.4.0 ", "any", "linux = 1"} {
		if _, err := access.ParseClientVersion(bad); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestDeviceConditionsAreChecked(t *testing.T) {
	policy := func(d access.DeviceCondition) *access.Policy {
		return &access.Policy{Name: "p", Mode: access.ModeEnforce, Everyone: true, AllApplications: true, Conditions: access.Conditions{Device: d}}
	}
	type condition = access.DeviceCondition
	for name, c := range map[string]condition{
		"none": {}, "enrolled": {Enrolled: true}, "systems": {Systems: []string{"linux", "darwin"}},
		"versions": {Clients: []access.ClientVersion{{Version: "1"}, {System: "linux", Version: "2"}}},
	} {
		if err := policy(c).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, err := json.Marshal(access.Conditions{Device: c})
		if err != nil || (name == "none") != (string(text) == "{}") {
			t.Errorf("%s: %s, %v", name, text, err)
		}
		var back access.Conditions
		if err := json.Unmarshal(text, &back); err != nil || !cmp.Equal(back.Device, c) {
			t.Errorf("%s: %+v, %v", name, back.Device, err)
		}
	}
	for name, c := range map[string]condition{
		"a system that nobody knows": {Systems: []string{"plan9"}}, "a system twice": {Systems: []string{"linux", "linux"}},
		"no version": {Clients: []access.ClientVersion{{System: "linux"}}}, "two for one system": {Clients: []access.ClientVersion{{Version: "1"}, {Version: "2"}}},
		"of no system": {Clients: []access.ClientVersion{{System: "plan9", Version: "1"}}},
	} {
		if err := policy(c).Validate(); !fault.Is(err, fault.KindInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
