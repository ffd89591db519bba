package access

import (
	"crypto/x509"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
)

// ExportKind says which way logs are sent.
type ExportKind string

// The kinds of destination.
const (
	ExportSyslog  ExportKind = "syslog"
	ExportWebhook ExportKind = "webhook"
	ExportOTLP    ExportKind = "otlp"
)

// ExportKinds lists them.
func ExportKinds() []ExportKind { return []ExportKind{ExportSyslog, ExportWebhook, ExportOTLP} }

// ExportStream is a log that can be sent.
type ExportStream string

// The streams.
const (
	StreamAudit   ExportStream = "audit"
	StreamSignIns ExportStream = "sign-ins"
	StreamTraffic ExportStream = "traffic"
	StreamAlerts  ExportStream = "alerts"
)

// ExportStreams lists them.
func ExportStreams() []ExportStream {
	return []ExportStream{StreamAudit, StreamSignIns, StreamTraffic, StreamAlerts}
}

// Export is a destination that logs are sent to.
type Export struct {
	Meta
	Name          string
	Kind          ExportKind
	Disabled      bool
	Streams       []ExportStream
	URL           string // syslog: tls://, tcp:// or udp://host:port; else https://…
	Array         bool   // webhook: one JSON array instead of a line for each entry
	CA            string // PEM of authorities to trust beside the system's
	AllowPrivate  bool   // the destination may be in a private network
	AllowLoopback bool   // it may be this very machine, at the port of URL
	HasSecret     bool   // webhook: what signs; otlp: the bearer token
}

// ExportState says how far a destination is with a stream.
type ExportState struct {
	Stream  ExportStream
	Log     string    // of traffic: the log, which one gateway keeps
	Gateway string    // of traffic: the address of that gateway
	Seq     uint64    // of the last entry that is known to have arrived
	Sent    time.Time // when that was
	Missed  uint64    // entries that were removed by age before they could be sent
	Waiting int64     // entries that are not sent yet
	Error   string    // what went wrong the last time; empty: nothing
	Failing time.Time // since when
}

// Validate says what is wrong with the destination.
func (e *Export) Validate() error {
	var p fault.Problems
	p.Check("name", CheckName(e.Name))
	if !slices.Contains(ExportKinds(), e.Kind) {
		p.Add("kind", "must be syslog, webhook or otlp")
	}
	if len(e.Streams) == 0 {
		p.Add("streams", "must name at least one of audit, sign-ins, traffic, alerts")
	}
	for i, s := range e.Streams {
		if !slices.Contains(ExportStreams(), s) || slices.Contains(e.Streams[:i], s) {
			p.Add("streams["+strconv.Itoa(i)+"]", "must be audit, sign-ins, traffic or alerts, and each only once")
		}
	}
	p.Check("url", e.checkURL())
	if e.Array && e.Kind != ExportWebhook {
		p.Add("array", "is for a webhook only")
	}
	if e.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(e.CA)) {
		p.Add("ca", "must be certificates in PEM")
	}
	return p.Err()
}

func (e *Export) checkURL() error {
	u, err := url.Parse(e.URL)
	switch {
	case err != nil || u.Hostname() == "" || len(e.URL) > 2048:
		return fault.Invalid("url", "must be a URL such as %s", e.example())
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fault.Invalid("url", "must hold no user, password or query: a URL is shown to whoever may read; give what is secret as the secret")
	case e.Kind == ExportSyslog && (!slices.Contains([]string{"tls", "tcp", "udp"}, u.Scheme) || u.Port() == "" || strings.Trim(u.Path, "/") != ""):
		return fault.Invalid("url", "must be a scheme (tls, tcp or udp), a host and a port, such as %s", e.example())
	case e.Kind != ExportSyslog && u.Scheme != "https":
		return fault.Invalid("url", "must start with https://, such as %s", e.example())
	}
	return nil
}

func (e *Export) example() string {
	switch e.Kind {
	case ExportSyslog:
		return "tls://logs.example.com:6514"
	case ExportOTLP:
		return "https://collector.example.com:4318/v1/logs"
	}
	return "https://example.com/hook"
}
