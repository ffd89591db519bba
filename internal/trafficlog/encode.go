package trafficlog

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"postern/internal/wire"
)

// A record is written as fields, each with a number that is never given to another one: a program that
// does not know a number passes over it. A field of an even key is a number, one of an odd key is bytes.
const (
	fieldTime = iota + 1 // microseconds since that of the block
	fieldRequest
	fieldGateway
	fieldApplication
	fieldConnector
	fieldVia
	fieldUser
	fieldUserID
	fieldSession
	fieldClient
	fieldUserAgent
	fieldProtocol
	fieldMethod
	fieldHost
	fieldPath
	fieldStatus
	fieldOutcome
	fieldAction
	fieldReason
	fieldHop
	fieldPolicy
	fieldCondition
	fieldBreakGlass
	fieldReceived
	fieldSent
	fieldOpen
	fieldFirstByte
	fieldDuration
	fieldComplete
	fieldReport
	fieldCount
	fieldApplicationName
	fieldConnectorName
	fieldConnectorGroup
	fieldDestination
	fieldSame // of the fields that are texts, by their order in texts: a bit for each that is that of the record before
	fieldDevice
	fieldDeviceName
	fieldProcess
	fieldSegment

	fieldsEnd
)

const textFields = 28

// What others chose is kept up to these lengths, in bytes.
const (
	maxPath      = 1024
	maxUserAgent = 256
	maxText      = 256
)

// bound cuts what others chose. What is cut is copied: the rest of it must not be kept.
func bound(r *wire.Record) {
	cut(&r.Path, maxPath)
	cut(&r.UserAgent, maxUserAgent)
	cut(&r.Host, maxText)
	cut(&r.Method, maxText)
	cut(&r.User, maxText)
	cut(&r.DeviceName, maxText)
	cut(&r.Process, maxText)
	cut(&r.Segment, maxText)
}

func cut(text *string, limit int) {
	if len(*text) > limit {
		*text = strings.ToValidUTF8(strings.Clone((*text)[:limit]), "")
	}
}

// texts are the fields of a record that are texts.
type texts [textFields]struct {
	field int
	value *string
}

// textsOf gives them in order. Others come behind them: fieldSame counts them.
func textsOf(r *wire.Record) texts {
	return texts{
		{fieldRequest, &r.Request}, {fieldGateway, &r.Gateway}, {fieldApplication, &r.Application}, {fieldConnector, &r.Connector},
		{fieldVia, &r.Via}, {fieldUser, &r.User}, {fieldUserID, &r.UserID}, {fieldSession, &r.Session}, {fieldClient, &r.Client},
		{fieldUserAgent, &r.UserAgent}, {fieldProtocol, &r.Protocol}, {fieldMethod, &r.Method}, {fieldHost, &r.Host}, {fieldPath, &r.Path},
		{fieldOutcome, (*string)(&r.Outcome)}, {fieldAction, &r.Action}, {fieldReason, &r.Reason}, {fieldHop, &r.Hop}, {fieldPolicy, &r.Policy},
		{fieldCondition, &r.Condition}, {fieldApplicationName, &r.ApplicationName}, {fieldConnectorName, &r.ConnectorName},
		{fieldConnectorGroup, &r.ConnectorGroup}, {fieldDestination, &r.Destination},
		{fieldDevice, &r.Device}, {fieldDeviceName, &r.DeviceName}, {fieldProcess, &r.Process}, {fieldSegment, &r.Segment},
	}
}

// A pen writes the records of a block. Most of a record stands in the one before, too: user, application, connector, browser.
type pen struct {
	last    [textFields]string
	scratch []byte
}

// append writes a record behind its length. It gives a bit for each text that is that of the record before.
func (p *pen) append(dst []byte, r *wire.Record, list *texts, base int64) (_ []byte, same uint64) {
	b := p.scratch[:0]
	b = number(b, fieldTime, r.Time.UnixMicro()-base)
	for i, t := range list {
		if value := *t.value; value != p.last[i] {
			b = text(b, t.field, value)
			p.last[i] = value
		} else if value != "" {
			same |= 1 << i
		}
	}
	b = number(b, fieldSame, int64(same))
	b = text(b, fieldBreakGlass, r.BreakGlass)
	b = number(b, fieldStatus, int64(r.Status))
	b = number(b, fieldReceived, r.Received)
	b = number(b, fieldSent, r.Sent)
	b = number(b, fieldOpen, r.Open.Microseconds())
	b = number(b, fieldFirstByte, r.FirstByte.Microseconds())
	b = number(b, fieldDuration, r.Duration.Microseconds())
	b = number(b, fieldCount, int64(r.Count))
	if r.Complete {
		b = number(b, fieldComplete, 1)
	}
	for _, report := range r.Reports {
		b = text(b, fieldReport, report.Policy+"\x00"+report.Condition)
	}
	p.scratch = b
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...), same
}

func number(b []byte, field int, value int64) []byte {
	if value == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(field)<<1)
	return binary.AppendVarint(b, value)
}

func text(b []byte, field int, value string) []byte {
	if value == "" {
		return b
	}
	b = binary.AppendUvarint(b, uint64(field)<<1|1)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

var errRecord = errors.New("a record cannot be read")

// A records reads the records of a block one after the other.
type records struct {
	rest []byte
	base int64
	last [textFields]string
}

// next reads a record; false at the end.
func (s *records) next(r *wire.Record) (bool, error) {
	if len(s.rest) == 0 {
		return false, nil
	}
	size, n := binary.Uvarint(s.rest)
	if n <= 0 || size > uint64(len(s.rest)-n) {
		return false, errRecord
	}
	body := s.rest[n : n+int(size)]
	s.rest = s.rest[n+int(size):]
	*r = wire.Record{Time: time.UnixMicro(s.base).UTC()}
	same, err := decode(body, r, s.base)
	for i, t := range textsOf(r) {
		if same>>i&1 != 0 {
			*t.value = s.last[i]
		}
		s.last[i] = *t.value
	}
	return true, err
}

// decode reads a record, and which of its texts stand in the one before.
func decode(b []byte, r *wire.Record, base int64) (same uint64, err error) {
	var into [fieldsEnd]*string
	for _, t := range textsOf(r) {
		into[t.field] = t.value
	}
	into[fieldBreakGlass] = &r.BreakGlass
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, errRecord
		}
		b = b[n:]
		if key&1 == 0 {
			value, n := binary.Varint(b)
			if n <= 0 {
				return 0, errRecord
			}
			b = b[n:]
			if key>>1 == fieldSame {
				same = uint64(value)
			}
			setNumber(r, key>>1, value, base)
			continue
		}
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return 0, errRecord
		}
		value := b[n : n+int(size)]
		b = b[n+int(size):]
		switch field := key >> 1; {
		case field == fieldReport:
			policy, condition, _ := strings.Cut(string(value), "\x00")
			r.Reports = append(r.Reports, wire.PolicyReport{Policy: policy, Condition: condition})
		case field < uint64(len(into)) && into[field] != nil:
			*into[field] = string(value)
		}
	}
	return same, nil
}

func setNumber(r *wire.Record, field uint64, value, base int64) {
	span := time.Duration(value) * time.Microsecond
	switch field {
	case fieldTime:
		r.Time = time.UnixMicro(base + value).UTC()
	case fieldStatus:
		r.Status = int(value)
	case fieldReceived:
		r.Received = value
	case fieldSent:
		r.Sent = value
	case fieldOpen:
		r.Open = span
	case fieldFirstByte:
		r.FirstByte = span
	case fieldDuration:
		r.Duration = span
	case fieldComplete:
		r.Complete = value != 0
	case fieldCount:
		r.Count = int(value)
	}
}
