package system

import (
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/test/size"
)

// TestRegions: a connector that may hold tunnels to one gateway holds them to that of its group's region, and moves under load when
// the group's region becomes another, or when no gateway of it runs any more. Users come to all gateways meanwhile.
func TestRegions(t *testing.T) {
	r := newReplicas(t, 2)
	groups, err := r.API.ConnectorGroups.List(t.Context(), api.ListOptions{})
	if err != nil || len(groups.Items) != 1 {
		t.Fatal(groups.Items, err)
	}
	group := groups.Items[0]
	move := func(region string) {
		t.Helper()
		if group, err = r.API.ConnectorGroups.Update(t.Context(), group.ID, group.Version, api.Patch{"region": region}); err != nil {
			t.Fatal(err)
		}
	}
	move("east")
	r.connect("--gateways", "1")
	r.awaitTunnels(map[string]int{"west": 0, "east": 2})
	r.publish(posterntest.NewBackend(t, http.HandlerFunc(greet)).URL)
	f := r.traffic()
	for _, to := range []string{"west", "east"} {
		move(to)
		other := regions[1-slices.Index(regions, to)]
		r.awaitTunnels(map[string]int{to: 2, other: 0})
		before := f.pages.Load()
		r.Await("more traffic", func() bool { return f.pages.Load() > before+50 })
	}
	r.front.to(r.ports[0])
	if err := r.services[1].signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	r.awaitTunnels(map[string]int{"west": 2})
	before := f.pages.Load()
	r.Await("traffic without the region", func() bool { return f.pages.Load() > before+50 })
	f.end()
	if lost := f.lost.Load(); lost > 0 {
		t.Errorf("%d of %d requests were lost", lost, f.pages.Load()+lost)
	}
}

// TestGatewayOfARegionKilled: three gateways in three regions. Connectors reach two of them, and people come to the third. A gateway that holds
// the tunnels is killed, then the one that people come to: whatever comes after it is served, soon, by those that are left.
func TestGatewayOfARegionKilled(t *testing.T) {
	r := newReplicas(t, 3, 0)
	r.connect()
	r.connect()
	r.publish(posterntest.NewBackend(t, http.HandlerFunc(greet)).URL)
	all := map[string]int{"west": 0, "east": 4, "south": 4}
	for round := range size.Of(1, 5) {
		for _, victim := range []int{1, 2} {
			r.awaitTunnels(all)
			f := r.people(r.clientsAt(0)[round%2], 5*time.Millisecond)
			pause(t, size.Of(200*time.Millisecond, 5*time.Second)) // by both of them
			killed := time.Now()
			r.services[victim].kill()
			r.goesOn("gateway "+regions[victim]+" was killed", f, killed)
			r.services[victim].start()
			r.awaitGateways(3)
		}
		r.awaitTunnels(all)
		r.services[0].kill()
		f := r.people(r.clientsAt(1 + round%2)[round%2], 5*time.Millisecond) // who knew the way to another region already
		r.goesOn("people's own gateway was killed", f, time.Now())
		r.services[0].start()
		r.awaitGateways(3)
	}
}

// goesOn looks at what people get since something was killed, and ends them. Those who come after a second find nothing missing.
func (r *replicas) goesOn(what string, f *people, since time.Time) {
	r.t.Helper()
	limit := size.Within(time.Second)
	r.Await("traffic after "+what, func() bool { return f.since(since.Add(limit)).all > 20 })
	f.end()
	w := f.since(since)
	r.t.Logf("after %s: the first was served after %v; %v", what, w.first.Round(time.Millisecond), w)
	if w.first > limit || w.lastFailed > limit {
		r.t.Errorf("after %s: the first was served after %v, the last that failed began after %v: %s; want %v", what, w.first, w.lastFailed, w.why, limit)
	}
}

// awaitTunnels waits until the gateways that run hold so many tunnels, by region.
func (r *replicas) awaitTunnels(want map[string]int) {
	r.t.Helper()
	r.Await(fmt.Sprint("tunnels in ", want), func() bool {
		list, err := r.at(0).Gateways.List(r.t.Context(), api.ListOptions{})
		if err != nil {
			return false
		}
		got := map[string]int{}
		for _, g := range list.Items {
			if g.Label == "active" {
				got[g.Region] = g.Tunnels
			}
		}
		for region, tunnels := range want {
			if n, ok := got[region]; !ok || n != tunnels {
				return false
			}
		}
		return len(got) == len(want)
	})
}
