package connector

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"postern/internal/agent"
	"postern/internal/connector/doctor"
	"postern/internal/wire"
)

const (
	failingFor     = time.Minute      // without a tunnel until the connector examines itself
	examineAgain   = 15 * time.Minute // after the first examination of that kind; doubles
	examineMost    = 6 * time.Hour
	examineLook    = 10 * time.Second
	reportFindings = 20 // of an examination that are told to the service
	maxHead        = 64 << 10
)

// checkup is how the connector examines itself: when it is asked, one examination at a time, and when it has been without
// tunnels for a while.
type checkup struct {
	c    *Connector
	busy chan struct{} // holds one element while an examination runs
}

// Diagnose looks at everything: this machine, the way to the service, tunnels and applications.
func (c *Connector) Diagnose(ctx context.Context) wire.Diagnosis {
	select {
	case c.checkup.busy <- struct{}{}:
		defer func() { <-c.checkup.busy }()
	case <-ctx.Done():
		return wire.Diagnosis{Program: c.cfg.Host.Program, Time: c.cfg.Now().UTC(), Running: true}
	}
	return doctor.Examine(ctx, c.examination())
}

// Requirements says what this installation must be let through to.
func (c *Connector) Requirements(ctx context.Context) []doctor.Requirement {
	return doctor.Requirements(ctx, c.examination())
}

func (c *Connector) examination() doctor.Config {
	return doctor.Config{State: c.cfg.State, Rules: c.cfg.Rules, Dialer: c.cfg.Dialer, Host: c.cfg.Host, Live: patient{c},
		Streams: c.cfg.Limits.Streams, Resolver: c.cfg.Resolver, Now: c.cfg.Now}
}

// patient shows a running connector to the doctor.
type patient struct{ c *Connector }

func (p patient) Complaints() []string { return p.c.Status().Why }

func (p patient) Tunnels() (all []doctor.Tunnel) {
	for _, l := range p.c.fleet.live() {
		all = append(all, doctor.Tunnel{Gateway: l.name(), Address: l.address, Ping: l.session.Ping,
			Measure: func(ctx context.Context, q wire.Measure) (wire.Measured, error) {
				return agent.Ask[wire.Measured](ctx, l.session, wire.QuestionMeasure, q)
			}})
	}
	return all
}

func (p patient) Applications() (all []doctor.Application) {
	if s := p.c.following.current.Load(); s != nil {
		for _, t := range s.Targets {
			all = append(all, doctor.Application{ID: t.Application, Name: t.Name, Address: net.JoinHostPort(t.Host, fmt.Sprint(t.Port))})
		}
	}
	return all
}

// Try goes the way of a stream up to the backend, as reach does, and on: it asks for the status of HEAD /, which changes nothing.
func (p patient) Try(ctx context.Context, application string) doctor.Tried {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	refused := func(r *wire.Refusal) doctor.Tried { return doctor.Tried{Reach: wire.Reach{Refusal: r}} }
	t, refusal := p.c.decided(ctx, func(s *settings) (*target, *wire.Refusal) { return targetOf(s, application, 0) })
	if refusal != nil {
		return refused(refusal)
	}
	b, refusal := p.c.dialInTurn(ctx, t)
	if refusal != nil {
		return refused(refusal)
	}
	defer b.Close() // whatever it has to say was read or is of no interest
	opened := b.opened
	if refusal := speaksHTTP2(t, b); refusal != nil {
		return refused(refusal)
	}
	tried := doctor.Tried{Reach: wire.Reach{Opened: &opened}}
	if t.Protocol != "http2" && opened.ALPN != alpnHTTP2 {
		tried.Status, tried.Unheard = status(ctx, t, b)
	}
	return tried
}

func status(ctx context.Context, t *target, b *backend) (int, error) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = b.SetDeadline(deadline) // fails on a closed connection, which the write says
	}
	host := t.host.String()
	if t.host.Addr.Is6() {
		host = "[" + host + "]"
	}
	if standard := map[bool]uint16{false: 80, true: 443}; t.Port != standard[t.TLS] {
		host = fmt.Sprintf("%s:%d", host, t.Port)
	}
	if _, err := fmt.Fprintf(b, "HEAD / HTTP/1.1\r\nHost: %s\r\nUser-Agent: postern-connector-doctor\r\nConnection: close\r\n\r\n", host); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(b, maxHead)), &http.Request{Method: http.MethodHead})
	if err != nil {
		return 0, err
	}
	_ = answer.Body.Close() // it has none
	return answer.StatusCode, nil
}

// run examines the connector when it has had no tunnel for a while, seldom enough to be in nobody's way, until ctx ends.
func (u *checkup) run(ctx context.Context) {
	var since, next time.Time
	wait := examineAgain
	for {
		pause(ctx, examineLook)
		if ctx.Err() != nil {
			return
		}
		now := u.c.cfg.Now()
		if len(u.c.fleet.live()) > 0 {
			since = time.Time{}
			if now.After(next) {
				wait = examineAgain
			}
			continue
		}
		if since.IsZero() {
			since = now
		}
		if now.Sub(since) < failingFor || now.Before(next) {
			continue
		}
		u.examine(ctx)
		next, wait = now.Add(wait), min(2*wait, examineMost)
	}
}

// examine says what is wrong in the log, and keeps it for the status and for the service, which is told when it is reached again.
func (u *checkup) examine(ctx context.Context) {
	d := u.c.Diagnose(ctx)
	kept := d
	kept.Findings = nil
	for _, f := range d.Findings {
		if f.Severity != wire.SeverityWarning && f.Severity != wire.SeverityError {
			continue
		}
		u.c.log.Warn("examined itself", "finding", f.Code, "severity", f.Severity, "subject", f.Subject, "detail", f.Detail, "cure", f.Cure)
		if len(kept.Findings) < reportFindings {
			kept.Findings = append(kept.Findings, f)
		}
	}
	u.c.mu.Lock()
	defer u.c.mu.Unlock()
	u.c.diagnosis = &kept
}

// lastDiagnosis gives what the connector found when it examined itself last; nil: it had no reason to.
func (c *Connector) lastDiagnosis() *wire.Diagnosis {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.diagnosis
}

// fitting encodes a diagnosis so that it fits into an answer: what is well goes first, and a note says so.
func fitting(d wire.Diagnosis) []byte {
	for {
		data := wire.Encode(d)
		n := len(d.Findings)
		if len(data) <= wire.MaxAsk || n == 0 {
			return data
		}
		keep := max(0, min(n-1, n*wire.MaxAsk/len(data)*9/10))
		d.Findings = append(d.Findings[:keep:keep], wire.Finding{Code: doctor.Left, Severity: wire.SeverityNote,
			Detail: fmt.Sprintf("%d findings that are not worse are left out; postern-connector doctor on the machine shows all", n-keep)})
	}
}
