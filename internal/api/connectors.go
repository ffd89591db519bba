package api

import (
	"context"
	"net/http"
)

// ConnectorGroupInput is what an administrator writes of a connector group.
type ConnectorGroupInput struct {
	Name        string `json:"name" doc:"The name for people, unique." example:"Headquarters"`
	Region      string `json:"region,omitempty" doc:"Where its connectors are, in a word." example:"eu-west"`
	BackupGroup string `json:"backupGroup,omitempty" doc:"The connector group that carries the traffic of this one's applications while none of its connectors can. It has no backup group itself."`
	Default     bool   `json:"default" required:"false" doc:"New connectors and applications land here when nobody says otherwise. Exactly one group is the default; making another one the default ends it."`
}

// ConnectorGroup is a set of connectors that act as one unit.
type ConnectorGroup struct {
	Meta
	ConnectorGroupInput
}

// ConnectorInput is what an administrator may change of a connector.
type ConnectorInput struct {
	Name           string `json:"name" doc:"The name for people, unique." example:"hq-1"`
	ConnectorGroup string `json:"connectorGroup" doc:"The connector group that it is in."`
	Priority       int    `json:"priority" required:"false" minimum:"0" maximum:"100" doc:"Its place in its group, for applications that are balanced by priority: the lowest number is the first."`
	Draining       bool   `json:"draining" required:"false" doc:"It takes no new requests; those that run go on. For maintenance."`
	// The times are at most 24 hours ahead, so that nobody forgets about them.
	SessionLogUntil Time `json:"sessionLogUntil,omitzero" doc:"Until when it keeps a log of every transaction: at most 24 hours ahead. Left out: it does not."`
	DebugLogUntil   Time `json:"debugLogUntil,omitzero" doc:"Until when its log has debug messages: at most 24 hours ahead. Left out: it has not."`
	BenchUntil      Time `json:"benchUntil,omitzero" doc:"Until when it may load a gateway to measure what it can carry: at most 24 hours ahead. Left out: it may not."`
	Disabled        bool `json:"disabled" required:"false" doc:"It carries no traffic: its tunnels are cut at once."`
}

// Connector is an outbound-only agent in a private network.
type Connector struct {
	Meta
	ConnectorInput
	Status      ConnectorStatus      `json:"status" doc:"How it is now."`
	Certificate ConnectorCertificate `json:"certificate" doc:"The certificate that it proves itself with."`
	Host        ConnectorHost        `json:"host" doc:"What it tells of its machine."`
	LastSeen    Time                 `json:"lastSeen,omitzero" doc:"When it was last heard of."`
	Address     string               `json:"address,omitempty" doc:"From where it was last seen."`
	Archived    Time                 `json:"archived,omitzero" doc:"When it was put away after long absence; absent if it was not. It comes back by itself when it connects again."`
	Waiting     Time                 `json:"waiting,omitzero" doc:"Until when it waits for an administrator's approval, after which it is deleted; absent if it does not wait."`
}

// ConnectorStatus is how a connector is, as the gateways see it.
type ConnectorStatus struct {
	Label     string  `json:"label" enum:"active,degraded,draining,inactive,disabled,archived,waiting" doc:"In a word: active is only what answered a probe within 30 seconds."`
	Why       string  `json:"why,omitempty" doc:"Why it is not active, in a sentence."`
	Tunnels   int     `json:"tunnels" doc:"How many tunnels it has."`
	Streams   int     `json:"streams" doc:"How many streams they carry."`
	Echo      Time    `json:"echo,omitzero" doc:"When it last answered a probe."`
	RoundTrip float64 `json:"roundTrip,omitempty" doc:"How long the last probe took, in milliseconds."`
	// Unreached are told of the connector itself: a tunnel says nothing of what is behind it.
	Unreached []Unreached `json:"unreached,omitempty" doc:"Applications that it does not reach, although it may be active; it gets no requests for them while another connector reaches them."`
	HeadRoom  *HeadRoom   `json:"headRoom,omitempty" doc:"How much more it can carry, as it measures itself; absent while nobody knows."`
	Way       string      `json:"way,omitempty" doc:"How its tunnels go, if not the plain way: through a proxy, or by HTTP Upgrade since somebody on the way opens TLS, whose issuer is named."`
}

// HeadRoom is how much more a connector can carry.
type HeadRoom struct {
	Left      float64    `json:"left" doc:"How much of its narrowest resource is left, from 0 to 1, of what was used for long."`
	Narrowest string     `json:"narrowest" enum:"cpu,memory,streams,ports,handles" doc:"Which resource that is."`
	Window    int        `json:"window" doc:"Over how many seconds that was measured; alerts come of 5 minutes only."`
	Resources []Resource `json:"resources" doc:"All that it may run short of."`
}

// Resource is what a connector has of one thing, and uses.
type Resource struct {
	Name      string  `json:"name" enum:"cpu,memory,streams,ports,handles" doc:"Processors; bytes of memory; streams at once; ports of its own towards the application that takes most; open files and sockets."`
	Used      float64 `json:"used" doc:"How much it used at its last look."`
	Sustained float64 `json:"sustained" doc:"How much it used at most for all but a twentieth of the window (95th percentile)."`
	Limit     float64 `json:"limit" doc:"How much it has: control groups, and what others on its machine have, are reckoned with."`
}

// ConnectorCertificate is the certificate in force of a connector.
type ConnectorCertificate struct {
	Serial   string `json:"serial" doc:"Its serial number, hexadecimal."`
	NotAfter Time   `json:"notAfter" doc:"When it expires. It is renewed long before."`
}

// ConnectorHost is what a connector tells of its machine.
type ConnectorHost struct {
	MachineName string `json:"machineName" doc:"The machine's own name."`
	OS          string `json:"os" doc:"Its operating system."`
	Arch        string `json:"arch" doc:"Its processor architecture."`
	Version     string `json:"version" doc:"The connector program's version."`
}

// TokenInput is what an administrator writes of an enrolment token.
type TokenInput struct {
	Name           string `json:"name" doc:"What it is for." example:"hq-2"`
	ConnectorGroup string `json:"connectorGroup,omitempty" doc:"The group that the connector will be in; the default group if left out."`
	Expires        Time   `json:"expires,omitzero" doc:"Until when it may be used, at most 30 days ahead; in an hour if left out."`
	Hold           bool   `json:"hold,omitempty" doc:"Whoever enrols with it waits for an administrator's approval, at most 7 days."`
}

// Token is an enrolment token: with it one connector registers, once.
type Token struct {
	Meta
	Name           string `json:"name" doc:"What it is for."`
	ConnectorGroup string `json:"connectorGroup" doc:"The group that the connector will be in."`
	Expires        Time   `json:"expires" doc:"Until when it may be used."`
	Hold           bool   `json:"hold,omitempty" doc:"Whoever enrols with it waits for an administrator's approval."`
	Used           Time   `json:"used,omitzero" doc:"When it was used; absent while it was not."`
	UsedBy         string `json:"usedBy,omitempty" doc:"The connector that used it."`
}

// TokenCreated is a new enrolment token with its text.
type TokenCreated struct {
	Token
	Text string `json:"text" doc:"What the connector is given. It is shown once and kept nowhere."`
}

// KeyInput is what an administrator writes of an API key.
type KeyInput struct {
	Name    string   `json:"name" doc:"What it is for." example:"backup job"`
	Roles   []string `json:"roles" doc:"What it may do."`
	Scopes  []string `json:"scopes" required:"false" doc:"Narrow what the roles allow: read-only, a noun such as application, or one action such as application.update. Left out: all that the roles allow."`
	Expires Time     `json:"expires,omitzero" doc:"Until when it is good; for ever if left out."`
}

// Key is an API key, with which programs use this API.
type Key struct {
	Meta
	KeyInput
	LastUsed Time `json:"lastUsed,omitzero" doc:"When it was last used, to the minute; absent when never."`
}

// KeyCreated is a new API key with its secret.
type KeyCreated struct {
	Key
	Secret string `json:"secret" doc:"What to send as Authorization: Bearer. It is shown once and kept nowhere."`
}

// Approve lets a connector that waits for approval into its group.
func (n Connectors) Approve(ctx context.Context, id string) (out Connector, err error) {
	err = n.reads.c.do(ctx, call{method: http.MethodPost, path: []string{n.reads.path, id, "approve"}, out: &out})
	return out, err
}

// Reject deletes a connector that waits for approval.
func (n Connectors) Reject(ctx context.Context, id string) error {
	return n.reads.c.do(ctx, call{method: http.MethodPost, path: []string{n.reads.path, id, "reject"}})
}
