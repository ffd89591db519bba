package client

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestRouteChanges: another default route is told at once, other routes are not.
func TestRouteChanges(t *testing.T) {
	if os.Geteuid() != 0 {
		fmt.Println("NOT RUN: it takes root to have a network of one's own")
		return
	}
	runtime.LockOSThread() // for good: the thread, with its network, ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		t.Fatal(err)
	}
	changed := routeChanges(t.Context())
	add := func(cidr string) {
		t.Helper()
		_, dst, err := net.ParseCIDR(cidr)
		if err == nil {
			err = netlink.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("192.0.2.0/24")
	add("0.0.0.0/0") // what is told comes in order
	select {
	case <-changed:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was told of the default route")
	}
	select {
	case <-changed:
		t.Error("a route to one network counts")
	default:
	}
}
