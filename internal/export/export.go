// Package export sends what the logs tell to where somebody else keeps or reads it: syslog, webhooks,
// collectors of OpenTelemetry, and, of alerts, mailboxes.
//
// A Sender takes a batch and says whether the other side has all of it. It keeps nothing: whoever
// calls it remembers how far that was and sends again what is not known to have arrived. So each
// event carries an id by which the other side tells a second copy.
package export

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"time"

	"postern/internal/fault"
	"postern/internal/fetch"
)

// Event is one entry of a log on its way.
type Event struct {
	Stream  string          // audit, sign-ins, traffic, alerts
	ID      string          // names it for ever: a second copy has the same
	Seq     uint64          // its place in the stream
	Time    time.Time       // when it was
	Warning bool            // something was refused or failed
	Summary string          // a line for people
	Data    json.RawMessage // all of it, a JSON object
}

// Sender sends batches to one destination. Its methods are for one goroutine.
type Sender interface {
	// Send returns nil when the other side has the whole batch. An error is a fault with a sentence for the
	// administrator; the batch may be sent again then.
	Send(ctx context.Context, batch []Event) error
	Close()
}

// The kinds of destination.
const (
	KindSyslog  = "syslog"
	KindWebhook = "webhook"
	KindOTLP    = "otlp"
	KindMail    = "mail"
)

// Config says where to and how.
type Config struct {
	Kind     string
	URL      string        // tls://, tcp:// or udp://host:port of syslog; smtps://, smtp:// or smtp+plain://host:port of a mail server; https://… else
	Array    bool          // webhook: a JSON array instead of JSON lines
	Secret   []byte        // webhook: signs; otlp: the bearer token; mail: the user's password. Optional
	Mail     Mail          // of kind mail
	Host     string        // of this service, as syslog and collectors show it
	Instance string        // names this instance
	Fetch    *fetch.Client // reaches the other side
	Now      func() time.Time
}

// New makes a sender.
func New(cfg Config) (Sender, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fault.Invalid("url", "must be a URL")
	}
	switch cfg.Kind {
	case KindSyslog:
		return &syslog{cfg: cfg, network: u.Scheme, address: net.JoinHostPort(u.Hostname(), u.Port())}, nil
	case KindWebhook:
		return &webhook{cfg}, nil
	case KindOTLP:
		return &otlp{cfg}, nil
	case KindMail:
		return &mailer{cfg: cfg, scheme: u.Scheme, address: net.JoinHostPort(u.Hostname(), u.Port()), host: u.Hostname()}, nil
	}
	return nil, fault.Invalid("kind", "must be syslog, webhook, otlp or mail")
}
