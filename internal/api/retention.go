package api

import (
	"context"
	"net/http"
)

// RetentionInput is how long logs are kept. What is left out, or 0, is what is usual.
type RetentionInput struct {
	AuditDays    int64 `json:"auditDays,omitempty" doc:"How many days the audit log is kept, from 30 to 3650; 400 is usual." example:"400"`
	SignInDays   int64 `json:"signInDays,omitempty" doc:"How many days the sign-in log is kept, from 1 to 3650; 90 is usual." example:"90"`
	TrafficDays  int64 `json:"trafficDays,omitempty" doc:"How many days each gateway keeps its traffic log, from 1 to 3650; 30 is usual." example:"30"`
	TrafficBytes int64 `json:"trafficBytes,omitempty" doc:"How many bytes each gateway's traffic log may have, from 1 MiB to 1 PiB; 10 GiB is usual. The oldest goes first." example:"10737418240"`
}

// Retention is how long logs are kept, and what of it is in force at the service that answers.
type Retention struct {
	Meta
	RetentionInput
	InForce RetentionInForce `json:"inForce" doc:"What is in force at the service that answers: a flag given at its start wins over what is set here."`
}

// RetentionInForce says it of each log.
type RetentionInForce struct {
	Audit       Kept `json:"audit" doc:"The audit log."`
	SignIns     Kept `json:"signIns" doc:"The sign-in log."`
	Traffic     Kept `json:"traffic" doc:"The traffic log."`
	TrafficSize Kept `json:"trafficSize" doc:"The size of the traffic log."`
}

// Kept is how long, or up to which size, something is kept.
type Kept struct {
	Seconds int64  `json:"seconds,omitempty" doc:"How long."`
	Bytes   int64  `json:"bytes,omitempty" doc:"Up to which size."`
	Off     bool   `json:"off,omitempty" doc:"There is no such log."`
	By      string `json:"by" enum:"flag,setting,usual" doc:"What says so: a flag at the start of the service, what is set here, or nothing."`
	Flag    string `json:"flag,omitempty" doc:"Which flag of postern serve." example:"audit-retention"`
}

// Retention gives how long logs are kept.
func (c *Client) Retention(ctx context.Context) (Retention, error) {
	var r Retention
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"retention"}, out: &r})
	return r, err
}

// UpdateRetention changes what a patch names, if the retention is still at that version.
func (c *Client) UpdateRetention(ctx context.Context, version int64, patch Patch) (Retention, error) {
	var r Retention
	err := c.do(ctx, call{method: http.MethodPatch, path: []string{"retention"}, version: version, in: patch, out: &r})
	return r, err
}

// RetentionHistory gives the versions of how long logs are kept, the newest first.
func (c *Client) RetentionHistory(ctx context.Context) ([]HistoryEntry, error) {
	var list List[HistoryEntry]
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"retention", "history"}, out: &list})
	return list.Items, err
}

// UndoRetention brings an earlier version back; 0 stands for the one before.
func (c *Client) UndoRetention(ctx context.Context, version, to int64) (Retention, error) {
	var r Retention
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"retention", "undo"}, version: version, in: UndoInput{To: to}, out: &r})
	return r, err
}
