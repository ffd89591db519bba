package api

import (
	"context"
	"net/http"
)

// Unreached is an application that a connector does not reach.
type Unreached struct {
	Application string `json:"application" doc:"Which."`
	Name        string `json:"name,omitempty" doc:"Its name, while there is such an application."`
	Code        string `json:"code" doc:"Why, in a stable word; docs/troubleshooting.md has them."`
	Message     string `json:"message" doc:"Why, in a sentence of the connector."`
	Since       Time   `json:"since" doc:"Since when."`
}

// ApplicationConnector is how a connector reaches an application.
type ApplicationConnector struct {
	Connector string  `json:"connector" doc:"Its id."`
	Name      string  `json:"name" doc:"Its name."`
	Backup    bool    `json:"backup" doc:"It is of the backup group, which carries requests only while the application's own cannot."`
	Label     string  `json:"label" enum:"active,unreachable,unknown,degraded,draining,inactive,disabled" doc:"In a word: active is only what connected to the application just now."`
	Why       string  `json:"why,omitempty" doc:"Why it is not active, in a sentence."`
	Code      string  `json:"code,omitempty" doc:"Why it does not reach the application, in a stable word."`
	Address   string  `json:"address,omitempty" doc:"The address that it reached."`
	Took      float64 `json:"took,omitempty" doc:"How long resolving, connecting and TLS took, in milliseconds."`
	Since     Time    `json:"since,omitzero" doc:"Since when gateways know that it does not reach the application, and give it no requests while another does."`
}

// ApplicationConnectors are the connectors of an application.
type ApplicationConnectors struct {
	Items []ApplicationConnector `json:"items" doc:"Those of its own group first."`
}

// Connectors asks the connectors that may carry an application's traffic, now, whether they reach it.
func (n Applications) Connectors(ctx context.Context, id string) (ApplicationConnectors, error) {
	var out ApplicationConnectors
	err := n.reads.c.do(ctx, call{method: http.MethodGet, path: []string{n.reads.path, id, "connectors"}, out: &out})
	return out, err
}
