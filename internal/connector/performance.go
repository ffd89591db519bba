package connector

import (
	"context"
	"maps"
	"time"

	"postern/internal/counters"
)

// tellEvery is how often performance counters get new values; what reads them looks once a second at the most.
const tellEvery = time.Second

// figures are the connector's performance counters, in their order: what the metrics for Prometheus tell, without labels.
var figures = []struct {
	counters.Counter
	of func(s standing) uint64
}{
	{counters.Counter{Symbol: "Tunnels", Name: "Tunnels", Description: "Tunnels that take streams."},
		func(s standing) uint64 { return uint64(s.tunnels) }},
	{counters.Counter{Symbol: "TunnelsMade", Name: "Tunnels made", Description: "Tunnels that were made since the connector started."},
		func(s standing) uint64 { return s.made }},
	{counters.Counter{Symbol: "TunnelsLost", Name: "Tunnels lost", Description: "Tunnels that were lost, each of which is connected anew."},
		func(s standing) uint64 { return s.lost }},
	{counters.Counter{Symbol: "TunnelErrors", Name: "Tunnel dial errors", Description: "Attempts to make a tunnel that failed."},
		func(s standing) uint64 { return s.dialErrors }},
	{counters.Counter{Symbol: "RoundTrip", Name: "Round trip microseconds", Description: "Round trip of the tunnels, on average. 0: not measured yet."},
		func(s standing) uint64 { return uint64(s.roundTrip.Microseconds()) }},
	{counters.Counter{Symbol: "Streams", Name: "Streams", Description: "Streams that are open: requests, and connections that are kept for the next."},
		func(s standing) uint64 { return uint64(s.open) }},
	{counters.Counter{Symbol: "StreamsOpened", Name: "Streams/sec", Description: "Streams that gateways open each second, questions included.", Kind: counters.Rate},
		func(s standing) uint64 { return s.streams }},
	{counters.Counter{Symbol: "StreamsRefused", Name: "Streams refused", Description: "Streams that were refused, whatever the reason."},
		func(s standing) uint64 { return total(s.refusals) }},
	{counters.Counter{Symbol: "StreamsCut", Name: "Streams cut", Description: "Streams that were cut by either side."},
		func(s standing) uint64 { return total(s.resets) }},
	{counters.Counter{Symbol: "BytesIn", Name: "Bytes in/sec", Description: "Bytes that come from gateways each second, before encryption.", Kind: counters.Rate},
		func(s standing) uint64 { return s.bytesIn }},
	{counters.Counter{Symbol: "BytesOut", Name: "Bytes out/sec", Description: "Bytes that go to gateways each second, before encryption.", Kind: counters.Rate},
		func(s standing) uint64 { return s.bytesOut }},
	{counters.Counter{Symbol: "Connections", Name: "Connections/sec", Description: "Connections to applications that are made each second.", Kind: counters.Rate},
		func(s standing) uint64 { return s.connect.Count }},
	{counters.Counter{Symbol: "ConnectTime", Name: "Connect microseconds", Description: "Time to look up, connect and secure a connection to an application, on average.", Kind: counters.Mean},
		func(s standing) uint64 { return uint64(s.connect.Sum.Microseconds()) }},
	{counters.Counter{Symbol: "ConnectCount", Kind: counters.Count}, func(s standing) uint64 { return s.connect.Count }},
	{counters.Counter{Symbol: "LookupTime", Name: "Lookup microseconds", Description: "Time to look up the name of an application, on average.", Kind: counters.Mean},
		func(s standing) uint64 { return uint64(s.resolve.Sum.Microseconds()) }},
	{counters.Counter{Symbol: "LookupCount", Kind: counters.Count}, func(s standing) uint64 { return s.resolve.Count }},
	{counters.Counter{Symbol: "CertificateDays", Name: "Certificate days left", Description: "Whole days until the certificate expires; it is renewed long before. 0: it has expired."},
		func(s standing) uint64 { return uint64(max(0, s.certificate) / (24 * time.Hour)) }},
	{counters.Counter{Symbol: "ConfigurationAge", Name: "Configuration age seconds", Description: "Since when the service has not confirmed the configuration."},
		func(s standing) uint64 { return uint64(max(0, s.configuration) / time.Second) }},
	{counters.Counter{Symbol: "HeadRoom", Name: "Head-room percent", Description: "How much is left of the resource of which the least is left. 100: not measured yet."},
		func(s standing) uint64 { return uint64(100*s.headRoom + 0.5) }},
	{counters.Counter{Symbol: "ProcessorTime", Name: "Processor milliseconds/sec", Description: "How long processors work for the connector each second: 1000 is one processor.", Kind: counters.Rate},
		func(s standing) uint64 { return uint64(s.cpu.Milliseconds()) }},
	{counters.Counter{Symbol: "Memory", Name: "Memory bytes", Description: "Memory that the connector has."},
		func(s standing) uint64 { return s.memory }},
	{counters.Counter{Symbol: "Handles", Name: "Handles", Description: "Handles that the connector has open."},
		func(s standing) uint64 { return uint64(s.handles) }},
	{counters.Counter{Symbol: "LogLost", Name: "Log entries lost", Description: "Entries of the Admin log and the Session log that an output did not take."},
		func(s standing) uint64 { return s.logLost }},
}

// Performance gives the set of performance counters that a connector publishes on Windows.
func Performance() counters.Set {
	s := counters.Set{
		Symbol: "PosternConnector", Provider: "{24b2a062-df05-4163-a1c7-f13ce4243cfc}", ID: "{ec64ec10-5c26-4cc1-9422-767664dcc583}",
		Name: "Postern Connector", Description: "What the connectors of this machine do. An instance is a connector's service.",
	}
	for _, f := range figures {
		s.Counters = append(s.Counters, f.Counter)
	}
	return s
}

// standing is what the figures are taken from.
type standing struct {
	counts
	tunnels, open, handles     int
	roundTrip                  time.Duration
	certificate, configuration time.Duration // until, since
	headRoom                   float64
	memory, logLost            uint64
}

// stand gives how the connector stands.
func (c *Connector) stand() standing {
	now := c.cfg.Now()
	s := standing{
		counts: c.measuring.counted(), open: c.flows.count(), handles: openHandles(), memory: residentMemory(), logLost: c.cfg.Journal.Dropped(),
		certificate: c.identity().cred.Leaf.NotAfter.Sub(now), headRoom: 1,
	}
	if applied, confirmed := c.following.times(); !confirmed.IsZero() {
		s.configuration = now.Sub(confirmed)
	} else if !applied.IsZero() {
		s.configuration = now.Sub(applied)
	}
	load, _ := c.measuring.tell()
	if left, ok := load.HeadRoom(); ok {
		s.headRoom = left
	}
	var sum time.Duration
	measured := 0
	for _, l := range c.fleet.live() {
		s.tunnels++
		if rtt := l.session.Stats().RTT; rtt > 0 {
			sum, measured = sum+rtt, measured+1
		}
	}
	s.roundTrip = sum / time.Duration(max(1, measured))
	return s
}

// figure gives the values of the performance counters.
func (c *Connector) figure() []uint64 {
	s := c.stand()
	values := make([]uint64, len(figures))
	for i, f := range figures {
		values[i] = f.of(s)
	}
	return values
}

func total(counts map[string]uint64) (sum uint64) {
	for n := range maps.Values(counts) {
		sum += n
	}
	return sum
}

// publisher takes the values of performance counters.
type publisher interface {
	Tell(values []uint64)
	Close()
}

// publish tells the performance counters until ctx ends. A machine that does not take them has a connector all the same.
func (c *Connector) publish(ctx context.Context) {
	if c.cfg.Counters == "" {
		return
	}
	to, err := startCounters(c.cfg.Counters)
	if err != nil {
		c.log.Warn("no performance counters", "error", err, "cure", "postern-connector install registers them")
		return
	}
	defer to.Close()
	c.log.Info("performance counters published", "instance", c.cfg.Counters)
	for ctx.Err() == nil {
		to.Tell(c.figure())
		pause(ctx, tellEvery)
	}
}
