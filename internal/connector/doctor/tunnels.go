package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/tunnel"
	"postern/internal/uplink"
	"postern/internal/wire"
)

const (
	gatewayTime = 6 * time.Second
	mostGates   = 16 // gateways that are dialled
	measureTime = 6 * time.Second
	slowTrip    = 300 * time.Millisecond
	upPieces    = 8        // questions at once that carry bytes up
	upPiece     = 48 << 10 // bytes of each
)

// gateways dials those that have no tunnel now, to the point where a gateway says that it takes the certificate. It ends
// there: no tunnel comes about, and so nobody's request goes into one.
func (x *exam) gateways(ctx context.Context, s section) {
	if x.cred == nil {
		return
	}
	var have []string
	if x.Live != nil {
		for _, t := range x.Live.Tunnels() {
			have = append(have, t.Gateway)
		}
		if len(have) == 0 {
			s.found("no-tunnel", "", "there is no tunnel to any gateway")
		}
	}
	config, err := x.cred.TunnelTLS()
	if err != nil {
		s.found("state-unusable", x.State, "%s", err)
		return
	}
	var running sync.WaitGroup
	dialled := 0
	for _, g := range x.cred.Connection.Gateways {
		if slices.Contains(have, g.ID) || dialled == mostGates {
			continue
		}
		dialled++
		running.Go(func() {
			s.gateway(ctx, uplink.Tunnel{Gateway: g, Service: x.cred.Connection.ServiceURL, TLS: config, Wrap: tunnel.Coalesce}, len(have) > 0)
		})
	}
	running.Wait()
}

// gateway dials one. spare says that others serve: then this one is in nobody's way.
func (s section) gateway(ctx context.Context, t uplink.Tunnel, spare bool) {
	ctx, cancel := context.WithTimeout(ctx, gatewayTime)
	defer cancel()
	subject := fmt.Sprintf("%s at %s", t.Gateway.ID, t.Gateway.Address)
	fail := func(code string, err error) {
		f := wire.Finding{Code: code, Subject: subject, Detail: err.Error()}
		if spare {
			f.Severity = wire.SeverityWarning
		}
		s.note(f)
	}
	started := time.Now()
	conn, err := s.x.Dialer.Tunnel(ctx, t)
	if err != nil {
		if other, ok := errors.AsType[*uplink.Intercepted](err); ok && other.Service == "" {
			fail("intercepted", err)
			return
		}
		fail("gateway-unreachable", err)
		return
	}
	defer conn.Close() // nothing was sent on it
	took := time.Since(started)
	_ = conn.SetReadDeadline(time.Now().Add(gatewayTime)) // fails only on a closed connection, which Read says
	_, err = conn.Read(make([]byte, 1))                   // with TLS 1.3 a refused certificate shows after the handshake
	switch {
	case err == nil:
		s.found("gateway", subject, "connected and proven in %s; its address is %s", took.Round(time.Millisecond), conn.RemoteAddr())
	case uplink.Rejected(err):
		fail("gateway-refuses", err)
	default:
		fail("gateway-unreachable", fmt.Errorf("TLS is there, and then nothing comes (%w)", err))
	}
}

// tunnels measures those that are up, one after the other: beside each other they would share what is measured.
func (x *exam) tunnels(ctx context.Context, s section) {
	if x.Live == nil {
		return
	}
	for _, t := range x.Live.Tunnels() {
		s.tunnel(ctx, t)
	}
}

func (s section) tunnel(ctx context.Context, t Tunnel) {
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	subject := fmt.Sprintf("%s at %s", t.Gateway, t.Address)
	trip, err := t.Ping(ctx)
	if err != nil {
		s.found("tunnel-silent", subject, "no answer to a ping (%s)", err)
		return
	}
	code, detail := "tunnel", "round trip "+trip.Round(10*time.Microsecond).String()
	if trip > slowTrip {
		code = "tunnel-slow"
	}
	if down, up, err := goodput(ctx, t); err == nil {
		detail += fmt.Sprintf("; about %s/s down and %s/s up, measured with %s and %s", bytes(down), bytes(up), bytes(wire.MaxMeasure), bytes(upPieces*upPiece))
	}
	s.found(code, subject, "%s", detail)
}

// goodput gives bytes per second in both directions, the tunnel's round trip included.
func goodput(ctx context.Context, t Tunnel) (down, up float64, err error) {
	started := time.Now()
	answer, err := t.Measure(ctx, wire.Measure{Want: wire.MaxMeasure})
	if err != nil {
		return 0, 0, err
	}
	down = float64(len(answer.Padding)) / time.Since(started).Seconds()
	started = time.Now()
	padding := strings.Repeat("x", upPiece)
	failures := make(chan error, upPieces)
	var running sync.WaitGroup
	for range upPieces {
		running.Go(func() {
			_, err := t.Measure(ctx, wire.Measure{Padding: padding})
			failures <- err
		})
	}
	running.Wait()
	for range upPieces {
		err = errors.Join(err, <-failures)
	}
	return down, upPieces * upPiece / time.Since(started).Seconds(), err
}

// bytes gives an amount as people read it.
func bytes(n float64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.4g MiB", n/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.4g KiB", n/(1<<10))
	}
	return fmt.Sprintf("%.0f B", n)
}

const (
	tryAtOnce = 8
	tryMost   = 256
)

// applications tries every one of them, some at once.
func (x *exam) applications(ctx context.Context, s section) {
	if x.Live == nil {
		return
	}
	all := x.Live.Applications()
	if len(all) == 0 {
		s.found("no-applications", "", "the connector's configuration has no target")
		return
	}
	places := make(chan struct{}, tryAtOnce)
	var running sync.WaitGroup
	left := max(0, len(all)-tryMost)
	for i, a := range all[:len(all)-left] {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			left = len(all) - i
		}
		if ctx.Err() != nil {
			left = len(all) - i
			break
		}
		running.Go(func() {
			defer func() { <-places }()
			s.application(a, x.Live.Try(ctx, a.ID))
		})
	}
	running.Wait()
	if left > 0 {
		s.found("applications-left", "", "%d of %d were not looked at", left, len(all))
	}
}

func (s section) application(a Application, t Tried) {
	if r := t.Refusal; r != nil {
		s.note(wire.Finding{Code: "application-unreachable", Subject: a.Name, Reason: r.Code, Detail: r.Message})
		return
	}
	if t.Opened == nil {
		s.note(wire.Finding{Code: "application-unreachable", Subject: a.Name, Reason: "cancelled", Detail: "the time for the examination was over"})
		return
	}
	o := t.Opened
	detail := fmt.Sprintf("%s, at %s: resolve %s, connect %s", a.Address, hostOf(o.Address), o.Resolve.Round(10*time.Microsecond), o.Connect.Round(10*time.Microsecond))
	if o.Handshake > 0 {
		detail += fmt.Sprintf(", TLS %s", o.Handshake.Round(10*time.Microsecond))
		if o.Unverified {
			detail += " (its certificate is not verified, as the application says)"
		}
	}
	switch {
	case t.Unheard != nil:
		s.found("application-silent", a.Name, "%s; no answer to HEAD / (%s)", detail, t.Unheard)
	case t.Status >= 500:
		s.found("application-fails", a.Name, "%s; HEAD / was answered with %d", detail, t.Status)
	case t.Status > 0:
		s.found("application", a.Name, "%s; HEAD / was answered with %d", detail, t.Status)
	default:
		s.found("application", a.Name, "%s", detail)
	}
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
