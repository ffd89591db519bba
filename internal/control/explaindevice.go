package control

import (
	"context"
	"fmt"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// device says from which device the user would come, if one is asked about.
func (x *explainer) device(ctx context.Context, tx *store.Tx) error {
	if x.q.Device == "" {
		return nil
	}
	d, err := tx.Device(ctx, x.q.Device)
	if err == nil && d.User != x.user.ID {
		err = fault.NotFound("another user's")
	}
	if err != nil {
		return orElse(err, fault.KindNotFound, fault.Invalid("device", "must be a device of %s", x.user.Name))
	}
	if x.who == nil || x.app.PreAuthentication == access.Passthrough {
		x.hop(Hop{Name: "device", Object: d.Name, State: HopNote, Detail: "not asked for: nobody is signed in"})
		return nil
	}
	if !d.Revoked.IsZero() {
		x.hop(Hop{Name: "device", Object: d.Name, State: HopFailed, Detail: "the device was revoked at " + stamp(d.Revoked),
			Cure: "postern devices delete " + quoted(d.Name) + ", and the user signs in on it again with postern-client"})
		x.who = nil
		return nil
	}
	x.who.Device = d.Facts()
	seen := "never seen since"
	if !d.LastSeen.IsZero() {
		seen = fmt.Sprintf("last seen %s ago from %s", x.q.At.Sub(d.LastSeen).Truncate(time.Second), d.Address)
	}
	x.hop(Hop{Name: "device", Object: d.Name, State: HopGood, Detail: fmt.Sprintf("enrolled, %s %s, client %s, %s", d.OS, d.OSVersion, d.Program, seen)})
	return nil
}
