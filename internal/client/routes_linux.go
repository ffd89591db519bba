package client

import (
	"context"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routeChanges tells that the machine goes out another way than before: one of its default routes came or went. It ends with ctx; nil: the
// system does not tell.
func routeChanges(ctx context.Context) <-chan struct{} {
	updates, changed := make(chan netlink.RouteUpdate), make(chan struct{}, 1)
	if err := netlink.RouteSubscribe(updates, ctx.Done()); err != nil {
		return nil // the addresses are looked at, too
	}
	go func() { // ends with ctx, which ends the subscription
		for u := range updates {
			if u.Table != unix.RT_TABLE_MAIN || u.Dst != nil && !isDefault(u) {
				continue
			}
			select {
			case changed <- struct{}{}:
			default: // it is known
			}
		}
	}()
	return changed
}

func isDefault(u netlink.RouteUpdate) bool {
	ones, _ := u.Dst.Mask.Size()
	return ones == 0
}
