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
	ExportMail    ExportKind = "mail"
)

// ExportKinds lists them.
func ExportKinds() []ExportKind {
	return []ExportKind{ExportSyslog, ExportWebhook, ExportOTLP, ExportMail}
}

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
	URL           string   // syslog: tls://, tcp:// or udp://host:port; mail: smtps://, smtp:// or smtp+plain://host:port; else https://…
	Array         bool     // webhook: one JSON array instead of a line for each entry
	CA            string   // PEM of authorities to trust beside the system's
	AllowPrivate  bool     // the destination may be in a private network
	AllowLoopback bool     // it may be this very machine, at the port of URL
	HasSecret     bool     // webhook: what signs; otlp: the bearer token; mail: the user's password
	From          string   // mail: the sender's address
	To            []string // mail: the recipients' addresses
	User          string   // mail: who signs in at the server; empty: nobody
}

// maxRecipients bounds whom one export of mails is for; a list of the mail server has room for more.
const maxRecipients = 20

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
		p.Add("kind", "must be syslog, webhook, otlp or mail")
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
	if e.Kind == ExportMail {
		e.checkMail(&p)
	} else if e.From != "" || len(e.To) > 0 || e.User != "" {
		p.Add("to", "and from and user are for mail only")
	}
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
	case e.Kind == ExportMail && (!slices.Contains([]string{"smtps", "smtp", plainMail}, u.Scheme) || u.Port() == "" || strings.Trim(u.Path, "/") != ""):
		return fault.Invalid("url", "must be a scheme (smtps, smtp with STARTTLS, or smtp+plain without TLS), a host and a port, such as %s", e.example())
	case e.Kind != ExportSyslog && e.Kind != ExportMail && u.Scheme != "https":
		return fault.Invalid("url", "must start with https://, such as %s", e.example())
	}
	return nil
}

func (e *Export) example() string {
	switch e.Kind {
	case ExportSyslog:
		return "tls://logs.example.com:6514"
	case ExportMail:
		return "smtp://mail.example.com:587"
	case ExportOTLP:
		return "https://collector.example.com:4318/v1/logs"
	}
	return "https://example.com/hook"
}

// plainMail is the scheme of a mail server that is spoken to without TLS, as one on the same machine may be.
const plainMail = "smtp+plain"

func (e *Export) checkMail(p *fault.Problems) {
	if len(e.Streams) > 0 && !slices.Equal(e.Streams, []ExportStream{StreamAlerts}) {
		p.Add("streams", "must be alerts alone: no other log is for reading in a mailbox")
	}
	if checkMailbox(e.From) != nil {
		p.Add("from", "must be one e-mail address of the sender, such as postern@example.com")
	}
	if len(e.To) == 0 || len(e.To) > maxRecipients {
		p.Add("to", "must name 1 to %d e-mail addresses", maxRecipients)
	}
	for i, to := range e.To {
		if checkMailbox(to) != nil || slices.Contains(e.To[:i], to) {
			p.Add("to["+strconv.Itoa(i)+"]", "must be one e-mail address such as ada@example.com, and each only once")
		}
	}
	switch {
	case len(e.User) > 256 || strings.ContainsFunc(e.User, func(r rune) bool { return r < ' ' || r == 0x7f }):
		p.Add("user", "must be at most 256 bytes without control characters")
	case e.User != "" && strings.HasPrefix(e.URL, plainMail+":"):
		p.Add("user", "must be empty with smtp+plain: a password needs TLS")
	case e.User == "" && e.HasSecret:
		p.Add("user", "must say whose password the secret is; remove the secret first if nobody is to sign in")
	}
}

// checkMailbox takes what mail servers take without extensions: one bare address of ASCII.
func checkMailbox(address string) error {
	if err := checkEmail(address); err != nil || address == "" {
		return fault.Invalid("", "must be an e-mail address")
	}
	for _, r := range address {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>()[],;:\"`, r) {
			return fault.Invalid("", "must be an e-mail address of plain letters, digits and signs")
		}
	}
	return nil
}
