package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"postern/internal/fault"
)

// syslog speaks RFC 5424: over TLS (RFC 5425) and TCP with counted octets (RFC 6587, 3.4.1), or one message in each
// datagram (RFC 5426).
//
// The protocol has no acknowledgement. So each batch has a connection of its own: when we have said
// that nothing more comes, the other side closes it only after it has read all.
type syslog struct {
	cfg     Config
	network string
	address string
}

// The numbers of RFC 5424, 6.2.1.
const (
	facilityAuthPriv = 10
	facilityAudit    = 13
	severityWarning  = 4
	severityInfo     = 6
)

// maxDatagram is how long a message over UDP may be, in bytes: longer ones lose their detail.
const maxDatagram = 8 << 10

// Bounds of one batch.
const (
	writeWithin = 30 * time.Second
	closeWithin = 10 * time.Second
)

func (s *syslog) Close() {}

func (s *syslog) Send(ctx context.Context, batch []Event) error {
	conn, err := s.cfg.Fetch.Dial(ctx, s.network, s.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(writeWithin))
	if s.network == "udp" {
		return s.datagrams(conn, batch)
	}
	var out bytes.Buffer
	for i := range batch {
		message := s.message(&batch[i], batch[i].Data)
		fmt.Fprintf(&out, "%d %s", len(message), message)
	}
	if _, err := conn.Write(out.Bytes()); err != nil {
		return s.lost(err)
	}
	return s.finish(conn)
}

func (s *syslog) lost(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fault.New(fault.KindTimeout, "%s does not take what it is sent", s.address)
	}
	return fault.Unavailable("the connection to %s was lost", s.address).Because(err)
}

// finish says that nothing more comes and waits until the other side has read that.
func (s *syslog) finish(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	if err := half.CloseWrite(); err != nil {
		return s.lost(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(closeWithin))
	n, err := io.Copy(io.Discard, io.LimitReader(conn, 1<<10))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.New(fault.KindTimeout, "%s took the messages but does not end the connection, so nobody knows whether it has read them", s.address)
	case err != nil:
		return s.lost(err)
	case n > 0:
		return fault.New(fault.KindUpstream, "%s answers, which a syslog server does not do", s.address)
	}
	return nil
}

func (s *syslog) datagrams(conn net.Conn, batch []Event) error {
	for i := range batch {
		message := s.message(&batch[i], batch[i].Data)
		if len(message) > maxDatagram {
			message = s.message(&batch[i], []byte(`{"truncated":true}`))
		}
		if _, err := conn.Write([]byte(message)); err != nil {
			return s.lost(err)
		}
	}
	return nil
}

// message gives one message: header, structured data, and the entry as JSON.
func (s *syslog) message(e *Event, data []byte) string {
	facility, severity, name := facilityAuthPriv, severityInfo, "sign-in"
	if e.Stream == "audit" {
		facility, name = facilityAudit, "audit"
	} else if e.Stream != "sign-ins" {
		name = e.Stream
	}
	if e.Warning {
		severity = severityWarning
	}
	// 32473 is the number for examples (RFC 5612): nobody else's.
	return fmt.Sprintf(`<%d>1 %s %s postern - %s [postern@32473 id="%s" seq="%d" instance="%s" summary="%s"] %s`,
		facility*8+severity, e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), header(s.cfg.Host), header(name), value(e.ID), e.Seq,
		value(s.cfg.Instance), value(e.Summary), data)
}

// header makes a field of the header: printable ASCII without a blank.
func header(text string) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), 255)]
}

// value makes a parameter's value: a quotation mark, a backslash and a bracket are escaped (RFC 5424, 6.3.3).
func value(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(text)
}
