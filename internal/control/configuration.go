package control

import (
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/agentview"
	"postern/internal/fault"
	"postern/internal/wire"
)

// AgentConfiguration answers at once when the asker's hash is not the current one, otherwise when it
// changes or the wait is over, then with the unchanged configuration. A connector that is unknown or
// disabled gets a configuration that opens nothing.
func (c *Control) AgentConfiguration(ctx context.Context, connector access.ID, ask wire.AskConfiguration) (wire.Configuration, error) {
	wait := time.NewTimer(max(0, min(ask.Wait, c.cfg.Settings.ConfigurationWait)))
	defer wait.Stop()
	c.having.told(connector, ask.Hash)
	for {
		snap, changed := c.snapshot.get()
		configuration, _ := agentview.Configuration(snap, connector)
		if configuration.Hash != ask.Hash {
			return configuration, nil
		}
		select {
		case <-changed:
		case <-wait.C:
			return configuration, nil
		case <-ctx.Done():
			return wire.Configuration{}, context.Cause(ctx)
		}
	}
}

// SignConfiguration signs a configuration with the issuing key, which no gateway holds.
func (c *Control) SignConfiguration(configuration wire.Configuration) (wire.SignedConfiguration, error) {
	issuer := c.issuer()
	return wire.SignConfiguration(configuration, c.now(), issuer.Cert, issuer.Key)
}

// ReportConnector takes what a connector tells of itself. It is written with the next batch.
func (c *Control) ReportConnector(_ context.Context, connector access.ID, report wire.Report) error {
	if _, ok := c.current().Connector(connector); !ok {
		return fault.NotFound("this connector does not exist any more")
	}
	c.presence.reported(connector, report, c.now())
	c.having.told(connector, report.Hash)
	now := c.now()
	news := c.examined.keep(c.current(), connector, report.Diagnosis)
	c.loads.keep(connector, report.Load, news, now)
	c.sampled(connector, report, now)
	return nil
}
