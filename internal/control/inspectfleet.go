package control

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/store"
)

const (
	connectorSkew  = 2 * time.Minute // of a connector's clock; certificates and grants bear that
	unreachedFor   = time.Minute     // before health tells of it
	versionsBehind = 2               // minor versions that a connector may be behind the service
)

// findFleet looks at connectors that are connected and not well.
func (c *Control) findFleet(_ context.Context, _ *store.Tx, f *findings) error {
	snap := c.current()
	f.findWaiting(snap)
	for _, k := range snap.Connectors {
		if k.Disabled || !k.Archived.IsZero() || !k.Waiting.IsZero() {
			continue
		}
		status := c.ConnectorStatus(k.ID)
		for _, u := range status.Unreached {
			app, ok := snap.Application(access.ID(u.Application))
			if !ok || f.now.Sub(u.Since) < unreachedFor {
				continue
			}
			f.add(Finding{Code: "application-unreached", Severity: SeverityWarning, Object: k.ID,
				Sentence: fmt.Sprintf("The connector %s does not reach the application %s: %s.", k.Name, app.Name, strings.TrimSuffix(u.Message, ".")),
				Cure:     "postern applications connectors " + quoted(app.Name) + " asks all its connectors; docs/troubleshooting.md has the code " + u.Code + "."})
			break // one alert for each connector tells enough
		}
		if skew := status.Skew; skew.Abs() > connectorSkew {
			f.add(Finding{Code: "connector-clock-skew", Severity: SeverityWarning, Object: k.ID,
				Sentence: fmt.Sprintf("The clock of the connector %s differs from the service's by %s.", k.Name, skew.Abs().Round(time.Second)),
				Cure:     "Set the clock of its machine by NTP: grants and certificates rely on the time."})
		}
		if behind(k.Host.Program, c.cfg.Gateway.Program) {
			f.add(Finding{Code: "connector-outdated", Severity: SeverityWarning, Object: k.ID,
				Sentence: fmt.Sprintf("The connector %s runs version %s, and the service %s.", k.Name, k.Host.Program, c.cfg.Gateway.Program),
				Cure:     "Update postern-connector on its machine."})
		}
	}
	return nil
}

// behind reports whether one version is too old for another. What is no version is not.
func behind(old, current string) bool {
	a, aMinor, ok := version(old)
	b, bMinor, is := version(current)
	return ok && is && (a < b || a == b && aMinor+versionsBehind < bMinor)
}

// version reads the first two numbers of a version such as v1.2.3.
func version(text string) (major, minor int, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(text, "v"), ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return major, minor, err1 == nil && err2 == nil
}
