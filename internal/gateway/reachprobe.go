package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"postern/internal/access"
	"postern/internal/wire"
)

// keepReaching asks connectors whether they reach their applications, until ctx ends.
func (g *Gateway) keepReaching(ctx context.Context) {
	ticker := time.NewTicker(reachTick)
	defer ticker.Stop()
	var asking sync.WaitGroup
	defer asking.Wait()
	slots := make(chan struct{}, reachAtOnce)
	swept := time.Now()
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return
		case now = <-ticker.C:
		}
		for _, k := range g.links.troubles() {
			if k.weigh(now, now.Sub(g.started)) {
				g.links.calm(k)
			} else if k.out() {
				g.askAgain(ctx, k, now, slots, &asking)
			}
		}
		if v := g.view.Load(); v != nil && now.Sub(swept) >= min(reachSweep, g.reachEvery()/4) {
			swept = now
			g.links.forgetConditions(v)
			for _, k := range g.dueConditions(v, now) {
				g.askAgain(ctx, k, now, slots, &asking)
			}
		}
	}
}

// calm takes a condition off those that are looked at soon.
func (s *links) calm(k *condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !k.out() {
		delete(s.troubled, k)
	}
}

// forgetConditions drops what a view no longer has.
func (s *links) forgetConditions(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	serves := func(k *condition) bool {
		app, published := v.apps[k.app]
		connector, known := v.snap.Connector(k.connector)
		return published && known && v.snap.Serves(connector.GroupID, app.Application)
	}
	for app, of := range s.conditions {
		for id, k := range of {
			if !serves(k) {
				delete(of, id)
				delete(s.troubled, k)
			}
		}
		if len(of) == 0 {
			delete(s.conditions, app)
		}
	}
}

// dueConditions brings all weights up to date and gives, of each connector whose tunnel is here, at most one application that it
// is to be asked about because it was not for long.
func (g *Gateway) dueConditions(v *view, now time.Time) []*condition {
	var due []*condition
	picked := map[access.ID]bool{}
	since := now.Sub(g.started)
	for _, app := range v.apps {
		if app.Private() {
			continue // that one destination of many is reached says nothing of the others
		}
		backup, _ := v.snap.Backup(app.GroupID)
		for _, group := range []access.ID{app.GroupID, backup} {
			if group == "" || app.Disabled {
				continue
			}
			for _, c := range v.snap.Members(group) {
				if c.Disabled || len(g.links.of(c.ID)) == 0 {
					continue
				}
				k := g.links.conditionOf(c.ID, app.ID)
				k.weigh(now, since)
				if !picked[c.ID] && !k.out() && k.due(now, g.reachEvery()) {
					picked[c.ID] = true
					due = append(due, k)
				}
			}
		}
	}
	return due
}

// due reports whether it is time to ask. The first question of a condition comes somewhere in the first third of the time between two.
func (k *condition) due(now time.Time, every time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next.IsZero() {
		k.next = now.Add(jittered(every / 5))
	}
	return !now.Before(k.next)
}

// askAgain asks the connector whether it reaches the application, if it is time to and it is not being asked.
func (g *Gateway) askAgain(ctx context.Context, k *condition, now time.Time, slots chan struct{}, asking *sync.WaitGroup) {
	k.mu.Lock()
	free := !k.asking && !now.Before(k.next) && (k.told == "" || len(g.links.of(k.connector)) > 0)
	if free {
		select {
		case slots <- struct{}{}:
			k.asking = true
		default:
			free = false
		}
	}
	k.mu.Unlock()
	if !free {
		return
	}
	asking.Go(func() {
		defer func() {
			k.mu.Lock()
			k.asking = false
			k.mu.Unlock()
			<-slots
		}()
		g.askReach(ctx, k)
	})
}

// askReach asks, and draws the conclusion.
func (g *Gateway) askReach(ctx context.Context, k *condition) {
	v := g.view.Load()
	app, published := v.apps[k.app]
	if !published {
		return
	}
	within, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	answer, err := g.Ask(within, k.connector, wire.QuestionReach, wire.Encode(wire.AskReach{Application: string(k.app), Version: app.Version}))
	var said wire.Reach
	if err == nil {
		said, err = wire.Decode[wire.Reach](answer)
	}
	if ctx.Err() != nil {
		return
	}
	if o := said.Opened; o != nil && app.BackendProtocol == access.BackendHTTP2 && app.internal.Scheme == "https" {
		if old := o.SpeaksHTTP2(); old != nil {
			said = wire.Reach{Refusal: old}
		}
	}
	refusal, refused := errors.AsType[*wire.Refusal](err)
	switch {
	case err == nil && said.Opened != nil, refused && refusal.Code == "question-unknown": // an old one cannot say; requests will
		g.reachedIt(k)
	case err == nil && said.Refusal != nil:
		k.postpone(reachAgain, true)
		g.putOut(k, said.Refusal, "")
	default: // it could not be asked, which says nothing of the application
		k.postpone(reachPause, false)
	}
}

// reachedIt notes that the connector reaches the application.
func (g *Gateway) reachedIt(k *condition) {
	if k.out() {
		g.back(k)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tries, k.next = 0, time.Now().Add(jittered(g.reachEvery()))
}

// postpone says when to ask again: after a time, which doubles with each bad answer in a row.
func (k *condition) postpone(wait time.Duration, bad bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if bad {
		wait = min(wait<<min(k.tries, 8), reachPause)
		k.tries++
	}
	k.next = time.Now().Add(jittered(wait))
}

// askSoon has connectors that are out asked at the next tick, where there is reason to hope.
func (s *links) askSoon(about func(*condition) bool) {
	for _, k := range s.troubles() {
		if about(k) {
			k.mu.Lock()
			k.tries, k.next = 0, time.Now()
			k.mu.Unlock()
		}
	}
}

// hearUnreached takes what the gateway that holds a connector's tunnel says of the applications that it does not reach.
func (g *Gateway) hearUnreached(from string, told wire.Presence) {
	connector := access.ID(told.Connector)
	v := g.view.Load()
	if v == nil {
		return
	}
	said := map[access.ID]bool{}
	for _, u := range told.Unreached[:min(len(told.Unreached), toldUnreached)] {
		app := access.ID(u.Application)
		if _, published := v.apps[app]; !published {
			continue
		}
		said[app] = true
		if k := g.links.conditionOf(connector, app); !k.out() {
			g.putOut(k, &wire.Refusal{Phase: u.Phase, Code: clipped(u.Code, 64), Message: clipped(u.Message, 200)}, from)
		}
	}
	for _, k := range g.links.troubles() {
		k.mu.Lock()
		over := k.connector == connector && k.told == from && !said[k.app]
		k.mu.Unlock()
		if over {
			g.back(k)
		}
	}
}

func sortUnreached(list []wire.Unreached) {
	slices.SortFunc(list, func(a, b wire.Unreached) int { return cmp.Compare(a.Application, b.Application) })
}

// clipped cuts words that are not ours.
func clipped(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return text
}
