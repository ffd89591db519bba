package api

// Summary counts what there is, so that nobody must read whole lists to know how many there are.
type Summary struct {
	Connectors   ConnectorCounts   `json:"connectors" doc:"Connectors, without the archived ones."`
	Groups       []GroupCounts     `json:"connectorGroups" doc:"Each connector group."`
	Carrying     int               `json:"carrying" doc:"How many connector groups have an active connector."`
	Applications ApplicationCounts `json:"applications" doc:"Applications."`
	Assignments  int               `json:"assignments" doc:"Assignments that have not ended."`
	Gateways     GatewayCounts     `json:"gateways" doc:"Gateways that run."`
}

// ConnectorCounts counts connectors by how they are.
type ConnectorCounts struct {
	All      int `json:"all" doc:"All of them, without the archived ones."`
	Active   int `json:"active" doc:"Those that answer probes."`
	Degraded int `json:"degraded" doc:"Those with something wrong."`
	Draining int `json:"draining" doc:"Those that take no new requests, as somebody said."`
	Inactive int `json:"inactive" doc:"Those without a tunnel."`
	Disabled int `json:"disabled" doc:"Those that somebody disabled."`
	Waiting  int `json:"waiting" doc:"Those that wait for approval."`
}

// GroupCounts counts what a connector group has.
type GroupCounts struct {
	ID           string `json:"id" doc:"The connector group."`
	Connectors   int    `json:"connectors" doc:"Its connectors, without the archived ones."`
	Active       int    `json:"active" doc:"Those of them that answer probes."`
	Applications int    `json:"applications" doc:"Its applications."`
}

// ApplicationCounts counts applications.
type ApplicationCounts struct {
	All      int `json:"all" doc:"All of them."`
	Disabled int `json:"disabled" doc:"Those that are switched off."`
}

// GatewayCounts counts gateways.
type GatewayCounts struct {
	All     int `json:"all" doc:"All that run."`
	Reached int `json:"reached" doc:"The one that answers, and those that it has tunnels with."`
}
