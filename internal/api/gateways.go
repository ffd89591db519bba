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
