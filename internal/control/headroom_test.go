package control_test

import (
	"strings"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/control"
	"postern/internal/wire"
)

// load gives what a connector uses of two processors, of its streams and of a GiB of memory, in parts of a hundred.
func load(cpu, streams, memory float64) *wire.Load {
	return &wire.Load{Window: wire.LoadWindow, Resources: []wire.Resource{
		{Name: wire.ResourceCPU, Limit: 2, Used: cpu / 50, Sustained: cpu / 50},
		{Name: wire.ResourceMemory, Limit: 1 << 30, Used: memory / 100 * (1 << 30), Sustained: memory / 100 * (1 << 30)},
		{Name: wire.ResourceStreams, Limit: 8192, Used: streams * 81.92, Sustained: streams * 81.92},
	}}
}

// tells has connectors be here and tell what they use; nil tells nothing.
func (k *kit) tells(agents []*agent, loads ...*wire.Load) {
	k.t.Helper()
	for i, l := range loads {
		k.Report(wire.Presence{Connector: string(agents[i].id()), Instance: "i", Gateway: string(k.cfg.Gateway.ID), Tunnels: 1, Echo: k.cfg.Now(), Address: "192.0.2.1:5"})
		must(k.t, 0, k.ReportConnector(k.t.Context(), agents[i].id(), wire.Report{Time: k.cfg.Now(), Instance: "i", Load: l}))
	}
}

// found gives the objects of what is found now of head-room, by code.
func (k *kit) found() map[string][]control.Finding {
	k.t.Helper()
	k.Alert(k.t.Context())
	found := map[string][]control.Finding{}
	for _, f := range k.Findings(k.t.Context()) {
		if f.Code == "connector-overloaded" || f.Code == "group-short-of-head-room" {
			found[f.Code] = append(found[f.Code], f)
		}
	}
	return found
}

// TestHeadRoomOfAGroup: it is told when the loss of one would overload the others, and of what; and nothing is told that is not known.
func TestHeadRoomOfAGroup(t *testing.T) {
	young := load(90, 0, 0)
	young.Window = time.Minute
	tests := []struct {
		name       string
		loads      []*wire.Load
		short      string // what the finding says; empty: there is none
		overloaded int
	}{
		{"idle", []*wire.Load{load(1, 1, 5), load(1, 1, 5)}, "", 0},
		{"two that share what one cannot carry", []*wire.Load{load(60, 1, 5), load(55, 1, 5)}, "115 % of the processors", 0},
		{"two that share what one can", []*wire.Load{load(40, 1, 5), load(30, 1, 5)}, "", 0},
		{"three", []*wire.Load{load(50, 1, 5), load(45, 1, 5), load(45, 1, 5)}, "", 0},
		{"three that share what two cannot carry", []*wire.Load{load(65, 1, 5), load(65, 1, 5), load(65, 1, 5)}, "98 % of the processors", 0},
		{"streams", []*wire.Load{load(1, 50, 5), load(1, 60, 5)}, "110 % of the streams", 0},
		{"memory, without what an idle connector has", []*wire.Load{load(1, 1, 50), load(1, 1, 48)}, "95 % of the memory", 0},
		{"an idle one that goes overloads nobody", []*wire.Load{load(2, 1, 3), load(89, 1, 3)}, "91 % of the processors", 0},
		{"overloaded already, whoever goes", []*wire.Load{load(0, 1, 3), load(95, 1, 3)}, "95 % of the processors", 1},
		{"one alone", []*wire.Load{load(80, 1, 5)}, "", 0},
		{"not measured for long", []*wire.Load{load(90, 0, 0), young}, "", 1},
		{"one that is too old to tell", []*wire.Load{load(80, 1, 5), nil}, "", 0},
	}
	both(t, func(t *testing.T, k *kit) {
		agents := []*agent{k.enrol(), k.enrol(), k.enrol()}
		k.settled()
		for _, tt := range tests {
			k.pass(10 * time.Minute) // what was told before does not count any more, and nobody is here
			for _, a := range agents {
				k.Report(wire.Presence{Connector: string(a.id()), Instance: "i", Gateway: string(k.cfg.Gateway.ID)})
			}
			k.tells(agents, tt.loads...)
			found := k.found()
			switch short := found["group-short-of-head-room"]; {
			case tt.short == "" && len(short) > 0, tt.short != "" && (len(short) != 1 || !strings.Contains(short[0].Sentence, tt.short) || short[0].Object != k.defaultGroup()):
				t.Errorf("%s: %+v, want %q", tt.name, short, tt.short)
			}
			if len(found["connector-overloaded"]) != tt.overloaded {
				t.Errorf("%s: overloaded: %+v", tt.name, found["connector-overloaded"])
			}
		}
	})
}

// TestHeadRoomDoesNotFlap: an alert stays until there is clearly enough again.
func TestHeadRoomDoesNotFlap(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		agents := []*agent{k.enrol(), k.enrol()}
		k.settled()
		steps := []struct {
			cpu  float64 // of each, in parts of a hundred
			open bool    // the group's alert, after two looks
		}{{40, false}, {43, false}, {46, true}, {43, true}, {38, true}, {37, false}, {43, false}, {60, true}}
		for i, step := range steps {
			k.tells(agents, load(step.cpu, 1, 3), load(step.cpu, 1, 3))
			k.found()
			k.found()
			list, _, err := k.Alerts(t.Context(), k.owner, access.Page{Only: map[string]string{"state": "open"}})
			open := false
			for _, a := range must(t, list, err) {
				open = open || a.Code == "group-short-of-head-room"
			}
			if open != step.open {
				t.Errorf("step %d: open %v", i, open)
			}
		}
	})
}

// TestLoadsAreKnownEverywhere: what a connector told one replica is known to the others and after a restart, while it counts.
func TestLoadsAreKnownEverywhere(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	a := one.enrol()
	for _, k := range []*kit{one, other} {
		eventually(t, "the connector is known", func() bool { _, ok := k.settled().Connector(a.id()); return ok })
	}
	found := wire.Diagnosis{Time: one.cfg.Now().Truncate(time.Second), Program: "1", Findings: []wire.Finding{{Code: "dns", Severity: wire.SeverityError}}}
	told := load(30, 1, 5)
	must(t, 0, one.ReportConnector(t.Context(), a.id(), wire.Report{Time: one.cfg.Now(), Instance: "i", Load: told, Diagnosis: &found}))
	one.Measure(t.Context())
	other.Measure(t.Context())
	for _, k := range []*kit{one, other} {
		k.Report(wire.Presence{Connector: string(a.id()), Instance: "i", Gateway: string(one.cfg.Gateway.ID), Tunnels: 1, Echo: k.cfg.Now()})
		status := k.ConnectorStatus(a.id())
		left, ok := status.Load.HeadRoom()
		if narrowest, _ := status.Load.Narrowest(); !ok || left < 0.69 || left > 0.71 || narrowest.Name != wire.ResourceCPU {
			t.Errorf("%v left of %v", left, status.Load)
		}
		d, err := k.LastDiagnosis(t.Context(), k.owner, a.id())
		if err != nil || len(d.Findings) != 1 || !d.Time.Equal(found.Time) {
			t.Errorf("the diagnosis: %+v, %v", d, err)
		}
	}
	again := &kit{t: t, owner: one.owner}
	again.store = one.store
	again.cfg = testConfig(again)
	again.Control = again.open()
	again.run()
	eventually(t, "the diagnosis after a restart", func() bool {
		_, err := again.LastDiagnosis(t.Context(), again.owner, a.id())
		return err == nil
	})
	other.pass(10 * time.Minute)
	if status := other.ConnectorStatus(a.id()); status.Load != nil {
		t.Errorf("an old load counts: %+v", status.Load)
	}
}

// TestLoadOfAHostileConnector: what cannot be is not believed.
func TestLoadOfAHostileConnector(t *testing.T) {
	both(t, func(t *testing.T, k *kit) {
		agents := []*agent{k.enrol()}
		k.settled()
		nonsense := &wire.Load{Window: 1000 * time.Hour}
		for range 1000 {
			nonsense.Resources = append(nonsense.Resources, wire.Resource{Name: "love", Limit: 1, Sustained: 1})
		}
		nonsense.Resources[0] = wire.Resource{Name: wire.ResourceCPU, Limit: -1, Sustained: 1}
		nonsense.Resources[1] = wire.Resource{Name: wire.ResourceMemory, Limit: 1, Sustained: -5}
		nonsense.Resources[2] = wire.Resource{Name: wire.ResourcePorts, Limit: 1e300, Sustained: 5}
		k.tells(agents, nonsense)
		if status := k.ConnectorStatus(agents[0].id()); status.Load == nil || len(status.Load.Resources) > 0 || status.Load.Window > wire.LoadWindow {
			t.Errorf("believed: %+v", status.Load)
		}
	})
}
