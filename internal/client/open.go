package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"postern/internal/agent"
	"postern/internal/client/flow"
	"postern/internal/dial"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/tunnel"
	"postern/internal/wire"
)

const (
	knownWithin   = 10 * time.Second // the rules, after a start
	tunnelWithin  = 5 * time.Second  // a tunnel, while they are made anew
	directAfter   = 2 * time.Second  // without a tunnel, for an application that goes direct then
	answerWithin  = 30 * time.Second // of a gateway
	connectWithin = 15 * time.Second // of a direct dial
)

// Where a flow goes.
const (
	WayTunnel  = "tunnel"  // through a gateway
	WayDirect  = "direct"  // dialled by this machine itself
	WayBlocked = "blocked" // nowhere
)

// Decision is where a flow goes, and why.
type Decision struct {
	Way         string `json:"way"`
	Application string `json:"application,omitempty"` // id
	Name        string `json:"name,omitempty"`        // of the application
	Segment     string `json:"segment,omitempty"`     // that the destination is in
	Why         string `json:"why"`
	Found       string `json:"found,omitempty"`    // the whole name, of one that was said in one label
	FoundHow    string `json:"foundHow,omitempty"` // how it was found, or that it was not
}

// decide says where a flow goes, by the rules alone. It is pure.
func (r *rules) decide(to flow.To, direct bool) Decision {
	if r.Off {
		return Decision{Way: WayDirect, Why: r.whyOff()}
	}
	entry, found := r.table.Find(to.Host, to.Port, to.Protocol())
	rule := r.byID[entry.Owner]
	if to.Application != "" {
		rule = r.byID[to.Application]
		entry, found = r.within(rule, to)
	}
	switch {
	case to.Application != "" && rule == nil:
		return Decision{Way: WayBlocked, Why: "you may not use the application, or there is none with this id"}
	case found:
		return Decision{Way: WayTunnel, Application: rule.Application, Name: rule.Name, Segment: entry.Segment.String(),
			Why: fmt.Sprintf("it belongs to the application %q", rule.Name)}
	case to.Application != "":
		return Decision{Way: WayBlocked, Application: rule.Application, Name: rule.Name,
			Why: fmt.Sprintf("the application %q has no such destination (%s)", rule.Name, to)}
	case direct:
		return Decision{Way: WayDirect, Why: "it belongs to no application that you may use"}
	}
	return Decision{Way: WayBlocked, Why: "it belongs to no application that you may use; with --direct such destinations are dialled by this machine itself"}
}

// within finds the segment of one application.
func (r *rules) within(rule *wire.Rule, to flow.To) (match.Entry, bool) {
	if rule == nil {
		return match.Entry{}, false
	}
	for _, e := range r.table.Entries() {
		if e.Owner == rule.Application && e.Segment.Contains(to.Host, to.Port, to.Protocol()) {
			return e, true
		}
	}
	return match.Entry{}, false
}

// Open opens a flow: the one way of all modes.
func (c *Client) Open(ctx context.Context, to flow.To) (*flow.Flow, error) {
	f, err := c.open(ctx, to)
	switch {
	case err != nil:
		c.flows.refused.Add(1)
	case f.Stream == nil:
		c.flows.direct.Add(1)
	default:
		c.flows.opened.Add(1)
	}
	return f, err
}

func (c *Client) open(ctx context.Context, to flow.To) (*flow.Flow, error) {
	r, err := c.known(ctx)
	if err != nil {
		return nil, err
	}
	to, how, err := c.complete(ctx, r, to)
	if err != nil && !c.cfg.Direct {
		return nil, err
	}
	d := r.decide(to, c.cfg.Direct)
	if d.Way == WayTunnel && !c.pausedUntil().IsZero() {
		d.Way = WayDirect
	}
	switch d.Way {
	case WayBlocked:
		if how != "" {
			d.Why += " (" + how + ")"
		}
		return nil, fault.Forbidden("%s is not reached: %s", to, d.Why)
	case WayDirect:
		return c.openDirect(ctx, to)
	}
	rule := r.byID[d.Application]
	links, err := c.tunnels(ctx, rule)
	if err != nil {
		return nil, err
	}
	if len(links) == 0 {
		c.log.Info("no gateway is reached: dialled directly, as its application allows", "to", to.String(), "application", rule.Name)
		return c.openDirect(ctx, to)
	}
	return c.openVia(ctx, links, to)
}

// known gives the rules, and says why there are none.
func (c *Client) known(ctx context.Context) (*rules, error) {
	if err := c.fleet.problem(); errors.Is(err, ErrSignedOut) {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, knownWithin)
	defer cancel()
	r, err := c.rules.known(waiting)
	if err != nil && ctx.Err() == nil {
		return nil, c.unreached("what you may reach is not known yet")
	}
	return r, err
}

// tunnels gives the tunnels for an application. None, without an error: the destination is to be dialled directly.
func (c *Client) tunnels(ctx context.Context, rule *wire.Rule) ([]*link, error) {
	wait := tunnelWithin
	if rule.Direct {
		wait = directAfter
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	links, err := c.fleet.any(waiting)
	switch {
	case err == nil:
		return links, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case rule.Direct:
		return nil, nil
	}
	return nil, c.unreached(fmt.Sprintf("the application %q is blocked", rule.Name))
}

// unreached says that there is no tunnel, and why.
func (c *Client) unreached(what string) error {
	why := "it is being tried"
	if err := c.fleet.problem(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	c.mu.Lock()
	if c.last.Text != "" {
		why = c.last.Text
	}
	c.mu.Unlock()
	return fault.Unavailable("%s: no gateway is reached (%s)", what, why)
}

// openVia opens a flow over one tunnel after the other, as long as nothing was done by the one before.
func (c *Client) openVia(ctx context.Context, links []*link, to flow.To) (*flow.Flow, error) {
	var last error
	for _, l := range links {
		known := l.known.Load()
		f, err := c.openOn(ctx, l, to)
		if noSession(err) && c.fleet.reshow(ctx, l, known) == nil {
			f, err = c.openOn(ctx, l, to)
		}
		if err == nil || ctx.Err() != nil || !another(err) {
			return f, err
		}
		last = err
	}
	if err := c.fleet.problem(); err != nil {
		return nil, err
	}
	return nil, fault.Unavailable("%s is not reached: %v", to, last).Because(last)
}

// another tells whether another tunnel may do what this one did not.
func another(err error) bool {
	reset, ok := errors.AsType[*tunnel.ResetError](err)
	if ok {
		return reset.Code.Retryable() || reset.Code == tunnel.CodeConnectionLost
	}
	return errors.Is(err, tunnel.ErrDraining) || errors.Is(err, tunnel.ErrExhausted) || noSession(err)
}

func (c *Client) openOn(ctx context.Context, l *link, to flow.To) (*flow.Flow, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	st, err := l.session.Open(ctx, wire.Encode(to.Open()))
	if err != nil {
		return nil, err
	}
	payload, err := st.Opened(ctx)
	if err != nil {
		st.Reset(tunnel.CodeCancelled) // does nothing if it was refused
		if errors.Is(err, context.DeadlineExceeded) {
			err = fault.New(fault.KindTimeout, "gateway %s did not say within %s whether %s can be reached", l.gateway, answerWithin, to).Because(err)
		}
		return nil, agent.Refusal(err)
	}
	opened, err := wire.Decode[wire.FlowOpened](payload)
	if err != nil {
		st.Reset(tunnel.CodeCancelled)
		return nil, fault.New(fault.KindUpstream, "gateway %s answered something else than a gateway does", l.gateway).Because(err)
	}
	f := &flow.Flow{To: to, Stream: st, Application: opened.Application, Address: opened.Address, Request: opened.Request}
	c.flows.enter(f)
	return f, nil
}

// openDirect dials as if there were no client.
func (c *Client) openDirect(ctx context.Context, to flow.To) (*flow.Flow, error) {
	ctx, cancel := context.WithTimeout(dial.With(ctx, c.cfg.Control), connectWithin)
	defer cancel()
	addrs := []netip.Addr{to.Host.Addr}
	if !to.Host.Addr.IsValid() {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", to.Host.String())
		if err != nil {
			return nil, fault.Unavailable("%s is not reached directly: %v", to, err).Because(err)
		}
		addrs = found
	}
	conn, at, err := dialDirectly(ctx, to, addrs)
	if err != nil {
		return nil, fault.Unavailable("%s is not reached directly: %v", to, err).Because(err)
	}
	return &flow.Flow{To: to, Conn: conn, Address: at}, nil
}

func dialDirectly(ctx context.Context, to flow.To, addrs []netip.Addr) (net.Conn, string, error) {
	if to.Network == flow.TCP {
		conn, at, err := dial.Any(ctx, addrs, to.Port, nil)
		if err != nil {
			return nil, "", err // not a nil *net.TCPConn in an interface
		}
		return conn, at.String(), nil
	}
	last := errors.New("it has no address")
	for _, addr := range addrs {
		at := net.JoinHostPort(addr.Unmap().String(), strconv.Itoa(int(to.Port)))
		conn, err := dial.Context(ctx, "udp", at)
		if err == nil {
			return conn, at, nil
		}
		last = err
	}
	return nil, "", last
}

// Explain says where a flow would go, and why. Names of one label are looked up for it.
func (c *Client) Explain(ctx context.Context, to flow.To) Decision {
	r := c.rules.current.Load()
	if r == nil {
		return Decision{Way: WayBlocked, Why: "what you may reach is not known yet: " + c.unreached("no rules").Error()}
	}
	full, how, err := c.complete(ctx, r, to)
	if err != nil {
		how = err.Error()
	}
	d := c.explain(r, full)
	if d.FoundHow = how; full.Host != to.Host {
		d.Found = full.Host.Name
	}
	return d
}

func (c *Client) explain(r *rules, to flow.To) Decision {
	d := r.decide(to, c.cfg.Direct)
	if d.Way != WayTunnel {
		return d
	}
	if until := c.pausedUntil(); !until.IsZero() {
		d.Way, d.Why = WayDirect, d.Why+"; but the client is paused until "+until.Local().Format("15:04")
		return d
	}
	if live, _ := c.fleet.live(); len(live) > 0 {
		return d
	}
	if d.Way = WayBlocked; r.byID[d.Application].Direct {
		d.Way = WayDirect
	}
	d.Why += "; but " + c.unreached("there is no tunnel").Error()
	return d
}
