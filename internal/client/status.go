package client

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"postern/internal/credential"
	"postern/internal/wire"
)

// The states of a running client.
const (
	StateConnected    = "connected"
	StateConnecting   = "connecting"
	StateDisconnected = "disconnected" // no gateway is reached
	StatePaused       = "paused"       // by the user
	StateOff          = "off"          // by an administrator, for all clients
	StateSignedOut    = "signed out"
)

// initially is how long a client counts as connecting after its start.
const initially = 10 * time.Second

// Status is what a running client says of itself. It holds no secrets.
type Status struct {
	State        string              `json:"state"`
	Why          []string            `json:"why,omitempty"`
	User         string              `json:"user,omitempty"`
	Device       string              `json:"device,omitempty"`
	Service      string              `json:"service,omitempty"`
	Program      string              `json:"program"`
	Started      time.Time           `json:"started"`
	PausedUntil  time.Time           `json:"pausedUntil,omitzero"`
	Tunnels      []TunnelStatus      `json:"tunnels"`
	Rules        RulesStatus         `json:"rules"`
	Flows        FlowsStatus         `json:"flows"`
	Listeners    []Listener          `json:"listeners"`
	Certificate  CertificateStatus   `json:"certificate"`
	SignInSealed string              `json:"signInSealed"` // by whom the sign-in on the disk is kept from others
	LastError    *lastError          `json:"lastError,omitempty"`
	Locked       []wire.ClientSwitch `json:"locked,omitempty"` // what an administrator does not let the user do
}

// TunnelStatus is one tunnel.
type TunnelStatus struct {
	Gateway   string        `json:"gateway"`
	Address   string        `json:"address"`
	Since     time.Time     `json:"since"`
	SignedIn  time.Time     `json:"signedInUntil"` // a newer token is shown before
	RoundTrip time.Duration `json:"roundTrip"`     // nanoseconds; 0: not measured yet
	Streams   int           `json:"streams"`
	Draining  bool          `json:"draining,omitempty"`
	Way       string        `json:"way,omitempty"` // how it goes, in words; empty: the plain way
}

// RulesStatus is what the client was told last.
type RulesStatus struct {
	Version      uint64    `json:"version"` // 0: none yet
	Applications int       `json:"applications"`
	Told         time.Time `json:"told,omitzero"`
	Kept         bool      `json:"kept,omitempty"` // from the disk: no gateway has told since the start
}

// FlowsStatus counts flows since the start, and those that are open.
type FlowsStatus struct {
	Open    int64 `json:"open"`
	Opened  int64 `json:"opened"`
	Direct  int64 `json:"direct"`
	Refused int64 `json:"refused"`
}

// Listener is where programs of this machine connect.
type Listener struct {
	Kind    string `json:"kind"` // "SOCKS5", "HTTP"
	Address string `json:"address"`
}

// NameStatus is a private name that a program asked the interface for.
type NameStatus struct {
	Name  string    `json:"name"`
	Given []string  `json:"given"`           // the addresses by which programs reach it
	Known []string  `json:"known,omitempty"` // what a connector found, when it was asked last
	Asked time.Time `json:"asked"`
}

// CertificateStatus is the device's certificate in force.
type CertificateStatus struct {
	State      string    `json:"state,omitempty"`
	Serial     string    `json:"serial,omitempty"`
	NotAfter   time.Time `json:"notAfter,omitzero"`
	RenewAfter time.Time `json:"renewAfter,omitzero"`
}

// The states of a device's certificate.
const (
	CertificateValid   = "valid"
	CertificateDue     = "due"     // it is time to renew it
	CertificateExpired = "expired" // no gateway takes it; the client renews it with its sign-in
)

func certificateState(cred *credential.Credential, now time.Time) string {
	switch {
	case now.After(cred.Leaf.NotAfter):
		return CertificateExpired
	case now.After(cred.RenewAfter):
		return CertificateDue
	}
	return CertificateValid
}

// Status says how the client is.
func (c *Client) Status() Status {
	s := Status{
		Program: c.cfg.Host.Program, Started: c.started, PausedUntil: c.pausedUntil(), Tunnels: []TunnelStatus{}, Listeners: []Listener{},
		Flows:        FlowsStatus{c.flows.count(), c.flows.opened.Load(), c.flows.direct.Load(), c.flows.refused.Load()},
		SignInSealed: SealedBy,
	}
	if id := c.current.Load(); id != nil {
		s.Device, s.Service = id.cred.Identity.ID, id.service
		s.Certificate = CertificateStatus{certificateState(id.cred, time.Now()), id.cred.Serial, id.cred.Leaf.NotAfter, id.cred.RenewAfter}
	}
	c.fleet.mu.Lock()
	for l := range c.fleet.links {
		known := l.known.Load()
		s.User = known.User
		s.Tunnels = append(s.Tunnels, TunnelStatus{
			l.gateway, l.address, l.since, known.Until, l.session.Stats().RTT, l.session.Streams(), l.going(), l.way.String(),
		})
	}
	c.fleet.mu.Unlock()
	slices.SortFunc(s.Tunnels, func(a, b TunnelStatus) int {
		return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), a.Since.Compare(b.Since))
	})
	r := c.rules.current.Load()
	if r != nil {
		s.Rules, s.Locked = RulesStatus{r.Version, len(r.Applications), r.when, !r.told}, r.Locked
	}
	c.mu.Lock()
	if !c.last.Time.IsZero() {
		last := c.last
		s.LastError = &last
	}
	c.mu.Unlock()
	s.State, s.Why = c.summary(s, r)
	return s
}

// summary gives the state and what is wrong, in sentences.
func (c *Client) summary(s Status, r *rules) (state string, why []string) {
	live := slices.ContainsFunc(s.Tunnels, func(t TunnelStatus) bool { return !t.Draining })
	problem := c.fleet.problem()
	if problem != nil {
		why = append(why, problem.Error())
	}
	if s.Certificate.State == CertificateExpired {
		when := map[bool]string{true: "as soon as the service is reached", false: "when somebody signs in"}[problem == nil]
		why = append(why, fmt.Sprintf("this device's certificate ended at %s: it is renewed %s", s.Certificate.NotAfter.Local().Format("2006-01-02 15:04:05"), when))
	}
	if !live && s.LastError != nil && problem == nil {
		why = append(why, s.LastError.While+": "+s.LastError.Text)
	}
	c.mu.Lock()
	if c.captive != "" && !live {
		why = append(why, captiveWhy(c.captive))
	}
	c.mu.Unlock()
	if live && s.Rules.Version == 0 {
		why = append(why, "what you may reach is not known yet")
	}
	switch {
	case c.current.Load() == nil:
		return StateSignedOut, why
	case r != nil && r.Off:
		return StateOff, append(why, r.whyOff())
	case !s.PausedUntil.IsZero():
		return StatePaused, append(why, fmt.Sprintf("until %s nothing goes through a gateway; postern-client resume ends that", s.PausedUntil.Local().Format("15:04:05")))
	case c.tokens.problem() != nil:
		return StateSignedOut, why
	case live:
		return StateConnected, why
	case time.Since(c.started) < initially:
		return StateConnecting, why
	}
	return StateDisconnected, why
}
