package wire

import (
	"encoding/json"
	"time"
)

// KindTell is a stream that stays open and on which one gateway tells another what it holds: one
// Tidings as a JSON line after the other.
const KindTell Kind = "tell"

// Forward goes with an Open that one gateway passes on to the one that holds the connector's tunnel.
// Who receives it decides again and carries it to that tunnel, or refuses it: a stream that was
// forwarded is never forwarded again.
type Forward struct {
	Connector string          `json:"connector"`
	Tunnel    uint64          `json:"tunnel"`        // the holder's number of the tunnel
	Version   uint64          `json:"version"`       // of the configuration that the sender decided on
	Who       json.RawMessage `json:"who,omitempty"` // of a stream that belongs to one user: who it is
}

// Tidings are what one gateway tells another. The first hold everything, the following what changed.
type Tidings struct {
	Now      time.Time     `json:"now"`            // the teller's clock
	Up       []Held        `json:"up,omitempty"`   // tunnels that take streams
	Gone     []uint64      `json:"gone,omitempty"` // tunnels that take none any more
	Presence []Presence    `json:"presence,omitempty"`
	Gateway  *GatewayState `json:"gateway,omitempty"` // of the teller itself
}

// Held is one tunnel of a connector at the gateway that tells of it.
type Held struct {
	Tunnel    uint64 `json:"tunnel"`
	Connector string `json:"connector"`
}

// GatewayState is how a gateway is.
type GatewayState struct {
	Gateway   string    `json:"gateway"`
	Address   string    `json:"address"` // that it advertises
	Program   string    `json:"program"`
	Started   time.Time `json:"started"`
	Version   uint64    `json:"version"` // of the configuration in force
	Draining  bool      `json:"draining,omitempty"`
	Tunnels   int       `json:"tunnels"`             // of connectors
	Exchanges int       `json:"exchanges"`           // requests under way
	Forwarded int       `json:"forwarded"`           // streams that it carries for other gateways
	Peers     []string  `json:"peers,omitempty"`     // gateways that it has tunnels with
	Unreached []string  `json:"unreached,omitempty"` // gateways that run, but with which it has none
}

// MaxTidings bounds one line of Tidings, in bytes.
const MaxTidings = 64 << 10
