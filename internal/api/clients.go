package api

import (
	"context"
	"net/http"
)

// ClientsInput is what holds for postern-client on all devices. What is left out is as if nobody had said anything.
type ClientsInput struct {
	Off       bool     `json:"off,omitempty" doc:"Break glass: all clients stop capturing and close what is open through them, gateways refuse what they ask for, and devices go as if there were no client."`
	OffReason string   `json:"offReason,omitempty" maxLength:"500" doc:"Why they are off. Users see it in the client's status." example:"Maintenance of the data centre until noon"`
	Locked    []string `json:"locked,omitempty" enum:"pause,down,logout" doc:"What users may not do with their client, by its commands. Who administers a machine can still end the program there."`
}

// Clients is what holds for all clients, and for how many.
type Clients struct {
	Meta
	ClientsInput
	Connected int `json:"connected" doc:"How many devices are connected, as far as was seen within the last two minutes."`
}

// Clients gives what holds for all clients.
func (c *Client) Clients(ctx context.Context) (Clients, error) {
	var held Clients
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"clients"}, out: &held})
	return held, err
}

// UpdateClients changes what a patch names, if it is still at that version.
func (c *Client) UpdateClients(ctx context.Context, version int64, patch Patch) (Clients, error) {
	var held Clients
	err := c.do(ctx, call{method: http.MethodPatch, path: []string{"clients"}, version: version, in: patch, out: &held})
	return held, err
}

// ClientsHistory gives the versions of what holds for all clients, the newest first.
func (c *Client) ClientsHistory(ctx context.Context) ([]HistoryEntry, error) {
	var list List[HistoryEntry]
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"clients", "history"}, out: &list})
	return list.Items, err
}

// UndoClients brings an earlier version back; 0 stands for the one before.
func (c *Client) UndoClients(ctx context.Context, version, to int64) (Clients, error) {
	var held Clients
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"clients", "undo"}, version: version, in: UndoInput{To: to}, out: &held})
	return held, err
}
