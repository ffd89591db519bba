package api

// Gateway is a running gateway: one of the services that share a database.
type Gateway struct {
	ID        string   `json:"id" doc:"Its id, another one after each start."`
	Address   string   `json:"address" doc:"Where connectors and other gateways dial it."`
	Region    string   `json:"region,omitempty" doc:"Where it is, in a word."`
	Version   string   `json:"version,omitempty" doc:"The program's version."`
	Since     Time     `json:"since,omitzero" doc:"When it started."`
	Answers   bool     `json:"answers" doc:"It is the one that answers this request."`
	Label     string   `json:"label" enum:"active,draining,unreached" doc:"In a word: unreached means that the gateway that answers has no tunnel with it."`
	Why       string   `json:"why,omitempty" doc:"Why it is not active, in a sentence."`
	Tunnels   int      `json:"tunnels" doc:"How many tunnels of connectors it holds."`
	Exchanges int      `json:"exchanges" doc:"How many requests it carries now."`
	Forwarded int      `json:"forwarded" doc:"How many streams it carries for other gateways."`
	Change    uint64   `json:"change" doc:"The change of the configuration that is in force there."`
	Peers     []string `json:"peers,omitempty" doc:"The gateways that it has tunnels with."`
	Unreached []string `json:"unreached,omitempty" doc:"Gateways that run but that it has no tunnel with."`
}

// Rollout says who runs a change of the configuration already.
type Rollout struct {
	Newest     uint64         `json:"newest" doc:"The last change that was made."`
	Gateways   RolloutParties `json:"gateways" doc:"The gateways that run."`
	Connectors RolloutParties `json:"connectors" doc:"The connectors that have a tunnel. Of each only what is meant for it counts."`
	Unknown    int            `json:"unknown" doc:"How many of these connectors have not said it, neither to this service nor to another one that answers."`
	Away       int            `json:"away" doc:"How many connectors have no tunnel: they get what is in force when they come."`
}

// RolloutParties are the gateways or the connectors of a Rollout.
type RolloutParties struct {
	All  int           `json:"all" doc:"How many there are."`
	Late []RolloutLate `json:"late" doc:"Those that do not run it yet, at most 100 of them."`
	More int           `json:"more,omitempty" doc:"How many more there are of those."`
}

// RolloutLate is one that does not run a change yet.
type RolloutLate struct {
	ID   string `json:"id" doc:"Its id."`
	Name string `json:"name" doc:"The connector's name, or the gateway's address."`
}
