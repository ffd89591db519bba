package api

import (
	"context"
	"net/http"
)

// ExportInput is what may be written of a destination that logs are sent to.
type ExportInput struct {
	Name          string   `json:"name" minLength:"1" maxLength:"128" doc:"Unique, whatever its case."`
	Kind          string   `json:"kind" enum:"syslog,webhook,otlp,mail" doc:"Which way logs are sent. It cannot be changed."`
	Disabled      bool     `json:"disabled" required:"false" doc:"Nothing is sent. It goes on where it was when this ends."`
	Streams       []string `json:"streams" doc:"Which logs are sent: audit, sign-ins, traffic, alerts."`
	URL           string   `json:"url" maxLength:"2048" doc:"syslog: tls://, tcp:// or udp://host:port; mail: smtps://, smtp:// (with STARTTLS) or smtp+plain://host:port; else https://…; otlp: the full URL of the logs. No user, no query." example:"tls://logs.example.com:6514"`
	Array         bool     `json:"array" required:"false" doc:"webhook: post a JSON array instead of a line for each entry."`
	CA            string   `json:"ca" required:"false" maxLength:"65536" doc:"Authorities to trust beside the system's, PEM."`
	AllowPrivate  bool     `json:"allowPrivate" required:"false" doc:"The destination may be in a private network."`
	AllowLoopback bool     `json:"allowLoopback" required:"false" doc:"It may be on the service's own machine, at the port of the URL."`
	From          string   `json:"from,omitempty" required:"false" maxLength:"254" doc:"mail: the sender's e-mail address." example:"postern@example.com"`
	To            []string `json:"to,omitempty" required:"false" maxItems:"20" doc:"mail: the recipients' e-mail addresses."`
	User          string   `json:"user,omitempty" required:"false" maxLength:"256" doc:"mail: who signs in at the mail server; the secret is the password. Nobody if left out."`
}

// ExportCreate is a new destination.
type ExportCreate struct {
	ExportInput
	Secret    string `json:"secret" required:"false" maxLength:"4096" writeOnly:"true" doc:"webhook: signs what is sent; otlp: the bearer token; mail: the password of user. It is not shown again."`
	Beginning bool   `json:"beginning" required:"false" writeOnly:"true" doc:"Send what is in the logs already, too."`
}

// Export is a destination that logs are sent to.
type Export struct {
	Meta
	ExportInput
	HasSecret bool          `json:"hasSecret" doc:"Whether it has a secret."`
	States    []ExportState `json:"states" doc:"How far it is with each log."`
}

// ExportState says how far a destination is with a log.
type ExportState struct {
	Stream  string `json:"stream" doc:"Which log."`
	Gateway string `json:"gateway,omitempty" doc:"Of traffic: the address of the gateway whose log it is. Each sends its own."`
	Seq     uint64 `json:"seq" doc:"The last entry that is known to have arrived."`
	Sent    Time   `json:"sent,omitzero" doc:"When that was."`
	Waiting int64  `json:"waiting" doc:"How many entries are not sent yet."`
	Missed  uint64 `json:"missed" doc:"How many were removed by age before they could be sent."`
	Error   string `json:"error,omitempty" doc:"What went wrong the last time."`
	Failing Time   `json:"failing,omitzero" doc:"Since when."`
}

// Exports are the destinations that logs are sent to.
type Exports struct {
	reads[Export]
	shows[Export]
	creates[ExportCreate, Export]
	patches[Export]
	pasts[Export]
	deletes
}

// SetSecret gives a destination another secret; an empty one removes it.
func (n Exports) SetSecret(ctx context.Context, id, secret string) error {
	return n.reads.c.do(ctx, call{method: http.MethodPost, path: []string{n.reads.path, id, "secret"}, in: SecretInput{secret}})
}

// ExportTest tells of a test that arrived.
type ExportTest struct {
	Answer string `json:"answer,omitempty" doc:"What the other side said, of a mail server."`
}

// Test sends one event that tells of nothing. The error says why it did not arrive.
func (n Exports) Test(ctx context.Context, id string) (out ExportTest, err error) {
	err = n.reads.c.do(ctx, call{method: http.MethodPost, path: []string{n.reads.path, id, "test"}, out: &out})
	return out, err
}
