package system

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
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
}

// crash lets writers change things, and does that at a random moment, again and again.
func crash(s *site, points int, kill func()) {
	s.t.Helper()
	var members []string
	for i := range 4 {
		members = append(members, s.User("member"+strconv.Itoa(i)).ID)
	}
	var writers []*writer
	for i := range 4 {
		writers = append(writers, &writer{s: s, name: "writer" + strconv.Itoa(i), members: members, known: map[string]int{}, maybe: map[string]int{}})
	}
	for point := range points {
		s.awaitChange()
		ctx, stop := context.WithCancel(s.t.Context())
		var writing sync.WaitGroup
		for _, w := range writers {
			writing.Go(func() { w.write(ctx) })
		}
		pause(s.t, 20*time.Millisecond+rand.N(200*time.Millisecond))
		kill()
		stop()
		writing.Wait()
		s.checkCrash(point, writers)
		if s.t.Failed() {
			return
		}
	}
	s.checkDatabase()
	for _, w := range writers {
		s.t.Logf("%s: %d changes acknowledged, %d without an answer, %d of these made", w.name, w.acknowledged, w.unanswered, w.made)
	}
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

// gone is the state of a group that is not there.
const gone = 0

// writer makes groups, changes and deletes them. A group's state is a number that its description and its members
// both tell.
type writer struct {
	s       *site
	name    string
	members []string
	count   int
	known   map[string]int // state of every group, by name, as acknowledged
	maybe   map[string]int // the state that a group may be in instead, as nobody acknowledged it

	acknowledged, unanswered, made int
}

// membersOf tells who is in a group of a state.
func (w *writer) membersOf(state int) []string {
	var in []string
	for i, m := range w.members {
		if state>>i&1 == 1 {
			in = append(in, m)
		}
	}
	return in
}

// write changes one thing after another until the first error or until ctx ends. Changes themselves
// are not cut short, so that most are acknowledged.
func (w *writer) write(ctx context.Context) {
	w.count++
	name := fmt.Sprintf("%s-%d", w.name, w.count)
	var group api.Group
	for state := 1; ctx.Err() == nil; state++ {
		err := w.step(name, &group, state)
		if err == nil && state == 20 {
			if err = w.remove(name, group); err == nil {
				w.count++
				name, state = fmt.Sprintf("%s-%d", w.name, w.count), 0
			}
		}
		if err != nil {
			return
		}
	}
}

// step makes the group, or brings it to the next state.
func (w *writer) step(name string, group *api.Group, state int) error {
	in := api.GroupInput{Name: name, Description: strconv.Itoa(state), Members: w.membersOf(state)}
	return w.attempt(name, state, func(ctx context.Context) (err error) {
		if state == 1 {
			*group, err = w.s.API.Groups.Create(ctx, in)
			return err
		}
		*group, err = w.s.API.Groups.Update(ctx, group.ID, group.Version, api.Patch{"description": in.Description, "members": in.Members})
		return err
	})
}

func (w *writer) remove(name string, group api.Group) error {
	return w.attempt(name, gone, func(ctx context.Context) error { return w.s.API.Groups.Delete(ctx, group.ID, group.Version) })
}

func (w *writer) attempt(name string, state int, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), posterntest.Patience)
	defer cancel()
	err := do(ctx)
	switch {
	case err == nil:
		w.known[name] = state
		w.acknowledged++
	case fault.Is(err, fault.KindUnavailable), fault.Is(err, fault.KindTimeout), fault.Is(err, fault.KindInternal):
		w.maybe[name] = state
		w.unanswered++
	default:
		w.s.t.Errorf("bring %s to state %d: %v", name, state, err)
	}
	return err
}

// checkCrash compares what is there with what was acknowledged.
func (s *site) checkCrash(point int, writers []*writer) {
	s.t.Helper()
	var found []api.Group
	s.Await("the groups to be listed", func() bool {
		var err error
		found, err = s.groups()
		return err == nil
	})
	states := map[string]int{}
	for _, g := range found {
		state, err := strconv.Atoi(g.Description)
		if err != nil || !strings.HasPrefix(g.Name, "writer") {
			s.t.Fatalf("point %d: there is a group %s with the description %q", point, g.Name, g.Description)
		}
		states[g.Name] = state
		slices.Sort(g.Members)
		if want := writers[0].membersOf(state); !slices.Equal(g.Members, want) {
			s.t.Errorf("point %d: %s is in state %d with the members %v, want %v", point, g.Name, state, g.Members, want)
		}
	}
	for _, w := range writers {
		w.compare(point, states)
	}
	for name := range states {
		s.t.Errorf("point %d: nobody made %s", point, name)
	}
	s.checkVersions(point)
}

// compare takes the writer's groups out of those that are there.
func (w *writer) compare(point int, states map[string]int) {
	w.s.t.Helper()
	for name, state := range w.maybe {
		if got := states[name]; got == state && got != w.known[name] {
			w.known[name] = state
			w.made++
		}
	}
	clear(w.maybe)
	for name, want := range w.known {
		if got := states[name]; got != want {
			w.s.t.Errorf("point %d: %s is in state %d, acknowledged was %d", point, name, got, want)
		}
		delete(states, name)
	}
}

func (s *site) groups() ([]api.Group, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), posterntest.Patience)
	defer cancel()
	var all []api.Group
	for g, err := range s.API.Groups.All(ctx, api.ListOptions{Limit: 200}) {
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
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
