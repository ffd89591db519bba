//go:build linux

package lab

import (
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"postern/internal/api"
	"postern/test/size"
)

const (
	noticed     = 3 * time.Second  // by requests that wait, when their connector says nothing any more
	noticedIdle = 15 * time.Second // by a tunnel that nobody uses
	lookApart   = 5 * time.Second  // a tunnel looks after the silence of its peer now and then
)

// TestFleetFaults: connectors are killed and stopped, and their network is cut both ways and one way, while requests come all the time.
// Only what was under way on that connector and must not be repeated fails; everything else is answered by the others, soon.
func TestFleetFaults(t *testing.T) { eachFleet(t, 2, testFleetFaults) }

func testFleetFaults(t *testing.T, count int) {
	f := newFleet(t, count)
	l := f.startLoad()
	l.more(100)
	for _, m := range f.members[:2] {
		f.killed(l, m)
	}
	m := f.members[0] // without a supervisor, who would replace it
	f.fault(l, m, "stopped", func() { m.signalWorker(syscall.SIGSTOP) }, func() { m.signalWorker(syscall.SIGCONT) })
	for _, way := range []Way{Both, Out, In} {
		f.fault(l, f.members[size.Of(0, 1)], "cut "+string(way), func() { f.CutHost(f.members[size.Of(0, 1)].host, way) }, f.Restore)
	}
	l.end()
	for _, way := range size.Of([]Way{Both}, []Way{Both, Out, In}) {
		f.quietFault(f.members[count-1], way)
	}
	f.expectNothingInbound()
}

// killed: a connector is killed. What was under way on it and must not be repeated fails at once; nothing else does.
func (f *fleet) killed(l *load, m *member) {
	f.t.Helper()
	f.carries(l, m)
	mine, others := f.socketBy(m, true), f.socketBy(f.other(m), true)
	began := time.Now()
	m.signalWorker(syscall.SIGKILL)
	if m.supervised() {
		m.awaitThat("to have lost its tunnels", func(s api.ConnectorStatus) bool { return s.Label == "degraded" || s.Label == "active" })
	} else {
		f.expectWithin(m.name+" is degraded", m.await("degraded"), time.Second)
	}
	if code := mine.code(f); code != websocket.StatusServiceRestart {
		f.t.Errorf("the WebSocket by the killed %s was closed with %d, %v, want 1012", m.name, code, mine.err)
	}
	l.settled()
	f.expectOnlyInFlight(l, m, "kill "+m.name, began, time.Second)
	if !others.alive(f) {
		f.t.Errorf("the WebSocket by another connector ended: %v", others.err)
	}
	if !m.supervised() {
		_ = m.cmd.Wait() // it was killed
		if size.Full() {
			f.expectWithin(m.name+" is inactive", m.await("inactive"), time.Minute+time.Second)
		}
		m.start()
	}
	m.await("active")
	f.carries(l, m)
	_ = others.conn.CloseNow()
}

// expectOnlyInFlight looks at the requests that began since about the fault: those that failed must not be repeated, had been sent to the
// connector's side before the fault was noticed, and none waited longer than that.
func (f *fleet) expectOnlyInFlight(l *load, m *member, what string, fault time.Time, within time.Duration) {
	f.t.Helper()
	s := l.since(fault.Add(-time.Second))
	f.t.Logf("%s: %v", what, s)
	for _, o := range s.wrong {
		by := f.cameBy(o.id)
		if o.method != "POST" || by != "" && by != m.host.Addr() || o.began.Sub(fault) > size.Within(within) {
			f.t.Errorf("%s: %s %s, sent %v after, by %q, failed after %v: %s", what, o.method, o.id,
				o.began.Sub(fault).Round(time.Millisecond), by, o.took.Round(time.Millisecond), o.wrong)
		}
	}
	for _, o := range l.repeatable(fault.Add(-time.Second)) {
		if limit := size.Within(within) + 2*time.Second; o.took > limit { // it is sent to another tunnel of the same connector at worst, then to another one
			f.t.Errorf("%s: %s %s was answered after %v, want %v", what, o.method, o.id, o.took.Round(time.Millisecond), limit)
			break
		}
	}
}

// quietFault cuts off a connector that nobody uses, and looks whether its status says so in time.
func (f *fleet) quietFault(m *member, way Way) {
	f.t.Helper()
	m.await("active")
	f.CutHost(m.host, way)
	took := m.awaitThat("not to be active", func(s api.ConnectorStatus) bool { return s.Label == "degraded" })
	f.expectWithin(m.name+", which nobody uses, is degraded after it was cut "+string(way), took, noticedIdle+lookApart)
	f.Restore()
	f.expectWithin(m.name+" is active again", m.await("active"), 20*time.Second)
}

// fault has a connector fall silent under load, and looks at what users and administrators see.
func (f *fleet) fault(l *load, m *member, what string, begin, end func()) {
	f.t.Helper()
	f.carries(l, m)
	others := f.socketBy(f.other(m), true)
	began := time.Now()
	begin()
	took := m.awaitThat("not to be active", func(s api.ConnectorStatus) bool { return s.Label == "degraded" })
	f.expectWithin(m.name+" is degraded after it was "+what, took, noticedIdle+lookApart)
	if size.Full() && what == "stopped" { // once: a minute each
		f.expectWithin(m.name+" is inactive", took+m.await("inactive"), noticedIdle+lookApart+time.Minute)
	}
	l.settled()
	f.expectOnlyInFlight(l, m, m.name+" "+what, began, noticed)
	if !others.alive(f) {
		f.t.Errorf("the WebSocket by another connector ended: %v", others.err)
	}
	end()
	f.expectWithin(m.name+" is active again", m.await("active"), 20*time.Second)
	f.carries(l, m)
	_ = others.conn.CloseNow()
}

// repeatable gives the requests since a moment that may be repeated.
func (l *load) repeatable(since time.Time) (list []outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.list {
		if o.method == "GET" && !o.began.Before(since) {
			list = append(list, o)
		}
	}
	return list
}
