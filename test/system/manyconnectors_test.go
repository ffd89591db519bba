package system

import (
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/posterntest"
	"postern/test/size"
)

// TestManyConnectors: so many connectors, each enrolled for real and with two tunnels, on one service. All of them are back soon after it was
// restarted or killed; a change of one group wakes the connectors of that group, within a second, and no other; and people notice little of
// hundreds who come back at once.
func TestManyConnectors(t *testing.T) {
	count, processes := size.Of(60, 1000), size.Of(2, 10)
	each := count / processes
	s := newSite(t, "")
	group := must(s.API.ConnectorGroups.Create(t.Context(), api.ConnectorGroupInput{Name: "Branch"}))(t)
	a := s.newAgents(count, processes, group.ID)
	backend := posterntest.NewBackend(t, http.HandlerFunc(greet))
	app := s.Publish("wiki", backend.URL, func(in *api.ApplicationInput) { in.ConnectorGroup = group.ID })
	s.Publish("intranet", backend.URL) // of the others
	memory, used, began := s.service.memory(), s.service.cpu(), time.Now()
	a.start(a.processes...)
	took := s.awaitTunnels(2*count, began)
	s.Await("every connector to have its configuration", func() bool { return a.configured() == count })
	t.Logf("%d connectors enrolled and connected in %v: %v CPU of the service, %d MiB after %d MiB, %d KiB each; agents %d KiB each",
		count, took.Round(time.Millisecond), s.service.cpu()-used, s.service.memory()>>20, memory>>20, (s.service.memory()-memory)>>10/int64(count), a.processes[1].memory()>>10/int64(each))
	a.idle(size.Of(2*time.Second, 30*time.Second))
	s.Assign(app, s.User("ada"))
	signedIn := s.signIn(s.URL("wiki", "/"), "ada")
	a.wake(app, each)
	a.comeBack(signedIn, each)
	for _, how := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := s.service.signal(how); err != nil && how == syscall.SIGTERM {
			t.Errorf("the service ended with %v", err)
		}
		began := time.Now()
		s.service.start()
		took := s.awaitTunnels(2*count, began)
		t.Logf("after %v: all %d connectors back in %v with %v CPU of the service, %d MiB; %d were told of the new gateway so far", how, count,
			took.Round(time.Millisecond), s.service.cpu(), s.service.memory()>>20, len(a.delivered(began)))
		if limit := size.Within(30 * time.Second); took > limit {
			t.Errorf("all connectors were back after %v, want %v", took, limit)
		}
	}
	s.back("the last restart", time.Now())
}

// configured gives how many connectors have got a configuration.
func (a *agents) configured() int {
	known := map[string]bool{}
	for _, d := range a.delivered(time.Time{}) {
		known[d.connector] = true
	}
	return len(known)
}

// idle tells what the service does for connectors that have nothing to do.
func (a *agents) idle(d time.Duration) {
	used := a.s.service.cpu()
	pause(a.s.t, d)
	a.s.t.Logf("idle for %v: %v CPU of the service", d, a.s.service.cpu()-used)
}

// wake changes an application of one group and looks who hears of it, and when.
func (a *agents) wake(app api.Application, members int) {
	t := a.s.t
	t.Helper()
	first := time.Now()
	for round := range 5 {
		began := time.Now()
		backend := posterntest.NewBackend(t, http.HandlerFunc(greet)) // another address
		app = must(a.s.API.Applications.Update(t.Context(), app.ID, app.Version, api.Patch{"internalUrl": backend.URL}))(t)
		changed := time.Now()
		var list []delivery
		a.s.Await("the group to hear of the change", func() bool {
			list = a.delivered(began)
			return len(list) >= members
		})
		last := slices.MaxFunc(list, func(a, b delivery) int { return a.at.Compare(b.at) }).at.Sub(changed)
		t.Logf("change %d: %d deliveries, the last after %v", round+1, len(list), last.Round(time.Millisecond))
		if limit := size.Within(time.Second); last > limit {
			t.Errorf("a change arrived after %v, want %v", last, limit)
		}
	}
	if n := len(a.delivered(first)); n != 5*members {
		t.Errorf("5 changes of one group of %d woke %d", members, n)
	}
}

// comeBack kills all processes but the first, and has their connectors come back at once, while people use the connectors of the first.
func (a *agents) comeBack(browser *posterntest.Browser, each int) {
	t := a.s.t
	t.Helper()
	f := a.s.people(client{"people", browser.Client}, size.Of(10*time.Millisecond, 5*time.Millisecond))
	defer f.end()
	normal := time.Now()
	pause(t, size.Of(time.Second, 30*time.Second))
	before := f.since(normal)
	for _, p := range a.processes[1:] {
		p.kill()
	}
	a.s.awaitTunnels(2*each, time.Now())
	began, used := time.Now(), a.s.service.cpu()
	a.start(a.processes[1:]...)
	took := a.s.awaitTunnels(2*each*len(a.processes), began)
	during := f.since(began)
	handshakes := 2 * each * (len(a.processes) - 1)
	t.Logf("%d connectors came back in %v: %.0f handshakes a second, %v CPU of the service; people before: %v; meanwhile: %v",
		handshakes/2, took.Round(time.Millisecond), float64(handshakes)/took.Seconds(), a.s.service.cpu()-used, before, during)
	if n := before.failed + during.failed; n > 0 {
		t.Errorf("%d requests failed before and while others came back: %s %s", n, before.why, during.why)
	}
	// Those who come back are on the same processors, so the least of it is what the scheduler gives them, not the service.
	if limit := max(2*before.p99, 50*time.Millisecond); size.Full() && during.p99 > limit {
		t.Errorf("the p99 of people was %v while others came back, %v before; want %v", during.p99, before.p99, limit)
	}
}
