package agentview

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"postern/internal/access"
	"postern/internal/wire"
)

// Rules gives what a device is told: the private applications that its user may use, as may says.
func Rules(snap *access.Snapshot, may func(*access.Application) bool) wire.Rules {
	r := wire.Rules{Version: snap.Version, Off: snap.Clients.Off, OffReason: snap.Clients.OffReason, Applications: []wire.Rule{}, ServiceURL: snap.Names.PortalURL, Roots: snap.Roots, Gateways: gateways(snap, ""), Issuer: snap.Issuer}
	for _, s := range snap.Clients.Locked {
		r.Locked = append(r.Locked, wire.ClientSwitch(s))
	}
	for _, app := range snap.Applications {
		if !app.Private() || !may(app) {
			continue
		}
		r.Applications = append(r.Applications, wire.Rule{Application: string(app.ID), Name: app.Name, QuickAccess: app.Kind == access.KindQuickAccess, Direct: app.Direct, Segments: segments(app)})
	}
	slices.SortFunc(r.Applications, func(a, b wire.Rule) int { return strings.Compare(a.Application, b.Application) })
	counted := r
	counted.Version = 0
	sum := sha256.Sum256(wire.Encode(counted))
	r.Hash = hex.EncodeToString(sum[:])
	return r
}
