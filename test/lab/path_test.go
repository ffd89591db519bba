//go:build linux

package lab

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/internal/posterntest"
	"postern/test/size"
)

// longCut is one during which somebody sees the page that says where the way is broken.
const longCut = 10 * time.Second

var (
	namedWithin = size.Within(20 * time.Second) // after a cut, for whose end requests wait a while, the page says where the way is broken
	backWithin  = size.Within(5 * time.Second)  // after it, the page is there again
)

// failedHop finds the hop that an error page names.
var failedHop = regexp.MustCompile(`<li class="failed">(?:<[^>]*>)*([A-Za-z]+)`)

// TestPageComesThroughAConnectorThatOnlyDialsOut: from the set-up link to the page, and nothing ever
// comes in.
func TestPageComesThroughAConnectorThatOnlyDialsOut(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.publish()
	p.startConnector()
	p.awaitActive()
	p.signIn()
	for range 20 {
		if a := p.open(posterntest.Patience); !a.good() {
			t.Fatalf("%d: %s", a.status, a.text)
		}
	}
	p.expectNothingInbound()
}

// TestCutIsNamedAndHealsByItself cuts the connector's way out while somebody uses the application.
func TestCutIsNamedAndHealsByItself(t *testing.T) {
	lengths := size.Of([]time.Duration{11 * time.Second},
		[]time.Duration{2 * time.Second, 4 * time.Second, 7 * time.Second, 12 * time.Second, 18 * time.Second, 60 * time.Second})
	for _, how := range []Cut{Drop, Reset} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			p := newProduct(t)
			p.publish()
			p.startConnector()
			p.awaitActive()
			p.signIn()
			for _, length := range lengths {
				p.cut(how, length)
			}
			p.expectNothingInbound()
		})
	}
}

// cut cuts the way out for some time and restores it.
func (p *product) cut(how Cut, length time.Duration) {
	p.t.Helper()
	p.CutOutbound(how)
	began := time.Now()
	over := time.NewTimer(length)
	defer over.Stop()
	if length > longCut {
		p.expectNamed(began)
	}
	<-over.C
	if p.CutPackets() == 0 {
		p.t.Error("the cut swallowed nothing")
	}
	p.Restore()
	p.expectBack(length)
}

// expectNamed waits for the page that says that the way is broken at the connector.
func (p *product) expectNamed(began time.Time) {
	p.t.Helper()
	for time.Since(began) < namedWithin {
		a := p.open(namedWithin - time.Since(began))
		if a.status == 0 || a.good() { // the first requests may still have found what was under way
			continue
		}
		hop := failedHop.FindStringSubmatch(a.text)
		if a.status != http.StatusServiceUnavailable && a.status != http.StatusGatewayTimeout || hop == nil || hop[1] != "Connector" {
			p.t.Errorf("while cut: %d, the hop that failed is %q: %s", a.status, hop, a.text)
		}
		p.t.Logf("named after %v with %d", time.Since(began).Round(time.Millisecond), a.status)
		return
	}
	p.t.Errorf("within %v of the cut no page said where the way is broken", namedWithin)
}

// expectBack waits for the application's page, without anybody doing anything.
func (p *product) expectBack(length time.Duration) {
	p.t.Helper()
	restored := time.Now()
	for time.Since(restored) < posterntest.Patience {
		if a := p.open(time.Second); a.good() {
			took := time.Since(restored).Round(time.Millisecond)
			p.t.Logf("back %v after a cut of %v", took, length)
			if took > backWithin {
				p.t.Errorf("back only %v after a cut of %v, want %v", took, length, backWithin)
			}
			return
		}
	}
	p.t.Fatalf("not back after a cut of %v", length)
}

// TestConnectorThatStartsBeforeItsWayOutIsOpen: the machine boots while the firewall lets nothing out,
// or while the service is down. Nobody has to start it again.
func TestConnectorThatStartsBeforeItsWayOutIsOpen(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.publish()

	p.CutOutbound(Drop)
	p.startConnector() // not enrolled yet
	p.system.Await("an attempt to get out", func() bool { return p.CutPackets() > 0 })
	p.Restore()
	p.awaitActive()
	p.signIn()

	end(p.service)
	end(p.connector)
	p.startConnector() // enrolled
	p.system.Await("the connector to fail", func() bool { return strings.Contains(p.log.String(), "refused") })
	p.startService()
	p.expectBack(0)
	p.expectNothingInbound()
}
