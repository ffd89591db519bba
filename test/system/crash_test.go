package system

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/posterntest"
	"postern/internal/posterntest/pg"
	"postern/test/size"
)

// TestCrashPoints: whatever is killed at whatever moment, a change that was acknowledged is there
// afterwards, one that was not is there as a whole or not at all, and no version is missing.
func TestCrashPoints(t *testing.T) {
	points := size.Of(10, 100)
	t.Run("service on SQLite", func(t *testing.T) {
		s := newSite(t, "")
		crash(s, points, func() { s.service.kill(); s.service.start() })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		database := pg.New(t)
		s := newSite(t, database.Database(t))
		crash(s, points, func() { database.Kill(t); database.Start(t) })
	})
	t.Run("service on PostgreSQL", func(t *testing.T) {
		s := newSite(t, pg.Start(t))
		crash(s, size.Of(3, 50), func() { s.service.kill(); s.service.start() })
	})
}

// crash lets writers change things, and does that at a random moment, again and again.
func crash(s *site, points int, kill func()) {
	s.t.Helper()
	nouns := s.crashNouns()
	var writers []*writer
	for i := range 2 {
		for _, n := range nouns {
			writers = append(writers, newWriter(s, n, i))
		}
	}
	people := &visitors{s: s}
	for point := range points {
		s.awaitChange()
		ctx, stop := context.WithCancel(s.t.Context())
		var writing sync.WaitGroup
		for _, w := range writers {
			writing.Go(func() { w.write(ctx) })
		}
		writing.Go(func() { people.visit(ctx) })
		// Not before something was acknowledged, however slow the machine; then at any moment.
		enough := s.changes.Load() + rand.Int64N(30)
		s.Await("changes to be made", func() bool { return s.changes.Load() > enough })
		pause(s.t, rand.N(50*time.Millisecond))
		kill()
		stop()
		writing.Wait()
		for _, n := range nouns {
			s.checkCrash(point, n, writers)
		}
		people.check(point)
		s.checkVersions(point)
		if s.t.Failed() {
			return
		}
	}
	s.checkDatabase()
	for _, w := range writers {
		s.t.Logf("%s: %d changes acknowledged, %d without an answer, %d of these made", w.name, w.acknowledged, w.unanswered, w.made)
	}
	s.t.Logf("people: %d signed in, %d out", people.signedIn, people.signedOut)
}

// awaitChange waits until a change can be made.
func (s *site) awaitChange() {
	s.t.Helper()
	s.Await("a change to be made", func() bool {
		ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Second)
		defer cancel()
		g, err := s.API.Groups.Create(ctx, api.GroupInput{Name: "probe"})
		if fault.Is(err, fault.KindConflict) { // an earlier attempt that nobody acknowledged
			list, err := s.API.Groups.List(ctx, api.ListOptions{Search: "probe"})
			if err != nil || len(list.Items) != 1 {
				return false
			}
			g = list.Items[0]
		} else if err != nil {
			return false
		}
		return s.API.Groups.Delete(ctx, g.ID, 0) == nil
	})
}

// gone is the state of an object that is not there.
const gone = 0

// writer makes objects of a noun, changes and deletes them. An object's state is a number that several of its
// fields tell.
type writer struct {
	s     *site
	noun  crashNoun
	name  string
	count int
	there map[string]object // of its own, as the last check found them
	known map[string]int    // state of every object, by name, as acknowledged
	maybe map[string]int    // the state that an object may be in instead, as nobody acknowledged it

	acknowledged, unanswered, made int
}

func newWriter(s *site, n crashNoun, number int) *writer {
	return &writer{s: s, noun: n, name: fmt.Sprintf("writer-%s-%d", n.kind(), number), there: map[string]object{}, known: map[string]int{}, maybe: map[string]int{}}
}

// write changes one thing after another until the first error or until ctx ends. Changes themselves
// are not cut short, so that most are acknowledged.
func (w *writer) write(ctx context.Context) {
	for name, left := range w.there { // so that few are left at the end
		if ctx.Err() != nil || w.step(name, &left, gone) != nil {
			return
		}
	}
	name, o := w.next(), object{}
	for state := 1; ctx.Err() == nil; state++ {
		if w.step(name, &o, state) != nil {
			return
		}
		if state == 20 {
			if w.step(name, &o, gone) != nil {
				return
			}
			name, o, state = w.next(), object{}, 0
		}
	}
}

func (w *writer) next() string {
	w.count++
	return fmt.Sprintf("%s-%d", w.name, w.count)
}

// step makes the object, brings it to the next state, or deletes it.
func (w *writer) step(name string, o *object, state int) error {
	return w.attempt(name, state, func(ctx context.Context) (err error) {
		switch {
		case state == gone:
			return w.noun.remove(ctx, *o)
		case o.id == "":
			*o, err = w.noun.create(ctx, name, state)
		default:
			*o, err = w.noun.change(ctx, *o, state)
		}
		return err
	})
}

func (w *writer) attempt(name string, state int, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), posterntest.Patience)
	defer cancel()
	err := do(ctx)
	switch {
	case err == nil:
		w.known[name] = state
		w.acknowledged++
		w.s.changes.Add(1)
	case retried(err):
		w.maybe[name] = state
		w.unanswered++
	default:
		w.s.t.Errorf("bring %s to state %d: %v", name, state, err)
	}
	return err
}

// checkCrash compares what is there of a noun with what was acknowledged.
func (s *site) checkCrash(point int, n crashNoun, writers []*writer) {
	s.t.Helper()
	var found map[string]object
	s.Await("the objects to be listed", func() bool {
		ctx, cancel := context.WithTimeout(s.t.Context(), posterntest.Patience)
		defer cancel()
		var err error
		if found, err = n.list(ctx); err != nil && !retried(err) {
			s.t.Fatalf("point %d: %v", point, err)
		}
		return err == nil
	})
	for _, w := range writers {
		if w.noun == n {
			w.compare(point, found)
		}
	}
	for name := range found {
		s.t.Errorf("point %d: nobody made %s", point, name)
	}
}

// retried reports whether an error only says that the service or its database is not there yet.
func retried(err error) bool {
	return fault.Is(err, fault.KindUnavailable) || fault.Is(err, fault.KindTimeout) || fault.Is(err, fault.KindInternal)
}

// compare takes the writer's objects out of those that are there.
func (w *writer) compare(point int, found map[string]object) {
	w.s.t.Helper()
	for name, state := range w.maybe {
		if got := found[name].state; got == state && got != w.known[name] {
			w.known[name] = state
			w.made++
		}
	}
	clear(w.maybe)
	clear(w.there)
	for name, want := range w.known {
		o, is := found[name]
		if o.state != want {
			w.s.t.Errorf("point %d: %s is in state %d, acknowledged was %d", point, name, o.state, want)
		}
		if is {
			w.there[name] = o
		} else {
			delete(w.known, name) // it stays so: names are not used again
		}
		delete(found, name)
	}
}

// checkVersions fails the test unless every version has its entry in the audit log, from the newest down to the first.
func (s *site) checkVersions(point int) {
	s.t.Helper()
	var next uint64
	for entry, err := range s.API.Audit.All(s.t.Context(), api.ListOptions{Limit: 200}) {
		if err != nil {
			s.t.Fatalf("point %d: read the audit log: %v", point, err)
		}
		if entry.Version == 0 || entry.Version == next+1 && next != 0 {
			continue // no change, or another entry of the same one
		}
		if next != 0 && entry.Version != next {
			s.t.Fatalf("point %d: version %d follows %d in the audit log", point, next+1, entry.Version)
		}
		next = entry.Version - 1
	}
	if next != 0 {
		s.t.Errorf("point %d: the audit log begins with version %d", point, next+1)
	}
	s.checkChain(point)
}

// checkChain fails the test unless the audit log is a whole chain, and still holds what it held at the crash point before.
func (s *site) checkChain(point int) {
	s.t.Helper()
	var kept []string
	if s.auditHead != "" {
		kept = append(kept, s.auditHead)
	}
	report, err := s.API.Audit.Verify(s.t.Context(), kept...)
	if err != nil {
		s.t.Fatalf("point %d: verify the audit log: %v", point, err)
	}
	if !report.Good {
		s.t.Errorf("point %d: the audit log is not whole: %+v", point, *report.Problem)
	}
	s.auditHead = fmt.Sprintf("%d:%s", report.Head.Seq, report.Head.Hash)
}
