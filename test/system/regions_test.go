package system

import (
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"

	"postern/internal/api"
	"postern/internal/posterntest"
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
