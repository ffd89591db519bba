package trafficlog

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/wire"
)

// The bounds of one search, which goes on where it ended.
const (
	searchWithin = 2 * time.Second
	searchBytes  = 1 << 20 // of records in one answer, about
	searchBlocks = 2_000   // that are unpacked
)

// Search gives records, the newest first.
func (l *Log) Search(ctx context.Context, q wire.AskTraffic) (wire.Traffic, error) {
	m, err := newMatcher(q.Filter)
	if err != nil {
		return wire.Traffic{}, err
	}
	l.mu.RLock()
	list, out := l.segments, wire.Traffic{Log: l.id}
	l.mu.RUnlock()
	if p := l.Problem(); p != nil {
		out.Problem = p.Err.Error()
	}
	before := uint64(1<<64 - 1)
	if len(q.Before) > 0 {
		if before = q.Before[out.Log]; before == 0 {
			return out, nil
		}
	}
	dec, err := newDecoder()
	if err != nil {
		return out, err
	}
	defer dec.close()
	s := search{l: l, matcher: m, dec: dec, before: before, limit: q.Limit, until: time.Now().Add(searchWithin), out: &out}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].first >= s.before || !m.meets(list[i].span) || list[i].count == 0 {
			continue
		}
		done, err := s.segment(ctx, list[i])
		if err != nil || done {
			return out, err
		}
	}
	out.Before, out.Reached = 0, time.Time{}
	return out, nil
}

// A search is one on its way, from the newest record to the oldest.
type search struct {
	l       *Log
	matcher *matcher
	dec     *decoder
	before  uint64 // the places that are left
	limit   int
	until   time.Time
	blocks  int
	size    int
	out     *wire.Traffic
}

// segment looks through a segment, and reports whether the search has to go on another time.
func (s *search) segment(ctx context.Context, of *segment) (done bool, err error) {
	file, err := os.Open(of.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it was removed meanwhile
	}
	if err != nil {
		return false, fault.Internal(err, "read the traffic log")
	}
	defer file.Close()
	blocks, err := s.l.blocks(of, file)
	if err != nil {
		s.l.damaged.Add(1)
		s.l.log.Warn("traffic log: a segment cannot be read", "file", of.path, "error", err)
		return false, nil
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		m := &blocks[i]
		if m.first >= s.before || !s.matcher.meets(m.span) {
			continue
		}
		if ctx.Err() != nil {
			return true, ctx.Err()
		}
		if s.blocks >= searchBlocks || time.Now().After(s.until) {
			s.stop(m.last()+1, m.end)
			return true, nil
		}
		filter, err := readBloom(file, m)
		if err == nil && !s.matcher.may(filter) {
			continue
		}
		s.blocks++
		if done := s.block(file, m); done {
			return true, nil
		}
	}
	return false, nil
}

// blocks gives the blocks of a segment that somebody may just have written anew.
func (l *Log) blocks(of *segment, file *os.File) ([]meta, error) {
	blocks, err := of.index(file)
	if err == nil {
		return blocks, nil
	}
	info, statErr := file.Stat()
	if statErr != nil {
		return nil, statErr
	}
	if again, ok := readIndex(file, info.Size()); ok {
		return again, nil
	}
	return nil, err
}

// stop says where to go on.
func (s *search) stop(before uint64, end int64) {
	s.out.Before, s.out.Reached = min(before, s.before), time.UnixMicro(end).UTC()
}

func (s *search) block(file *os.File, m *meta) (done bool) {
	list, err := s.dec.read(file, m)
	var found []wire.TrafficRecord
	place := m.first
	for err == nil {
		var r wire.Record
		var more bool
		if more, err = list.next(&r); !more {
			break
		}
		if place < s.before && s.matcher.matches(&r) {
			found = append(found, wire.TrafficRecord{Place: place, Log: s.out.Log, Record: r})
		}
		place++
	}
	if err != nil {
		s.l.damaged.Add(1)
	}
	slices.Reverse(found)
	for i := range found {
		if len(s.out.Records) >= s.limit || s.size >= searchBytes {
			s.stop(found[i].Place+1, found[i].End().UnixMicro())
			return true
		}
		s.out.Records = append(s.out.Records, found[i])
		s.size += weigh(&found[i].Record) + 400
		s.before = found[i].Place
	}
	return false
}

// A matcher tells which records a filter wants, and by which terms a block can be passed over.
type matcher struct {
	wire.TrafficFilter
	from, to int64 // microseconds
	network  netip.Prefix
	hashes   []uint64
}

func newMatcher(f wire.TrafficFilter) (*matcher, error) {
	m := &matcher{TrafficFilter: f, from: -1 << 63, to: 1<<63 - 1}
	if !f.From.IsZero() {
		m.from = f.From.UnixMicro()
	}
	if !f.To.IsZero() {
		m.to = f.To.UnixMicro()
	}
	for _, t := range []struct {
		term
		value string
	}{{termUser, f.User}, {termApplication, f.Application}, {termConnector, f.Connector}, {termDevice, f.Device}, {termGateway, f.Gateway}, {termRequest, f.Request},
		{termHost, f.Host}, {termMethod, f.Method}, {termReason, f.Reason}, {termOutcome, string(f.Outcome)}} {
		if t.value != "" {
			m.hashes = append(m.hashes, t.hash(t.value))
		}
	}
	if f.Status >= 100 {
		m.hashes = append(m.hashes, statusHash(f.Status))
	}
	if f.Client == "" {
		return m, nil
	}
	var err error
	if m.network, err = ParseNetwork(f.Client); err != nil {
		return nil, err
	}
	if m.network.Bits() >= networkBits(m.network.Addr()) { // of the records and of the summaries alike
		wide, _ := m.network.Addr().Prefix(networkBits(m.network.Addr()))
		m.hashes = append(m.hashes, networkHash(wide))
	}
	return m, nil
}

// ParseNetwork reads an address or a network.
func ParseNetwork(text string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked(), nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, fault.Invalid("client", "must be an address such as 203.0.113.9 or a network such as 203.0.113.0/24")
	}
	address = address.Unmap()
	return netip.PrefixFrom(address, address.BitLen()), nil
}

// meets reports whether any record of that span may have begun in time.
func (m *matcher) meets(s span) bool { return s.max >= m.from && s.min <= m.to }

// may reports whether a block may hold what is wanted.
func (m *matcher) may(filter bloom) bool {
	return !slices.ContainsFunc(m.hashes, func(h uint64) bool { return !filter.has(h) })
}

func (m *matcher) matches(r *wire.Record) bool {
	at := r.Time.UnixMicro()
	is := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return at >= m.from && at <= m.to &&
		is(m.User, r.UserID) && is(m.Application, r.Application) && is(m.Connector, r.Connector) && is(m.Device, r.Device) && is(m.Gateway, r.Gateway) &&
		is(m.Host, r.Host) && is(m.Method, r.Method) && is(string(m.Outcome), string(r.Outcome)) && is(m.Action, r.Action) &&
		is(m.Reason, r.Reason) && is(m.Hop, r.Hop) && is(m.Request, r.Request) && strings.HasPrefix(r.Path, m.Path) &&
		(m.Status == 0 || m.Status == r.Status || m.Status < 10 && m.Status == r.Status/100) &&
		r.Duration >= m.MinDuration && m.isFrom(r.Client) && m.mattered(r)
}

// mattered reports whether the policy that is wanted was not met. Blocks do not know their policies: few ask, and what is asked
// for is mostly recent.
func (m *matcher) mattered(r *wire.Record) bool {
	return m.Policy == "" || m.Policy == r.Policy || m.Policy == r.BreakGlass ||
		slices.ContainsFunc(r.Reports, func(report wire.PolicyReport) bool { return report.Policy == m.Policy })
}

// isFrom reports whether a client is of the network that is wanted. A summary is, if its network has anything of it.
func (m *matcher) isFrom(client string) bool {
	if m.Client == "" {
		return true
	}
	if of, err := netip.ParsePrefix(client); err == nil {
		return of.Overlaps(m.network)
	}
	address := addressOf(client)
	return address.IsValid() && m.network.Contains(address)
}
