// Package doctor finds out what is wrong with a connector, its machine and the way to its service, and says what to do.
//
// It goes the ways that the connector itself goes: the same dialler, the same checks of credential and rules, the tunnels and
// the targets of the process that runs, if one does. It changes nothing, sends no more than some hundred kilobytes, and
// ends within its time whatever does not answer.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/internal/credential"
	"postern/internal/uplink"
	"postern/internal/wire"
)

// Config holds what an examination needs. State, Dialer and Host are required.
type Config struct {
	State    string               // the connector's directory
	Rules    string               // the local rules, as the connector was told; empty: none
	Dialer   *uplink.Dialer       //
	Host     wire.Host            //
	Live     Live                 // the connector that runs here; nil: none does
	Stopped  string               // what the system says of its service, if none does; empty: there is no service
	Service  string               // URL, for a machine that is not enrolled yet
	Token    *wire.EnrolmentToken // optional; of a machine that is not enrolled yet: names the service, and whom to believe
	Streams  int                  // how many streams the connector may carry; 8192 if zero
	Resolver Resolver             // optional; net.DefaultResolver if nil
	Within   time.Duration        // optional; 20 s if zero
	Now      func() time.Time     // optional; time.Now if nil
}

// Live is what only the connector that runs can tell.
type Live interface {
	// Complaints says what the connector itself says is wrong, in sentences.
	Complaints() []string
	// Tunnels gives its tunnels.
	Tunnels() []Tunnel
	// Applications gives what it may connect to.
	Applications() []Application
	// Try connects to an application as a stream would, and asks it for its HTTP status.
	Try(ctx context.Context, application string) Tried
}

// Tunnel is a tunnel that is up.
type Tunnel struct {
	Gateway, Address string
	Ping             func(context.Context) (time.Duration, error)
	Measure          func(context.Context, wire.Measure) (wire.Measured, error)
}

// Application is a target of the connector.
type Application struct {
	ID, Name string
	Address  string // host:port
}

// Tried says how far a try came.
type Tried struct {
	wire.Reach
	Status  int   // of the answer to HEAD /; 0: it was not asked
	Unheard error // why there was no answer
}

// exam is one examination under way.
type exam struct {
	Config
	cred *credential.Credential // nil: none that can be used

	mu       sync.Mutex // guards findings
	findings []ordered
}

// ordered is a finding with its place: what was looked at first is told first, however long it took.
type ordered struct {
	place int
	wire.Finding
}

// Examine looks at everything and says what it found, the worst first.
func Examine(ctx context.Context, cfg Config) wire.Diagnosis {
	x := &exam{Config: cfg.withDefaults()}
	started := x.Now()
	ctx, cancel := context.WithTimeout(ctx, x.Within)
	defer cancel()
	x.local()
	parts := []func(context.Context, section){x.service, x.gateways, x.tunnels, x.applications}
	var running sync.WaitGroup
	for i, part := range parts {
		running.Go(func() { part(ctx, section{x, (i + 1) * 1000}) })
	}
	running.Wait()
	d := wire.Diagnosis{Program: x.Host.Program, Time: started.UTC(), Took: x.Now().Sub(started), Running: x.Live != nil, Service: x.url(), Findings: x.sorted()}
	if x.cred != nil {
		d.Connector = x.cred.Identity.ID
	}
	return d
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Within <= 0 {
		c.Within = 20 * time.Second
	}
	if c.Streams <= 0 {
		c.Streams = 8192
	}
	if c.Resolver == nil {
		c.Resolver = systemResolver()
	}
	return c
}

// url gives the URL of the service, empty if nobody knows it.
func (x *exam) url() string {
	switch {
	case x.cred != nil:
		return x.cred.Connection.ServiceURL
	case x.Token != nil:
		return x.Token.ServiceURL
	}
	return x.Service
}

// section is a part of the examination, with its place in the report.
type section struct {
	x     *exam
	place int
}

// found notes a finding. Its severity and cure are those of the code, see kinds.
func (s section) found(code, subject, format string, args ...any) {
	s.note(wire.Finding{Code: code, Subject: subject, Detail: fmt.Sprintf(format, args...)})
}

func (s section) note(f wire.Finding) {
	k := kindOf(f.Code)
	if f.Severity == "" {
		f.Severity = k.severity
	}
	if f.Cure == "" {
		f.Cure = k.cure
	}
	f.Detail = strings.ToValidUTF8(clip(f.Detail, 600), "�")
	f.Subject = strings.ToValidUTF8(clip(f.Subject, 200), "�")
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	s.x.findings = append(s.x.findings, ordered{s.place, f})
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// sorted gives the findings: errors, warnings, notes, and what is well, each in the order of the examination.
func (x *exam) sorted() []wire.Finding {
	x.mu.Lock()
	defer x.mu.Unlock()
	rank := []wire.Severity{wire.SeverityError, wire.SeverityWarning, wire.SeverityNote, wire.SeverityOK}
	slices.SortStableFunc(x.findings, func(a, b ordered) int {
		if d := slices.Index(rank, a.Severity) - slices.Index(rank, b.Severity); d != 0 {
			return d
		}
		if a.place != b.place {
			return a.place - b.place
		}
		return strings.Compare(a.Subject, b.Subject)
	})
	out := make([]wire.Finding, len(x.findings))
	for i, f := range x.findings {
		out[i] = f.Finding
	}
	return out
}

// unique gives the texts without those that were there before.
func unique(all []string) (out []string) {
	for _, s := range all {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
