package agent_test

import (
	"fmt"
	"testing"

	"postern/internal/agent"
	"postern/internal/wire"
)

// TestChooseByRegion: near gateways come first, others fill up, and which they are does not depend on who else is far.
func TestChooseByRegion(t *testing.T) {
	gateways := func(near, far int) (list []wire.Gateway) {
		for i := range near + far {
			list = append(list, wire.Gateway{ID: fmt.Sprint("g", i), Far: i >= near})
		}
		return list
	}
	for _, test := range []struct{ near, far, limit, wantNear, wantFar int }{
		{0, 5, 3, 0, 3}, {1, 5, 3, 1, 2}, {5, 5, 3, 3, 0}, {2, 0, 3, 2, 0}, {1, 1, 1, 1, 0},
	} {
		for connector := range 20 {
			near, far := 0, 0
			for _, g := range agent.Choose(gateways(test.near, test.far), fmt.Sprint(connector), test.limit) {
				if g.Far {
					t.Error("a slot would change with the region's name")
				}
				if g.ID < fmt.Sprint("g", test.near) {
					near++
				} else {
					far++
				}
			}
			if near != test.wantNear || far != test.wantFar {
				t.Errorf("%+v: %d near and %d far", test, near, far)
			}
		}
	}
}
