package journal

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/wire"
)

const (
	syslogTime  = time.Second     // for a connection or a message
	syslogAgain = 5 * time.Second // before a server that was away is tried again
	datagram    = 8 << 10         // bytes of a message over UDP
	facility    = 3               // system daemons (RFC 5424, section 6.2.1)
)

// Syslog is an Output to a syslog server (RFC 5424): over UDP one message a datagram, over TCP with counted octets (RFC 6587),
// over a socket of this machine as that socket wants it.
type Syslog struct {
	network, address string
	host, tag        string
	conn             net.Conn
	away             time.Time // until when nothing is tried
	why              error
}

// NewSyslog gives an Output to udp://host:514, tcp://host:601 or unix:///dev/log. The tag is the name of the log.
func NewSyslog(to, tag string) (*Syslog, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, fault.Invalid("syslog", "must be a URL such as udp://host:514")
	}
	s := &Syslog{network: u.Scheme, address: u.Host, tag: tag}
	switch u.Scheme {
	case "udp", "tcp":
		if u.Hostname() == "" {
			return nil, fault.Invalid("syslog", "must name a host, as in udp://host:514")
		}
		if u.Port() == "" {
			s.address = net.JoinHostPort(u.Hostname(), map[string]string{"udp": "514", "tcp": "601"}[u.Scheme])
		}
	case "unix":
		s.network, s.address = "unixgram", u.Path
	default:
		return nil, fault.Invalid("syslog", "must start with udp://, tcp:// or unix://")
	}
	if s.host, err = os.Hostname(); err != nil || s.host == "" {
		s.host = "-"
	}
	return s, nil
}

// Write sends one message. A server that is away is left alone for some seconds; what comes meanwhile is lost, and the error says so.
func (s *Syslog) Write(e wire.LogEntry) error {
	if time.Now().Before(s.away) {
		return s.why
	}
	err := s.send(s.message(e))
	if err != nil {
		_ = s.Close() // it is of no use any more
		err = fmt.Errorf("syslog at %s: %w", s.address, err)
		s.away, s.why = time.Now().Add(syslogAgain), err
	}
	return err
}

func (s *Syslog) send(message string) error {
	if s.conn == nil {
		conn, err := net.DialTimeout(s.network, s.address, syslogTime)
		if err != nil {
			return err
		}
		s.conn = conn
	}
	switch s.network {
	case "tcp":
		message = fmt.Sprintf("%d %s", len(message), message)
	default:
		message = message[:min(len(message), datagram)]
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(syslogTime)); err != nil {
		return err
	}
	_, err := s.conn.Write([]byte(message))
	return err
}

// message gives the entry as a message of syslog: the entry itself is JSON.
func (s *Syslog) message(e wire.LogEntry) string {
	priority := facility*8 + map[string]int{"debug": 7, "info": 6, "warn": 4, "error": 3}[e.Severity]
	text, err := json.Marshal(e)
	if err != nil {
		text = []byte(e.Message)
	}
	id := e.Event
	if id == "" {
		id = "-"
	}
	if s.network == "unixgram" { // sockets of this machine speak the older form (RFC 3164), and know the machine's name
		return fmt.Sprintf("<%d>%s %s[%d]: %s", priority, e.Time.Local().Format(time.Stamp), s.tag, os.Getpid(), text)
	}
	return fmt.Sprintf("<%d>1 %s %s %s %d %s - %s", priority, e.Time.Format("2006-01-02T15:04:05.000000Z07:00"),
		strings.ReplaceAll(s.host, " ", "-"), s.tag, os.Getpid(), id, text)
}

// Close ends the connection; a later Write makes another one.
func (s *Syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	return conn.Close()
}
