//go:build linux

package lab

import (
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"postern/test/size"
)

// eachFleet runs a test with two and three connectors; at small size with so many.
func eachFleet(t *testing.T, small int, test func(*testing.T, int)) {
	for _, count := range size.Of([]int{small}, []int{2, 3}) {
		t.Run(map[int]string{2: "two", 3: "three"}[count], func(t *testing.T) {
			if !size.Full() {
				t.Parallel()
			}
			test(t, count)
		})
	}
}

// TestFleetChanges: connectors are drained, moved, and restarted, one after the other, while requests come all the time, and WebSockets,
// downloads and event streams go by them: no request fails, and what is open goes on, or is closed with the right code when its time is over.
func TestFleetChanges(t *testing.T) { eachFleet(t, 3, testFleetChanges) }

func testFleetChanges(t *testing.T, count int) {
	f := newFleet(t, count)
	f.admin("connector-groups", "create", "Elsewhere")
	l := f.startLoad()
	l.more(100)
	for _, m := range f.members {
		open := f.openLong(m)
		f.drained(l, m, open)
		f.moved(l, m, open)
		open.expectOn("after draining and moving")
		if m.supervised() {
			f.handedOver(l, m, open)
		} else {
			f.stopped(l, m, open)
		}
	}
	l.end()
	l.expectNoneFailed("in all", time.Time{})
	f.expectNothingInbound()
}

// open is what is open by one connector: each is to go on whatever is done to it.
type open struct {
	f              *fleet
	m              *member
	lively, quiet  *ws
	events, packet *long
}

// openLong opens one of everything that goes on, by a connector.
func (f *fleet) openLong(m *member) *open {
	f.t.Helper()
	return &open{f: f, m: m, lively: f.socketBy(m, true), quiet: f.socketBy(m, false), events: f.followBy(m, "/events"),
		packet: f.followBy(m, "/download?parts=100000")}
}

// expectOn says what of it has ended.
func (o *open) expectOn(when string) {
	o.f.t.Helper()
	if !o.lively.alive(o.f) {
		o.f.t.Errorf("%s: the WebSocket by %s ended: %v", when, o.m.name, o.lively.err)
	}
	if o.quiet.ended() {
		o.f.t.Errorf("%s: the quiet WebSocket by %s ended: %v", when, o.m.name, o.quiet.err)
	}
	o.events.goesOn(o.f, "the events")
	o.packet.goesOn(o.f, "the download")
}

// leave ends what still goes on.
func (o *open) leave() {
	_ = o.lively.conn.Close(websocket.StatusNormalClosure, "")
	_ = o.quiet.conn.Close(websocket.StatusNormalClosure, "")
	_ = o.events.stop()
	_ = o.packet.stop()
}

// drained: a connector that drains says so at once and gets nothing new; what is open goes on; it is active again when it is resumed.
func (f *fleet) drained(l *load, m *member, o *open) {
	f.t.Helper()
	began := time.Now()
	f.admin("connectors", "drain", m.name)
	f.expectWithin(m.name+" is draining", m.await("draining"), time.Second)
	l.settled()
	since := time.Now()
	l.more(rate)
	l.settled()
	if n := l.since(since).by[m.host.Addr()]; n > 0 {
		f.t.Errorf("%s carried %d requests although it drains", m.name, n)
	}
	o.expectOn("while draining")
	f.admin("connectors", "resume", m.name)
	f.expectWithin(m.name+" is active again", m.await("active"), time.Second)
	f.carries(l, m)
	l.expectNoneFailed("drain and resume "+m.name, began)
}

// carries waits until requests go by a connector.
func (f *fleet) carries(l *load, m *member) {
	f.t.Helper()
	since := time.Now()
	f.system.Await("requests to go by "+m.name, func() bool { return l.since(since).by[m.host.Addr()] > 0 })
}

// moved: a connector that is in another group carries nothing for this one.
func (f *fleet) moved(l *load, m *member, o *open) {
	f.t.Helper()
	began := time.Now()
	f.admin("connectors", "update", m.name, "--connector-group", "Elsewhere")
	if s := m.status(); s.Label != "active" {
		f.t.Errorf("%s is %s, %s, after it was moved", m.name, s.Label, s.Why)
	}
	l.settled()
	since := time.Now()
	l.more(rate)
	l.settled()
	if n := l.since(since).by[m.host.Addr()]; n > 0 {
		f.t.Errorf("%s carried %d requests of a group that it is not in", m.name, n)
	}
	o.expectOn("while in another group")
	f.admin("connectors", "update", m.name, "--connector-group", "Default")
	f.carries(l, m)
	l.expectNoneFailed("move "+m.name+" away and back", began)
}

// handedOver: the worker of a supervisor is replaced by a new one. The old one keeps what is open until it is over.
func (f *fleet) handedOver(l *load, m *member, o *open) {
	f.t.Helper()
	began, before := time.Now(), m.worker()
	if err := m.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		f.t.Fatal(err)
	}
	f.system.Await("another worker", func() bool { return m.worker() != before })
	f.expectWithin(m.name+" is active while it hands over", m.await("active"), time.Second)
	f.carries(l, m)
	o.expectOn("while handing over")
	if size.Full() { // it takes as long as in stopped
		f.expectClosed(o, began)
	}
	o.leave()
	f.system.Await("the end of the old worker", func() bool { return syscall.Kill(before, 0) != nil })
	l.expectNoneFailed("hand over of "+m.name, began)
}

// expectClosed waits until the quiet WebSocket is told that the connector restarts, when the time for draining is over; what moves goes on.
func (f *fleet) expectClosed(o *open, began time.Time) {
	f.t.Helper()
	if code := o.quiet.code(f); code != websocket.StatusServiceRestart {
		f.t.Errorf("the quiet WebSocket by %s was closed with %d, %v, want 1012", o.m.name, code, o.quiet.err)
	}
	took := o.quiet.done.Sub(began)
	f.t.Logf("the quiet WebSocket by %s was closed after %v", o.m.name, took.Round(time.Millisecond))
	if took < 29*time.Second {
		f.t.Errorf("the quiet WebSocket by %s was closed after %v, want 30s at least", o.m.name, took)
	}
	if !o.lively.alive(f) {
		f.t.Errorf("the WebSocket by %s that is in use ended: %v", o.m.name, o.lively.err)
	}
	o.events.goesOn(f, "the events")
	o.packet.goesOn(f, "the download")
}

// stopped: a connector without a supervisor is told to stop, ends when what is open is over, and is started again.
func (f *fleet) stopped(l *load, m *member, o *open) {
	f.t.Helper()
	began := time.Now()
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		f.t.Fatal(err)
	}
	f.expectClosed(o, began)
	o.leave()
	if err := m.ended(); err != nil {
		f.t.Errorf("%s ended with %v", m.name, err)
	}
	f.expectWithin(m.name+" is degraded", m.await("degraded"), time.Second)
	m.start()
	m.await("active")
	f.carries(l, m)
	l.expectNoneFailed("restart of "+m.name, began)
}
