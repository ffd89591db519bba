package control

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/export"
	"postern/internal/store"
)

// An alert is a finding that lasted, or something that happened once. Alerts are rows, and exports carry their news to where
// somebody is woken by them: that something began, and that it is over. Notices are no alerts.

const (
	alertEvery = 30 * time.Second
	alertLooks = 2                   // in a row, before a finding begins or ends an alert: a restart is none
	alertsFor  = 90 * 24 * time.Hour // how long those that are over are kept
	eventAgain = time.Hour           // the same event is told at most so often
	eventsKept = 64                  // that wait to be written
)

// alerting is what the replica that does the jobs remembers between two looks.
type alerting struct {
	looking sync.Mutex              // held by who compares; guards seen and missed
	seen    map[access.AlertKey]int // looks in a row in which a finding was there that has no alert
	missed  map[access.AlertKey]int // looks in a row in which that of an open alert was not
	events  chan access.Alert

	mu   sync.Mutex                    // guards told
	told map[access.AlertKey]time.Time // events, and when
}

func newAlerting() *alerting {
	return &alerting{seen: map[access.AlertKey]int{}, missed: map[access.AlertKey]int{}, events: make(chan access.Alert, eventsKept), told: map[access.AlertKey]time.Time{}}
}

// alert compares what is wrong with the open alerts.
func (c *Control) alert(ctx context.Context) {
	if c.inspected.Load() == nil {
		return // nobody has looked since the start
	}
	c.alerting.looking.Lock() // it is nobody's hurry: there is one who looks from time to time
	defer c.alerting.looking.Unlock()
	var open []access.Alert
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) { open, err = tx.OpenAlerts(ctx); return err })
	if err != nil {
		return // it is said elsewhere that the database is away
	}
	news := c.alerting.compare(c.Findings(ctx), open, c.now())
	if len(news) == 0 {
		return
	}
	err = c.writeSingly(ctx, func(ctx context.Context, tx *store.Tx) error {
		for i := range news {
			if err := tx.PutAlert(ctx, &news[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		c.log.Warn("write alerts", "error", cause(err))
		return
	}
	for i := range news {
		c.logAlert(&news[i])
	}
}

func (c *Control) logAlert(a *access.Alert) {
	state := stateOf(a)
	if state == "resolved" {
		c.log.Info("alert resolved: "+a.Sentence, "code", a.Code, "object", a.Object)
		return
	}
	c.log.Warn("alert: "+a.Sentence, "code", a.Code, "state", state, "severity", a.Severity, "cure", a.Cure, "object", a.Object)
}

// compare gives the alerts that begin or end by what was found now.
func (a *alerting) compare(found []Finding, open []access.Alert, now time.Time) (news []access.Alert) {
	standing := make(map[access.AlertKey]bool, len(open))
	for i := range open {
		standing[open[i].Key()] = true
	}
	here := map[access.AlertKey]bool{}
	for _, f := range found {
		key := access.AlertKey{Code: f.Code, Object: f.Object}
		if f.Severity == SeverityNotice || here[key] {
			continue
		}
		here[key] = true
		if standing[key] {
			delete(a.missed, key)
			continue
		}
		if a.seen[key]++; a.seen[key] >= alertLooks {
			delete(a.seen, key)
			news = append(news, access.Alert{ID: access.NewID(access.PrefixAlert, now), Code: f.Code, Severity: string(f.Severity), Object: f.Object,
				Sentence: short(f.Sentence, 500), Cure: short(f.Cure, 500), Opened: now})
		}
	}
	for key := range a.seen {
		if !here[key] {
			delete(a.seen, key)
		}
	}
	for i := range open {
		key := open[i].Key()
		if here[key] {
			continue
		}
		if a.missed[key]++; a.missed[key] >= alertLooks {
			delete(a.missed, key)
			over := open[i]
			over.Resolved = now
			news = append(news, over)
		}
	}
	return news
}

// happened notes something that is over as soon as it is told. It does not block and may be called within an act.
func (c *Control) happened(f Finding) {
	now := c.now()
	key := access.AlertKey{Code: f.Code, Object: f.Object}
	a := c.alerting
	a.mu.Lock()
	again := !a.told[key].IsZero() && now.Sub(a.told[key]).Abs() < eventAgain
	if len(a.told) > 1000 {
		clear(a.told)
	}
	if !again {
		a.told[key] = now
	}
	a.mu.Unlock()
	if again {
		return
	}
	select {
	case a.events <- access.Alert{ID: access.NewID(access.PrefixAlert, now), Code: f.Code, Severity: string(f.Severity), Object: f.Object,
		Sentence: short(f.Sentence, 500), Cure: short(f.Cure, 500), Opened: now, Resolved: now}:
	default:
		c.log.Warn("an alert is not stored, since too many wait: "+f.Sentence, "code", f.Code, "object", f.Object)
	}
}

// writeEvents stores what happened, until ctx ends. What cannot be stored is at least in the log.
func (c *Control) writeEvents(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-c.alerting.events:
			c.logAlert(&a)
			if err := c.write(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.PutAlert(ctx, &a) }); err != nil {
				c.log.Warn("write an alert", "code", a.Code, "error", cause(err))
			}
		}
	}
}

// Alerts lists alerts, the newest first. page.Only may ask for the state: open or resolved.
func (c *Control) Alerts(ctx context.Context, by access.Actor, page access.Page) (list []access.Alert, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readAlert}, func(tx *store.Tx) error {
		list, next, err = tx.Alerts(ctx, page)
		return err
	})
	return list, next, err
}

// AlertState says in a word how an alert is: open, resolved, or event for what happened once.
func (c *Control) AlertState(a *access.Alert) string { return stateOf(a) }

// AlertName gives the name of what an alert is about, as far as it has one.
func (c *Control) AlertName(a *access.Alert) string { return c.titleOf(a.Object) }

// stateOf says in a word how an alert is.
func stateOf(a *access.Alert) string {
	switch {
	case a.Resolved.IsZero():
		return "open"
	case a.Resolved.Equal(a.Opened):
		return "event"
	}
	return "resolved"
}

// exportedAlert is the news of an alert as destinations get it.
type exportedAlert struct {
	ID         string     `json:"id"`
	Seq        uint64     `json:"seq"`
	State      string     `json:"state"` // open, resolved, or event for what happened once
	Code       string     `json:"code"`
	Severity   string     `json:"severity"`
	Object     string     `json:"object,omitempty"`
	ObjectName string     `json:"objectName,omitempty"`
	GroupName  string     `json:"groupName,omitempty"` // of a connector
	Sentence   string     `json:"sentence"`
	Cure       string     `json:"cure"`
	Opened     time.Time  `json:"opened"`
	Resolved   *time.Time `json:"resolved,omitempty"`
}

func (c *Control) alertEvent(a *access.Alert) export.Event {
	out := exportedAlert{ID: string(a.ID), Seq: a.Seq, State: stateOf(a), Code: a.Code, Severity: a.Severity, Object: string(a.Object),
		ObjectName: c.titleOf(a.Object), GroupName: c.groupOf(a.Object), Sentence: a.Sentence, Cure: a.Cure, Opened: a.Opened}
	at := a.Opened
	if !a.Resolved.IsZero() {
		at, out.Resolved = a.Resolved, &a.Resolved
	}
	data, _ := json.Marshal(out) // values of our own: cannot fail
	summary := a.Sentence
	if out.State == "resolved" {
		summary = "Over: " + summary
	}
	return export.Event{Stream: string(access.StreamAlerts), ID: fmt.Sprintf("%s.%d", a.ID, a.Seq), Seq: a.Seq, Time: at,
		Warning: out.State != "resolved", Summary: summary, Data: data}
}

// groupOf gives the name of a connector's group.
func (c *Control) groupOf(id access.ID) string {
	k, ok := c.current().Connector(id)
	if !ok {
		return ""
	}
	g, _ := c.current().Group(k.GroupID)
	return g.Name
}

// titleOf gives the name of a connector or a connector group, as far as there is one.
func (c *Control) titleOf(id access.ID) string {
	snap := c.current()
	if k, ok := snap.Connector(id); ok {
		return k.Name
	}
	if g, ok := snap.Group(id); ok {
		return g.Name
	}
	return ""
}
