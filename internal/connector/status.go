package connector

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/local"
	"postern/internal/wire"
)

// The states of a running connector.
const (
	StateOK       = "ok"
	StateDegraded = "degraded" // it serves, or tries to, and Why says what is wrong
	StateDraining = "draining" // it was asked to stop and finishes what is open
)

// Status is what a running connector says of itself. It holds no secrets.
type Status struct {
	State         string              `json:"state"`
	Why           []string            `json:"why,omitempty"`
	Connector     string              `json:"connector"`
	Name          string              `json:"name,omitempty"`
	Group         string              `json:"group,omitempty"`
	Service       string              `json:"service"`
	Program       string              `json:"program"`
	Started       time.Time           `json:"started"`
	Streams       int                 `json:"streams"`
	Tunnels       []TunnelStatus      `json:"tunnels"`
	Configuration ConfigurationStatus `json:"configuration"`
	Targets       []TargetStatus      `json:"targets"`
	Certificate   CertificateStatus   `json:"certificate"`
	Rules         RulesStatus         `json:"rules"`
	LastError     *lastError          `json:"lastError,omitempty"`
	Load          *wire.Load          `json:"load,omitempty"` // what it uses of what it has
	// Diagnosis is what it found when it last examined itself because it had no tunnel.
	Diagnosis *wire.Diagnosis `json:"diagnosis,omitempty"`
}

// TunnelStatus is one tunnel.
type TunnelStatus struct {
	Gateway   string        `json:"gateway"`
	Address   string        `json:"address"`
	Since     time.Time     `json:"since"`
	RoundTrip time.Duration `json:"roundTrip"` // nanoseconds; 0: not measured yet
	Streams   int           `json:"streams"`
	Draining  bool          `json:"draining,omitempty"`
	Way       string        `json:"way,omitempty"` // how it goes, in words; empty: the plain way
}

// ConfigurationStatus is what the connector was told last.
type ConfigurationStatus struct {
	Version   uint64    `json:"version"` // 0: none yet
	Hash      string    `json:"hash,omitempty"`
	Applied   time.Time `json:"applied,omitzero"`
	Confirmed time.Time `json:"confirmed,omitzero"` // when the service last said that it is the current one
}

// TargetStatus is where streams of one application go.
type TargetStatus struct {
	Application string `json:"application"`
	Name        string `json:"name"`
	Address     string `json:"address"`
	TLS         bool   `json:"tls"`
	SkipVerify  bool   `json:"skipVerify,omitempty"`
}

// CertificateStatus is the certificate in force.
type CertificateStatus struct {
	State      string    `json:"state"` // one of the words below
	Serial     string    `json:"serial"`
	SHA256     string    `json:"sha256"` // of the whole certificate
	Issuer     string    `json:"issuer"`
	File       string    `json:"file"` // where key and certificate lie
	NotBefore  time.Time `json:"notBefore"`
	NotAfter   time.Time `json:"notAfter"`
	RenewAfter time.Time `json:"renewAfter"`
}

// How a certificate is.
const (
	CertificateValid      = "valid"
	CertificateOverdue    = "valid, but its renewal is overdue"
	CertificateExpired    = "expired; it is renewed as soon as the service can be reached: nothing needs to be done here"
	CertificateMustEnrol  = "of no use any more: the connector was deleted at the service. Enrol again: postern-connector enrol --again"
	CertificateNotRenewed = "not renewed: the service refuses to"
)

// certificate says how the certificate in force is.
func (c *Connector) certificate() CertificateStatus {
	cred, now := c.identity().cred, c.cfg.Now()
	c.mu.Lock()
	refused, ended := c.refused, c.ended
	c.mu.Unlock()
	sum := sha256.Sum256(cred.Leaf.Raw)
	s := CertificateStatus{
		State: CertificateValid, Serial: cred.Serial, SHA256: hex.EncodeToString(sum[:]), Issuer: cred.Leaf.Issuer.String(),
		File: filepath.Join(c.cfg.State, "credential.pem"), NotBefore: cred.Leaf.NotBefore, NotAfter: cred.Leaf.NotAfter, RenewAfter: cred.RenewAfter,
	}
	switch {
	case ended:
		s.State = CertificateMustEnrol
	case refused != "":
		s.State = CertificateNotRenewed
	case !now.Before(s.NotAfter):
		s.State = CertificateExpired
	case now.After(s.RenewAfter.Add(s.NotAfter.Sub(s.RenewAfter) / 2)):
		s.State = CertificateOverdue
	}
	return s
}

// RulesStatus is the local allow/deny file.
type RulesStatus struct {
	File    string `json:"file,omitempty"` // empty: there is none
	Rules   int    `json:"rules"`
	Problem string `json:"problem,omitempty"` // why the file as it is now is not in force
}

// Status says how the connector is.
func (c *Connector) Status() Status {
	cred := c.identity().cred
	applied, confirmed := c.following.times()
	s := Status{
		State: StateOK, Connector: cred.Identity.ID, Service: cred.Connection.ServiceURL, Program: c.cfg.Host.Program, Started: c.started,
		Streams: c.flows.count(), Tunnels: c.fleet.status(), Targets: []TargetStatus{},
		Configuration: ConfigurationStatus{Applied: applied, Confirmed: confirmed},
		Certificate:   c.certificate(),
		Rules:         RulesStatus{File: c.cfg.Rules, Rules: c.local.rules().Len()},
	}
	if problem := c.local.problem.Load(); problem != nil {
		s.Rules.Problem = *problem
	}
	if now := c.following.current.Load(); now != nil {
		s.Name, s.Group, s.Configuration.Version, s.Configuration.Hash = now.Name, now.Group, now.Version, now.Hash
		for _, t := range now.Targets {
			s.Targets = append(s.Targets, TargetStatus{t.Application, t.Name, net.JoinHostPort(t.Host, fmt.Sprint(t.Port)), t.TLS, t.SkipVerify})
		}
	}
	s.Load, _ = c.measuring.tell()
	s.Why = c.complaints(s)
	if len(s.Why) > 0 {
		s.State = StateDegraded
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		s.State = StateDraining
	}
	if !c.last.Time.IsZero() {
		last := c.last
		s.LastError = &last
	}
	s.Diagnosis = c.diagnosis
	return s
}

// complaints says everything that is wrong, in sentences.
func (c *Connector) complaints(s Status) (why []string) {
	now := c.cfg.Now()
	id := c.identity()
	c.mu.Lock()
	refused := c.refused
	c.mu.Unlock()
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			why = append(why, fmt.Sprintf(format, args...))
		}
	}
	gateways := map[string]bool{}
	for _, t := range s.Tunnels {
		if !t.Draining {
			gateways[t.Gateway] = true
		}
	}
	want := min(len(id.cred.Connection.Gateways), c.cfg.Gateways)
	say(refused != "", "the service refuses to renew: %s", refused)
	say(len(gateways) == 0, "no tunnel to any gateway")
	say(len(gateways) > 0 && len(gateways) < want, "tunnels to %d of %d gateways", len(gateways), want)
	say(s.Configuration.Version == 0 && s.Configuration.Confirmed.IsZero(), "no configuration yet")
	say(!s.Configuration.Confirmed.IsZero() && now.Sub(s.Configuration.Confirmed) > 2*(pollWait+pollSlack),
		"the configuration was last confirmed %s ago", now.Sub(s.Configuration.Confirmed).Round(time.Second))
	say(s.Certificate.State == CertificateExpired || s.Certificate.State == CertificateMustEnrol, "the certificate is %s", s.Certificate.State)
	say(s.Certificate.State == CertificateOverdue, "the certificate should have been renewed by now; it expires %s", s.Certificate.NotAfter.Format(time.RFC3339))
	say(s.Rules.Problem != "", "%s", s.Rules.Problem)
	lost := c.cfg.Journal.Problem()
	say(lost != "", "%s", lost)
	if settings := c.following.current.Load(); settings != nil {
		say(!settings.Waiting.IsZero(), "it waits for an administrator's approval (postern connectors approve %s); at %s it is deleted",
			settings.Name, settings.Waiting.Format(time.RFC3339))
		why = append(why, settings.warnings...)
	}
	return why
}

func (f *fleet) status() []TunnelStatus {
	links := f.all()
	all := make([]TunnelStatus, 0, len(links))
	for _, l := range links {
		all = append(all, TunnelStatus{l.name(), l.address, l.since, l.session.Stats().RTT, l.session.Streams(), l.session.Draining(), l.way.String()})
	}
	slices.SortFunc(all, func(a, b TunnelStatus) int {
		return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), a.Since.Compare(b.Since))
	})
	return all
}

const (
	statusSocket  = "status.sock"
	statusTimeout = 5 * time.Second
	maxStatus     = 4 << 20 // bytes
)

// serveStatus answers whoever connects to the status socket with the status, until ctx ends. Without the socket the
// connector serves all the same.
func (c *Connector) serveStatus(ctx context.Context) {
	c.serveLocal(ctx, statusSocket, func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(statusTimeout))
		_ = json.NewEncoder(conn).Encode(c.Status()) // whoever asked went away: nobody to tell
	})
}

// serveLocal answers those who connect to a socket of the state directory, some at once, until ctx ends.
func (c *Connector) serveLocal(ctx context.Context, socket string, answer func(net.Conn)) {
	l, err := local.Listen(c.cfg.State, socket)
	if err != nil {
		c.note("answer programs of this machine on "+socket, err)
		return
	}
	defer c.leaveLocal(socket)
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, 8)
	for {
		conn, err := l.Accept()
		if err != nil {
			return // only Close ends a listener on a socket of our own
		}
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			defer conn.Close() // who asked has had the answer or is gone
			answer(conn)
		})
	}
}

// ErrNotRunning says that no connector runs on a directory.
var ErrNotRunning = errors.New("no connector is running here")

// dialLocal connects to a socket of the connector that runs on a state directory. ErrNotRunning: none does.
func dialLocal(ctx context.Context, state, name string) (net.Conn, error) {
	conn, err := local.Dial(ctx, state, name)
	if errors.Is(err, local.ErrNobody) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("ask the connector: %w", err)
	}
	return conn, nil
}

// ReadStatus asks the connector that runs on a state directory for its status.
func ReadStatus(ctx context.Context, state string) (Status, error) {
	var s Status
	conn, err := dialLocal(ctx, state, statusSocket)
	if err != nil {
		return s, err
	}
	defer conn.Close() // only read from
	_ = conn.SetDeadline(time.Now().Add(statusTimeout))
	data, err := io.ReadAll(io.LimitReader(conn, maxStatus))
	if err != nil {
		return s, fmt.Errorf("ask the connector: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fault.Internal(err, "the connector's answer is not understood")
	}
	return s, nil
}
