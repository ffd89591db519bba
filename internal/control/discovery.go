package control

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/match"
	"postern/internal/store"
	"postern/internal/wire"
)

// What Quick Access carries is discovered: whoever publishes applications sees which there ought to be. A gateway's records are added up in
// memory and written once a minute, by destination, user, device and day, so that users are counted once however many gateways they use.
const (
	discoverEvery  = time.Minute
	discoveredMost = 20_000 // uses that wait to be written
)

// discovery is what waits to be written.
type discovery struct {
	dropped prometheus.Counter

	mu      sync.Mutex // guards the fields below
	waiting map[useKey]access.DiscoveredUse
	left    time.Time // when something was left out last
}

type useKey struct {
	destination  string
	user, device access.ID
	day          time.Time
}

func newDiscovery(r prometheus.Registerer) (*discovery, error) {
	d := &discovery{dropped: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "postern_discovery_dropped_total", Help: "Uses of destinations by Quick Access for whose discovery there was no room.",
	})}
	if r == nil {
		return d, nil
	}
	return d, r.Register(d.dropped)
}

// discover notes a flow that Quick Access carried. It never blocks for long.
func (c *Control) discover(r *wire.Record) {
	if r.Device == "" || r.UserID == "" || r.Outcome != wire.OutcomeForwarded || r.FirstByte == 0 {
		return
	}
	app, ok := c.current().Application(access.ID(r.Application))
	if !ok || app.Kind != access.KindQuickAccess {
		return
	}
	c.discovery.add(access.DiscoveredUse{
		Destination: strings.ToLower(r.Host) + "/" + r.Protocol, User: access.ID(r.UserID), Device: access.ID(r.Device), Day: r.Time.UTC().Truncate(access.Day),
		Flows: 1, Received: r.Received, Sent: r.Sent, First: r.Time, Last: r.End(),
	}, c.now())
}

// add adds a use to those that wait. What has no room is counted and left out.
func (d *discovery) add(u access.DiscoveredUse, now time.Time) {
	key := useKey{u.Destination, u.User, u.Device, u.Day}
	d.mu.Lock()
	defer d.mu.Unlock()
	before, known := d.waiting[key]
	switch {
	case known:
		u.Flows, u.Received, u.Sent = u.Flows+before.Flows, u.Received+before.Received, u.Sent+before.Sent
		if before.First.Before(u.First) {
			u.First = before.First
		}
		if before.Last.After(u.Last) {
			u.Last = before.Last
		}
	case len(d.waiting) >= discoveredMost:
		d.dropped.Inc()
		d.left = now
		return
	case d.waiting == nil:
		d.waiting = map[useKey]access.DiscoveredUse{}
	}
	d.waiting[key] = u
}

func (d *discovery) take() []access.DiscoveredUse {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]access.DiscoveredUse, 0, len(d.waiting))
	for _, u := range d.waiting {
		list = append(list, u)
	}
	d.waiting = nil
	return list
}

// writeDiscovered writes what waits, in one transaction. What cannot be written waits on.
func (c *Control) writeDiscovered(ctx context.Context) {
	uses := c.discovery.take()
	if len(uses) == 0 {
		return
	}
	left := 0
	err := c.write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		left, err = tx.AddDiscovered(ctx, uses)
		return err
	})
	if err != nil {
		c.log.Warn("write what was discovered", "error", cause(err))
		for _, u := range uses {
			c.discovery.add(u, c.now())
		}
		return
	}
	if left > 0 {
		c.discovery.dropped.Add(float64(left))
		c.discovery.mu.Lock()
		c.discovery.left = c.now()
		c.discovery.mu.Unlock()
	}
}

func (c *Control) trimDiscovered(ctx context.Context, tx *store.Tx) (int64, error) {
	return tx.TrimDiscovered(ctx, c.discoveredSince(), cleanBatch)
}

// findDiscovery tells when there is no room for what is discovered.
func (c *Control) findDiscovery(f *findings) {
	c.discovery.mu.Lock()
	left := c.discovery.left
	c.discovery.mu.Unlock()
	if !left.IsZero() && c.now().Sub(left) < access.Day {
		f.add(Finding{Code: "discovery-full", Severity: SeverityWarning,
			Sentence: "Quick Access is used for more destinations, by more users and devices, than are kept (" + strconv.Itoa(access.MaxDiscovered) + "): some are missing from the discovery.",
			Cure:     "Make applications of what is used most, or make Quick Access narrower; what is older than 30 days goes by itself."})
	}
}

// DiscoveryQuery asks for a page of what was discovered.
type DiscoveryQuery struct {
	access.Page        // Search: a part of the destination; Sort: one of DiscoverySorts
	Protocol    string // only this one
	Owned       string // "true": only what belongs to another application by now, "false": only what does not
}

// DiscoverySorts lists how what was discovered can be sorted; the first is what is usual.
func DiscoverySorts() []access.Sort {
	return []access.Sort{"-last", "last", "name", "-name", "users", "-users", "devices", "-devices", "flows", "-flows", "bytes", "-bytes", "first", "-first"}
}

// Destination is what was discovered of one, and whose it is now.
type Destination struct {
	access.Discovered
	Segment     access.Segment // that it would be
	Application access.ID      // whose it is now; empty: nobody's
	Name        string         // of the application
	Owned       bool           // by another application than Quick Access
}

// Discovery lists the destinations that Quick Access carried in the last 30 days, and gives the cursor of the next page.
func (c *Control) Discovery(ctx context.Context, by access.Actor, q DiscoveryQuery) (list []Destination, next string, err error) {
	var found []access.Discovered
	err = c.read(ctx, request{by: by, perm: readDiscovery}, func(tx *store.Tx) error {
		found, err = tx.Discovered(ctx, c.discoveredSince())
		return err
	})
	if err != nil {
		return nil, "", err
	}
	table := access.Segments(c.current().Applications)
	for _, d := range found {
		if to, ok := c.destination(d, table); ok && q.wants(&to) {
			list = append(list, to)
		}
	}
	return q.page(list)
}

func (c *Control) discoveredSince() time.Time {
	return c.now().UTC().Truncate(access.Day).AddDate(0, 0, -access.DiscoveryDays)
}

// destination says whose a discovered destination is now.
func (c *Control) destination(d access.Discovered, table *match.Table) (Destination, bool) {
	segment, host, err := access.DestinationOf(d.Destination)
	if err != nil {
		return Destination{}, false // of a later version
	}
	port, err := strconv.ParseUint(segment.Ports, 10, 16)
	protocol, protocolErr := match.ParseProtocol(segment.Protocol)
	if err != nil || protocolErr != nil {
		return Destination{}, false
	}
	to := Destination{Discovered: d, Segment: segment}
	if e, ok := table.Find(host, uint16(port), protocol); ok {
		to.Application = access.ID(e.Owner)
		if app, ok := c.current().Application(to.Application); ok {
			to.Name, to.Owned = app.Name, app.Kind != access.KindQuickAccess
		}
	}
	return to, true
}

func (q *DiscoveryQuery) wants(d *Destination) bool {
	return (q.Search == "" || strings.Contains(d.Destination, strings.ToLower(q.Search))) && (q.Protocol == "" || d.Segment.Protocol == q.Protocol) &&
		(q.Owned == "" || q.Owned == strconv.FormatBool(d.Owned))
}

// discoveryCursor is the last destination of a page: the next begins behind it, whatever was used meanwhile.
type discoveryCursor struct {
	Value int64  `json:"v"`
	Name  string `json:"n"`
}

// page sorts what was found and cuts a page out.
func (q *DiscoveryQuery) page(list []Destination) (page []Destination, next string, err error) {
	sort := cmp.Or(string(q.Sort), string(DiscoverySorts()[0]))
	by, down := strings.CutPrefix(sort, "-")
	behind := func(a, b discoveryCursor) int {
		order := cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Name, b.Name))
		if down {
			return -order
		}
		return order
	}
	slices.SortFunc(list, func(a, b Destination) int { return behind(a.place(by), b.place(by)) })
	if q.After != "" {
		var from discoveryCursor
		data, err := base64.RawURLEncoding.DecodeString(q.After)
		if err != nil || json.Unmarshal(data, &from) != nil {
			return nil, "", fault.Invalid("after", "must be the cursor next of the page before")
		}
		list = slices.DeleteFunc(list, func(d Destination) bool { return behind(d.place(by), from) <= 0 })
	}
	limit := cmp.Or(q.Limit, defaultPage)
	if len(list) <= limit {
		return list, "", nil
	}
	data, _ := json.Marshal(list[limit-1].place(by)) // texts and numbers: cannot fail
	return list[:limit], base64.RawURLEncoding.EncodeToString(data), nil
}

// place gives where a destination is in an order.
func (d *Destination) place(by string) discoveryCursor {
	at := discoveryCursor{Name: d.Destination}
	switch by {
	case "last":
		at.Value = d.Last.UnixMicro()
	case "first":
		at.Value = d.First.UnixMicro()
	case "users":
		at.Value = int64(d.Users)
	case "devices":
		at.Value = int64(d.Devices)
	case "flows":
		at.Value = d.Flows
	case "bytes":
		at.Value = d.Received + d.Sent
	}
	return at
}
