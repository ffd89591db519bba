package control

import (
	"context"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/policy"
	"postern/internal/wire"
)

// The same denial is noted once in a while: a page that asks for a hundred things is denied a hundred
// times. So is the use of a key, and that a program renewed its tokens.
const (
	denialEvery = 5 * time.Minute
	maxDenials  = 10_000 // that are remembered
	useEvery    = time.Hour
	maxUses     = 50_000
)

// denials remembers which denials were noted not long ago.
type denials struct {
	every time.Duration // that one is noted again
	limit int           // that are remembered

	mu   sync.Mutex // guards seen
	seen map[denial]time.Time
}

type denial struct{ session, application, reason, policy, address string }

// fresh reports whether a denial is to be noted. When too many are remembered, it is not.
func (d *denials) fresh(what denial, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, ok := d.seen[what]; ok && now.Sub(last) < d.every {
		return false
	}
	if d.seen == nil {
		d.seen = map[denial]time.Time{}
	}
	if len(d.seen) >= d.limit {
		for key, at := range d.seen {
			if now.Sub(at) >= d.every {
				delete(d.seen, key)
			}
		}
	}
	if len(d.seen) >= d.limit {
		return false
	}
	d.seen[what] = now
	return true
}

// Record notes what a gateway has denied to somebody who is signed in, and what a policy that only
// reports would have denied. That a browser is on its way to its upstream is no denial. It never blocks.
func (c *Control) Record(r wire.Record) {
	c.discover(&r)
	if r.Reason == policy.ReasonProofDue || r.Session == "" || r.Action != "deny" && len(r.Reports) == 0 {
		return
	}
	e := attempt(access.EventAccess, access.Actor{Address: r.Client, Request: r.Request}, "")
	e.Time, e.Result, e.Session, e.UserName = r.Time, access.ResultSuccess, access.ID(r.Session), r.User
	e.Application, e.Gateway = access.ID(r.Application), access.ID(r.Gateway)
	if e.Session.Valid(access.PrefixAccessKey) {
		e.Client, e.Methods = r.Session, []string{access.MethodAccessKey}
	}
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
	if c.denials.fresh(denial{session: r.Session, application: r.Application, reason: e.Reason, policy: about}, c.now()) {
		c.signIns.note(e)
	}
}

// shown notes what came of showing a key or token: of a success once an hour for each address, of a
// refusal once in five minutes.
func (c *Control) shown(ctx context.Context, e access.SignInEntry, err error) {
	what := denial{string(e.Session) + " " + e.Client, string(e.Application), e.Reason, string(e.Event), e.Address}
	if err == nil {
		e.Result, e.Reason = access.ResultSuccess, ""
		if c.uses.fresh(what, c.now()) {
			c.signIns.note(e)
		}
		return
	}
	if e.Session == "" && e.Client == "" || c.denials.fresh(what, c.now()) {
		c.turnedAway(ctx, e, err)
	}
}
