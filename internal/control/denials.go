package control

import (
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/wire"
)

// The same denial is noted once in a while: a page that asks for a hundred things is denied a hundred
// times.
const (
	denialEvery = 5 * time.Minute
	maxDenials  = 10_000 // that are remembered
)

// denials remembers which denials were noted not long ago.
type denials struct {
	mu   sync.Mutex // guards seen
	seen map[denial]time.Time
}

type denial struct{ session, application, reason, policy string }

// fresh reports whether a denial is to be noted. When too many are remembered, it is not.
func (d *denials) fresh(what denial, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, ok := d.seen[what]; ok && now.Sub(last) < denialEvery {
		return false
	}
	if d.seen == nil {
		d.seen = map[denial]time.Time{}
	}
	if len(d.seen) >= maxDenials {
		for key, at := range d.seen {
			if now.Sub(at) >= denialEvery {
				delete(d.seen, key)
			}
		}
	}
	if len(d.seen) >= maxDenials {
		return false
	}
	d.seen[what] = now
	return true
}

// Record notes what a gateway has denied to somebody who is signed in, and what a policy that only
// reports would have denied. It never blocks.
func (c *Control) Record(r wire.Record) {
	if r.Session == "" || r.Action != "deny" && len(r.Reports) == 0 {
		return
	}
	e := attempt(access.EventAccess, access.Actor{Address: r.Client, Request: r.Request}, "")
	e.Time, e.Result, e.Session, e.UserName = r.Time, access.ResultSuccess, access.ID(r.Session), r.User
	e.Application, e.Gateway = access.ID(r.Application), access.ID(r.Gateway)
	if r.Action == "deny" {
		e.Result, e.Reason, e.Policy = access.ResultDenied, r.Reason, r.Policy
	}
	for _, report := range r.Reports {
		e.ReportOnly = append(e.ReportOnly, report.Policy)
	}
	about := e.Policy
	if len(e.ReportOnly) > 0 {
		about += " " + e.ReportOnly[0]
	}
	if c.denials.fresh(denial{r.Session, r.Application, e.Reason, about}, c.now()) {
		c.signIns.note(e)
	}
}
