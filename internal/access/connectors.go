package access

import (
	"time"

	"postern/internal/fault"
)

// ConnectorGroup is a set of connectors that act as one unit for high availability. Exactly one
// is the default: new connectors land there and it cannot be deleted.
type ConnectorGroup struct {
	Meta
	Name    string
	Default bool
	Region  string // where its connectors are, in a word; optional
	// BackupGroup carries the traffic while no connector of this group can; empty for none. It has none itself, so nothing
	// goes further than one step.
	BackupGroup ID
}

// Connector is an outbound-only agent in a private network.
type Connector struct {
	Meta
	Name     string
	GroupID  ID
	Disabled bool
	Draining bool      // takes no new streams; what runs goes on
	Priority int       // among the connectors of its group, where an application goes by it: the lowest is the first
	Archived time.Time // when it was put away, after long absence; zero: it was not
	Waiting  time.Time // until when it waits for an administrator's approval; zero: it does not
	Host     HostFacts
	Serial   string    // of the certificate in force, lower-case hex
	NotAfter time.Time // of that certificate
	LastSeen time.Time // written in batches, without a new version
	Address  string    // from where it was last seen

	SessionLogUntil time.Time // until when it keeps a log of every transaction; zero: it does not
	DebugLogUntil   time.Time // until when it says all that it can say; zero: it does not
	BenchUntil      time.Time // until when it may load a gateway to measure what it can carry; zero: it may not
}

// HostFacts is what a connector tells of its machine when it enrols and when it reports.
type HostFacts struct {
	MachineName string
	OS          string
	Arch        string
	Program     string // the connector's own version
}

// Token is an enrolment token: a one-time secret with which one connector registers.
type Token struct {
	Meta
	Name    string
	GroupID ID
	Expires time.Time
	Hold    bool      // whoever enrols with it waits for approval
	Used    time.Time // zero while unused
	UsedBy  ID        // the connector that used it
	Hash    []byte    // SHA-256 of the secret
	// KeyHash is the SHA-256 of the public key that used it, so that the same connector may ask
	// again when the answer was lost.
	KeyHash []byte
}

// TokenLifetime is how long an enrolment token may be used when nobody says otherwise, and
// MaxTokenLifetime what somebody may say at most.
const (
	TokenLifetime    = time.Hour
	MaxTokenLifetime = 30 * 24 * time.Hour
)

// ApprovalWithin is how long a connector waits for approval before it is deleted.
const ApprovalWithin = 7 * 24 * time.Hour

// Key is an API key, with which programs use the admin API. Only a hash of it is kept.
type Key struct {
	Meta
	Name     string
	Roles    []Role
	Scopes   []string  // which of what its roles allow it may do; empty: all of it
	Expires  time.Time // zero: never
	LastUsed time.Time // written in batches, without a new version
	Hash     []byte    // SHA-256 of the secret
}

// PublicCertificate is a certificate that was uploaded for a domain. Its key is a sealed column of
// its own and not part of this value.
type PublicCertificate struct {
	Meta
	Domain   string // exact name, or "*." and a parent
	Chain    string // PEM, leaf first
	NotAfter time.Time
	Issuer   string
	SHA256   string // of the leaf, lower-case hex
}

// Validate says everything that is wrong with the connector group.
func (g *ConnectorGroup) Validate() error {
	var p fault.Problems
	p.Check("name", CheckName(g.Name))
	if g.Region != "" {
		p.Check("region", CheckName(g.Region))
	}
	switch {
	case g.BackupGroup != "" && !g.BackupGroup.Valid(PrefixConnectorGroup):
		p.Add("backupGroup", "must be the id of a connector group, or left out")
	case g.BackupGroup != "" && g.BackupGroup == g.ID:
		p.Add("backupGroup", "must be another group than this one")
	}
	return p.Err()
}

// MaxPriority is the highest number that a connector's place in its group may have.
const MaxPriority = 100

// MaxConnectorLog is how long a connector may keep its Session log or debug messages, or measure, at most: nobody shall forget about them.
const MaxConnectorLog = 24 * time.Hour

// ValidateLogs says what is wrong with the times until when the connector is to log or may measure. Those that are as before are not looked at.
func (c *Connector) ValidateLogs(before *Connector, now time.Time) error {
	var p fault.Problems
	check := func(name string, until, before time.Time) {
		if !until.Equal(before) && until.Sub(now) > MaxConnectorLog {
			p.Add(name, "must be at most %d hours ahead", MaxConnectorLog/time.Hour)
		}
	}
	check("sessionLogUntil", c.SessionLogUntil, before.SessionLogUntil)
	check("debugLogUntil", c.DebugLogUntil, before.DebugLogUntil)
	check("benchUntil", c.BenchUntil, before.BenchUntil)
	return p.Err()
}

// Validate says everything that is wrong with what an administrator may change of a connector.
func (c *Connector) Validate() error {
	var p fault.Problems
	p.Check("name", CheckName(c.Name))
	if !c.GroupID.Valid(PrefixConnectorGroup) {
		p.Add("connectorGroup", "must be the id of a connector group")
	}
	if c.Priority < 0 || c.Priority > MaxPriority {
		p.Add("priority", "must be from 0 to %d", MaxPriority)
	}
	return p.Err()
}

// Validate says everything that is wrong with a new token; now is the time of its creation.
func (t *Token) Validate(now time.Time) error {
	var p fault.Problems
	p.Check("name", CheckName(t.Name))
	if !t.GroupID.Valid(PrefixConnectorGroup) {
		p.Add("connectorGroup", "must be the id of a connector group")
	}
	if life := t.Expires.Sub(now); life < time.Minute || life > MaxTokenLifetime {
		p.Add("expires", "must be between one minute and 30 days ahead")
	}
	return p.Err()
}

// Validate says everything that is wrong with a new API key; now is the time of its creation.
func (k *Key) Validate(now time.Time) error {
	var p fault.Problems
	p.Check("name", CheckName(k.Name))
	if len(k.Roles) == 0 {
		p.Add("roles", "must not be empty")
	}
	checkRoles(&p, k.Roles)
	if !k.Expires.IsZero() && k.Expires.Before(now.Add(time.Minute)) {
		p.Add("expires", "must be at least one minute ahead, or left out")
	}
	return p.Err()
}
