package control

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
	"postern/internal/trafficlog"
	"postern/internal/wire"
)

// trafficWithin bounds how long other gateways may take to answer: a search of theirs takes a third of it.
const trafficWithin = 6 * time.Second

// GatewayAsker asks another gateway a question over the tunnel with it.
type GatewayAsker func(ctx context.Context, gateway, question string, body []byte) ([]byte, error)

// TrafficQuery asks for a part of the traffic logs of all gateways, the newest first.
type TrafficQuery struct {
	Filter wire.TrafficFilter // Gateway is that of the record, or the id or address of one that runs, whose whole log is meant
	After  string             // cursor of the page before
	Limit  int
}

// TrafficPage is a part of the traffic logs.
type TrafficPage struct {
	Records    []wire.TrafficRecord
	Next       string       // cursor of the next page; empty at the end
	Incomplete []Incomplete // what is missing
}

// Incomplete is a gateway whose records are missing, or will be.
type Incomplete struct {
	Gateway access.ID
	Address string
	Why     string // a sentence
}

// trafficCursor says where to go on in each log, and who was missing from the beginning.
type trafficCursor struct {
	Before  map[string]uint64 `json:"b"`
	Missing []Incomplete      `json:"m,omitempty"`
}

// maxCursor bounds a cursor: it travels in a URL.
const maxCursor = 16 << 10

func readTrafficCursor(text string) (c trafficCursor, err error) {
	if text == "" {
		return c, nil
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) > maxCursor || json.Unmarshal(data, &c) != nil || len(c.Before) == 0 {
		return c, fault.Invalid("after", "must be the cursor next of the page before")
	}
	return c, nil
}

func (c trafficCursor) String() string {
	data, _ := json.Marshal(c) // texts and numbers: cannot fail
	return base64.RawURLEncoding.EncodeToString(data)
}

// Traffic lists the traffic logs of all gateways that run. Those that do not answer are named.
func (c *Control) Traffic(ctx context.Context, by access.Actor, q TrafficQuery) (page TrafficPage, err error) {
	r := request{by: by, perm: readTraffic}
	if err := allow(by, r.perm); err != nil {
		c.refused(ctx, r, err)
		return page, err
	}
	cursor, err := readTrafficCursor(q.After)
	if err != nil {
		return page, err
	}
	if q.Limit <= 0 || q.Limit > maxPage {
		q.Limit = defaultPage
	}
	if q.Filter.Client != "" {
		if _, err := trafficlog.ParseNetwork(q.Filter.Client); err != nil {
			return page, err
		}
	}
	from := c.trafficGateways(&q.Filter)
	parts := c.askTraffic(ctx, from, wire.AskTraffic{Filter: q.Filter, Before: cursor.Before, Limit: q.Limit})
	page.Incomplete = cursor.Missing
	for _, p := range parts {
		why := p.Problem
		if why != "" {
			why = "It records nothing at the moment: " + short(why, 256)
		}
		if p.err != nil {
			why = unansweredBy(p.err)
		}
		if why != "" && !slices.ContainsFunc(page.Incomplete, func(i Incomplete) bool { return i.Gateway == p.gateway.ID }) {
			page.Incomplete = append(page.Incomplete, Incomplete{p.gateway.ID, p.gateway.Address, why})
		}
	}
	page.Records = mergeTraffic(parts, q.Limit)
	next := trafficCursor{Before: map[string]uint64{}, Missing: page.Incomplete}
	for _, p := range parts {
		if at := p.position(); at > 0 && p.err == nil {
			next.Before[p.Log] = at
		}
	}
	if len(next.Before) > 0 {
		page.Next = next.String()
	}
	return page, nil
}

// trafficGateways gives the gateways to ask. One that runs is meant with its whole log, which is older than it.
func (c *Control) trafficGateways(f *wire.TrafficFilter) []access.Gateway {
	running := c.current().Gateways
	if f.Gateway == "" {
		return running
	}
	for _, g := range running {
		if string(g.ID) == f.Gateway || g.Address == f.Gateway {
			f.Gateway = ""
			return []access.Gateway{g}
		}
	}
	return running
}

// A trafficPart is what one gateway answered.
type trafficPart struct {
	gateway access.Gateway
	wire.Traffic
	taken int // of its records
	err   error
}

func (c *Control) askTraffic(ctx context.Context, of []access.Gateway, ask wire.AskTraffic) []*trafficPart {
	ctx, cancel := context.WithTimeout(ctx, trafficWithin)
	defer cancel()
	parts := make([]*trafficPart, len(of))
	var asking sync.WaitGroup
	for i, g := range of {
		p := &trafficPart{gateway: g}
		parts[i] = p
		asking.Go(func() {
			if g.ID == c.cfg.Gateway.ID {
				p.Traffic, p.err = c.searchTraffic(ctx, ask)
				return
			}
			if c.cfg.AskGateway == nil {
				p.err = fault.Unavailable("nobody can ask it")
				return
			}
			answer, err := c.cfg.AskGateway(ctx, string(g.ID), wire.QuestionTraffic, wire.Encode(ask))
			if err == nil {
				p.Traffic, err = wire.Decode[wire.Traffic](answer)
			}
			p.err = err
		})
	}
	asking.Wait()
	return parts
}

func (c *Control) searchTraffic(ctx context.Context, ask wire.AskTraffic) (wire.Traffic, error) {
	if c.cfg.Traffic == nil {
		return wire.Traffic{Problem: "its traffic log is off (--traffic-log-size)"}, nil
	}
	if ask.Limit <= 0 || ask.Limit > maxPage {
		ask.Limit = defaultPage
	}
	return c.cfg.Traffic.Search(ctx, ask)
}

// AnswerGateway answers a question of another gateway, which is proven.
func (c *Control) AnswerGateway(ctx context.Context, question string, body []byte) ([]byte, error) {
	switch question {
	case wire.QuestionTraffic:
		return c.answerTraffic(ctx, body)
	case wire.QuestionHaving:
		return wire.Encode(wire.Having{Hashes: c.having.all()}), nil
	default:
		return nil, fault.NotFound("this gateway does not know the question %q", short(question, 64))
	}
}

func (c *Control) answerTraffic(ctx context.Context, body []byte) ([]byte, error) {
	ask, err := wire.Decode[wire.AskTraffic](body)
	if err != nil {
		return nil, fault.Invalid("question", "cannot be read")
	}
	out, err := c.searchTraffic(ctx, ask)
	if err != nil {
		return nil, err
	}
	return wire.Encode(out), nil
}

// unansweredBy says why a gateway did not answer.
func unansweredBy(err error) string {
	if r, ok := errors.AsType[*wire.Refusal](err); ok && (r.Code == "not-forwarded" || r.Code == "question-unknown") {
		return "It is older than this question; update it."
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return "It did not answer within " + trafficWithin.String() + "."
	}
	return "It could not be asked: " + short(err.Error(), 256) + "."
}

// position says where the next page goes on in a log; 0: nowhere.
func (p *trafficPart) position() uint64 {
	switch {
	case p.taken == len(p.Records):
		return p.Before
	case p.taken > 0:
		return p.Records[p.taken-1].Place
	}
	return p.Records[0].Place + 1
}

// ended says when what comes next in a log ended, as far as that is known; false if nothing comes.
func (p *trafficPart) ended() (at time.Time, known, more bool) {
	if p.taken < len(p.Records) {
		return p.Records[p.taken].End(), true, true
	}
	return p.Reached, false, p.Before > 0
}

// mergeTraffic takes the newest records of all, as long as it is sure that none of another log comes before them. In each log
// they stay in their order, whatever its clock did.
func mergeTraffic(parts []*trafficPart, limit int) []wire.TrafficRecord {
	list := []wire.TrafficRecord{}
	for len(list) < limit {
		var newest *trafficPart
		var at time.Time
		sure := true
		for _, p := range parts {
			end, known, more := p.ended()
			if p.err == nil && more && (newest == nil || end.After(at)) {
				newest, at, sure = p, end, known
			}
		}
		if newest == nil || !sure {
			break
		}
		list = append(list, newest.Records[newest.taken])
		newest.taken++
	}
	return list
}

// A TrafficNamer adds to records the names of what they tell of. It is for one goroutine.
type TrafficNamer struct {
	Snapshot     func() *access.Snapshot
	snap         *access.Snapshot
	destinations map[access.ID]string
}

// Name adds the names as they are now.
func (n *TrafficNamer) Name(r *wire.Record) {
	snap := n.Snapshot()
	if snap == nil {
		return
	}
	if snap != n.snap {
		n.snap, n.destinations = snap, map[access.ID]string{}
	}
	if app, ok := snap.Application(access.ID(r.Application)); ok && app.Private() {
		r.ApplicationName = app.Name // its flows say where they went
	} else if ok {
		to, known := n.destinations[app.ID]
		if !known {
			to = app.Internal().Address()
			n.destinations[app.ID] = to
		}
		r.ApplicationName, r.Destination = app.Name, to
	}
	if k, ok := snap.Connector(access.ID(r.Connector)); ok {
		r.ConnectorName = k.Name
		if group, ok := snap.Group(k.GroupID); ok {
			r.ConnectorGroup = group.Name
		}
	}
}

// findTraffic tells when this gateway's traffic log cannot be written.
func (c *Control) findTraffic(f *findings) {
	if c.cfg.Traffic == nil {
		return
	}
	if p := c.cfg.Traffic.Problem(); p != nil {
		f.add(Finding{Code: "traffic-log-failing", Severity: SeverityError,
			Sentence: "The traffic log of this gateway is not written since " + p.Since.UTC().Format(time.RFC3339) + ": " + short(p.Err.Error(), 300) + ". Traffic goes on without records.",
			Cure:     "Make room on the disk of the data directory and see that the service may write there; it goes on by itself."})
	}
}

// eraseTraffic has the traffic log of this gateway forget the users who were erased since it last looked.
func (c *Control) eraseTraffic(ctx context.Context) {
	if c.cfg.Traffic == nil || c.cfg.Traffic.ID() == "" {
		return
	}
	upto, err := c.cfg.Traffic.Erased(ctx)
	if err != nil {
		return // it is not open, which is a finding
	}
	users, last, err := c.erasures(ctx, max(upto, c.erasedUpto))
	if err == nil && len(users) > 0 {
		err = c.cfg.Traffic.Erase(ctx, trafficlog.Erasure{Users: users, Upto: last})
	}
	if err == nil {
		c.erasedUpto = last
		return
	}
	if ctx.Err() == nil && !fault.Is(err, fault.KindUnavailable) {
		c.log.Warn("erase users from the traffic log", "error", cause(err))
	}
}

// erasures gives the users who were erased behind a place in the audit log, and the end of that. A log that is shorter than it
// was came from a backup: then it is read from its beginning.
func (c *Control) erasures(ctx context.Context, after uint64) (users []string, last uint64, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		users = nil
		head, _, err := tx.AuditHeads(ctx)
		if err != nil {
			return err
		}
		if last = head.Seq; last < after {
			after = 0
		}
		ids, err := tx.ErasedUsers(ctx, after)
		for _, id := range ids {
			users = append(users, string(id))
		}
		return err
	})
	return users, last, err
}
