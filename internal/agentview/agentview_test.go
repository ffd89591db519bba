package agentview_test

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/access"
	"postern/internal/agentview"
	"postern/internal/wire"
)

func content() access.Content {
	meta := func(id access.ID) access.Meta { return access.Meta{ID: id, Version: 1} }
	return access.Content{
		Version:     7,
		TrustDomain: "postern.test",
		Names:       access.Names{PortalURL: "https://access.example.com", AdminURL: "https://admin.example.com"},
		Roots:       []byte("roots"),
		GrantKeys:   map[string]ed25519.PublicKey{"k1": []byte("one"), "k2": []byte("two")},
		Gateways:    []access.Gateway{{ID: "g2", Address: "b:443"}, {ID: "g1", Address: "a:443"}},
		Groups:      []*access.ConnectorGroup{{Meta: meta("here"), Name: "here"}, {Meta: meta("there"), Name: "there"}},
		Connectors: []*access.Connector{
			{Meta: meta("c1"), Name: "first", GroupID: "here"},
			{Meta: meta("c2"), Name: "second", GroupID: "there"},
			{Meta: meta("c3"), Name: "third", GroupID: "here", Disabled: true},
		},
		Applications: []*access.Application{
			{Meta: meta("b"), Name: "shop", GroupID: "here", ExternalURL: "https://shop.example.com/", InternalURL: "https://shop.lan:8443/", SkipVerify: true, BackendCA: "PEM", BackendProtocol: access.BackendHTTP2},
			{Meta: meta("a"), Name: "wiki", GroupID: "here", ExternalURL: "https://wiki.example.com/", InternalURL: "http://wiki.lan/"},
			{Meta: meta("c"), Name: "off", GroupID: "here", ExternalURL: "https://off.example.com/", InternalURL: "http://off.lan/", Disabled: true},
			{Meta: meta("d"), Name: "other", GroupID: "there", ExternalURL: "https://other.example.com/", InternalURL: "http://other.lan/"},
		},
	}
}

func TestConfiguration(t *testing.T) {
	got, ok := agentview.Configuration(access.NewSnapshot(content()), "c1")
	if !ok {
		t.Fatal("a known connector is not known")
	}
	want := wire.Configuration{
		Version: 7, Connector: "c1", Name: "first", Group: "here", ServiceURL: "https://access.example.com",
		Roots:     []byte("roots"),
		Gateways:  []wire.Gateway{{ID: "g1", Address: "a:443"}, {ID: "g2", Address: "b:443"}},
		GrantKeys: map[string][]byte{"k1": []byte("one"), "k2": []byte("two")},
		Targets: []wire.Target{
			{Application: "a", Name: "wiki", Version: 1, Host: "wiki.lan", Port: 80},
			{Application: "b", Name: "shop", Version: 1, Host: "shop.lan", Port: 8443, TLS: true, SkipVerify: true, Roots: []byte("PEM"), Protocol: "http2"},
		},
	}
	want.Hash = got.Hash
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if len(got.Hash) != 64 {
		t.Errorf("hash %q", got.Hash)
	}
}

// TestRegions: gateways of other regions are told apart only where one of the connector's own runs.
func TestRegions(t *testing.T) {
	for _, test := range []struct {
		group, g1, g2 string
		far           string // the gateways that are
	}{
		{"", "", "", ""},
		{"", "west", "east", ""},
		{"west", "", "", ""},
		{"west", "east", "south", ""},
		{"west", "west", "west", ""},
		{"west", "west", "east", "g2"},
		{"west", "", "west", "g1"},
	} {
		c := content()
		c.Groups[0].Region, c.Gateways[0].Region, c.Gateways[1].Region = test.group, test.g2, test.g1
		got, _ := agentview.Configuration(access.NewSnapshot(c), "c1")
		far := ""
		for _, g := range got.Gateways {
			if g.Far {
				far += g.ID
			}
		}
		if far != test.far {
			t.Errorf("%+v: far are %q", test, far)
		}
	}
}

func TestConfigurationOfUnknownAndDisabledIsEmpty(t *testing.T) {
	snap := access.NewSnapshot(content())
	for _, id := range []access.ID{"c3", "nobody", ""} {
		got, ok := agentview.Configuration(snap, id)
		if ok || len(got.Targets) != 0 || len(got.GrantKeys) != 0 {
			t.Errorf("%s: ok=%v, %d targets, %d grant keys", id, ok, len(got.Targets), len(got.GrantKeys))
		}
	}
}

func TestHashFollowsOnlyWhatTheAgentIsTold(t *testing.T) {
	base, _ := agentview.Configuration(access.NewSnapshot(content()), "c1")
	tests := []struct {
		name    string
		change  func(c *access.Content)
		changes bool
	}{
		{"nothing", func(c *access.Content) {}, false},
		{"version of the whole", func(c *access.Content) { c.Version++ }, false},
		{"order of applications", func(c *access.Content) { slices.Reverse(c.Applications) }, false},
		{"order of gateways", func(c *access.Content) { slices.Reverse(c.Gateways) }, false},
		{"an assignment", func(c *access.Content) {
			c.Assignments = append(c.Assignments, &access.Assignment{Application: "a", User: "u"})
		}, false},
		{"another group's application", func(c *access.Content) { c.Applications[3].InternalURL = "http://moved.lan/" }, false},
		{"a new application of another group", func(c *access.Content) {
			c.Applications = append(c.Applications, &access.Application{Meta: access.Meta{ID: "e"}, GroupID: "there", InternalURL: "http://e.lan/"})
		}, false},
		{"another connector", func(c *access.Content) { c.Connectors[1].Name = "renamed" }, false},
		{"a disabled application", func(c *access.Content) { c.Applications[2].InternalURL = "http://off2.lan/" }, false},
		{"its last seen", func(c *access.Content) { c.Connectors[0].Address = "192.0.2.1" }, false},
		{"admin URL", func(c *access.Content) { c.Names.AdminURL = "https://other.example.com" }, false},
		{"a target", func(c *access.Content) { c.Applications[0].InternalURL = "https://shop2.lan:8443/" }, true},
		{"a target's version", func(c *access.Content) { c.Applications[0].Version++ }, true},
		{"a disabled target", func(c *access.Content) { c.Applications[0].Disabled = true }, true},
		{"a target moved away", func(c *access.Content) { c.Applications[0].GroupID = "there" }, true},
		{"its group", func(c *access.Content) { c.Connectors[0].GroupID = "there" }, true},
		{"its name", func(c *access.Content) { c.Connectors[0].Name = "renamed" }, true},
		{"disabled itself", func(c *access.Content) { c.Connectors[0].Disabled = true }, true},
		{"a gateway", func(c *access.Content) { c.Gateways = c.Gateways[:1] }, true},
		{"roots", func(c *access.Content) { c.Roots = []byte("other") }, true},
		{"grant keys", func(c *access.Content) { delete(c.GrantKeys, "k1") }, true},
		{"service URL", func(c *access.Content) { c.Names.PortalURL = "https://new.example.com" }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := content()
			test.change(&c)
			got, _ := agentview.Configuration(access.NewSnapshot(c), "c1")
			if (got.Hash != base.Hash) != test.changes {
				t.Errorf("hash changed: %v, want %v", got.Hash != base.Hash, test.changes)
			}
		})
	}
}
