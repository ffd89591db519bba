package connector

import (
	"context"
	"net"
	"net/url"
	"time"

	"postern/internal/wire"
)

// rescueAfter is how long no gateway of the list may have been reached until the service's own address is tried. Gateways hold
// requests for fifteen seconds, in which there must be time to dial.
const rescueAfter = 6 * time.Second

// rescue dials the service's own address while no gateway of the list is reached: all of them may have been
// replaced while this connector was away, and whoever answers there tells the new ones.
func (f *fleet) rescue(ctx context.Context) {
	for f.lonely(ctx) {
		g, ok := serviceGateway(f.c.identity().cred.Connection.ServiceURL)
		if !ok {
			return
		}
		renewed := f.renewal()
		l, err := f.dial(ctx, g)
		if err != nil {
			f.c.dialFailed(g, err)
			continue
		}
		f.c.log.Warn("no gateway of the list was reached; the service's own address was", "gateway", l.name(), "address", l.address)
		f.running.Go(func() {
			f.watch(ctx, l, renewed)
			f.leave(f.after(l))
		})
	}
}

// serviceGateway gives the service's URL as a gateway to dial.
func serviceGateway(serviceURL string) (wire.Gateway, bool) {
	u, err := url.Parse(serviceURL)
	if err != nil || u.Hostname() == "" {
		return wire.Gateway{}, false
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return wire.Gateway{Address: net.JoinHostPort(u.Hostname(), port)}, true
}

// lonely waits until there has been no tunnel for a while. It is false when ctx ends.
func (f *fleet) lonely(ctx context.Context) bool {
	for ctx.Err() == nil {
		f.mu.Lock()
		changed := f.changed // before the look
		f.mu.Unlock()
		var late <-chan time.Time
		timer := time.NewTimer(jitter(rescueAfter, 0.2))
		if len(f.live()) == 0 {
			late = timer.C
		}
		select {
		case <-changed:
		case <-late:
			timer.Stop()
			return true
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return false
}
