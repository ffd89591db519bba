package gateway

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"postern/internal/fault"
)

// admission paces the handshakes of machines. When all connectors come back at once, each of them can wait a moment, but the people who use
// those that are there cannot: a handshake takes milliseconds of a processor. Who would wait for too long is turned away and dials
// again, a little later than the others. Nobody has proven who he is yet, so one network gets half of the places at most.
type admission struct {
	every  time.Duration // between two
	burst  time.Duration // so much may be caught up on after a pause
	places int           // who may wait at once

	mu      sync.Mutex // guards the fields below
	next    time.Time  // when the next one may begin
	waiting int
	each    map[netip.Prefix]int
}

const (
	admissionWait = 2 * time.Second // agents give up a dial after three
	admitEach     = 100             // handshakes of machines a second for each processor, about a third of it
)

var errGone = errors.New("the machine went away while it waited for its turn")

const limitMachines = "machine-handshakes"

// newAdmission lets in so many a second; 0 leaves it to the number of processors.
func newAdmission(rate int) *admission {
	if rate <= 0 {
		rate = admitEach * runtime.GOMAXPROCS(0)
	}
	every := time.Second / time.Duration(rate)
	return &admission{every: every, burst: time.Second / 2, places: max(int(admissionWait/every), 2), each: map[netip.Prefix]int{}}
}

// enter waits for the turn of a handshake, or says at once that there are too many. Who went away meanwhile, as gone tells, has no turn:
// his handshake would cost what another one could have.
func (a *admission) enter(ctx context.Context, network netip.Prefix, gone func() bool) error {
	wait, ok := a.reserve(network, time.Now())
	if !ok {
		return fault.New(fault.KindLimited, "too many machines connect at the same time")
	}
	if wait <= 0 {
		return nil
	}
	defer a.leave(network)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		if gone() {
			a.giveBack()
			return errGone
		}
		return nil
	case <-ctx.Done():
		a.giveBack()
		return ctx.Err()
	}
}

// reserve gives how long to wait; who waits leaves afterwards.
func (a *admission) reserve(network netip.Prefix, now time.Time) (wait time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if earliest := now.Add(-a.burst); a.next.Before(earliest) {
		a.next = earliest
	}
	if wait = a.next.Sub(now); wait > 0 {
		if a.waiting >= a.places || a.each[network] >= a.places/2 {
			return 0, false
		}
		a.waiting++
		a.each[network]++
	}
	a.next = a.next.Add(a.every)
	return wait, true
}

// giveBack lets somebody else have a turn that was not used.
func (a *admission) giveBack() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = a.next.Add(-a.every)
}

func (a *admission) leave(network netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting--
	if a.each[network]--; a.each[network] <= 0 {
		delete(a.each, network)
	}
}
