package posterntest_test

import (
	"crypto/rand"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/connector"
	"postern/internal/posterntest"
	"postern/internal/service"
)

func hello(t *testing.T) *posterntest.Backend {
	return posterntest.NewBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
}

func open(in *api.ApplicationInput) { in.PreAuthentication = "passthrough" }

// get does some requests, which all succeed.
func get(t *testing.T, s *posterntest.System, target string, times int) {
	t.Helper()
	b := s.Browser()
	for i := range times {
		if p := b.Go(target); p.StatusCode != http.StatusOK {
			t.Fatalf("request %d: %s %s", i, p.Status, p.Text)
		}
	}
}

// carriers does some requests, which all succeed, and counts which connector carried how many.
func carriers(t *testing.T, s *posterntest.System, name string, times int) map[access.ID]int {
	t.Helper()
	path := "/" + strings.ToLower(rand.Text())
	get(t, s, s.URL(name, path), times)
	var seen map[access.ID]int
	s.Await("the records of the requests", func() bool {
		page, err := s.API.Traffic.List(t.Context(), api.TrafficOptions{Path: path})
		if err != nil || len(page.Items) < times {
			return false
		}
		seen = map[access.ID]int{}
		for _, r := range page.Items {
			seen[access.ID(r.Connector)]++
		}
		return true
	})
	return seen
}

// carried waits until a connector carries the requests.
func carried(t *testing.T, s *posterntest.System, name string, by access.ID) {
	t.Helper()
	// Each look waits for the log of the request that it sent, so a slow machine gets few of them in a while.
	for deadline := time.Now().Add(6 * posterntest.Patience); carriers(t, s, name, 1)[by] != 1; {
		if time.Now().After(deadline) {
			t.Fatalf("requests do not go by %s", by)
		}
	}
}

func patch(t *testing.T, s *posterntest.System, id access.ID, p api.Patch) {
	t.Helper()
	k, err := s.API.Connectors.Show(t.Context(), string(id))
	if err == nil {
		_, err = s.API.Connectors.Update(t.Context(), k.ID, k.Version, p)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// reachedBy waits until a connector reaches an application: it gets its configuration a moment after the gateway.
func reachedBy(t *testing.T, s *posterntest.System, app api.Application, connector access.ID, want string) {
	t.Helper()
	s.Await(string(connector)+" to be "+want+" for the application", func() bool {
		list, err := s.API.Applications.Connectors(t.Context(), app.ID)
		return err == nil && slices.ContainsFunc(list.Items, func(k api.ApplicationConnector) bool { return k.Connector == string(connector) && k.Label == want })
	})
}

func blind(c *connector.Config) { c.Rules = "" } // without rules it may not connect to loopback

// TestTunnelIsNotReach: a connector with a tunnel whose backend is not reachable from there is never active for it, and all requests
// go to the other one.
func TestTunnelIsNotReach(t *testing.T) {
	s := posterntest.New(t)
	backend := hello(t)
	cut := s.Connector("cut", blind)
	good := s.Connector("good")
	app := s.Publish("wiki", backend.URL, open)
	get(t, s, s.URL("wiki", "/"), 30)
	s.Await("the connector's status to say so", func() bool {
		k, err := s.API.Connectors.Show(t.Context(), string(cut.ID))
		return err == nil && len(k.Status.Unreached) == 1 && k.Status.Unreached[0].Application == app.ID
	})
	reachedBy(t, s, app, cut.ID, "unreachable")
	reachedBy(t, s, app, good.ID, "active")
	if seen := carriers(t, s, "wiki", 30); seen[good.ID] != 30 {
		t.Errorf("requests went by %v", seen)
	}
	// It is mended: it comes back by itself.
	if err := cut.Stop(); err != nil {
		t.Fatal(err)
	}
	s.Run(cut)
	reachedBy(t, s, app, cut.ID, "active")
	carried(t, s, "wiki", cut.ID)
}

// TestBackupGroupTakesOver: while the group's connector drains, does not reach the application or is away, that of the backup carries it.
func TestBackupGroupTakesOver(t *testing.T) {
	s := posterntest.New(t)
	backend := hello(t)
	spare, main := s.Connector("spare"), s.Connector("main")
	groups, err := s.API.ConnectorGroups.List(t.Context(), api.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	site, err := s.API.ConnectorGroups.Create(t.Context(), api.ConnectorGroupInput{Name: "Site", BackupGroup: groups.Items[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	patch(t, s, main.ID, api.Patch{"connectorGroup": site.ID})
	app := s.Publish("wiki", backend.URL, open, func(in *api.ApplicationInput) { in.ConnectorGroup = site.ID })
	reachedBy(t, s, app, main.ID, "active")
	reachedBy(t, s, app, spare.ID, "active")
	if seen := carriers(t, s, "wiki", 10); seen[main.ID] != 10 {
		t.Errorf("requests went by %v", seen)
	}
	patch(t, s, main.ID, api.Patch{"draining": true})
	carried(t, s, "wiki", spare.ID)
	s.AwaitConnector(main.ID, "draining")
	patch(t, s, main.ID, api.Patch{"draining": false})
	carried(t, s, "wiki", main.ID)
	if err := main.Stop(); err != nil {
		t.Fatal(err)
	}
	carried(t, s, "wiki", spare.ID)
	s.Run(main, blind)
	carried(t, s, "wiki", spare.ID)
	if seen := carriers(t, s, "wiki", 10); seen[spare.ID] != 10 {
		t.Errorf("requests went by %v", seen)
	}
}

// TestBalancing: as the application says.
func TestBalancing(t *testing.T) {
	s := posterntest.New(t)
	backend := hello(t)
	one, two := s.Connector("one"), s.Connector("two")
	patch(t, s, one.ID, api.Patch{"priority": 2})
	patch(t, s, two.ID, api.Patch{"priority": 1})
	for _, balancing := range []string{"least-loaded", "sticky-user", "sticky-address", "priority"} {
		app := s.Publish(balancing, backend.URL, open, func(in *api.ApplicationInput) { in.Balancing = balancing })
		reachedBy(t, s, app, one.ID, "active")
		reachedBy(t, s, app, two.ID, "active")
		seen := carriers(t, s, balancing, 12)
		switch {
		case balancing == "least-loaded" && len(seen) != 2, balancing != "least-loaded" && len(seen) != 1, balancing == "priority" && seen[two.ID] == 0:
			t.Errorf("%s: %v", balancing, seen)
		}
	}
	patch(t, s, two.ID, api.Patch{"draining": true})
	carried(t, s, "priority", one.ID)
}

// TestArchivedConnectorReturns: a real one, away for longer than the limit, which is short here.
func TestArchivedConnectorReturns(t *testing.T) {
	s := posterntest.New(t, posterntest.With(func(c *service.Config) { c.ArchiveAfter = 2 * time.Second }))
	backend := hello(t)
	away := s.Connector("away")
	s.Connector("there")
	s.Publish("wiki", backend.URL, open)
	if err := away.Stop(); err != nil {
		t.Fatal(err)
	}
	s.AwaitConnector(away.ID, "archived")
	get(t, s, s.URL("wiki", "/"), 3)
	list, err := s.API.Connectors.List(t.Context(), api.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("listed: %+v, %v", list, err)
	}
	s.Run(away)
	carried(t, s, "wiki", away.ID)
	s.Await("the alerts of both", func() bool {
		told, err := s.API.Alerts.List(t.Context(), api.ListOptions{})
		return err == nil && slices.ContainsFunc(told.Items, func(a api.Alert) bool { return a.Code == "connector-archived" && a.Object == string(away.ID) }) &&
			slices.ContainsFunc(told.Items, func(a api.Alert) bool { return a.Code == "connector-returned" && a.Object == string(away.ID) })
	})
}

// TestClockJumpsArchiveNobody: the service's clock jumps while one connector is connected and another one is away for long enough to be
// archived, which shows that absence is counted meanwhile. The one that is connected is never archived, and serves when the clock is right again.
func TestClockJumpsArchiveNobody(t *testing.T) {
	var ahead atomic.Int64
	s := posterntest.New(t, posterntest.With(func(c *service.Config) {
		c.ArchiveAfter = 2 * time.Second
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}))
	backend := hello(t)
	there, away := s.Connector("there"), s.Connector("away")
	s.Publish("wiki", backend.URL, open)
	get(t, s, s.URL("wiki", "/"), 3)
	const day = 24 * time.Hour
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 400 * day, 0} {
		ahead.Store(int64(jump))
		if err := away.Stop(); err != nil {
			t.Fatal(err)
		}
		s.AwaitConnector(away.ID, "archived")
		if status := s.Service.Control().ConnectorStatus(there.ID); status.Label == "archived" || status.Tunnels == 0 {
			t.Errorf("after a jump of %v the other one is %s: %s", jump, status.Label, status.Why)
		}
		ahead.Store(0)
		s.AwaitConnector(there.ID, "active")
		get(t, s, s.URL("wiki", "/"), 3)
		s.Run(away)
	}
}
